package wallettest

import (
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// States of an order in a ledger.
const (
	StatePaying   = "paying"   // waits for the customer
	StatePaid     = "paid"     // charged
	StateFailed   = "failed"   // declined; nothing charged
	StateClosed   = "closed"   // closed unpaid, or forbidden before it was ever created
	StateRefunded = "refunded" // charged and given back in full
)

// Entry is one order in a wallet's ledger.
type Entry struct {
	Wallet        string    `json:"wallet"`
	Merchant      string    `json:"merchant"`
	SubMerchant   string    `json:"sub_merchant,omitempty"`
	Order         string    `json:"order"`
	Transaction   string    `json:"transaction,omitempty"`
	Currency      string    `json:"currency"`
	TotalMinor    int64     `json:"total"`
	Charges       int       `json:"charges"` // how often the payer was charged
	ChargedMinor  int64     `json:"charged"`
	RefundedMinor int64     `json:"refunded"`
	State         string    `json:"state"`
	At            time.Time `json:"at"` // when the order came, or was forbidden
	PaidAt        time.Time `json:"paid_at,omitzero"`
	// Code is what the till shows, and Expires how long it can be paid, of an order that was
	// offered.
	Code    string    `json:"code,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	// PaidBy is the wallet behind an aggregator that paid.
	PaidBy  string   `json:"paid_by,omitempty"`
	Refunds []Refund `json:"refunds,omitempty"`

	sent     bool // a payment came for it
	known    bool // a query finds it
	asks     bool // whoever scans its code must confirm
	repeated bool // of a copy: the refund that was asked for had been made before
}

// verdict is what came of a request, before it is put into a wallet's words.
type verdict string

const (
	vDone        verdict = "done" // the entry says the rest
	vBadCode     verdict = "bad-code"
	vDeclined    verdict = "declined"
	vUsed        verdict = "number-used"
	vClosed      verdict = "closed"
	vPaid        verdict = "paid" // of a close: it is paid already
	vTooMuch     verdict = "too-much"
	vTooLate     verdict = "too-late"
	vNotFound    verdict = "not-found"
	vSystemError verdict = "system-error"
	vBadRequest  verdict = "bad-request"
)

// order is a request as the ledger sees it.
type order struct {
	op                      sale.Op
	id, merchant, sub, code string
	total                   int64
	currency                string
	life                    time.Duration // of an offer
	refund                  string        // the till's number of a refund
	amount                  int64         // of a refund
	transaction             string        // the wallet's number, where a request names that
	signType                string        // the kind of signature that a request chose
	kind                    string        // a wallet's own name of the request
}

// carry carries a request out.
func (h *house) carry(o order, f Fault) (Entry, verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expire()
	switch o.op {
	case sale.OpPay:
		return h.pay(o, f)
	case sale.OpOffer:
		return h.offer(o, f)
	case sale.OpClose:
		return h.close(o)
	case sale.OpRefund:
		return h.refund(o, f)
	case sale.OpQueryRefund:
		return h.askRefund(o)
	case sale.OpQuery:
		e := h.orders[o.id]
		if e == nil && o.transaction != "" {
			e = h.byTransaction(o.transaction)
		}
		if e == nil || !e.known {
			return Entry{Order: o.id, Merchant: o.merchant, SubMerchant: o.sub}, vNotFound
		}
		return copied(e), vDone
	}
	return h.reverse(o)
}

func (h *house) pay(o order, f Fault) (Entry, verdict) {
	now := time.Now()
	blank := Entry{Wallet: h.name, Order: o.id, Merchant: o.merchant, SubMerchant: o.sub, TotalMinor: o.total, Currency: o.currency, At: now}
	if e := h.orders[o.id]; e != nil {
		if e.sent {
			h.w.violate(h.name, "order %s was sent to be paid a second time", o.id)
			return *e, vUsed
		}
		return *e, vClosed
	}
	if user, used := h.codes[o.code]; used && user != o.id {
		return blank, vBadCode
	}
	if at, ok := h.issued[o.code]; f.Kind == CodeExpired || ok && now.Sub(at) > h.w.scaled(time.Minute) {
		return blank, vBadCode
	}
	if want, ok := h.bound[o.code]; ok && want != (price{o.total, o.currency}) {
		return blank, vBadCode
	}
	h.codes[o.code] = o.id
	h.last++
	e := &blank
	e.sent, e.known = true, true
	if h.name == Aggregator {
		e.PaidBy = payerOf(o.code)
	}
	e.Transaction = fmt.Sprintf("42000%s%012d", now.UTC().Format("20060102150405"), h.last)
	h.orders[o.id], h.order = e, append(h.order, o.id)
	switch f.Kind {
	case Declined:
		e.State = StateFailed
		return *e, vDeclined
	case Confirm, ConfirmAfter:
		e.State = StatePaying
		if f.Kind == ConfirmAfter {
			h.w.later(f.Delay, func() { h.confirm(o.id) })
		}
		return *e, vDone
	case WrongTotal:
		e.TotalMinor++
	}
	h.charge(e)
	switch f.Kind {
	case DoubleCharge:
		h.charge(e)
	case LostSale:
		told := *e
		e.State, e.Charges, e.ChargedMinor, e.PaidAt = StateClosed, 0, 0, time.Time{}
		return told, vDone
	}
	return *e, vDone
}

func (h *house) charge(e *Entry) {
	e.State, e.PaidAt = StatePaid, time.Now()
	e.Charges++
	e.ChargedMinor += e.TotalMinor
}

// reverse closes an unpaid order, gives a paid one back, and forbids one that never came.
func (h *house) reverse(o order) (Entry, verdict) {
	e := h.orders[o.id]
	if e == nil {
		e = &Entry{Wallet: h.name, Order: o.id, Merchant: o.merchant, SubMerchant: o.sub, Currency: "CNY", State: StateClosed, At: time.Now()}
		// WeChat Pay knows a reversed order from then on; the others go on saying that there
		// is none (unconfirmed for UnionPay).
		e.known = h.wechat()
		h.orders[o.id], h.order = e, append(h.order, o.id)
		return *e, vDone
	}
	h.checkEarly(o.id)
	if len(e.Refunds) > 0 {
		h.w.violate(h.name, "order %s was reversed after a part of it was refunded", o.id)
		return *e, vClosed
	}
	switch e.State {
	case StatePaid:
		e.State, e.RefundedMinor = StateRefunded, e.TotalMinor
	case StatePaying, StateFailed, StateOffered:
		e.State = StateClosed
	}
	return *e, vDone
}

// checkEarly holds WeChat Pay's rule: no reverse in the first 15 s. The payment may have
// taken longer on its way here than the reverse did, by a third of a second on a machine with
// many tills: hence the margin.
func (h *house) checkEarly(id string) {
	seen, ok := h.seen[id]
	if !ok || !h.wechat() {
		return
	}
	if early := h.w.scaled(15*time.Second) - time.Since(seen); early > h.w.scaled(1500*time.Millisecond)+400*time.Millisecond {
		h.w.violate(h.name, "order %s was reversed %s too early", id, early)
	}
}

func (h *house) confirm(id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expire()
	e := h.orders[id]
	if e == nil || e.State != StatePaying {
		return fmt.Errorf("confirm order %s at %s: it does not wait for the customer", id, h.name)
	}
	h.charge(e)
	return nil
}

// wechat reports one of WeChat Pay's interfaces.
func (h *house) wechat() bool { return h.name == WeChatPay || h.name == WeChatPayV2 }

// expire closes what waited too long: an offered code at its own time, and at Alipay every
// order after three minutes. At WeChat Pay a code cannot be paid after its time, and its order
// goes on waiting.
func (h *house) expire() {
	for _, e := range h.orders {
		waits := e.State == StateOffered || e.State == StatePaying && e.Code != ""
		if waits && !time.Now().Before(e.Expires) && !h.wechat() {
			e.State = StateClosed
		}
	}
	if h.name != Alipay {
		return
	}
	for _, e := range h.orders {
		if e.State == StatePaying && time.Since(e.At) > h.w.scaled(3*time.Minute) {
			e.State = StateClosed
		}
	}
}
