package sale

import (
	"fmt"
	"time"
)

// MaxOfferLife bounds how long a code that we show can be paid.
const MaxOfferLife = 2 * time.Minute

// nextOffered follows a code on our screen. While it is shown it is asked about at the
// wallet's spacing: nobody tells a till that it was paid. Once it is off the screen (Away) it
// is closed, and only a query proves that. An undone one is reversed at once.
func (u *Pursuit) nextOffered(a *Attempt, intent Intent, c Clock, now time.Time) Step {
	switch {
	case intent == Undo:
		return Step{Do: DoReversal}
	case u.Word.Settled() && !u.Said.Before(u.Deadline):
		return Step{Do: DoTurn}
	case u.Away.IsZero():
		due := u.From.Add(c.FirstQuery)
		if !u.LastQuery.IsZero() {
			due = u.LastQuery.Add(c.QueryEvery)
		}
		return at(now, due, DoQuery)
	case u.proven(a, c):
		return Step{Do: DoProve}
	}
	step := u.nextClosing(c, now)
	// One query falls on the deadline itself: the lane is not held any longer for it.
	if step.Do == DoWait && now.Before(u.Deadline) && step.At.After(u.Deadline) {
		step.At = u.Deadline
	}
	if step.Do != DoQuery && u.LastQuery.Before(u.Deadline) && !now.Before(u.Deadline) {
		return Step{Do: DoQuery}
	}
	return step
}

// nextClosing alternates close and query. A close that was accepted proves nothing, and one
// that did not take is repeated.
func (u *Pursuit) nextClosing(c Clock, now time.Time) Step {
	pause := u.backoff(c, now)
	if now.Before(u.Deadline) {
		pause = min(pause, c.QueryEvery) // a customer waits
	}
	if u.ReverseAccepted.IsZero() {
		if u.LastReverse.IsZero() {
			return Step{Do: DoClose}
		}
		if u.LastQuery.Before(u.LastReverse) {
			return Step{Do: DoQuery}
		}
		return at(now, u.LastReverse.Add(pause), DoClose)
	}
	if u.Said.Before(u.ReverseAccepted) || u.Word == EvNone {
		if u.Failures > 0 && !u.LastQuery.Before(u.ReverseAccepted) {
			return at(now, u.LastQuery.Add(pause), DoQuery)
		}
		return Step{Do: DoQuery}
	}
	if u.Word == EvNotFound {
		return at(now, u.patient(c, now, u.unborn(c)), DoQuery)
	}
	return at(now, u.LastReverse.Add(c.QueryEvery), DoClose)
}

// unborn is when to ask again about an offered order that its wallet does not know. Some make
// it only when somebody scans the code (Alipay), and cannot close it before: whoever scanned
// it at the last moment is not to wait until the quiet time is over.
func (u *Pursuit) unborn(c Clock) time.Time {
	quiet := u.From.Add(c.Quiet())
	if next := u.LastQuery.Add(c.QueryEvery); next.Before(quiet) {
		return next
	}
	return quiet
}

// Begin adds a new attempt; what a start-up rebuilds is all that is added otherwise. It fails
// with a *MoveError unless the payment
// is to be kept, has not ended, and every earlier attempt is known to have charged nothing: a
// code is never sent while one that we showed is open, and nothing is paid twice.
func (p *Payment) Begin(a Attempt) error {
	illegal := func(why string, from State) error {
		return fmt.Errorf("begin attempt %d of payment %s: %s: %w", a.N, p.ID, why, &MoveError{Attempt: a.ID, From: from, To: a.State, Intent: p.Intent})
	}
	switch {
	case p.Intent != Keep || p.Ending != Undecided:
		return illegal("it is not to be kept, or has ended", Unknown)
	case a.N != len(p.Attempts)+1 || a.N > MaxAttempts:
		return illegal(fmt.Sprintf("it has %d attempts of at most %d", len(p.Attempts), MaxAttempts), Unknown)
	case a.State != Sending && a.State != Offered:
		return illegal("no attempt begins in this state", Unknown)
	}
	for i := range p.Attempts {
		if before := &p.Attempts[i]; before.State != Declined && before.State != Closed {
			return illegal("an earlier one may have charged something", before.State)
		}
	}
	p.Attempts = append(p.Attempts, a)
	return nil
}

// Offers counts the attempts whose code we showed, or were about to.
func (p *Payment) Offers() int {
	n := 0
	for i := range p.Attempts {
		if p.Attempts[i].Offered() {
			n++
		}
	}
	return n
}
