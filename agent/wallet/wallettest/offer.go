package wallettest

import (
	"fmt"
	"time"
)

// StateOffered is an order whose code a till shows: it waits for a phone to scan it.
const StateOffered = "offered"

// offer makes an order whose code the till shows.
func (h *house) offer(o order, f Fault) (Entry, verdict) {
	if e := h.orders[o.id]; e != nil {
		if e.Code == "" && !e.sent {
			return *e, vClosed // it lingered on its way, and was forbidden meanwhile
		}
		h.w.violate(h.name, "order %s was offered and is known already", o.id)
		return *e, vUsed
	}
	if f.Kind == Declined {
		return Entry{Order: o.id, Merchant: o.merchant, SubMerchant: o.sub}, vDeclined
	}
	if o.life <= 0 || o.life > 2*time.Minute {
		h.w.violate(h.name, "order %s is offered for %s, want at most 2 minutes", o.id, o.life)
	}
	now := time.Now()
	h.last++
	e := &Entry{Wallet: h.name, Order: o.id, Merchant: o.merchant, SubMerchant: o.sub, TotalMinor: o.total, Currency: o.currency,
		State: StateOffered, At: now, Expires: now.Add(o.life)}
	// At Alipay an order comes into being with the first scan of its code.
	e.known = h.name != Alipay
	e.asks = f.Kind == Confirm
	e.Transaction = fmt.Sprintf("42000%s%012d", now.UTC().Format("20060102150405"), h.last)
	e.Code = h.dialect.contract().codeOf(digits(9))
	h.orders[o.id], h.order = e, append(h.order, o.id)
	if f.Kind == ConfirmAfter {
		code := e.Code
		h.w.later(f.Delay, func() { h.w.Scan(code) })
	}
	return *e, vDone
}

// codeOf is the text of the code of an order that a till shows.
func (c Contract) codeOf(random string) string {
	if c.CodeForm == "" {
		return "https://pay.example/" + random
	}
	return fmt.Sprintf(c.CodeForm, random)
}

// payable reports whether its shown code can be paid now.
func (e *Entry) payable() bool { return e.State == StateOffered && time.Now().Before(e.Expires) }

// close closes an order if it is unpaid, and gives no money back.
func (h *house) close(o order) (Entry, verdict) {
	e := h.orders[o.id]
	switch {
	case e == nil || !e.known:
		return Entry{Order: o.id, Merchant: o.merchant, SubMerchant: o.sub}, vNotFound
	case e.State == StatePaid:
		return *e, vPaid
	case e.State == StateOffered, e.State == StatePaying:
		e.State = StateClosed
	}
	return *e, vDone
}

// Scan is a customer's phone that scans a code which a till shows, and pays. It says why
// that is not possible.
func (w *World) Scan(code string) error {
	for _, h := range w.houses {
		h.mu.Lock()
		h.expire()
		for _, id := range h.order {
			e := h.orders[id]
			if e.Code != code {
				continue
			}
			state, payable := e.State, e.payable()
			if payable {
				e.known = true
				if h.name == Aggregator {
					e.PaidBy = "ALIPAY"
				}
				if e.State = StatePaying; !e.asks {
					h.charge(e)
				}
			}
			h.mu.Unlock()
			if !payable {
				return fmt.Errorf("pay the shown code of order %s at %s: it is %s and could be paid until %s", id, h.name, state, e.Expires.Format(time.TimeOnly))
			}
			return nil
		}
		h.mu.Unlock()
	}
	return fmt.Errorf("pay a shown code: no wallet knows it")
}

// Offered lists the codes that can be scanned and paid now.
func (w *World) Offered() []string {
	codes := []string{}
	for _, e := range w.Ledger() {
		if e.payable() {
			codes = append(codes, e.Code)
		}
	}
	return codes
}
