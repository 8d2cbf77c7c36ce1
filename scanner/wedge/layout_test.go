package wedge

import (
	"encoding/json"
	"os"
	"testing"
)

// TestAgainstXKB compares the layouts with the X keyboard database (xkeyboard-config 2.35,
// variants basic, ch(de) and jp(106)) where it has printable ASCII that is no dead key. It has
// more on AltGr than other systems do, and on Shift of two keys (fr 41, jp 11): that is not in
// the file.
func TestAgainstXKB(t *testing.T) {
	b, err := os.ReadFile("testdata/xkb.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[Layout]map[string][][2]int
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for _, layout := range Layouts() {
		m := newKeymap(layouts[layout])
		if len(want[layout]) < 80 {
			t.Errorf("%s: %d characters to compare with", layout, len(want[layout]))
		}
		for char, places := range want[layout] {
			for _, p := range places {
				if got, _ := m.char(uint16(p[0]), p[1], false); string(got) != char {
					t.Errorf("%s: key %d level %d is %q, want %q", layout, p[0], p[1], got, char)
				}
			}
		}
	}
}
