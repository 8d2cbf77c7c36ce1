package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tilld/tilld/scanner/emvco"
)

type emvCmd struct {
	Payload *string `arg:"" optional:"" help:"The payload; - reads one line of standard input, which keeps it out of the shell's history."`
	Lines   bool    `help:"Answer lines of JSON from standard input instead." name:"jsonl"`
	Redact  bool    `help:"With --jsonl: card data and names as [redacted]."`
}

func (emvCmd) Help() string {
	return `Explains an EMVCo payload tag by tag: what a customer shows (consumer-presented, base64), or
what a merchant shows (000201...). Card data, accounts and names are shown as [redacted].

With --jsonl every line of standard input is an object with kind (cpm or mpm) and text, or
hex where the payload is not UTF-8; every answer is one line: ok, tlv or fields, aids,
sensitive_tags, factor, profile, reason, hint. It is the interface for test vectors: values
are in full, as they came, unless --redact is given. A line that cannot be read is answered
with line, error and hint. Exit 1 when there was one.

Examples:
  tilld emv 00020101021229370016A000000677010111011300668123456785802TH530376454044.2263045D49
  echo hQVDUFYwMWEdTwigAAADMwEBAVcRYgAAAAAAAAXTASIBAAAAAAA= | tilld emv -
  echo hQVDUFYwMWEdTwigAAADMwEBAVcRYgAAAAAAAAXTASIBAAAAAAA= | tilld emv - --json
  echo '{"kind": "cpm", "text": "hQVDUFYwMQ=="}' | tilld emv --jsonl`
}

func (c emvCmd) Run(e *env) error {
	switch {
	case c.Lines && c.Payload == nil:
		return e.emvLines(c.Redact)
	case c.Lines || c.Redact || c.Payload == nil:
		return &failure{what: "emv", err: errors.New("wants one of: a payload, --jsonl"), hint: "tilld emv --help shows how", code: exitUsage}
	}
	b, err := e.readCode("emv", *c.Payload)
	if err != nil {
		return err
	}
	defer b.Wipe()
	out, wipe := explainEMV(b.Reveal())
	defer wipe()
	if e.json {
		e.encode(out)
	} else {
		e.printEMV(out)
	}
	if !out.OK {
		return errSaid
	}
	return nil
}

// emvExplained is what is said of a payload. Values of sensitive tags redact themselves.
type emvExplained struct {
	OK            bool          `json:"ok"`
	Kind          string        `json:"kind,omitempty"` // "cpm", "mpm"
	Network       string        `json:"network,omitempty"`
	Country       string        `json:"country,omitempty"` // the network's
	Profile       emvco.Profile `json:"profile,omitempty"`
	TLV           []emvco.TLV   `json:"tlv,omitempty"`
	Fields        []emvco.Field `json:"fields,omitempty"`
	AIDs          []string      `json:"aids,omitempty"`
	SensitiveTags []string      `json:"sensitive_tags,omitempty"`
	Reason        emvco.Reason  `json:"reason,omitempty"`
	Hint          string        `json:"hint"`
}

// explainEMV reads a payload of either kind. Its values are zeros once wipe was called.
func explainEMV(payload []byte) (out emvExplained, wipe func()) {
	if len(payload) > 0 && payload[0] >= '0' && payload[0] <= '9' {
		m, err := emvco.ParseMPM(payload)
		if err != nil {
			return refusedEMV("mpm", err), func() {}
		}
		n, _ := m.Network()
		return emvExplained{OK: true, Kind: "mpm", Network: n.Name, Country: n.Country, Profile: m.Profile, Fields: m.Fields, Hint: merchantHint(n)}, m.Wipe
	}
	p, err := emvco.ParseCPM(payload)
	if err != nil {
		return refusedEMV("cpm", err), func() {}
	}
	return emvExplained{OK: true, Kind: "cpm", TLV: p.TLV, AIDs: p.AIDs, SensitiveTags: p.SensitiveTags, Hint: consumerHint}, p.Wipe
}

const consumerHint = "a payment code: it can pay where a contract takes emv-cpm"

func merchantHint(n emvco.Network) string {
	name := "merchant code"
	if n.Name != "" {
		name = n.Name + " merchant code"
	}
	return "a " + name + ": it is shown by who is paid, and cannot pay; the customer opens \"Pay\" in the wallet"
}

func refusedEMV(kind string, err error) emvExplained {
	var e *emvco.Error
	out := emvExplained{Kind: kind, Hint: err.Error()}
	if errors.As(err, &e) {
		out.Reason, out.Hint = e.Reason, e.HintText()
	}
	return out
}

var emvKinds = map[string]string{"cpm": "consumer-presented payload", "mpm": "merchant-presented payload"}

// printEMV says it to a person.
func (e *env) printEMV(x emvExplained) {
	if !x.OK {
		e.printf("not a %s: %s\nhint: %s\n", emvKinds[x.Kind], x.Reason, x.Hint)
		return
	}
	e.printf("%s", emvKinds[x.Kind])
	if x.Network != "" {
		e.printf(" of %s", x.Network)
	}
	if x.Country != "" {
		e.printf(" (%s)", x.Country)
	}
	e.printf("\n")
	e.printTLV(x.TLV, 1)
	for _, f := range x.Fields {
		e.printf("  %s  %s: %s\n", f.ID, f.Name(), partsOr(f))
		for _, c := range f.Children {
			e.printf("    %s  %s\n", c.ID, quote(c.Value))
		}
	}
	if x.Profile == emvco.National {
		e.printf("  fields that EMVCo makes mandatory are missing: this network leaves them out\n")
	}
	e.printf("hint: %s\n", x.Hint)
}

// quote keeps what a stranger wrote from steering the terminal.
func quote(v emvco.Value) string {
	if _, shown := v.(emvco.Plain); shown {
		return strconv.Quote(v.String())
	}
	return v.String()
}

func partsOr(f emvco.Field) string {
	if len(f.Children) > 0 {
		return "template"
	}
	return quote(f.Value)
}

// texts are the harmless tags of the consumer-presented mode that hold text.
var texts = map[string]bool{"85": true, "50": true, "5F2D": true}

func (e *env) printTLV(list []emvco.TLV, depth int) {
	for _, t := range list {
		e.printf("%s%s  %s", strings.Repeat("  ", depth), t.Tag, t.Name())
		switch {
		case t.Value == nil:
		case texts[t.Tag]:
			e.printf(": %q", t.Value.Reveal())
		default:
			e.printf(": %s", t.Value)
		}
		e.printf("\n")
		e.printTLV(t.Children, depth+1)
	}
}
