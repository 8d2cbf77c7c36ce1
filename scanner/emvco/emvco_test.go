package emvco

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type wantTLV struct {
	Tag      string    `json:"tag"`
	Value    string    `json:"value"`
	Children []wantTLV `json:"children"`
}

type wantField struct {
	ID       string      `json:"id"`
	Value    string      `json:"value"`
	Children []wantField `json:"children"`
}

type vector struct {
	Name   string
	Input  struct{ Kind, Text, Hex string }
	Expect struct {
		OK            bool
		Reason        Reason
		Profile       Profile
		Fields        []wantField
		TLV           []wantTLV
		AIDs          []string
		SensitiveTags []string `json:"sensitive_tags"`
		Factor        string
	}
}

func (v vector) payload(t testing.TB) []byte {
	if v.Input.Hex == "" {
		return []byte(v.Input.Text)
	}
	b, err := hex.DecodeString(v.Input.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vectors(t testing.TB) []vector {
	b, err := os.ReadFile("testdata/emv.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	return f.Vectors
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			if v.Input.Kind == "cpm" {
				checkCPM(t, v)
				return
			}
			checkMPM(t, v)
		})
	}
}

func checkReason(t *testing.T, v vector, err error) bool {
	t.Helper()
	var e *Error
	switch {
	case v.Expect.OK && err != nil:
		t.Fatalf("error %v", err)
	case !v.Expect.OK && !errors.As(err, &e):
		t.Fatalf("error %v, want reason %s", err, v.Expect.Reason)
	case !v.Expect.OK && e.Reason != v.Expect.Reason:
		t.Fatalf("reason %s, want %s", e.Reason, v.Expect.Reason)
	}
	return v.Expect.OK
}

func checkCPM(t *testing.T, v vector) {
	p, err := ParseCPM(v.payload(t))
	if !checkReason(t, v, err) {
		return
	}
	if d := cmp.Diff(v.Expect.TLV, plainTLV(p.TLV)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(v.Expect.AIDs, p.AIDs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(v.Expect.SensitiveTags, p.SensitiveTags); d != "" {
		t.Error(d)
	}
	if got := string(p.Factor().Reveal()); got != v.Expect.Factor {
		t.Errorf("factor %q, want %q", got, v.Expect.Factor)
	}
	p.Wipe()
	for _, b := range p.raw.bytes() {
		if b != 0 {
			t.Fatal("not wiped")
		}
	}
}

func checkMPM(t *testing.T, v vector) {
	m, err := ParseMPM(v.payload(t))
	if !checkReason(t, v, err) {
		return
	}
	want := v.Expect.Profile
	if want == "" {
		want = Strict
	}
	if m.Profile != want {
		t.Errorf("profile %s, want %s", m.Profile, want)
	}
	if d := cmp.Diff(v.Expect.Fields, plainFields(m.Fields)); d != "" {
		t.Error(d)
	}
}

func plainTLV(in []TLV) (out []wantTLV) {
	for _, x := range in {
		w := wantTLV{Tag: x.Tag, Children: plainTLV(x.Children)}
		if x.Value != nil {
			w.Value = strings.ToUpper(hex.EncodeToString(x.Value.Reveal()))
		}
		out = append(out, w)
	}
	return out
}

func plainFields(in []Field) (out []wantField) {
	for _, x := range in {
		out = append(out, wantField{x.ID, string(x.Value.Reveal()), plainFields(x.Children)})
	}
	return out
}

func TestCRCCheckValue(t *testing.T) {
	if got := crc16([]byte("123456789")); got != 0x29B1 {
		t.Fatalf("%04X, want 29B1", got)
	}
}

func FuzzParseCPM(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.payload(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseCPM(b)
		if err != nil {
			return
		}
		if len(p.AIDs) > len(b) || string(p.TLV[0].Value.Reveal()) != "CPV01" {
			t.Fatal("accepted what is no payload")
		}
		if n := p.Factor().Len(); n > 6 {
			t.Fatalf("factor of %d digits", n)
		}
	})
}

func FuzzParseMPM(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.payload(f))
	}
	f.Add([]byte(MPMPrefix + "2606000202AB5303156"))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkMPMRoundTrip(t, b)
		checkMPMRoundTrip(t, seal(string(b))) // past the checksum, into the structure
	})
}

// checkMPMRoundTrip: writing the fields again gives the payload; nothing was skipped or
// invented. Its network can be named, whatever is in it.
func checkMPMRoundTrip(t *testing.T, b []byte) {
	m, err := ParseMPM(b)
	if err != nil {
		return
	}
	m.Network()
	var out strings.Builder
	for _, f := range m.Fields {
		fmt.Fprintf(&out, "%s%02d%s", f.ID, len([]rune(string(f.Value.Reveal()))), f.Value.Reveal())
	}
	if out.String() != string(b) {
		t.Fatal("round trip differs")
	}
}
