package menu

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/tilld/tilld/scanner"
)

type vector struct {
	Name, Profile, Dir, Hex, Given string
	Reply                          string `json:"reply_hex"`
	Expect                         struct {
		Scans     []struct{ Sym, AIM, Text string }
		Error     scanner.DropReason
		Command   string
		Text      string
		Permanent bool
		Status    []string
		MenuReply string `json:"menu_reply"`
	}
}

func vectors(t testing.TB) []vector {
	b, err := os.ReadFile("testdata/menu.json")
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

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEncodeVectors(t *testing.T) {
	cues := map[string]scanner.Cue{"trigger": scanner.Trigger, "untrigger": scanner.Untrigger}
	for _, v := range vectors(t) {
		if v.Dir != "out" {
			continue
		}
		var got []byte
		d := Dialect(v.Profile)
		if cue, ok := cues[v.Expect.Command]; ok {
			got, _, _ = AppendCue(nil, d, cue)
		} else {
			text := v.Expect.Text
			s := Volatile
			if d == Honeywell && text[len(text)-1] == '.' || v.Expect.Permanent {
				s = Permanent
			}
			var err error
			if got, err = Append(nil, d, s, text[:len(text)-1]); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
		}
		if !slices.Equal(got, unhex(t, v.Hex)) {
			t.Errorf("%s: %x, want %s", v.Name, got, v.Hex)
		}
		if v.Reply == "" {
			continue
		}
		var r Reply
		if err := ParseReply(d, unhex(t, v.Reply), &r); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if got := r.Fields()["status"]; !slices.Equal(got.([]string), v.Expect.Status) || !r.Answers(v.Expect.Text) || !r.OK() {
			t.Errorf("%s: %v", v.Name, r.Fields())
		}
	}
}
