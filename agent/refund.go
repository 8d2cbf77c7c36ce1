package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// refundOp is a refund that is being made. The payment's owner goroutine works on it; a
// payment that has one gives nothing back in any other way.
type refundOp struct {
	ref sale.Refund // as it was claimed; how it stands is in the payment's record
	// entries are the requests to answer when it is told, guarded by Till.mu.
	entries []*entry
	told    chan struct{} // closed once the answer is durable
	started bool          // guarded by Till.mu
	// pendingAt is when the wallet first said that it works on it; the owner's alone.
	pendingAt time.Time
}

func newRefundOp(ref sale.Refund) *refundOp {
	op := &refundOp{ref: ref, told: make(chan struct{})}
	if ref.Ending != sale.Undecided {
		close(op.told)
	}
	return op
}

func (op *refundOp) isTold() bool {
	select {
	case <-op.told:
		return true
	default:
		return false
	}
}

// errRefunded keeps a payment from being reversed of which a part was given back already.
var errRefunded = errors.New("a part of the payment was given back: it cannot be reversed any more")

// Refund gives a paid order, or a part of it, back and waits for the outcome, like Pay. The
// answer is:
//
//   - EndRefunded once the wallet has done it, or once it has taken it with a signature and
//     works on it for longer than a moment (Reply.Refund.State then says PROCESSING): the
//     money leaves the merchant and nobody may pay it out in cash as well. Should it not
//     arrive after all, an alarm says so.
//   - A refusal (EndDeclined from the wallet's closed list, EndNotAllowed, EndNotFound,
//     EndBusy, EndUnreachable, EndNoSpace, EndAborted, ...) only when nothing moves.
//   - Nothing, and ErrUndecided when ctx ends, while the outcome is unknown or a person has to
//     settle it at the wallet: it goes on; ask for its status.
//
// A request of the same SaleID, TransactionID and amount is the same refund while it is open
// or its outcome was not delivered.
func (t *Till) Refund(ctx context.Context, r RefundRequest) (Reply, error) {
	if err := t.recallSummary(r.Payment); err != nil {
		return Reply{}, err
	}
	e := t.admitRefund(r)
	return t.answerRefund(ctx, e, r.Asked)
}

// answerRefund starts what the entry may have claimed, and waits for its outcome.
func (t *Till) answerRefund(ctx context.Context, e *entry, asked sale.Asked) (Reply, error) {
	if !t.startRefund(e) {
		return Reply{}, ErrUndecided
	}
	for {
		t.mu.Lock()
		decided, op, b := e.reply != nil, e.op, e.slip
		t.mu.Unlock()
		var err error
		switch {
		case decided:
			return t.replyTo(e, asked), nil
		case b != nil:
			err = t.waitFor(ctx, b.found)
		case op != nil && !op.isTold():
			t.keepRefund(ctx, e)
			err = t.waitFor(ctx, op.told)
		default:
			return t.replyTo(e, asked), nil
		}
		if err != nil {
			return Reply{}, err
		}
	}
}

// admitRefund finds what a request means: an answer given before, a refund to attach to, a
// refusal, or a fresh one that now holds its payment.
func (t *Till) admitRefund(r RefundRequest) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := r.Asked.Key()
	if e := t.byKey[k]; e != nil {
		switch {
		case e.tombstone != "":
			return &entry{asked: r.Asked, ending: sale.EndAborted, why: "this request was aborted or asked about before it arrived"}
		case e.reversal || !bytes.Equal(e.hash, r.Asked.Hash):
			return &entry{asked: r.Asked, ending: sale.EndNotAllowed, why: "this ServiceID was used for another request"}
		}
		return e
	}
	if len(k.String()) > queue.MaxKey { // its answer could not be kept
		return &entry{asked: r.Asked, ending: sale.EndBadMessage, why: "SaleID and POIID are too long"}
	}
	e := &entry{hash: r.Asked.Hash, asked: r.Asked, at: t.o.Wall().Round(0)}
	t.byKey[k] = e
	if r.Payment == "" {
		t.admitScanned(e, r)
	} else {
		t.admitRefundOf(e, t.onRecord(r.Payment), r)
	}
	return e
}

// onRecord is the payment with this id, order id or wallet's number. The caller holds mu.
func (t *Till) onRecord(id string) *payment {
	if pm := t.payments[id]; pm != nil {
		return pm
	}
	if pm := t.byOrder[id]; pm != nil {
		return pm
	}
	for _, c := range t.contracts {
		if order := t.settled[c.Ref.Wallet+"\x00"+id]; order != "" {
			return t.byOrder[order]
		}
	}
	return nil
}

// admitRefundOf attaches the request to a refund of the payment that it repeats, claims the
// payment for a new one, or refuses. The caller holds mu.
func (t *Till) admitRefundOf(e *entry, pm *payment, r RefundRequest) {
	if pm == nil {
		if t.findable(r.Payment) {
			t.lookFor(e, r)
			return
		}
		t.refuseRefund(e, sale.EndNotFound, "no such payment on this terminal")
		return
	}
	amount, err := r.amount(pm.p.Amount.Currency)
	if err != nil {
		t.refuseRefund(e, sale.EndBadMessage, err.Error())
		return
	}
	if t.repeatsRefund(e, pm, r.Asked, amount) {
		return
	}
	ref, ending, why := t.mayRefund(pm, r.Asked, amount)
	if ending != sale.Undecided {
		t.refuseRefund(e, ending, why)
		return
	}
	ref.Scanned, ref.Reversal = r.Payment == "", e.reversal
	pm.op, pm.owner = newRefundOp(ref), starting
	t.attachRefund(e, pm, pm.op)
}

// amount is the sum that is asked for, nil for all that is left.
func (r RefundRequest) amount(c sale.Currency) (*sale.Amount, error) {
	if r.Amount != nil || r.Major == "" {
		return r.Amount, nil
	}
	a, err := sale.ParseAmount(r.Major, c)
	return &a, err
}

// whole reports whether all of total is asked for.
func (r ReverseRequest) whole(total sale.Amount) bool {
	a, err := RefundRequest{Amount: r.Amount, Major: r.Major}.amount(total.Currency)
	return err == nil && (a == nil || a.Same(total))
}

// repeatsRefund attaches a request to the refund that it asks for again. The caller holds mu.
func (t *Till) repeatsRefund(e *entry, pm *payment, asked sale.Asked, amount *sale.Amount) bool {
	if op := pm.op; op != nil && op.ref.SameRequest(asked, amount) {
		t.attachRefund(e, pm, op)
		return true
	}
	for i := range pm.p.Refunds {
		ref := &pm.p.Refunds[i]
		if ref.SameRequest(asked, amount) && !ref.Delivered {
			e.pm, e.refund = pm, ref.ID
			return true
		}
	}
	return false
}

func (t *Till) attachRefund(e *entry, pm *payment, op *refundOp) {
	e.pm, e.refund, e.op = pm, op.ref.ID, op
	op.entries = append(op.entries, e)
}

// refuseRefund ends a request for money back without one. The caller holds mu.
func (t *Till) refuseRefund(e *entry, ending sale.Ending, why string) {
	e.pm, e.refund, e.op, e.slip = nil, "", nil, nil
	e.ending, e.why, e.at = ending, why, t.o.Wall().Round(0)
	e.reply = t.renderRefund(e, Reply{Ending: ending, Why: why})
	t.remember(e)
}

func (t *Till) renderRefund(e *entry, r Reply) []byte {
	if e.reversal {
		return t.o.RenderReverse(e.asked, r)
	}
	return t.o.Render(e.asked, r)
}

// mayRefund makes the refund that a request may have, or says why it may not. The caller
// holds mu.
func (t *Till) mayRefund(pm *payment, asked sale.Asked, amount *sale.Amount) (ref sale.Refund, ending sale.Ending, why string) {
	p, a := &pm.p, pm.p.Current()
	refuse := func(e sale.Ending, format string, args ...any) (sale.Refund, sale.Ending, string) {
		return sale.Refund{}, e, fmt.Sprintf(format, args...)
	}
	switch {
	case p.Ending == sale.Undecided && (a == nil || a.State != sale.Manual):
		return refuse(sale.EndNotAllowed, "the outcome of this payment is not known yet: abort or reverse it")
	case a == nil || a.State == sale.Declined || a.State == sale.Closed:
		return refuse(sale.EndNotAllowed, "this payment was not paid")
	case a.State == sale.Manual:
		return refuse(sale.EndNotAllowed, "the outcome of this payment is not known: it waits for an operator's decision")
	case a.State == sale.Reversed || a.State == sale.ReversedRefunded:
		return refuse(sale.EndNotAllowed, "this payment was given back in full already")
	case pm.op != nil || p.OpenRefund() != nil:
		return refuse(sale.EndBusy, "another refund of this payment is not finished yet")
	case pm.givingBack || p.Undoing() || a.State != sale.Paid:
		return refuse(sale.EndBusy, "this payment is being taken back in full")
	case pm.owner != 0:
		return refuse(sale.EndBusy, "this payment is being worked on")
	}
	left := sale.Amount{Minor: a.Amount.Minor - p.Refunded, Currency: a.Amount.Currency, Exponent: a.Amount.Exponent}
	ref = sale.Refund{Amount: left, Asked: asked, AskedAt: t.o.Wall().Round(0), Whole: amount == nil}
	if amount != nil {
		ref.Amount = *amount
	}
	switch {
	case left.Minor <= 0:
		return refuse(sale.EndNotAllowed, "this payment was given back in full already")
	case ref.Amount.Currency != left.Currency || ref.Amount.Exponent != left.Exponent:
		return refuse(sale.EndNotAllowed, "this payment was made in %s", left.Currency)
	case ref.Amount.Minor <= 0 || ref.Amount.Minor > left.Minor:
		return refuse(sale.EndNotAllowed, "%s of this payment can be given back, not %s", left, ref.Amount)
	case len(p.Refunds) >= sale.MaxRefunds:
		return refuse(sale.EndNotAllowed, "this payment has %d refunds already: give the rest back at the wallet", len(p.Refunds))
	}
	if ending, why := t.refunderOf(a, asked.SaleID); ending != sale.Undecided {
		return sale.Refund{}, ending, why
	}
	if ending, why := t.refundStanding(); ending != sale.Undecided {
		return sale.Refund{}, ending, why
	}
	id, taken := p.NewRefundID(asked, ref.Amount)
	if taken {
		return refuse(sale.EndNotAllowed, "this was given back already by refund %s: use another TransactionID to give back the same sum again", id)
	}
	ref.ID = id
	return ref, sale.Undecided, ""
}

// refunderOf says why the contract of an attempt cannot give a part back for a point of sale. The caller holds
// mu.
func (t *Till) refunderOf(a *sale.Attempt, saleID string) (sale.Ending, string) {
	c := t.contracts[a.Contract.Slot]
	if c == nil || !samePlace(c.Ref, a.Contract) {
		return sale.EndNotAllowed, "the contract of this payment is not configured any more"
	}
	if !t.sellsFor(c, saleID) {
		return sale.EndNotAllowed, "this point of sale does not sell for the merchant of this payment"
	}
	if _, ok := c.Wallet.(Refunder); !ok {
		return sale.EndNotAllowed, "this wallet gives no part back: reverse the whole payment"
	}
	if c.Clock.RefundWindow > 0 && t.age(a) > c.Clock.RefundWindow {
		return sale.EndNotAllowed, "the wallet gives payments back for " + c.Clock.RefundWindow.String() + " only"
	}
	return sale.Undecided, ""
}

// refundStanding says whether a new refund may begin now. Neither an untrusted clock nor a
// missing scanner forbids one of an order that is known.
func (t *Till) refundStanding() (sale.Ending, string) {
	if err := t.o.Journal.Room(); errors.Is(err, queue.ErrSpace) {
		return sale.EndNoSpace, "the journal has no room for a new refund"
	} else if err != nil {
		return sale.EndStopped, err.Error()
	}
	for _, c := range t.o.Health.Causes() {
		if c.Severity != health.Closed {
			continue
		}
		switch c.Code {
		case "foreign-board", "recovery", "stopped":
			return sale.EndStopped, c.Text
		}
	}
	return sale.Undecided, ""
}

// reversesByRefund reports whether a Reversal has to go by a refund: of a part, of what is
// left after one, of an order that the wallet does not reverse any more or that is not
// this terminal's. The caller holds mu.
func (t *Till) reversesByRefund(pm *payment, r ReverseRequest) bool {
	if pm == nil {
		return t.findable(r.Payment)
	}
	p, a := &pm.p, pm.p.Current()
	if p.Ending != sale.EndPaid || a == nil || a.State != sale.Paid || p.Undoing() || pm.givingBack {
		return false
	}
	if pm.op != nil || len(p.Refunds) > 0 || p.Refunded > 0 || p.Found || !r.whole(p.Amount) {
		return true
	}
	c := t.contracts[a.Contract.Slot]
	if c == nil || t.o.Wall().Sub(a.SentAt) <= c.Clock.Window-c.Clock.WindowMargin {
		return false
	}
	_, ok := c.Wallet.(Refunder)
	return ok
}
