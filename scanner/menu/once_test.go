package menu

import (
	"testing"
	"time"
)

// TestFlashIsWrittenOnce: a clone that answers in another form than expected must not be
// written to again at each opening.
func TestFlashIsWrittenOnce(t *testing.T) {
	d := NewDialogue(Mindeo)
	setup := []Setting{{Text: "PRECA2,BK2995C81", Query: "PREBK2?", Want: "PREBK2995C81", Required: true}}
	now := time.Unix(1_000_000_000, 0)
	answer := func(text string) error {
		t.Helper()
		r := Reply{}
		if err := ParseReply(Mindeo, []byte(text), &r); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		_, fault := d.Heard(&r)
		return fault
	}
	d.Start(setup)
	d.Next(now)
	if err := answer("PREBK2 995C81\x06."); err != nil {
		t.Fatal(err)
	}
	if b := string(d.Next(now)); b != "\x16M\rPRECA2,BK2995C81." {
		t.Fatalf("sent %q", b)
	}
	if err := answer("PRECA2\x06,BK2995C81\x06."); err != nil || !d.Done() {
		t.Fatal(err, d.Done())
	}
	d.Start(setup)
	d.Next(now)
	if err := answer("PREBK2 995C81\x06."); err == nil {
		t.Error("no fault although the setting is not kept")
	}
	if b := d.Next(now); len(b) != 0 {
		t.Errorf("sent %q", b)
	}
}
