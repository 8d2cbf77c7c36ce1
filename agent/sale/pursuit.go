package sale

import "time"

// Clock is a wallet's table of times. All durations run on the monotonic clock, except
// Window, which outlives reboots and is compared on the trusted wall clock.
type Clock struct {
	Answer        time.Duration // how long one request may take
	FirstQuery    time.Duration // after sending
	QueryEvery    time.Duration // spacing of queries while the payer may still confirm
	PayerDeadline time.Duration // after sending: a signed "not paid" from here on turns the intent to undo
	ReverseAfter  time.Duration // no reverse earlier than this after sending, counted in full again after a reboot
	CodeLife      time.Duration // how long a code can be charged
	OfferLife     time.Duration // how long a code that we show can be paid, at most 2 minutes; zero where none is shown
	NetworkDelay  time.Duration // the longest time a request may linger on its way
	RetryFirst    time.Duration // back-off of unanswered queries and reverses: full jitter from here ...
	RetryMost     time.Duration // ... up to here,
	RetryFor      time.Duration // until this long after sending,
	RetrySlow     time.Duration // then this often
	Window        time.Duration // how long the wallet accepts a reverse
	WindowMargin  time.Duration // MANUAL this long before the window ends
	RefundWindow  time.Duration // how long the wallet gives a paid order back; zero: it says so itself
}

// Quiet is how long after sending "order does not exist" proves nothing.
func (c Clock) Quiet() time.Duration { return c.CodeLife + c.NetworkDelay }

// For is the table as it holds for one attempt. A code that we show lives as long as the
// wallet was told, and no wallet prescribes a wait before it is taken back.
func (c Clock) For(a *Attempt) Clock {
	if a.Offered() {
		c.CodeLife = max(c.CodeLife, a.OfferLife, c.OfferLife)
		c.ReverseAfter = 0
	}
	return c
}

// Scaled divides every duration but Window and its margin by n. Only the test environment
// accepts a scaled table.
func (c Clock) Scaled(n int) Clock {
	if n <= 1 {
		return c
	}
	for _, d := range []*time.Duration{&c.Answer, &c.FirstQuery, &c.QueryEvery, &c.PayerDeadline, &c.ReverseAfter,
		&c.CodeLife, &c.OfferLife, &c.NetworkDelay, &c.RetryFirst, &c.RetryMost, &c.RetryFor, &c.RetrySlow} {
		*d /= time.Duration(n)
	}
	return c
}

// Action is what to do next about an attempt in doubt.
type Action int

const (
	DoNothing  Action = iota // the attempt is final or manual
	DoWait                   // nothing before At
	DoQuery                  // ask the wallet
	DoTurn                   // turn the intent to undo: the payer's deadline has passed with a signed "not paid"
	DoReversal               // make REVERSING durable, then reverse
	DoReverse                // ask for the reverse (again)
	DoProve                  // REVERSING or OFFERED ends: the quiet time is over and a query still says none or unpaid
	DoManual                 // the window is over
	DoClose                  // ask to close an offered order, which gives no money back
)

func (a Action) String() string {
	return [...]string{"nothing", "wait", "query", "turn", "reversal", "reverse", "prove", "manual", "close"}[a]
}

// Step is an action and, for DoWait, when to ask again.
type Step struct {
	Do Action
	At time.Time
}

// Pursuit is the memory of one owner goroutine about one attempt in doubt. It is not
// durable: a restart begins a new one, which asks first and waits in full.
type Pursuit struct {
	// From is the moment of sending in this boot, or the moment of recovery after a restart.
	From time.Time
	// Recovered is set after a restart: the first query is due at once.
	Recovered bool
	// LastQuery and LastReverse are when the last one returned; zero if there was none.
	LastQuery, LastReverse time.Time
	// Word is the last counted event a query brought, EvNone before the first.
	Word Event
	// Said is when Word was asked for, that is, when the query left.
	Said time.Time
	// Failures counts requests in a row that brought no counted answer.
	Failures int
	// ReverseAccepted is when a reverse was last accepted with a signature; zero if never.
	ReverseAccepted time.Time
	// Reverses counts the reverses that came back, whatever they brought.
	Reverses int
	// TurnedAt is when the intent became undo in this run; zero if it was so at the start.
	TurnedAt time.Time
	// Away is since when an offered code is off the screen; zero while it is shown.
	Away time.Time
	// Deadline is when the payer of an offered code must have paid.
	Deadline time.Time
	// Jitter in [0, 1) spreads the back-off; the owner draws it anew after each request.
	Jitter float64
}

// Hurry makes what waits for its back-off due at once: the network is back.
func (u *Pursuit) Hurry() {
	if u.Failures == 0 {
		return
	}
	u.Failures, u.LastQuery = 0, time.Time{}
	if u.ReverseAccepted.IsZero() {
		u.LastReverse = time.Time{}
	}
}

// Asked notes a query that left at from and came back at now with ev.
func (u *Pursuit) Asked(from, now time.Time, ev Event) {
	u.LastQuery = now
	if ev == EvNoAnswer || ev == EvForeign || ev == EvNotSent {
		u.Failures++
		return
	}
	u.Failures, u.Word, u.Said = 0, ev, from
}

// AskedReverse notes a reverse, or a close, that came back at now with ev.
func (u *Pursuit) AskedReverse(now time.Time, ev Event) {
	u.LastReverse = now
	u.Reverses++
	switch ev {
	case EvAccepted, EvClosed, EvRefunded, EvNotFound:
		// Whatever it says: only a query proves it.
		u.Failures, u.ReverseAccepted, u.Word = 0, now, EvNone
	default:
		u.Failures++
	}
}

// backoff is the wait after a request that brought nothing.
func (u *Pursuit) backoff(c Clock, now time.Time) time.Duration { return u.wait(c, now, u.Failures) }

// again is when a reverse that failed, or did not take, is repeated. A wallet that accepts
// every reverse and carries out none is asked less and less often, like one that is silent.
func (u *Pursuit) again(c Clock, now time.Time) time.Time {
	return u.LastReverse.Add(u.wait(c, now, max(u.Failures, u.Reverses-1)))
}

// patient is when to ask again what is due at a time: not at once where the last query
// brought nothing.
func (u *Pursuit) patient(c Clock, now, due time.Time) time.Time {
	if next := u.LastQuery.Add(u.backoff(c, now)); u.Failures > 0 && next.After(due) {
		return next
	}
	return due
}

// wait is the back-off after so many tries.
func (u *Pursuit) wait(c Clock, now time.Time, tries int) time.Duration {
	if now.Sub(u.From) > c.RetryFor {
		return c.RetrySlow
	}
	most := c.RetryMost
	if tries < 16 {
		if d := c.RetryFirst << tries; d < most {
			most = d
		}
	}
	// Full jitter, but never below a tenth: a busy loop helps nobody.
	return most/10 + time.Duration(u.Jitter*float64(most-most/10))
}

// Next says what to do about attempt a at now (monotonic), with age the time since sending
// on the trusted wall clock. It has no side effect; the rules are those of the package
// comment, in this order: final, window, REVERSING, intent undo, intent keep.
func (u *Pursuit) Next(a *Attempt, intent Intent, c Clock, now time.Time, age time.Duration) Step {
	if a.State == Manual || a.State.Final() && !(a.State == Paid && intent == Undo) {
		return Step{Do: DoNothing}
	}
	if age > c.Window-c.WindowMargin {
		return Step{Do: DoManual}
	}
	c = c.For(a)
	switch {
	case a.State == Paid: // and undo
		return u.earliestReversal(c, now)
	case a.State == Reversing:
		return u.nextReversing(a, c, now)
	case a.State == Offered:
		return u.nextOffered(a, intent, c, now)
	case intent == Undo:
		return u.nextUndo(c, now)
	case a.Offered() && u.Word.Settled():
		return Step{Do: DoTurn} // the till restarted: nobody can see that code any more
	}
	return u.nextKeep(c, now)
}

func (u *Pursuit) nextKeep(c Clock, now time.Time) Step {
	deadline := u.From.Add(c.PayerDeadline)
	// PAYERROR and the like: the payer's try failed for good, waiting brings nothing.
	if u.Word == EvFailed {
		return Step{Do: DoTurn}
	}
	if u.Word.Settled() && !u.Said.Before(deadline) {
		return Step{Do: DoTurn}
	}
	due := u.From.Add(c.FirstQuery)
	if u.Recovered && u.LastQuery.IsZero() {
		due = u.From
	}
	if !u.LastQuery.IsZero() {
		due = u.LastQuery.Add(c.QueryEvery)
		if u.Failures > 0 && !now.Before(deadline) {
			due = u.LastQuery.Add(u.backoff(c, now))
		}
		// One query falls on the deadline itself, so that the turn follows without a gap.
		if u.LastQuery.Before(deadline) && due.After(deadline) {
			due = deadline
		}
	}
	return at(now, due, DoQuery)
}

// nextUndo asks once after the turn, then reverses at the earliest legal time.
func (u *Pursuit) nextUndo(c Clock, now time.Time) Step {
	asked := u.Word != EvNone && (u.TurnedAt.IsZero() || !u.Said.Before(u.TurnedAt) || u.Word == EvFailed)
	if asked {
		return u.earliestReversal(c, now)
	}
	// An unanswered query does not hold the reverse back for ever: the reverse itself
	// settles both cases, and may be the first request to get through.
	if !u.LastQuery.IsZero() && !u.LastQuery.Before(u.TurnedAt) && u.Failures > 0 {
		if now.Before(u.From.Add(c.ReverseAfter)) {
			return at(now, u.LastQuery.Add(u.backoff(c, now)), DoQuery)
		}
		return Step{Do: DoReversal}
	}
	return Step{Do: DoQuery}
}

func (u *Pursuit) earliestReversal(c Clock, now time.Time) Step {
	return at(now, u.From.Add(c.ReverseAfter), DoReversal)
}

// nextReversing alternates reverse and query: a reverse answer alone proves nothing, and
// "order does not exist" proves nothing before the quiet time.
func (u *Pursuit) nextReversing(a *Attempt, c Clock, now time.Time) Step {
	if u.Recovered && now.Before(u.From.Add(c.ReverseAfter)) {
		if u.LastQuery.IsZero() {
			return Step{Do: DoQuery}
		}
		return Step{Do: DoWait, At: u.From.Add(c.ReverseAfter)}
	}
	if u.ReverseAccepted.IsZero() {
		if u.LastReverse.IsZero() {
			return Step{Do: DoReverse}
		}
		// The reverse failed or was lost: ask what became of it, then repeat it.
		if u.LastQuery.Before(u.LastReverse) {
			return Step{Do: DoQuery}
		}
		return at(now, u.again(c, now), DoReverse)
	}
	if u.Said.Before(u.ReverseAccepted) || u.Word == EvNone {
		if u.Failures > 0 && !u.LastQuery.Before(u.ReverseAccepted) {
			return at(now, u.LastQuery.Add(u.backoff(c, now)), DoQuery)
		}
		return Step{Do: DoQuery}
	}
	switch {
	case u.proven(a, c):
		return Step{Do: DoProve}
	case u.Word == EvNotFound && !a.WasPaid && a.Offered():
		return at(now, u.patient(c, now, u.unborn(c)), DoQuery)
	case u.Word == EvNotFound && !a.WasPaid:
		return at(now, u.patient(c, now, u.From.Add(c.Quiet())), DoQuery)
	default:
		// Paid, paying or failed after an accepted reverse, or an order that was paid and is
		// not known any more: it did not take. Repeat it.
		again, quiet := u.again(c, now), u.From.Add(c.Quiet())
		// What the end of the quiet time can prove is not put off.
		if a.Offered() && !a.WasPaid && u.Word != EvPaid && u.LastQuery.Before(quiet) && again.After(quiet) {
			return at(now, quiet, DoQuery)
		}
		return at(now, again, DoReverse)
	}
}

// proven reports whether the quiet time was over when a query said that nothing is charged:
// that there is no such order, or, of a code that we showed, that it waits unpaid.
func (u *Pursuit) proven(a *Attempt, c Clock) bool {
	none := u.Word == EvNotFound || a.Offered() && (u.Word == EvPaying || u.Word == EvFailed)
	return none && !a.WasPaid && !u.Said.Before(u.From.Add(c.Quiet()))
}

func at(now, due time.Time, do Action) Step {
	if now.Before(due) {
		return Step{Do: DoWait, At: due}
	}
	return Step{Do: do}
}
