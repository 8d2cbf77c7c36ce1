package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner/paycode"
)

// codeRow is a row of the table of codes as people and programs are shown it.
type codeRow struct {
	Scheme      string   `json:"scheme"`
	Form        string   `json:"form,omitempty"`
	Patterns    []string `json:"patterns"`
	Lengths     string   `json:"lengths"` // "17-19, 24"; of digits
	Symbologies []string `json:"symbologies"`
	AIM         []string `json:"aim"`
	Validity    string   `json:"validity,omitempty"` // empty: not published
	Currencies  []string `json:"currencies"`
	Region      string   `json:"region"`
	Priority    int      `json:"priority,omitempty"`
	Reserved    bool     `json:"reserved,omitempty"`
	Source      string   `json:"source"`

	name string
}

func rowOf(r paycode.Rule) codeRow {
	row := codeRow{Scheme: string(r.Scheme), Form: r.Form, Patterns: r.Patterns, Lengths: r.Lengths(), Symbologies: r.Symbologies(), AIM: r.AIM,
		Currencies: r.Currencies, Region: r.Region, Priority: r.Priority, Reserved: r.Reserved, Source: r.Source, name: r.Name()}
	if r.Validity > 0 {
		row.Validity = r.Validity.String()
	}
	if row.Patterns == nil {
		row.Patterns = []string{}
	}
	return row
}

// words are the reasons why a code is this wallet's, and what follows.
func (r codeRow) words() []string {
	out := []string{"the structure of EMVCo's consumer-presented mode"}
	if len(r.Patterns) > 0 {
		out = []string{"digits as in " + strings.Join(r.Patterns, " or ")}
	}
	if r.Region != paycode.Anywhere {
		out = append(out, "payer in "+r.Region)
	}
	if r.Currencies[0] != paycode.Anywhere {
		out = append(out, "charged in "+strings.Join(r.Currencies, ", "))
	}
	if r.Validity != "" {
		out = append(out, "lives "+r.Validity)
	}
	return append(out, "source: "+r.Source)
}

// codeTable lists the rows of a table.
func (e *env) codeTable(table *paycode.Table) error {
	rows := []codeRow{}
	for _, r := range table.Rules() {
		rows = append(rows, rowOf(r))
	}
	if e.json {
		e.encode(rows)
		return nil
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCHEME\tFORM\tPATTERNS\tLENGTHS\tSHOWN AS\tLIVES\tREGION\tCURRENCIES\tPRIORITY\tSOURCE")
	for _, r := range rows {
		source := r.Source
		if r.Reserved {
			source = "kept for later: refused; " + source
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", r.Scheme, dash(r.Form), dash(strings.Join(r.Patterns, " ")), dash(r.Lengths),
			strings.Join(r.Symbologies, ","), dash(r.Validity), r.Region, strings.Join(r.Currencies, ","), r.Priority, source)
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// codeLine is what a line of classify --jsonl holds.
type codeLine struct {
	Text    *string `json:"text"`
	AIM     string  `json:"aim"`
	Profile string  `json:"profile"`
}

// codeAnswer is the line that answers it.
type codeAnswer struct {
	Decision   paycode.Decision `json:"decision"`
	Reason     paycode.Reason   `json:"reason,omitempty"`
	Candidates []paycode.Scheme `json:"candidates,omitempty"`
	Region     string           `json:"region,omitempty"`
	Network    string           `json:"network,omitempty"`
	Forms      []string         `json:"forms,omitempty"`
	Routing    string           `json:"routing,omitempty"`
	Factor     string           `json:"factor,omitempty"`
	Hint       string           `json:"hint"`
}

// classifyLines answers lines of JSON.
func (e *env) classifyLines(codes *codeTables) error {
	now := time.Now()
	refused, err := answerLines(e.stdin, e.stdout, func(line []byte) (any, error) {
		var in codeLine
		if err := unmarshalLine(line, &in); err != nil {
			return nil, err
		}
		if in.Text == nil {
			return nil, errors.New("no text")
		}
		table, err := codes.of(in.Profile)
		if err != nil {
			return nil, err
		}
		return answerCode(table, *in.Text, in.AIM, now), nil
	})
	return linesDone("classify", refused, err)
}

func linesDone(what string, refused int, err error) error {
	if err != nil {
		return fail(what, "lines of JSON", err)
	}
	if refused > 0 {
		return errSaid
	}
	return nil
}

func answerCode(table *paycode.Table, text, aim string, now time.Time) codeAnswer {
	code := secret.Copy([]byte(text))
	defer code.Wipe()
	r := table.Classify(code.Reveal(), aim, now)
	v := r.View()
	out := codeAnswer{Decision: v.Decision, Reason: v.Reason, Candidates: v.Candidates, Region: v.Region, Network: v.Network,
		Forms: v.Forms, Routing: v.Routing, Hint: v.Hint}
	if r.Accepted() {
		out.Hint = "it can pay; \"tilld route\" says by which contract"
		if first := v.Candidates[0]; first == "unionpay" || first == paycode.EMVCPM {
			// UnionPay's terminal fields want it. Of other wallets' codes nothing is shown.
			f := r.Factor(code.Reveal())
			out.Factor = string(f.Reveal())
			f.Wipe()
		}
	}
	return out
}
