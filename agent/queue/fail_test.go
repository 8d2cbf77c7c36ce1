package queue

import (
	"errors"
	"testing"
)

// A write that fails stops the queue: nothing is acknowledged from then on. Fails when a
// group is acknowledged before its witness is durable, or when the queue goes on after it.
func TestFailedWriteStops(t *testing.T) {
	o := testOptions(t.TempDir())
	q, rec := mustOpen(t, o)
	mustCommit(t, q, payment(rec.Token, 1, true))
	q.wit.f.Close() // as after an input/output error: every write of the witness fails
	if err := q.Commit(t.Context(), payment(rec.Token, 2, true)); !errors.Is(err, ErrStopped) {
		t.Fatalf("a commit without its witness: %v", err)
	}
	first, ok := <-q.Fatal()
	if !ok || !errors.Is(first, ErrStopped) {
		t.Fatalf("fatal: %v", first)
	}
	if _, ok := <-q.Fatal(); ok {
		t.Fatal("fatal twice")
	}
	for name, err := range map[string]error{
		"Commit": q.Commit(t.Context(), payment(rec.Token, 3, true)), "Room": q.Room(), "Maintain": q.Maintain(t.Context()),
	} {
		if !errors.Is(err, ErrStopped) || err.Error() != first.Error() {
			t.Errorf("%s: %v, want %v", name, err, first)
		}
	}
	q.crash()
	q, again := mustOpen(t, o)
	if _, err := q.Get(Payment, payment(rec.Token, 1, true).Key); err != nil || again.Lost {
		t.Fatalf("what was acknowledged: %v, %+v", err, again)
	}
}
