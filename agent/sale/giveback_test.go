package sale

import (
	"testing"
	"time"
)

var refundClock = Clock{NetworkDelay: time.Minute, RetryFirst: time.Second, RetryMost: time.Minute, RetryFor: time.Hour, RetrySlow: 15 * time.Minute}

func TestGivingBackFirstStep(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	if do, _ := (&GivingBack{From: now}).Next(RefundUnknown, refundClock, now); do != RefundAsk {
		t.Errorf("a new refund: step %d", do)
	}
	if do, _ := (&GivingBack{From: now, Recovered: true}).Next(RefundUnknown, refundClock, now); do != RefundQuery {
		t.Errorf("after a restart: step %d", do)
	}
}

// TestGivingBackAsksOnlyWhatIsMissing plays every answer for an hour: the wallet is asked to
// give back again only after its signed word that it knows no such refund, and never in a
// hurry.
func TestGivingBackAsksOnlyWhatIsMissing(t *testing.T) {
	for name, missing := range map[string]bool{"no answer": false, "missing": true} {
		now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		g := &GivingBack{From: now, Jitter: 0.5}
		asks, queries := 0, 0
		for end := now.Add(2 * time.Hour); now.Before(end); {
			do, at := g.Next(RefundUnknown, refundClock, now)
			switch do {
			case RefundWait:
				if !at.After(now) {
					t.Fatal("a wait that is over")
				}
				now = at
			case RefundAsk:
				if asks > 0 && !g.Missing {
					t.Fatalf("%s: asked again, and it may be there", name)
				}
				asks++
				now = now.Add(time.Second)
				g.Asked(refundClock, now, false)
			case RefundQuery:
				queries++
				now = now.Add(time.Second)
				g.Queried(now, missing)
			default:
				t.Fatalf("%s: step %d", name, do)
			}
		}
		if asks == 0 || queries == 0 || asks+queries > 400 || !missing && asks != 1 {
			t.Errorf("%s: asked %d times, queried %d times", name, asks, queries)
		}
	}
}

// TestGivingBackRefusedWhileLoose: a refusal holds only once a query that left after the last
// dangerous moment says that there is no such refund.
func TestGivingBackRefusedWhileLoose(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	g := &GivingBack{From: now}
	g.Asked(refundClock, now, false)
	if g.Trusts() {
		t.Fatal("a refusal would be believed while a request may still arrive")
	}
	g.Refused = true
	loose := g.Loose
	for range 10 {
		do, at := g.Next(RefundUnknown, refundClock, now)
		switch do {
		case RefundWait:
			now = at
			continue
		case RefundQuery:
			if now.Before(loose) {
				t.Fatalf("the deciding query left %s too early", loose.Sub(now))
			}
			now = now.Add(time.Second)
			g.Queried(now, true)
			continue
		case RefundSettle:
			return
		}
		t.Fatalf("step %d", do)
	}
	t.Fatal("it never ends")
}

func TestGivingBackSlowly(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	g := &GivingBack{From: now}
	g.Queried(now, false)
	if _, at := g.Next(RefundAbnormal, refundClock, now); at.Sub(now) != refundClock.RetrySlow {
		t.Errorf("what needs a person is asked about after %s", at.Sub(now))
	}
	g.Hurry()
	if _, at := g.Next(RefundPending, refundClock, now); at.Sub(now) > refundClock.RetryFirst {
		t.Errorf("the network is back, and it waits %s", at.Sub(now))
	}
}

func TestNewRefundID(t *testing.T) {
	cny := Amount{5, "CNY", 2}
	p := &Payment{Attempts: []Attempt{{ID: "order", State: Paid}}}
	asked := Asked{SaleID: "s", TransactionID: "t", ServiceID: "1"}
	first, taken := p.NewRefundID(asked, cny)
	if taken {
		t.Fatal("taken by nobody")
	}
	p.Refunds = []Refund{{ID: first, State: RefundRefused}}
	second, taken := p.NewRefundID(asked, cny)
	if taken || second == first {
		t.Errorf("after a refusal: %s, taken %v", second, taken)
	}
	p.Refunds[0].State = RefundDone
	if id, taken := p.NewRefundID(asked, cny); !taken || id != first {
		t.Errorf("after it was done: %s, taken %v", id, taken)
	}
	p.Refunds, p.PastRefunds = nil, []string{first}
	if id, taken := p.NewRefundID(asked, cny); !taken || id != first {
		t.Errorf("after its day was erased: %s, taken %v", id, taken)
	}
	unnumbered := Asked{SaleID: "s", ServiceID: "1"}
	one, _ := p.NewRefundID(unnumbered, cny)
	unnumbered.ServiceID = "2"
	if two, _ := p.NewRefundID(unnumbered, cny); one == two || len(two) != len(first) {
		t.Errorf("two requests without a number: %s, %s", one, two)
	}
}
