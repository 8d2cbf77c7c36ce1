package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tilld/tilld/agent/route"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

type classifyCmd struct {
	Code    *string `arg:"" optional:"" help:"The code; - reads one line of standard input, which keeps it out of the shell's history."`
	AIM     string  `help:"AIM identifier that the scanner sent: ]Q1." name:"aim" placeholder:"ID"`
	Profile string  `help:"Which codes may pay: default, jp or all; otherwise as the configuration has it." placeholder:"NAME"`
	Table   bool    `help:"List the rows of the table of codes instead."`
	Lines   bool    `help:"Answer lines of JSON from standard input instead." name:"jsonl"`
}

func (classifyCmd) Help() string {
	return `A code that can pay is money for about a minute: it is never shown or stored. The shop's own
rows of the configuration count, where there is one.

With --jsonl every line of standard input is an object with text, and perhaps aim and
profile; every answer is one line: decision (accept, rescan, reject), candidates, reason,
region, network, forms, routing, factor, hint. A line that cannot be read is answered with
line, error and hint. Exit 1 when there was one.

Examples:
  tilld classify 6901234567892
  echo 134567890123456789 | tilld classify -
  tilld classify - --aim ]Q1 --profile all --json
  tilld classify --table --profile jp
  echo '{"text": "6901234567892", "aim": "]E0"}' | tilld classify --jsonl`
}

func (c classifyCmd) Run(e *env) error {
	codes, err := e.codes("classify", c.Profile)
	if err != nil {
		return err
	}
	table, err := codes.of("")
	switch {
	case err != nil:
		return badProfile("classify", err)
	case c.Lines && !c.Table && c.Code == nil:
		return e.classifyLines(codes)
	case c.Table && !c.Lines && c.Code == nil:
		return e.codeTable(table)
	case c.Lines || c.Table || c.Code == nil:
		return &failure{what: "classify", err: errors.New("wants one of: a code, --jsonl, --table"), hint: "tilld classify --help shows how", code: exitUsage}
	}
	r, err := e.classify("classify", table, *c.Code, c.AIM)
	if err != nil {
		return err
	}
	if e.json {
		e.encode(r)
	} else {
		e.explain(r)
	}
	if !r.Pays {
		return errSaid
	}
	return nil
}

// defaultConfig is where a configuration lies when none is named.
const defaultConfig = "/etc/tilld/tilld.toml"

// codeTables makes tables of payment codes with the shop's rows, one per profile.
type codeTables struct {
	profile string // when none is named
	shop    []paycode.Rule
	made    map[string]*paycode.Table
}

func (c *codeTables) of(profile string) (*paycode.Table, error) {
	profile = cmp.Or(profile, c.profile, paycode.Profiles()[0])
	if t := c.made[profile]; t != nil {
		return t, nil
	}
	t, err := paycode.NewWith(profile, c.shop)
	if err == nil {
		c.made[profile] = t
	}
	return t, err
}

// codes reads what this till knows of codes: the profile and the rows of its configuration,
// or what is built in where no configuration lies at the default place.
func (e *env) codes(what, profile string) (*codeTables, error) {
	c := &codeTables{profile: profile, made: map[string]*paycode.Table{}}
	cfg, problems, err := config.Load(e.config, known())
	switch {
	case err == nil:
		for _, p := range problems {
			if p.Level == config.Mistake && strings.HasPrefix(p.Key, "code_rule") {
				return nil, fail(what, e.config, errors.New("its code rules have mistakes")).withHint("tilld check -config %s", e.config)
			}
		}
		c.profile, c.shop = cmp.Or(profile, cfg.Terminal.CodeProfile), cfg.CodeRules
	case e.config != defaultConfig:
		return nil, fail(what, e.config, rootPath(err)).withHint("name the configuration: -config FILE")
	case !errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(e.stderr, "tilld: %s: %s: %v; the shop's own rows are not counted\n", what, e.config, rootPath(err))
	}
	return c, nil
}

// tableOf is the table of a configuration without mistakes.
func tableOf(cfg *config.Config) (*paycode.Table, error) {
	return paycode.NewWith(cfg.Terminal.CodeProfile, cfg.CodeRules)
}

func badProfile(what string, err error) error {
	f := fail(what, "--profile", err)
	if f.hint == "" {
		f.hint, f.code = "write one of "+strings.Join(paycode.Profiles(), ", "), exitUsage
	}
	return f
}

// classified is what is said of a code; the code itself is not in it.
type classified struct {
	Pays       bool             `json:"pays"`
	Decision   paycode.Decision `json:"decision"`
	Schemes    []string         `json:"schemes,omitempty"`
	Reason     string           `json:"reason,omitempty"`
	Why        string           `json:"why,omitempty"`
	Hint       string           `json:"hint,omitempty"`
	Merchant   string           `json:"merchant,omitempty"` // whose code a merchant's code is
	Region     string           `json:"region,omitempty"`
	Network    string           `json:"network,omitempty"`
	Forms      []string         `json:"forms,omitempty"`
	Routing    string           `json:"routing,omitempty"`
	Characters int              `json:"characters"`
	AIM        string           `json:"aim,omitempty"`
	Rows       []codeRow        `json:"rows,omitempty"` // that make the candidates, the best priority first
}

// maxCode is longer than any code that a QR code can hold, in bytes.
const maxCode = 16 << 10

// readCode takes a code from the command line, or from one line of standard input, and cuts
// an AIM identifier off it when none is named.
func (e *env) readCode(what, code string) (*secret.Bytes, error) {
	if code != "-" {
		return secret.Copy([]byte(code)), nil
	}
	buf := make([]byte, 0, maxCode)
	line, tooLong, err := readLine(bufio.NewReader(e.stdin), buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fail(what, "standard input", err)
	}
	if tooLong {
		return nil, fail(what, "standard input", fmt.Errorf("a line longer than %d bytes", maxCode)).withHint("no code is that long: one code, on one line")
	}
	return secret.New(line), nil
}

// aimOf reads what people write for an AIM identifier: "]Q1", or "Q1" without the bracket,
// which shells dislike.
func aimOf(what, text string) (string, error) {
	if text != "" && text[0] != ']' {
		text = "]" + text
	}
	if aim, rest, ok := scanner.CutAIM([]byte(text)); text != "" && (!ok || len(rest) > 0) {
		return aim, &failure{what: what, subject: "--aim", err: errors.New("not an AIM identifier"), hint: "a bracket, a letter and a digit: --aim ]Q1", code: exitUsage}
	}
	return text, nil
}

func (e *env) classify(what string, table *paycode.Table, code, aim string) (classified, error) {
	aim, err := aimOf(what, aim)
	if err != nil {
		return classified{}, err
	}
	b, err := e.readCode(what, code)
	if err != nil {
		return classified{}, err
	}
	defer b.Wipe()
	text := b.Reveal()
	if aim == "" {
		aim, text, _ = scanner.CutAIM(text)
	}
	now := time.Now()
	r := table.Classify(text, aim, now)
	out := classified{
		Pays: r.Accepted(), Decision: r.Decision, Reason: string(r.Reason), Why: r.Why(), Hint: r.Hint(), Merchant: r.Merchant,
		Region: r.Region, Network: r.Network, Forms: slices.Clone(r.Forms()), Routing: r.Routing(),
		Characters: utf8.RuneCount(text), AIM: aim,
	}
	for _, s := range r.Candidates() {
		out.Schemes = append(out.Schemes, string(s))
	}
	for _, rule := range table.Matches(text, aim, now) {
		out.Rows = append(out.Rows, rowOf(rule))
	}
	return out, nil
}

// explain says to a person what a code is.
func (e *env) explain(r classified) {
	shape := fmt.Sprintf("%d characters", r.Characters)
	if r.AIM != "" {
		shape += fmt.Sprintf(", %s (AIM identifier %s)", scanner.AIMSymbology(r.AIM), r.AIM)
	}
	if !r.Pays {
		e.printf("cannot pay: %s\n  %s: %s\n", r.Reason, shape, r.Why)
		e.printf("hint: %s\n", r.Hint)
		return
	}
	e.printf("can pay: %s\n  %s\n", strings.Join(r.Schemes, ", "), shape)
	for _, row := range r.Rows {
		e.printf("  %s: %s\n", row.name, strings.Join(row.words(), "; "))
	}
	if r.Network != "" {
		e.printf("  card network %s\n", r.Network)
	}
	if r.Routing != "" {
		e.printf("  issuer digits %s\n", r.Routing)
	}
	if len(r.Schemes) > 1 {
		e.printf("  the order of the contracts decides among them: tilld route\n")
	}
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
		codes, err := tableOf(cfg)
		if err != nil {
			return fail("route", e.config, err)
		}
		r, err := e.classify("route", codes, c.What, c.AIM)
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
