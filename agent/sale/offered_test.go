package sale

import (
	"testing"
	"time"
)

// offerClock is a wallet's table that shows codes for 90 s.
var offerClock = Clock{FirstQuery: 5 * time.Second, QueryEvery: 5 * time.Second, PayerDeadline: 45 * time.Second, ReverseAfter: 15 * time.Second,
	CodeLife: time.Minute, OfferLife: 90 * time.Second, NetworkDelay: time.Minute, RetryFirst: time.Second, RetryMost: time.Minute, RetryFor: time.Hour,
	RetrySlow: 15 * time.Minute, Window: 24 * time.Hour, WindowMargin: time.Hour}

// TestOfferedTimes holds the schedule of a code that we show: life 90 s, quiet 150 s, the
// payer's deadline at 100 s.
func TestOfferedTimes(t *testing.T) {
	t0 := time.Unix(1_800_000_000, 0)
	after := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	closed := func(u Pursuit) Pursuit { u.LastReverse, u.ReverseAccepted = after(91), after(91); return u }
	for _, x := range []struct {
		name   string
		u      Pursuit
		state  State
		intent Intent
		now    int
		want   Action
		at     int
	}{
		{"first query waits", Pursuit{}, Offered, Keep, 1, DoWait, 5},
		{"first query", Pursuit{}, Offered, Keep, 5, DoQuery, 0},
		{"spacing", Pursuit{LastQuery: after(6), Word: EvPaying, Said: after(6)}, Offered, Keep, 7, DoWait, 11},
		{"silence does not change the spacing", Pursuit{LastQuery: after(6), Failures: 9}, Offered, Keep, 7, DoWait, 11},
		{"undone: reversed at once", Pursuit{}, Offered, Undo, 1, DoReversal, 0},
		{"off the screen: closed", Pursuit{Away: after(20)}, Offered, Keep, 20, DoClose, 0},
		{"an accepted close is proven by a query", closed(Pursuit{Away: after(90)}), Offered, Keep, 91, DoQuery, 0},
		{"a lost close: ask", Pursuit{Away: after(20), LastReverse: after(21), Failures: 1}, Offered, Keep, 21, DoQuery, 0},
		{"a close that did not take is repeated", closed(Pursuit{Away: after(90), LastQuery: after(92), Word: EvPaying, Said: after(92)}), Offered, Keep, 93, DoWait, 96},
		{"not found proves nothing before the quiet time: asked again", closed(Pursuit{Away: after(90), LastQuery: after(92), Word: EvNotFound, Said: after(92)}), Offered, Keep, 93, DoWait, 97},
		{"and on the deadline", closed(Pursuit{Away: after(90), LastQuery: after(97), Word: EvNotFound, Said: after(97)}), Offered, Keep, 98, DoWait, 100},
		{"the deadline asks", closed(Pursuit{Away: after(90), LastQuery: after(92), Word: EvNotFound, Said: after(92)}), Offered, Keep, 100, DoQuery, 0},
		{"unpaid after the deadline turns", closed(Pursuit{Away: after(90), LastQuery: after(101), Word: EvPaying, Said: after(100)}), Offered, Keep, 101, DoTurn, 0},
		{"silence never turns", Pursuit{Away: after(90), LastReverse: after(3001), LastQuery: after(3001), Failures: 9, Jitter: 1}, Offered, Keep, 3002, DoWait, -1},
		{"restart: asked at once", Pursuit{Recovered: true}, Unknown, Keep, 0, DoQuery, 0},
		{"restart: unpaid turns at once", Pursuit{Recovered: true, LastQuery: after(1), Word: EvPaying, Said: after(1)}, Unknown, Keep, 1, DoTurn, 0},
		{"restart: reversed without a wait", Pursuit{Recovered: true, LastQuery: after(1), Word: EvPaying, Said: after(1)}, Unknown, Undo, 1, DoReversal, 0},
		{"reversing: unpaid before the quiet time is repeated", closed(Pursuit{LastQuery: after(148), Word: EvPaying, Said: after(148)}), Reversing, Undo, 149, DoReverse, 0},
		{"reversing: asked in the quiet time, read after it", closed(Pursuit{LastQuery: after(151), Word: EvPaying, Said: after(149)}), Reversing, Undo, 151, DoReverse, 0},
		{"reversing: unpaid after life and delay is proof", closed(Pursuit{LastQuery: after(151), Word: EvPaying, Said: after(150)}), Reversing, Undo, 151, DoProve, 0},
		{"reversing: not found asks now and then", closed(Pursuit{LastQuery: after(121), Word: EvNotFound, Said: after(121)}), Reversing, Undo, 121, DoWait, 126},
		{"reversing: an old word and no answer is no reason to hurry", closed(Pursuit{LastQuery: after(160), Word: EvNotFound, Said: after(148), Failures: 9, Jitter: 1}), Reversing, Undo, 161, DoWait, 220},
		{"closing: nor there", closed(Pursuit{Away: after(90), LastQuery: after(160), Word: EvNotFound, Said: after(92), Failures: 9, Jitter: 1}), Offered, Keep, 161, DoWait, 220},
		{"reversing: and asks when it is over", closed(Pursuit{LastQuery: after(148), Word: EvNotFound, Said: after(148)}), Reversing, Undo, 149, DoWait, 150},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.u.From, x.u.Deadline = t0, after(100)
			got := x.u.Next(&Attempt{State: x.state, OfferLife: 90 * time.Second}, x.intent, offerClock, after(x.now), 0)
			if got.Do != x.want || x.want == DoWait && x.at >= 0 && !got.At.Equal(after(x.at)) {
				t.Errorf("got %s at +%s, want %s at +%ds", got.Do, got.At.Sub(t0), x.want, x.at)
			}
		})
	}
	u := closed(Pursuit{Away: after(90), From: t0, Deadline: after(500), LastQuery: after(151), Word: EvPaying, Said: after(150)})
	if got := u.Next(&Attempt{State: Offered, OfferLife: 90 * time.Second}, Keep, offerClock, after(151), 0); got.Do != DoProve {
		t.Errorf("unpaid after life and delay: %s, want prove", got.Do)
	}
	paid := closed(Pursuit{From: t0, LastQuery: after(500), Word: EvPaying, Said: after(499)})
	if got := paid.Next(&Attempt{State: Reversing, OfferLife: 90 * time.Second, WasPaid: true}, Undo, offerClock, after(500), 0); got.Do != DoReverse {
		t.Errorf("an order that was paid and waits unpaid: %s, want reverse", got.Do)
	}
	code := closed(Pursuit{From: t0, LastQuery: after(500), Word: EvPaying, Said: after(499)})
	if got := code.Next(&Attempt{State: Reversing}, Undo, offerClock, after(500), 0); got.Do != DoReverse {
		t.Errorf("a customer's code that waits unpaid: %s, want reverse", got.Do)
	}
}

// TestBegin: a second attempt only after every first one is known to have charged nothing.
func TestBegin(t *testing.T) {
	for _, state := range allStates {
		for _, next := range allStates {
			for _, intent := range []Intent{Keep, Undo} {
				p := Payment{Intent: intent, Attempts: []Attempt{{N: 1, State: state}}}
				err := p.Begin(Attempt{N: 2, State: next})
				want := (state == Declined || state == Closed) && (next == Sending || next == Offered) && intent == Keep
				if (err == nil) != want || (len(p.Attempts) == 2) != want {
					t.Errorf("%s after %s with intent %s: %v", next, state, intent, err)
				}
			}
		}
	}
	p := Payment{Intent: Keep}
	for n := 1; n <= MaxAttempts; n++ {
		if err := p.Begin(Attempt{N: n, State: Offered, OfferLife: 1}); err != nil {
			t.Fatal(err)
		}
		if p.Begin(Attempt{N: n + 1, State: Sending}) == nil {
			t.Fatal("a code beside an open offered code")
		}
		p.Current().State = Closed
	}
	if p.Begin(Attempt{N: MaxAttempts + 1, State: Sending}) == nil || p.Offers() != MaxAttempts || p.Codes() != 0 {
		t.Errorf("%d attempts, %d offers, %d codes", len(p.Attempts), p.Offers(), p.Codes())
	}
	if q := (Payment{Intent: Keep, Ending: EndCancelled}); q.Begin(Attempt{N: 1, State: Sending}) == nil {
		t.Error("an attempt of a payment that has ended")
	}
}

func TestScaledOffer(t *testing.T) {
	if got := offerClock.Scaled(10).OfferLife; got != 9*time.Second {
		t.Errorf("scaled by 10: %s", got)
	}
}
