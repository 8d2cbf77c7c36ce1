package main

import "testing"

func TestParseStat(t *testing.T) {
	c, err := parseStat("      59        0     2110       21       11        8       38        5        0       12       31        0        0        0        0        3        3\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := (counters{Writes: 11, Bytes: 38 * 512, Flushes: 3}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for _, bad := range []string{"", "1 2 3", "1 2 3 4 x 6 7 8 9 10 11 12 13 14 15 16 17"} {
		if c, err := parseStat(bad); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, c)
		}
	}
}
