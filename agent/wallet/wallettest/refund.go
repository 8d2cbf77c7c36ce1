package wallettest

import "time"

// States of a refund in a ledger.
const (
	RefundPending  = "processing"
	RefundDone     = "refunded"
	RefundAbnormal = "abnormal"
)

// Refund is one part of an order that was given back.
type Refund struct {
	ID     string    `json:"id"`     // as the till named it
	Number string    `json:"number"` // the wallet's own
	Minor  int64     `json:"minor"`
	State  string    `json:"state"`
	At     time.Time `json:"at"`
}

// Refund is the entry's refund of that id, or nil.
func (e *Entry) Refund(id string) *Refund {
	for i := range e.Refunds {
		if e.Refunds[i].ID == id {
			return &e.Refunds[i]
		}
	}
	return nil
}

// refund gives a part of a paid order back, once for one id, and never more than was paid.
func (h *house) refund(o order, f Fault) (Entry, verdict) {
	e := h.orders[o.id]
	if e == nil && o.transaction != "" {
		e = h.byTransaction(o.transaction)
	}
	switch {
	case e == nil || !e.known:
		return Entry{Order: o.id, Merchant: o.merchant, SubMerchant: o.sub}, vNotFound
	case f.Kind == RefundRefused:
		return *e, vDeclined
	}
	if r := e.Refund(o.refund); r != nil {
		if r.Minor != o.amount {
			h.w.violate(h.name, "refund %s was asked for %d and now for %d", o.refund, r.Minor, o.amount)
			return *e, vBadRequest
		}
		again := copied(e)
		again.repeated = true
		return again, vDone
	}
	if e.State != StatePaid {
		return *e, vClosed
	}
	if o.total != 0 && o.total != e.TotalMinor {
		h.w.violate(h.name, "refund %s names the total %d of an order of %d", o.refund, o.total, e.TotalMinor)
		return *e, vBadRequest
	}
	if o.amount <= 0 || o.amount > e.TotalMinor-e.RefundedMinor {
		return *e, vTooMuch
	}
	h.last++
	r := Refund{ID: o.refund, Number: "50300" + digits(18), Minor: o.amount, State: RefundDone, At: time.Now()}
	e.RefundedMinor += o.amount // it has left the merchant's account, whatever follows
	switch f.Kind {
	case RefundProcessing:
		r.State = RefundPending
		h.w.later(f.Delay, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if r := e.Refund(o.refund); r.State == RefundPending {
				r.State = RefundDone
			}
		})
	case RefundStuck:
		r.State = RefundAbnormal
	case OverRefund:
		e.RefundedMinor += o.amount
	}
	e.Refunds = append(e.Refunds, r)
	if e.RefundedMinor == e.TotalMinor {
		e.State = StateRefunded
	}
	return copied(e), vDone
}

// askRefund is a query of a refund, or of all refunds of an order.
func (h *house) askRefund(o order) (Entry, verdict) {
	e := h.orders[o.id]
	if e == nil && o.transaction != "" {
		e = h.byTransaction(o.transaction)
	}
	if e == nil {
		for _, id := range h.order {
			if h.orders[id].Refund(o.refund) != nil {
				e = h.orders[id]
			}
		}
	}
	if e == nil || e.Refund(o.refund) == nil && (o.refund != "" || len(e.Refunds) == 0) {
		return Entry{Order: o.id, Merchant: o.merchant, SubMerchant: o.sub}, vNotFound
	}
	return copied(e), vDone
}

// byTransaction finds an order by the wallet's own number.
func (h *house) byTransaction(number string) *Entry {
	for _, id := range h.order {
		if h.orders[id].Transaction == number {
			return h.orders[id]
		}
	}
	return nil
}

// copied is an entry whose refunds do not change any more.
func copied(e *Entry) Entry {
	c := *e
	c.Refunds = append([]Refund(nil), e.Refunds...)
	return c
}
