package main

import (
	"encoding/hex"
	"errors"
	"strings"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner/emvco"
)

// emvLine is what a line of emv --jsonl holds.
type emvLine struct {
	Kind string  `json:"kind"`
	Text *string `json:"text"`
	Hex  *string `json:"hex"`
}

// emvAnswer is the line that answers it.
type emvAnswer struct {
	OK            bool          `json:"ok"`
	Profile       emvco.Profile `json:"profile,omitempty"` // only where it is not strict
	Fields        []emvField    `json:"fields,omitempty"`
	TLV           []emvTLV      `json:"tlv,omitempty"`
	AIDs          []string      `json:"aids,omitempty"`
	SensitiveTags []string      `json:"sensitive_tags,omitempty"`
	Factor        string        `json:"factor,omitempty"`
	Reason        emvco.Reason  `json:"reason,omitempty"`
	Hint          string        `json:"hint"`
}

type emvField struct {
	ID       string     `json:"id"`
	Value    string     `json:"value"`
	Children []emvField `json:"children,omitempty"`
}

// emvTLV has a value, or children; an empty template has neither.
type emvTLV struct {
	Tag      string   `json:"tag"`
	Value    *string  `json:"value,omitempty"`
	Children []emvTLV `json:"children,omitempty"`
}

// emvLines answers lines of JSON.
func (e *env) emvLines(redact bool) error {
	refused, err := answerLines(e.stdin, e.stdout, func(line []byte) (any, error) {
		var in emvLine
		if err := unmarshalLine(line, &in); err != nil {
			return nil, err
		}
		payload, err := in.payload()
		if err != nil {
			return nil, err
		}
		defer payload.Wipe()
		switch in.Kind {
		case "cpm":
			return answerCPM(payload.Reveal(), redact), nil
		case "mpm":
			return answerMPM(payload.Reveal(), redact), nil
		}
		return nil, errors.New("kind is neither cpm nor mpm")
	})
	return linesDone("emv", refused, err)
}

func (l emvLine) payload() (*secret.Bytes, error) {
	switch {
	case l.Text != nil && l.Hex == nil:
		return secret.Copy([]byte(*l.Text)), nil
	case l.Hex != nil && l.Text == nil:
		b, err := hex.DecodeString(*l.Hex)
		if err != nil {
			return nil, errors.New("hex is not pairs of hexadecimal digits")
		}
		return secret.New(b), nil
	}
	return nil, errors.New("wants either text or hex")
}

func answerCPM(payload []byte, redact bool) emvAnswer {
	p, err := emvco.ParseCPM(payload)
	if err != nil {
		return refusedLine("cpm", err)
	}
	defer p.Wipe()
	out := emvAnswer{OK: true, TLV: tlvOf(p.TLV, redact), AIDs: p.AIDs, SensitiveTags: p.SensitiveTags, Hint: consumerHint}
	if !redact {
		f := p.Factor()
		out.Factor = string(f.Reveal())
		f.Wipe()
	}
	return out
}

func answerMPM(payload []byte, redact bool) emvAnswer {
	m, err := emvco.ParseMPM(payload)
	if err != nil {
		return refusedLine("mpm", err)
	}
	defer m.Wipe()
	n, _ := m.Network()
	out := emvAnswer{OK: true, Fields: fieldsOf(m.Fields, redact), Hint: merchantHint(n)}
	if m.Profile != emvco.Strict {
		out.Profile = m.Profile
	}
	return out
}

func refusedLine(kind string, err error) emvAnswer {
	x := refusedEMV(kind, err)
	return emvAnswer{Reason: x.Reason, Hint: x.Hint}
}

func tlvOf(list []emvco.TLV, redact bool) (out []emvTLV) {
	for _, t := range list {
		x := emvTLV{Tag: t.Tag, Children: tlvOf(t.Children, redact)}
		if t.Value != nil {
			v := strings.ToUpper(hex.EncodeToString(t.Value.Reveal()))
			if redact {
				v = t.Value.String()
			}
			x.Value = &v
		}
		out = append(out, x)
	}
	return out
}

func fieldsOf(list []emvco.Field, redact bool) (out []emvField) {
	for _, f := range list {
		v := string(f.Value.Reveal())
		if redact {
			v = f.Value.String()
		}
		out = append(out, emvField{ID: f.ID, Value: v, Children: fieldsOf(f.Children, redact)})
	}
	return out
}
