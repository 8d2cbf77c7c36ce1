package queue

import (
	"fmt"
	"testing"
)

// Fails on 32-bit without the patched ristretto, by design: such a build must not ship.
func TestSelfTest(t *testing.T) {
	if err := selfTest(); err != nil {
		t.Fatal(err)
	}
}

// Fills more than 8 MB, closes, reopens, counts. Fails on 32-bit when the allocator's
// defect is there: most records are overwritten while the sorted table is built, without
// an error.
func TestFillCloseReopenCount(t *testing.T) {
	o := testOptions(t.TempDir())
	q, _ := mustOpen(t, o)
	const records, group = 6000, 100
	for i := 0; i < records; i += group {
		var puts []Put
		for j := range group {
			puts = append(puts, Put{Kind: Outbox, Key: fmt.Sprint(i + j), Value: fmt.Appendf(nil, "%02048d", i+j)})
		}
		mustCommit(t, q, puts...)
	}
	mustClose(t, q)
	q, rec := mustOpen(t, o)
	got := live(t, q)
	if len(got) != records || rec.Lost {
		t.Fatalf("%d of %d records came back: %v", len(got), records, rec.Notes)
	}
	for i := range records {
		if got[name(Outbox, fmt.Sprint(i))] != fmt.Sprintf("%02048d", i) {
			t.Fatalf("record %d is another one's", i)
		}
	}
}
