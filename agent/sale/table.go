package sale

import "fmt"

// State is where an attempt stands. The zero value is Unknown: the careful one.
type State string

const (
	Unknown          State = ""
	Sending          State = "SENDING"
	Paid             State = "PAID"
	Declined         State = "DECLINED"
	Reversing        State = "REVERSING"
	Reversed         State = "REVERSED"          // nothing is charged: closed before the payer paid
	ReversedRefunded State = "REVERSED_REFUNDED" // was charged, given back in full
	Manual           State = "MANUAL"            // past the wallet's window, or an order id that was not ours: a bill or an operator closes it
	Offered          State = "OFFERED"           // our code is on the customer's screen
	Closed           State = "CLOSED"            // an offered code was taken away unpaid
)

// String names the zero value.
func (s State) String() string {
	if s == Unknown {
		return "UNKNOWN"
	}
	return string(s)
}

// Final reports whether no further move is needed. PAID is final unless the intent is undo.
func (s State) Final() bool {
	switch s {
	case Paid, Declined, Reversed, ReversedRefunded, Closed:
		return true
	}
	return false
}

// Event is what happened to an attempt.
type Event string

const (
	EvNone       Event = ""
	EvPaid       Event = "paid"
	EvDeclined   Event = "declined"
	EvBadCode    Event = "bad-code"
	EvNotSent    Event = "not-sent"
	EvNoAnswer   Event = "no-answer"
	EvPaying     Event = "paying"
	EvNotFound   Event = "not-found"
	EvFailed     Event = "failed"
	EvClosed     Event = "closed"
	EvRefunded   Event = "refunded"
	EvAccepted   Event = "accepted"
	EvWrongTotal Event = "wrong-total"
	EvForeign    Event = "foreign"
	EvCollision  Event = "collision"
	EvRestart    Event = "restart"  // SENDING or OFFERED was found at start-up
	EvUndo       Event = "undo"     // the intent turned to undo and the earliest time has come
	EvProven     Event = "proven"   // quiet time has passed and a query still says none or closed
	EvWindow     Event = "window"   // the wallet's window is over
	EvLost       Event = "lost"     // rebuilt after lost records
	EvOperator   Event = "operator" // decided by a person
	EvBill       Event = "bill"     // decided by the wallet's bill
)

// Settled reports whether the event is a signed word that the order is not paid now.
func (e Event) Settled() bool {
	switch e {
	case EvPaying, EvNotFound, EvFailed, EvClosed:
		return true
	}
	return false
}

// edge is one legal move. A missing edge is a programming error, not a wallet's.
type edge struct {
	from, to State
	why      Event
}

// moves is the whole law of an attempt. needsUndo marks the moves that only an undone
// payment may make.
var moves = map[edge]struct{ needsUndo bool }{
	{Sending, Paid, EvPaid}:          {},
	{Sending, Declined, EvDeclined}:  {},
	{Sending, Declined, EvBadCode}:   {},
	{Sending, Declined, EvNotSent}:   {},
	{Sending, Unknown, EvNoAnswer}:   {},
	{Sending, Unknown, EvPaying}:     {},
	{Sending, Unknown, EvNotFound}:   {},
	{Sending, Unknown, EvFailed}:     {},
	{Sending, Unknown, EvClosed}:     {},
	{Sending, Unknown, EvRefunded}:   {},
	{Sending, Unknown, EvForeign}:    {},
	{Sending, Unknown, EvWrongTotal}: {},
	{Sending, Unknown, EvRestart}:    {},
	{Sending, Manual, EvCollision}:   {},

	{Unknown, Paid, EvPaid}:         {},
	{Unknown, Declined, EvDeclined}: {},
	{Unknown, Declined, EvClosed}:   {},
	// A query that says the order was given back: by a reverse of ours that a crash made us
	// forget, or else by somebody whose doing a person must look at.
	{Unknown, ReversedRefunded, EvRefunded}: {needsUndo: true},
	{Unknown, Manual, EvRefunded}:           {},
	{Unknown, Reversing, EvUndo}:            {needsUndo: true},
	{Unknown, Manual, EvWindow}:             {},
	{Unknown, Manual, EvLost}:               {},

	{Paid, Reversing, EvUndo}: {needsUndo: true},
	{Paid, Manual, EvWindow}:  {needsUndo: true},

	{Reversing, Reversed, EvClosed}:           {},
	{Reversing, Reversed, EvProven}:           {},
	{Reversing, Reversed, EvDeclined}:         {},
	{Reversing, ReversedRefunded, EvRefunded}: {},
	{Reversing, Manual, EvWindow}:             {},

	{Manual, Paid, EvOperator}:     {},
	{Manual, Paid, EvBill}:         {},
	{Manual, Reversed, EvOperator}: {},
	{Manual, Reversed, EvBill}:     {},

	// An offered code: the order exists before anybody sees the code, and is known paid by
	// query alone. With intent keep it is taken away unpaid; an undone one is reversed.
	{Offered, Paid, EvPaid}:        {},
	{Offered, Closed, EvClosed}:    {},
	{Offered, Closed, EvProven}:    {},
	{Offered, Closed, EvDeclined}:  {},
	{Offered, Closed, EvNotSent}:   {},
	{Offered, Unknown, EvRestart}:  {},
	{Offered, Manual, EvCollision}: {},
	{Offered, Manual, EvRefunded}:  {},
	{Offered, Manual, EvWindow}:    {},
	{Offered, Reversing, EvUndo}:   {needsUndo: true},
}

// MoveError is a move that the table does not hold.
type MoveError struct {
	Attempt  string
	From, To State
	Why      Event
	Intent   Intent
}

func (e *MoveError) Error() string {
	return fmt.Sprintf("move attempt %s from %s to %s on %q with intent %s: not in the table", e.Attempt, e.From, e.To, e.Why, e.Intent)
}

// Move changes the state along the table, or leaves it and returns a *MoveError. The
// caller makes the new state durable before any further side effect.
func (a *Attempt) Move(to State, why Event, intent Intent) error {
	rule, ok := moves[edge{a.State, to, why}]
	if !ok || rule.needsUndo && intent != Undo {
		return &MoveError{Attempt: a.ID, From: a.State, To: to, Why: why, Intent: intent}
	}
	a.State, a.Why = to, why
	a.WasPaid = a.WasPaid || to == Paid
	a.ReverseAsked = a.ReverseAsked || to == Reversing
	return nil
}

// Turn sets the intent to undo, for ever, and remembers the first reason. It reports
// whether anything changed.
func (p *Payment) Turn(by string) bool {
	if p.Intent == Undo {
		return false
	}
	p.Intent, p.UndoneBy = Undo, by
	return true
}
