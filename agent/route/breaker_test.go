package route

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	const restFirst, restMost = 30 * time.Second, growth * 30 * time.Second
	var b Breaker
	now := time.Unix(1_800_000_000, 0)
	fail := func() { b.Sent(1, now); b.Answered(1, false, now, restFirst) }
	fail()
	fail()
	if b.Resting(1, now) {
		t.Fatal("two payments without an answer: it rests already")
	}
	b.Answered(1, true, now, restFirst)
	fail()
	fail()
	if b.Resting(1, now) {
		t.Fatal("an answer in between does not count")
	}
	fail()
	if !b.Resting(1, now) || b.Resting(2, now) {
		t.Fatal("three in a row: it does not rest, or another one does")
	}
	now = now.Add(restFirst)
	if b.Resting(1, now) {
		t.Fatal("the rest is over and no try is allowed")
	}
	b.NotSent(2)
	b.Sent(1, now)
	if !b.Resting(1, now) {
		t.Fatal("two tries at once")
	}
	b.NotSent(1)
	if b.Resting(1, now) {
		t.Fatal("the try was not sent, and there is no other one")
	}
	b.Sent(1, now)
	b.Answered(1, false, now, restFirst)
	if now = now.Add(2*restFirst - time.Second); !b.Resting(1, now) {
		t.Fatal("the second rest is not longer")
	}
	now = now.Add(time.Second)
	b.Sent(1, now)
	b.Answered(1, true, now, restFirst)
	if b.Resting(1, now) {
		t.Fatal("an answer does not end it")
	}
	for range 100 {
		fail()
		now = now.Add(restMost)
		if b.Resting(1, now) {
			t.Fatal("a rest is longer than the most")
		}
	}
}
