package sim

import (
	"math/rand/v2"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// provider is one wallet's server: what it did to whom. It is guarded by world.mu. Nothing in
// it runs by itself: what was to happen at a time is done when somebody looks.
type provider struct {
	w      *world
	ref    sale.ContractRef
	clock  sale.Clock
	scheme string
	orders map[string]*order
	list   []*order
	down   []span
}

type orderState uint8

const (
	absent  orderState = iota
	paying             // exists, waits for the payer
	charged            // paid, or given back
	closed             // will never be paid
	failed             // declined, or a bad code: will never be paid
)

// order is one order number at a provider.
type order struct {
	p      *provider
	r      *rand.Rand
	id     string
	owner  *box
	buyer  *customer
	asked  sale.Amount
	sum    int64 // what is charged, when it is
	sentAt time.Time
	tx     string
	pays   int // requests to pay that left the till

	state     orderState
	word      sale.Outcome // of a failed order, or of one that waits
	foreign   bool         // somebody else's: the number was used before
	in, out   int64        // charged, given back
	arrivals  []time.Time  // requests to pay that are still on their way
	confirmAt time.Time    // zero: never
	refusals  int          // how many reverses fail
	hollow    int          // how many reverses are accepted without effect
	denied    bool         // "does not exist", for ever
	tombstone bool         // a reverse of an order that is not there keeps it away for ever
	budget    int          // how many requests may still go wrong
	sentBy    *incarnation
	kind      answerKind
	offered   bool      // its code is on our screen
	endsAt    time.Time // of an offered order: it cannot be paid any more
	atClosing bool      // it is paid while it is being closed
	log       []request // queries and reverses, as they left the till
}

// request is one that left a till.
type request struct {
	op sale.Op
	at time.Time
}

// answerKind is what the customer and the wallet make of a request to pay.
type answerKind uint8

const (
	paysAtOnce answerKind = iota
	confirms              // after a while, or never
	declines
	expired
)

func (o *order) net() int64 {
	if o.foreign {
		return 0
	}
	return o.in - o.out
}

// catchUp does what was to happen until now.
func (o *order) catchUp(now time.Time) {
	for {
		next := -1
		for i, at := range o.arrivals {
			if !at.After(now) && (next < 0 || at.Before(o.arrivals[next])) {
				next = i
			}
		}
		confirms := o.state == paying && !o.confirmAt.IsZero() && !o.confirmAt.After(now) && !(o.offered && o.confirmAt.After(o.endsAt))
		switch {
		case next >= 0 && !(confirms && o.confirmAt.Before(o.arrivals[next])):
			at := o.arrivals[next]
			o.arrivals = append(o.arrivals[:next], o.arrivals[next+1:]...)
			o.arrive(at)
		case confirms:
			o.charge()
		default:
			return
		}
	}
}

func (o *order) charge() { o.state, o.in = charged, o.sum }

// arrive is a request to pay at the server. A code that is older than the time for which
// "does not exist" proves nothing is worth nothing any more.
func (o *order) arrive(at time.Time) {
	if o.offered {
		o.made(at)
		return
	}
	if o.state != absent || at.Sub(o.sentAt) >= o.p.clock.Quiet()-time.Millisecond {
		return
	}
	switch o.kind {
	case paysAtOnce:
		o.charge()
	case confirms:
		o.state, o.word = paying, sale.OutPaying
		if o.buyer.plan.has(payFails) {
			o.word = sale.OutFailed
		}
		if wait := o.confirmsAfter(); wait > 0 {
			o.confirmAt = at.Add(wait)
		}
	case declines:
		o.state, o.word = failed, sale.OutDeclined
	case expired:
		o.state, o.word = failed, sale.OutBadCode
	}
}

// made is an order whose code a till shows: somebody scans it soon, late, while it is being
// closed, or after it went off the screen, as long as the wallet lets them.
func (o *order) made(at time.Time) {
	if o.state != absent {
		return
	}
	life := o.p.clock.OfferLife
	o.state, o.word, o.endsAt = paying, sale.OutPaying, at.Add(life)
	switch o.r.IntN(5) {
	case 0, 1:
		o.confirmAt = at.Add(1 + rnd(o.r, life/2))
	case 2:
		o.confirmAt = at.Add(life - rnd(o.r, life/10))
	case 3:
		o.atClosing = true
	}
}

// closeNow closes an order that is not paid, and gives nothing back.
func (o *order) closeNow() sale.Answer {
	if o.refusals > 0 && !o.p.w.healed {
		o.refusals--
		o.p.w.mark(o.buyer.basket, reverseFails)
		return o.says([]sale.Outcome{sale.OutUnknown, sale.OutRetry, sale.OutAccepted}[o.r.IntN(3)])
	}
	if o.hollow > 0 && !o.p.w.healed {
		o.hollow--
		o.p.w.mark(o.buyer.basket, reverseFails)
		return o.says(sale.OutAccepted)
	}
	if o.atClosing && o.state == paying && time.Now().Before(o.endsAt) {
		o.charge()
	}
	if o.state == paying || o.state == absent && o.tombstone {
		o.state = closed
	}
	return o.says(sale.OutAccepted)
}

// confirmsAfter is how long the payer takes; zero is for ever.
func (o *order) confirmsAfter() time.Duration {
	deadline := o.p.clock.PayerDeadline
	plan := &o.buyer.plan
	switch {
	case plan.has(confirmLate):
		o.p.w.mark(o.buyer.basket, confirmLate)
		return deadline*3/4 + rnd(o.r, deadline)
	case plan.has(confirmAfterLast):
		return 0
	case plan.has(walksAway) && o.r.IntN(2) == 0:
		o.p.w.mark(o.buyer.basket, walksAway)
		return 0
	}
	return 1 + rnd(o.r, deadline/2)
}

// pay, query and reverse are what the server says to a request that arrives now.

func (o *order) payNow() sale.Answer {
	switch o.state {
	case charged:
		if o.pays > 1 || o.foreign {
			return o.says(sale.OutDuplicate)
		}
		return o.says(sale.OutPaid)
	case paying:
		return o.says(sale.OutPaying)
	case failed:
		return o.says(o.word)
	}
	return o.says(sale.OutUnknown)
}

func (o *order) queryNow() sale.Answer {
	if o.denied {
		return o.says(sale.OutNotFound)
	}
	switch o.state {
	case absent:
		return o.says(sale.OutNotFound)
	case paying:
		return o.says(o.word)
	case charged:
		if o.out > 0 {
			return o.says(sale.OutRefunded)
		}
		return o.says(sale.OutPaid)
	case failed:
		if o.word == sale.OutBadCode {
			return o.says(sale.OutNotFound)
		}
		return o.says(sale.OutFailed)
	}
	return o.says(sale.OutClosed)
}

func (o *order) reverseNow(now time.Time) sale.Answer {
	w := o.p.w
	if o.foreign {
		o.out = o.in // what must never happen; the audit sees it
		return o.says(sale.OutAccepted)
	}
	if now.Sub(o.sentAt) > o.p.clock.Window {
		return o.says(sale.OutDeclined) // for ever
	}
	if o.refusals > 0 && !w.healed {
		o.refusals--
		w.mark(o.buyer.basket, reverseFails)
		return o.says([]sale.Outcome{sale.OutUnknown, sale.OutRetry, sale.OutDeclined}[o.r.IntN(3)])
	}
	if o.hollow > 0 && !w.healed {
		o.hollow--
		w.mark(o.buyer.basket, reverseFails)
		return o.says(sale.OutAccepted)
	}
	if o.state == paying && o.buyer.plan.has(confirmAfterLast) {
		w.mark(o.buyer.basket, confirmAfterLast)
		o.charge()
	}
	switch o.state {
	case charged:
		o.out = o.in
	case paying, failed:
		o.state = closed
	case absent:
		if o.tombstone {
			o.state = closed
		}
	}
	return o.says(sale.OutAccepted)
}

// says makes an answer of this order.
func (o *order) says(out sale.Outcome) sale.Answer {
	ans := sale.Answer{Outcome: out, Signed: true, Order: o.id, Merchant: o.p.ref.Merchant, Code: string(out), WalletTransaction: o.tx}
	switch out {
	case sale.OutPaid, sale.OutRefunded, sale.OutPaying:
		ans.Total, ans.HasTotal = sale.Amount{Minor: o.sum, Currency: o.asked.Currency, Exponent: o.asked.Exponent}, true
	case sale.OutUnknown:
		ans.Cause = "system error"
	}
	return ans
}
