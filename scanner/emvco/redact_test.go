package emvco

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// everyPrint prints v in every way a program prints: fmt with all verbs, JSON, both logs,
// on its own, inside an exported field and inside one that is not.
func everyPrint(t *testing.T, v any) string {
	t.Helper()
	var out strings.Builder
	type open struct{ V any }
	type closed struct{ v any }
	for _, x := range []any{v, open{v}, closed{v}, &closed{v}, []any{v}, map[string]any{"k": v}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U"} {
			fmt.Fprintf(&out, verb+"\n", x)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", x)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", x)
		j, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
	}
	return strings.ToLower(out.String())
}

// shapes are the ways in which bytes could be shown.
func shapes(b []byte) []string {
	var decimal, goHex []string
	for _, c := range b {
		decimal = append(decimal, fmt.Sprint(c))
		goHex = append(goHex, fmt.Sprintf("0x%x", c))
	}
	j, _ := json.Marshal(b)
	return []string{strings.ToLower(string(b)), fmt.Sprintf("%x", b), fmt.Sprintf("% x", b), strings.Join(decimal, " "),
		strings.Join(goHex, ", "), strings.ToLower(strings.Trim(string(j), `"`))}
}

// sensitiveIn collects what has the type that must not show itself.
func sensitiveTLV(in []TLV) (out [][]byte) {
	for _, x := range in {
		if s, ok := x.Value.(Sensitive); ok {
			out = append(out, bytes.Clone(s.Reveal()))
		}
		out = append(out, sensitiveTLV(x.Children)...)
	}
	return out
}

func sensitiveFields(in []Field) (out [][]byte) {
	for _, x := range in {
		if s, ok := x.Value.(Sensitive); ok {
			out = append(out, bytes.Clone(s.Reveal()))
		}
		out = append(out, sensitiveFields(x.Children)...)
	}
	return out
}

// TestCardDataIsNeverShown prints every parsed vector, the values one by one and the payload
// as a whole, and looks for what the sensitive tags hold.
func TestCardDataIsNeverShown(t *testing.T) {
	checked := 0
	for _, v := range vectors(t) {
		if !v.Expect.OK {
			continue
		}
		var secrets [][]byte
		var shown string
		if v.Input.Kind == "cpm" {
			p, err := ParseCPM(v.payload(t))
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(sensitiveTLV(p.TLV), p.raw.bytes())
			shown = everyPrint(t, p) + everyPrint(t, *p) + everyPrint(t, p.TLV)
			for _, x := range p.TLV {
				shown += everyPrint(t, x) + everyPrint(t, x.Value)
			}
		} else {
			m, err := ParseMPM(v.payload(t))
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(sensitiveFields(m.Fields), m.raw.bytes())
			shown = everyPrint(t, m) + everyPrint(t, *m) + everyPrint(t, m.Fields)
			for _, x := range m.Fields {
				shown += everyPrint(t, x) + everyPrint(t, x.Value)
			}
		}
		for _, s := range secrets {
			if len(s) < 8 || strings.Trim(string(s), "01") == "" {
				continue // too short to be told from what may be printed, or like an address in %b
			}
			for _, shape := range shapes(s) {
				checked++
				if strings.Contains(shown, shape) {
					t.Errorf("%s: a sensitive value of %d bytes is shown", v.Name, len(s))
				}
			}
		}
	}
	if checked < 100 {
		t.Fatalf("only %d shapes were looked for", checked)
	}
}

// TestWhatIsSensitive names the tags whose values have the closed type, and some that have
// the open one.
func TestWhatIsSensitive(t *testing.T) {
	for tag, want := range map[string]bool{"57": true, "5A": true, "5F20": true, "9F19": true, "9F24": true, "9F25": true,
		"9F26": true, "9F10": true, "DF77": true, "99": true, "4F": false, "50": false, "85": false} {
		_, got := valueOf([]byte("x"), harmless[tag], false).(Sensitive)
		if got != want {
			t.Errorf("tag %s: sensitive %v", tag, got)
		}
	}
	for _, f := range []struct {
		id, parent string
		want       bool
	}{{"59", "", true}, {"02", "", true}, {"26", "", true}, {"51", "", true}, {"01", "26", true}, {"00", "26", false},
		{"01", "64", true}, {"08", "62", true}, {"65", "", true}, {"54", "", false}, {"58", "", false}} {
		_, got := valueOf([]byte("x"), shown(f.id, f.parent), true).(Sensitive)
		if got != f.want {
			t.Errorf("field %s in %q: sensitive %v", f.id, f.parent, got)
		}
	}
	var zero Sensitive
	if zero.Len() != 0 || zero.Reveal() != nil || fmt.Sprint(zero) != "[redacted]" {
		t.Error("the zero value does not redact")
	}
}

func TestMPMWipe(t *testing.T) {
	m, err := ParseMPM(seal("00020101021102111234567890152045812530315658" + "02CN5909TILL TEST6008SHANGHAI"))
	if err != nil {
		t.Fatal(err)
	}
	name, _ := m.Field("59")
	m.Wipe()
	if string(name.Value.Reveal()) != strings.Repeat("\x00", 9) {
		t.Error("not wiped")
	}
}
