package sale

import "time"

// GivingBack is the memory of one owner goroutine about one open refund. It is not durable:
// after a restart a new one asks what became of the refund first.
type GivingBack struct {
	// From is the moment of the first request in this boot, or of recovery after a restart.
	From time.Time
	// Recovered is set after a restart: it may have been asked for already.
	Recovered bool
	// Sent counts the requests to give back that may have left this terminal, this run's alone.
	Sent int
	// Last is when the last request of either kind returned; zero if there was none.
	Last time.Time
	// Missing is set while the wallet's last word is that it knows no such refund.
	Missing bool
	// Loose is when the last request that was not answered stops being dangerous: until then
	// it may still arrive, and a refusal or "no such refund" proves nothing.
	Loose time.Time
	// Refused is set when the wallet refused while an earlier request was loose.
	Refused bool
	// Failures counts requests in a row that brought nothing, or nothing new.
	Failures int
	// Jitter in [0, 1) spreads the back-off; the owner draws it anew after each request.
	Jitter float64
}

// RefundStep is what to do next about an open refund.
type RefundStep int

const (
	RefundWait   RefundStep = iota
	RefundAsk               // ask the wallet to give back (again: the id is the same)
	RefundQuery             // ask what became of it
	RefundSettle            // nothing is loose any more: the refusal holds
)

// Next says what to do at now, or until when to wait.
func (g *GivingBack) Next(state RefundState, c Clock, now time.Time) (RefundStep, time.Time) {
	if g.Last.IsZero() {
		if g.Recovered {
			return RefundQuery, time.Time{}
		}
		return RefundAsk, time.Time{}
	}
	due, do := g.Last.Add(g.backoff(state, c, now)), RefundQuery
	switch {
	case state != RefundUnknown:
	case g.Refused && g.Missing && !now.Before(g.Loose):
		return RefundSettle, time.Time{}
	case g.Refused:
		// The query that decides leaves once nothing can arrive any more.
		if due.Before(g.Loose) {
			due = g.Loose
		}
	case g.Missing:
		do = RefundAsk
	}
	if now.Before(due) {
		return RefundWait, due
	}
	return do, time.Time{}
}

func (g *GivingBack) backoff(state RefundState, c Clock, now time.Time) time.Duration {
	if state == RefundAbnormal || now.Sub(g.From) > c.RetryFor {
		return c.RetrySlow
	}
	most := c.RetryMost
	if g.Failures < 16 {
		most = min(most, c.RetryFirst<<g.Failures)
	}
	return most/10 + time.Duration(g.Jitter*float64(most-most/10))
}

// Asked notes a request to give back that came back at now with an answer worth counts.
func (g *GivingBack) Asked(c Clock, now time.Time, counts bool) {
	g.Last, g.Missing = now, false
	g.Sent++
	g.Failures++
	if !counts {
		g.Loose = now.Add(c.NetworkDelay)
	}
}

// Queried notes a query that came back at now; missing is the wallet's word that it knows
// no such refund.
func (g *GivingBack) Queried(now time.Time, missing bool) {
	g.Last, g.Missing = now, missing
	g.Failures++
}

// Trusts reports whether a refusal of a request to give back can be believed at once: no
// other request with the same id may still arrive, or have arrived.
func (g *GivingBack) Trusts() bool { return !g.Recovered && g.Loose.IsZero() }

// Hurry makes what waits for its back-off due at once: the network is back.
func (g *GivingBack) Hurry() { g.Failures, g.Last = 0, g.From }
