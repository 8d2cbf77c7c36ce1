package wallettest

import (
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Kind names a misbehaviour. The text is also what a page or a script calls it.
type Kind string

const (
	// Down: the listener is closed and every connection is cut, until Clear. n is ignored.
	Down Kind = "down"
	// DropRequest: the connection is cut, nothing happened.
	DropRequest Kind = "drop-request"
	// DropAnswer: carried out, then the connection is cut.
	DropAnswer Kind = "drop-answer"
	// Silent: carried out, never answered. SilentNoOrder: nothing happened, never answered.
	Silent        Kind = "silent"
	SilentNoOrder Kind = "silent-no-order"
	// Slow: carried out, answered after Delay.
	Slow Kind = "slow"
	// Hold: carried out, answered when Release is closed; with Before it is carried out only
	// then.
	Hold Kind = "hold"
	// Confirm: the customer must confirm; World.Confirm does. ConfirmAfter: by itself after
	// Delay.
	Confirm      Kind = "confirm"
	ConfirmAfter Kind = "confirm-after"
	Declined     Kind = "declined"
	CodeExpired  Kind = "code-expired"
	// SystemError: the wallet's own "system error"; carried out all the same if Paid.
	SystemError Kind = "system-error"
	// WrongTotal: another total is booked, charged and echoed, here and in queries.
	WrongTotal Kind = "wrong-total"
	// OtherOrder: carried out, but the answer names another order.
	OtherOrder Kind = "other-order"
	// NumberUsed: answered "order number already used", nothing happened.
	NumberUsed Kind = "number-used"
	// HTML200, Redirect307, TooMany (429), BadGateway (502), Huge (100 MB), Trickle (one byte
	// each Delay, 200 ms if zero): what a box on the way answers; carried out if Paid.
	HTML200     Kind = "html-200"
	Redirect307 Kind = "redirect-307"
	TooMany     Kind = "too-many-429"
	BadGateway  Kind = "bad-gateway-502"
	Huge        Kind = "huge"
	Trickle     Kind = "trickle"
	// BadSignature, NoSignature: carried out, answered with a wrong or no signature.
	BadSignature Kind = "bad-signature"
	NoSignature  Kind = "no-signature"
	// ReverseFails: system error, not carried out. ReverseAnswerLost: carried out, connection
	// cut. ReverseLies: answered "done", not carried out.
	ReverseFails      Kind = "reverse-fails"
	ReverseAnswerLost Kind = "reverse-answer-lost"
	ReverseLies       Kind = "reverse-lies"
	// CancelTooLate: Alipay+ refuses a cancel, because its day is over.
	CancelTooLate Kind = "cancel-too-late"
	// NotFoundOnQuery: a query is answered "no such order".
	NotFoundOnQuery Kind = "not-found-on-query"
	// LateCharge: never answered, and carried out only Delay later, as a request that
	// lingered on its way; not if the order was closed meanwhile.
	LateCharge Kind = "late-charge"
	// RefundProcessing: a refund is done only after Delay. RefundStuck: it needs a person.
	// RefundRefused: it is refused.
	RefundProcessing Kind = "refund-processing"
	RefundStuck      Kind = "refund-stuck"
	RefundRefused    Kind = "refund-refused"
	// DoubleCharge, LostSale and OverRefund are accidents planted to see that a comparison
	// finds them: charged twice, answered "paid" with nothing charged, given back twice.
	DoubleCharge Kind = "double-charge"
	LostSale     Kind = "lost-sale"
	OverRefund   Kind = "over-refund"
)

// Kinds lists every kind, for pages and flags.
func Kinds() []Kind {
	return []Kind{Down, DropRequest, DropAnswer, Silent, SilentNoOrder, Slow, Hold, Confirm, ConfirmAfter, Declined,
		CodeExpired, SystemError, WrongTotal, OtherOrder, NumberUsed, HTML200, Redirect307, TooMany, BadGateway, Huge,
		Trickle, BadSignature, NoSignature, ReverseFails, ReverseAnswerLost, ReverseLies, CancelTooLate, NotFoundOnQuery, LateCharge,
		RefundProcessing, RefundStuck, RefundRefused, DoubleCharge, LostSale, OverRefund}
}

// Fault is one misbehaviour and its particulars.
type Fault struct {
	Kind Kind
	// On is the request it strikes; empty means the kind's own: reverse for Reverse... and CancelTooLate, query
	// for NotFoundOnQuery, pay for the rest.
	On sale.Op
	// Delay belongs to Slow, ConfirmAfter, LateCharge and Trickle.
	Delay time.Duration
	// Paid says whether the request is carried out behind SystemError and what boxes answer.
	Paid bool
	// Release ends Hold; nil holds until the world is closed or the client gives up.
	Release <-chan struct{}
	Before  bool
}

func (f Fault) on() sale.Op {
	if f.On != "" {
		return f.On
	}
	switch f.Kind {
	case ReverseFails, ReverseAnswerLost, ReverseLies, CancelTooLate:
		return sale.OpReverse
	case NotFoundOnQuery:
		return sale.OpQuery
	case RefundProcessing, RefundStuck, RefundRefused, OverRefund:
		return sale.OpRefund
	}
	return sale.OpPay
}

// planted is a fault with the number of times it is still to strike; negative: for ever.
type planted struct {
	Fault
	left int
}

// strike takes the first fault planted for op, or the zero Fault.
func (h *house) strike(op sale.Op) Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.faults {
		p := &h.faults[i]
		if p.on() != op || p.left == 0 {
			continue
		}
		f := p.Fault
		if p.left > 0 {
			p.left--
		}
		if p.left == 0 {
			h.faults = append(h.faults[:i], h.faults[i+1:]...)
		}
		return f
	}
	return Fault{}
}
