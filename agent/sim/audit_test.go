package sim

import (
	"bytes"
	"context"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// checkTold holds an answer to what is durable, and to what was heard before. The caller
// holds mu.
func (w *world) checkTold(b *box, a *ask, r agent.Reply) {
	if r.Ending == sale.EndPaid && a.reversal == "" && r.Payment.Amount.Minor != 0 && r.Payment.Amount.Minor != a.amount {
		w.violate("request %s for %d was told that it is paid, of payment %s for %d", a.asked.ServiceID, a.amount, r.Payment.ID, r.Payment.Amount.Minor)
	}
	if a.ending != "" && (a.ending != r.Ending || !bytes.Equal(a.bytes, r.Bytes)) {
		w.violate("request %s was told %q first and %q now", a.asked.ServiceID, a.bytes, r.Bytes)
	}
	if a.ending == "" && r.Ending == sale.EndPaid {
		switch at := b.disk.places[r.Payment.ID]; at {
		case paid, paidUndo, reversing, refunded, manual:
		default:
			w.violate("request %s was told that it is paid while the disk says %s", a.asked.ServiceID, at)
		}
	}
	if r.Ending == sale.EndReversed {
		switch at := b.disk.places[r.Payment.ID]; at {
		case reversed, refunded, declined:
		default:
			w.violate("request %s was told that payment %s is given back while the disk says %s", a.asked.ServiceID, r.Payment.ID, at)
		}
	}
}

// settle ends all trouble and waits until nothing is open. What waits for a person is decided
// as the wallet's book says.
func (w *world) settle() {
	w.mu.Lock()
	w.healed = true
	for _, p := range w.providers {
		p.down = nil
	}
	for _, b := range w.boxes {
		b.fulls, b.jumps = nil, nil
		close(b.wake)
	}
	restart := w.r.IntN(8) == 0
	w.mu.Unlock()
	limit := time.Now().Add(w.secs(4 * 3600))
	for w.stillOpen() {
		time.Sleep(w.secs(5))
		if time.Now().After(limit) {
			w.violate("a payment never ends")
			return
		}
	}
	if !restart {
		return
	}
	for _, b := range w.boxes {
		if inc := b.live(); inc != nil {
			w.mu.Lock()
			w.crash(inc)
			w.mu.Unlock()
		}
	}
	for w.stillOpen() {
		time.Sleep(w.secs(5))
	}
}

// stillOpen reports whether anything is, and lets the operator decide what is MANUAL.
func (w *world) stillOpen() (open bool) {
	for _, b := range w.boxes {
		inc := b.live()
		if inc == nil || w.failing(inc) {
			open = true
			continue
		}
		for _, p := range inc.till.Payments(true) {
			open = true
			if a := p.Current(); a != nil && a.State == sale.Manual {
				w.decide(inc, p)
			}
		}
	}
	return open
}

// failing reports whether a run is about to stop because a write failed.
func (w *world) failing(inc *incarnation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return inc.mayFail
}

// decide is the operator with the wallet's bill in hand.
func (w *world) decide(inc *incarnation, p sale.Payment) {
	w.mu.Lock()
	a := p.Current()
	o := w.providers[a.Contract.Slot-1].orders[a.ID]
	isPaid := false
	if o != nil && !o.foreign && o.buyer != w.nobody && !inc.box.rebuilt && time.Since(o.sentAt) < o.p.clock.Window-o.p.clock.WindowMargin-time.Minute {
		w.violate("order %s waits for a person %s after sending", o.id, time.Since(o.sentAt))
	}
	if o != nil {
		o.catchUp(time.Now())
		if len(o.arrivals) > 0 {
			w.mu.Unlock()
			return
		}
		if o.state == paying {
			o.state = closed
		}
		if isPaid = o.net() == p.Amount.Minor; !isPaid && !o.foreign {
			o.out = o.in
		}
	}
	w.mu.Unlock()
	if err := inc.till.Settle(context.Background(), p.ID, isPaid); err != nil {
		w.mu.Lock()
		if !inc.dead && !inc.mayFail {
			w.violate("settle payment %s: %v", p.ID, err)
		}
		w.mu.Unlock()
	}
}

// audit compares the books.
func (w *world) audit() {
	later := time.Now().Add(24 * time.Hour)
	w.mu.Lock()
	for _, p := range w.providers {
		for _, o := range p.list {
			o.catchUp(later)
			if o.foreign && o.out != 0 {
				w.violate("order %s was somebody else's, and its money was given back", o.id)
			}
		}
	}
	w.mu.Unlock()
	seen := map[string]bool{}
	for _, b := range w.boxes {
		inc := b.live()
		if inc == nil {
			w.violate("till %d does not run", b.n)
			continue
		}
		payments := map[string]*sale.Payment{}
		begun := map[sale.MessageKey]*sale.Payment{}
		for _, p := range inc.till.Payments(false) {
			payments[p.ID], begun[p.Asked.Key()] = &p, &p
			w.auditPayment(&p, seen)
		}
		w.auditAsks(b, inc, payments, begun)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.providers {
		for _, o := range p.list {
			if !seen[o.id] && o.net() != 0 {
				w.violate("order %s is charged and on no record", o.id)
			}
		}
	}
	for _, b := range w.baskets {
		net := int64(0)
		for _, o := range b.orders {
			net += o.net()
		}
		if net > b.bill {
			w.violate("basket %s of %d is charged %d", b.name, b.bill, net)
		}
		w.cover.add(b)
	}
}

// auditPayment: charged - refunded is what the point of sale was finally told, and the right
// customer paid it.
func (w *world) auditPayment(p *sale.Payment, seen map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	net := int64(0)
	for _, a := range p.Attempts {
		seen[a.ID] = true
		o := w.providers[a.Contract.Slot-1].orders[a.ID]
		if o == nil {
			continue
		}
		net += o.net()
		if o.in > 0 && !o.foreign && p.Asked.TransactionID != "" && w.basketOf(p.Asked) != o.buyer.basket {
			w.violate("payment %s of basket %s was charged to a customer of %s", p.ID, p.Asked.TransactionID, o.buyer.basket.name)
		}
	}
	told := int64(0)
	if p.Ending == sale.EndPaid {
		told = p.Amount.Minor - p.Refunded
	}
	if net != told {
		w.violate("payment %s: charged - refunded is %d, and the point of sale was told %d (%s)", p.ID, net, told, p.Ending)
	}
	w.cover.payments++
}

// auditAsks: whatever a request was told is what its payment came to, and stays so.
func (w *world) auditAsks(b *box, inc *incarnation, payments map[string]*sale.Payment, begun map[sale.MessageKey]*sale.Payment) {
	for _, basket := range w.baskets {
		if basket.desk.box != b {
			continue
		}
		for _, a := range basket.asks {
			w.auditAsk(b, inc, a, payments[a.payment], begun[a.asked.Key()])
		}
	}
}

func (w *world) auditAsk(b *box, inc *incarnation, a *ask, told, own *sale.Payment) {
	st, r, err := agent.StatusKnown, agent.Reply{Ending: a.ending, Payment: sale.Payment{ID: a.payment}, Bytes: a.bytes}, error(nil)
	if a.again || a.reused {
		own = nil // it may be another basket's
	} else {
		st, r, err = inc.till.Status(context.Background(), a.asked.Key())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := a.asked.ServiceID
	if told != nil && told.Asked.TransactionID != "" && w.basketOf(told.Asked) != a.basket {
		w.violate("request %s was told about payment %s, of another basket", name, told.ID)
	}
	switch {
	case err != nil:
		w.violate("status of request %s: %v", name, err)
	case st == agent.StatusInProgress:
		w.violate("request %s is in progress for ever", name)
	case st == agent.StatusKnown && a.ending == "":
	case st == agent.StatusKnown:
		w.checkTold(b, a, r)
	case a.ending == sale.EndPaid && !b.disk.wasFull: // that nothing was charged may be forgotten
		w.violate("request %s was told %s and is on record no more", name, a.ending)
	}
	switch {
	case a.reversal != "":
		if told != nil && a.ending == sale.EndReversed && (told.Ending == sale.EndPaid && told.Refunded != told.Amount.Minor) {
			w.violate("reversal %s was told that payment %s is given back, and it is not", name, a.payment)
		}
	case a.ending == sale.EndPaid && (told == nil || told.Ending != sale.EndPaid):
		w.violate("request %s was told that it is paid, and it is not", name)
	case a.ending != "" && a.ending != sale.EndPaid && own != nil && own.Ending == sale.EndPaid && own.Refunded == 0:
		w.violate("request %s was told %s, and its payment is paid", name, a.ending)
	case (a.early && !b.disk.wasFull || a.missing && !b.disk.wasFull || a.undone) && own != nil && own.Ending == sale.EndPaid && own.Refunded == 0 && !own.Kept:
		w.violate("request %s was aborted or not found (%v, %v, %v), and its payment is paid", name, a.early, a.missing, a.undone)
	}
}
