package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/route"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner/paycode"
)

type classifyCmd struct {
	Code    string `arg:"" help:"The code; - reads one line of standard input, which keeps it out of the shell's history."`
	AIM     string `help:"AIM identifier that the scanner sent: ]Q1." name:"aim" placeholder:"ID"`
	Profile string `help:"Which codes may pay: default, jp or all." default:"default"`
}

func (classifyCmd) Help() string {
	return `A code that can pay is money for about a minute: it is never shown or stored.

Examples:
  tilld classify 6901234567892
  echo 134567890123456789 | tilld classify -
  tilld classify - --aim ]Q1 --profile all --json`
}

// classified is what is said of a code; the code itself is not in it.
type classified struct {
	Pays    bool     `json:"pays"`
	Schemes []string `json:"schemes,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Hint    string   `json:"hint,omitempty"`
}

func (c classifyCmd) Run(e *env) error {
	r, err := e.classify("classify", c.Code, c.AIM, c.Profile)
	if err != nil {
		return err
	}
	if e.json {
		e.encode(r)
	} else if r.Pays {
		e.printf("can pay: %s\n", strings.Join(r.Schemes, ", "))
	} else {
		e.printf("cannot pay: %s\n", r.Reason)
		if r.Hint != "" {
			e.printf("hint: %s\n", r.Hint)
		}
	}
	if !r.Pays {
		return errSaid
	}
	return nil
}

// maxCode is longer than any code that pays.
const maxCode = 4096

func (e *env) classify(what, code, aim, profile string) (classified, error) {
	table, err := paycode.New(profile)
	if err != nil {
		f := fail(what, "--profile", err).withHint("default, jp or all")
		f.code = exitUsage
		return classified{}, f
	}
	if code == "-" {
		line, err := bufio.NewReader(io.LimitReader(e.stdin, maxCode)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return classified{}, fail(what, "standard input", err)
		}
		code = strings.TrimRight(line, "\r\n")
	}
	b := secret.Copy([]byte(code))
	defer b.Wipe()
	r := table.Classify(b.Reveal(), aim, time.Now())
	out := classified{Pays: r.Decision == paycode.Accept, Reason: string(r.Reason), Hint: r.Hint()}
	for _, s := range r.Candidates() {
		out.Schemes = append(out.Schemes, string(s))
	}
	return out, nil
}

type routeCmd struct {
	What     string   `arg:"" help:"A scheme such as wechatpay, or a code; - reads one line of standard input." name:"code-or-scheme"`
	Currency string   `help:"ISO 4217 code; without it the first currency of the first contract." placeholder:"CNY"`
	Brands   []string `help:"Wallets that the point of sale allows." placeholder:"NAME"`
	AIM      string   `help:"AIM identifier that the scanner sent." name:"aim" placeholder:"ID"`
	SaleID   string   `help:"The point of sale that asks, where contracts belong to several shops." name:"sale-id" placeholder:"ID"`
}

func (routeCmd) Help() string {
	return `Reads the configuration; needs no daemon and no network.

Examples:
  tilld route wechatpay -config /etc/tilld/tilld.toml
  echo 134567890123456789 | tilld route - --currency CNY
  tilld route alipay-hk --currency HKD --json`
}

// routed is where a code goes.
type routed struct {
	OK       bool     `json:"ok"`
	Slot     int      `json:"slot"`
	Contract string   `json:"contract,omitempty"`
	Scheme   string   `json:"scheme,omitempty"`
	Why      string   `json:"why"`
	Further  []string `json:"further,omitempty"` // tried next when it is certain that nothing was sent
	Passed   []string `json:"passed,omitempty"`
}

func (c routeCmd) Run(e *env) error {
	cfg, problems, err := e.load()
	if err != nil {
		return err
	}
	if problems.Count(config.Mistake) > 0 {
		return fail("route", e.config, errors.New("the configuration has mistakes")).withHint("tilld check -config %s", e.config)
	}
	table := routes(cfg)
	candidates := []string{c.What}
	if !isScheme(c.What) {
		r, err := e.classify("route", c.What, c.AIM, cfg.Terminal.CodeProfile)
		if err != nil {
			return err
		}
		if !r.Pays {
			return fail("route", "", errors.New("this code cannot pay: "+r.Reason)).withHint("%s", r.Hint)
		}
		candidates = r.Schemes
	}
	currency := sale.Currency(c.Currency)
	if currency == "" && len(cfg.Contracts) > 0 && len(cfg.Contracts[0].Currencies) > 0 {
		currency = cfg.Contracts[0].Currencies[0]
	}
	d := table.Pick(route.Request{Candidates: candidates, Currency: currency, Brands: c.Brands, SaleID: c.SaleID}, nil)
	out := routed{OK: d.OK, Slot: d.Slot, Scheme: d.Scheme, Why: d.Why, Passed: d.Passed}
	out.Contract = d.Name
	for _, w := range d.Further {
		out.Further = append(out.Further, w.Name)
	}
	if e.json {
		e.encode(out)
	} else {
		e.printf("%s\n", d.Why)
		for _, w := range d.Further {
			e.printf("  then %s, only if it is certain that nothing was sent\n", w.Name)
		}
		for _, p := range d.Passed {
			e.printf("  passed over %s\n", p)
		}
	}
	if !d.OK {
		return errSaid
	}
	return nil
}

// isScheme tells a scheme's name from a code: names have lower-case letters.
func isScheme(s string) bool {
	return strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz") && len(s) < 32
}

// routes is the table of contracts in the order of the configuration.
func routes(cfg *config.Config) route.Table {
	var t route.Table
	for _, c := range cfg.Contracts {
		w, _ := walletOf(c.Wallet)
		t = append(t, route.Row{Slot: c.Slot, Name: c.Name, Wallet: c.Wallet, Schemes: c.Schemes, Currencies: c.Currencies,
			SaleIDs: c.SaleIDs, Aggregator: w.Aggregator})
	}
	return t
}
