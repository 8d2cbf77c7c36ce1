package device

import (
	"bytes"
	"testing"
)

func TestBootReports(t *testing.T) {
	events, err := Typist{}.Type("a1A")
	if err != nil {
		t.Fatal(err)
	}
	got, err := BootReports(events)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]byte{{0, 0, 4}, {}, {0, 0, 30}, {}, {2}, {2, 0, 4}, {2}, {}, {0, 0, 40}, {}}
	if len(got) != len(want) {
		t.Fatalf("%d reports, want %d: % X", len(got), len(want), got)
	}
	for i, w := range want {
		if !bytes.Equal(got[i], append(w, make([]byte, 8-len(w))...)) {
			t.Errorf("report %d: % X, want % X", i, got[i], w)
		}
	}
	if _, err := BootReports([]KeyEvent{{1, 700, 1}}); err == nil {
		t.Error("a key that no keyboard has was pressed")
	}
}
