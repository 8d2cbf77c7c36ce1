package main

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/biometric"
)

type palmExplainCmd struct {
	Key string `help:"The terminal's public key, PEM, as \"tilld palm register\" prints it." required:"" placeholder:"FILE"`
}

func (palmExplainCmd) Help() string {
	return `Reads the record of a presentation from standard input: the word behind record= in the line
"presentation not accepted" of the log. It prints what each detector measured and between which
bounds it had to lie, and whether the terminal signed exactly that.

Examples:
  journalctl -u tilld | grep -o 'record=[^ ]*' | tail -1 | cut -d= -f2- | tilld palm explain --key terminal.pem`
}

// maxRecord bounds what is read of standard input.
const maxRecord = 64 << 10

// palmExplained is what explain says.
type palmExplained struct {
	Signed  bool              `json:"signed"`
	Why     string            `json:"why,omitempty"`
	Binding biometric.Binding `json:"binding"`
	Verdict biometric.Verdict `json:"verdict"`
}

func (c palmExplainCmd) Run(e *env) error {
	const what = "explain a presentation"
	items, err := terminal.ReadPublicItems(c.Key)
	if err != nil {
		return err
	}
	key, ok := items[0].Key.(*ecdsa.PublicKey)
	if !ok {
		return fail(what, c.Key, errNotP256)
	}
	r, err := readRecord(e.stdin)
	if err != nil {
		return fail(what, "standard input", err).withHint("pipe the word behind record= into it")
	}
	v, err := biometric.ParseVerdict(r.Verdict)
	if err != nil {
		return fail(what, "standard input", err)
	}
	out := palmExplained{Signed: true, Binding: r.Binding, Verdict: v}
	if err := r.Verify(key); err != nil {
		out.Signed, out.Why = false, err.Error()
	}
	if e.json {
		e.encode(out)
	} else {
		e.explainPalm(out)
	}
	if !out.Signed {
		return errSaid
	}
	return nil
}

func readRecord(in io.Reader) (r biometric.Record, err error) {
	text, err := io.ReadAll(io.LimitReader(in, maxRecord+1))
	if err != nil {
		return r, err
	}
	if len(text) > maxRecord {
		return r, errors.New("too long for a record")
	}
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("{")) {
		if text, err = base64.StdEncoding.DecodeString(string(text)); err != nil {
			return r, errors.New("neither a record in base64 nor JSON")
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return r, d.Decode(&r)
}

// explainPalm prints a verdict for people.
func (e *env) explainPalm(x palmExplained) {
	v := x.Verdict
	word := string(v.Decision)
	if v.Decision == biometric.Undetermined {
		word = "undetermined"
	}
	e.printf("%s of %s at terminal %s, payment %s, %s\n", v.Modality, v.At.Format("2006-01-02 15:04 MST"), x.Binding.Terminal, x.Binding.Payment, word)
	if v.Reason != "" {
		e.printf("decided by %s\n", v.Reason)
	}
	if v.Simulated {
		e.printf("the camera was SIMULATED\n")
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "cue\tversion\tscore\tbona fide\tbeyond: attack\t")
	for _, c := range v.Cues {
		said := string(c.Decision)
		if c.Decision == biometric.Undetermined {
			said = "undetermined"
		}
		fmt.Fprintf(w, "%s\t%d\t%g\t%g to %g\t%g to %g\t%s\n", c.Name, c.Version, c.Score, c.Low, c.High, c.DoubtLow, c.DoubtHigh, said)
	}
	w.Flush()
	for _, m := range v.Missing {
		e.printf("missing: %s\n", m)
	}
	e.printf("lamp order: %d bits; key in: %s; program: %s\n", v.Lamps, v.Level, v.Build)
	if x.Signed {
		e.printf("signed by this terminal\n")
	} else {
		e.printf("NOT signed by this terminal: %s\n", x.Why)
	}
}
