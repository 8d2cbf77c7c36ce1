package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// entry is what is known of one request of a point of sale: the replay guard.
type entry struct {
	hash      []byte
	asked     sale.Asked
	pm        *payment // nil for a refusal or a tombstone
	reversal  bool
	refund    string    // the id of the refund that it is about; empty for other requests
	op        *refundOp // that refund, while it is being made
	slip      *slip     // the order to refund is being looked for
	tombstone string
	reply     []byte // nil until decided
	ending    sale.Ending
	why       string
	at        time.Time // of a refusal or a tombstone
	kept      bool      // that it waits is durable, or about to be
	late      bool      // it was aborted before it arrived: what it waits for is to be undone
	refused   bool      // a buried request arrived and was refused: so are its repeats
}

// replayFor is how long a request is remembered (nexo: a ServiceID is unique for 48 h).
const replayFor = 48 * time.Hour

// Pay carries out a payment, or attaches to the one that this request means, and waits for
// its end. When ctx ends first the payment goes on and the error is ErrUndecided.
func (t *Till) Pay(ctx context.Context, r PayRequest) (Reply, error) {
	e, fresh := t.admit(r)
	if fresh == nil {
		r.Code.Wipe()
	}
	if fresh != nil {
		if refusal, why := t.standing(ctx, r); refusal != sale.Undecided {
			r.Code.Wipe()
			t.withdraw(fresh, e, refusal, why)
			return t.replyTo(e, r.Asked), nil
		}
		if !t.spawn(fresh, func(ctx context.Context) error { return fresh.take(ctx, r.Code) }) {
			r.Code.Wipe()
			return Reply{}, ErrUndecided
		}
	} else {
		t.keep(ctx, e)
		if err := t.abortLate(ctx, e); err != nil {
			return Reply{}, err
		}
	}
	return t.await(ctx, e, r.Asked)
}

// admit finds what a request means under one lock: an answer given before, a payment to
// attach to, a refusal, or a fresh payment that now holds the lane.
func (t *Till) admit(r PayRequest) (*entry, *payment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := r.Asked.Key()
	if e := t.byKey[k]; e != nil {
		switch {
		case e.tombstone != "":
			return t.admitLate(e, r), nil
		case e.reversal || !bytes.Equal(e.hash, r.Asked.Hash):
			return &entry{asked: r.Asked, ending: sale.EndNotAllowed, why: "this ServiceID was used for another request"}, nil
		}
		return e, nil
	}
	e := &entry{hash: r.Asked.Hash, asked: r.Asked}
	if pm := t.sameBasket(r); pm != nil {
		if !pm.p.Amount.Same(r.Amount) {
			return t.refuse(e, sale.EndNotAllowed, fmt.Sprintf("this basket has payment %s of %s already, whose outcome was not delivered: ask its status or reverse it first", pm.p.ID, pm.p.Amount)), nil
		}
		e.pm = pm
		pm.attached = append(pm.attached, r.Asked)
		t.byKey[k] = e
		return e, nil
	}
	if pm := t.paidBasket(r); pm != nil {
		return t.refuse(e, sale.EndNotAllowed, fmt.Sprintf("this basket was paid by payment %s: use another TransactionID for another payment", pm.p.ID)), nil
	}
	if t.occupied() != nil {
		return t.refuse(e, sale.EndBusy, "another payment is running"), nil
	}
	pm := t.newPayment(sale.Payment{
		Version: 1, Seq: t.nextSeq, ID: sale.PaymentID(t.terminal, t.o.Recovery.Token, t.nextSeq),
		Asked: r.Asked, Amount: r.Amount, Intent: sale.Keep, Begun: t.o.Wall().Round(0),
	})
	t.nextSeq++
	pm.brands, pm.contract = r.Brands, r.Contract
	pm.owner = starting
	e.pm = pm
	t.byKey[k], t.payments[pm.p.ID], t.lane = e, pm, pm
	t.makeWay()
	return e, pm
}

// starting is the owner of a payment whose goroutine is about to start: aborts wait for it.
const starting = ^uint64(0)

// sameBasket finds the open or undelivered payment that a new request is a repeat of. The
// caller holds mu.
func (t *Till) sameBasket(r PayRequest) *payment {
	for _, pm := range t.payments {
		p := &pm.p
		if p.Asked.SaleID != r.Asked.SaleID || p.Delivered && !p.InDoubt() {
			continue
		}
		if p.Ending != sale.Undecided && p.Ending != sale.EndPaid || p.Ending == sale.EndPaid && (p.Intent == sale.Undo && !p.Kept || p.Refunded >= p.Amount.Minor) {
			continue // nothing is charged: a fresh try may follow
		}
		same := p.Asked.TransactionID != "" && p.Asked.TransactionID == r.Asked.TransactionID
		if same || t.o.PerTry[r.Asked.SaleID] && p.Amount.Same(r.Amount) {
			return pm
		}
	}
	return nil
}

// paidBasket finds a payment of the same basket and amount that was paid and delivered. The
// caller holds mu.
func (t *Till) paidBasket(r PayRequest) *payment {
	if r.Asked.TransactionID == "" {
		return nil
	}
	for _, pm := range t.payments {
		p := &pm.p
		if p.Asked.SaleID == r.Asked.SaleID && p.Asked.TransactionID == r.Asked.TransactionID &&
			p.Ending == sale.EndPaid && (p.Intent == sale.Keep || p.Kept) && p.Amount.Same(r.Amount) && p.Refunded < p.Amount.Minor &&
			t.o.Wall().Sub(later(p.EndedAt, pm.touched)) < replayFor {
			return pm
		}
	}
	return nil
}

// refuse ends a request without a payment. The caller holds mu. The answer is remembered
// with the next commit; no flush of its own, for nothing happened.
func (t *Till) refuse(e *entry, ending sale.Ending, why string) *entry {
	e.ending, e.why, e.at = ending, why, t.o.Wall().Round(0)
	e.reply = t.o.Render(e.asked, Reply{Ending: ending, Why: why})
	t.byKey[e.asked.Key()] = e
	t.remember(e)
	return e
}

// remember writes the entry's reply along with the next commit.
func (t *Till) remember(e *entry) {
	r := storedReply{Hash: e.hash, Reversal: e.reversal, Refund: e.refund, Ending: e.ending, Why: e.why, Reply: e.reply, At: t.o.Wall().Round(0)}
	if e.pm != nil {
		r.Payment = e.pm.p.ID
	}
	if put, err := replyPut(e.asked.Key(), r); err == nil {
		t.o.Journal.Later(put)
	}
}

// withdraw turns a fresh payment that may not begin into a refusal.
func (t *Till) withdraw(pm *payment, e *entry, ending sale.Ending, why string) {
	t.mu.Lock()
	delete(t.payments, pm.p.ID)
	if t.lane == pm {
		t.lane = nil
	}
	e.pm = nil
	t.refuse(e, ending, why)
	attached := pm.attached
	for _, asked := range attached {
		if other := t.byKey[asked.Key()]; other != nil {
			other.pm = nil
			t.refuse(other, ending, why)
		}
	}
	pm.p.Ending = ending
	t.endLane(pm)
	t.mu.Unlock()
	close(pm.ended)
	t.emit(Event{Kind: "refused", Amount: pm.p.Amount.String(), State: string(ending), Text: why})
	t.showLane()
}

// await waits for the end of what the entry stands for.
func (t *Till) await(ctx context.Context, e *entry, asked sale.Asked) (Reply, error) {
	t.mu.Lock()
	pm, decided := e.pm, e.reply != nil
	t.mu.Unlock()
	if pm != nil && !decided {
		if err := t.waitFor(ctx, pm.ended); err != nil {
			return Reply{}, err
		}
	}
	return t.replyTo(e, asked), nil
}

// waitFor waits until done is closed, the caller hangs up or the till stops.
func (t *Till) waitFor(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	case <-t.stopped:
	}
	return ErrUndecided
}

// replyTo is the entry's answer; the same bytes for every repeat.
func (t *Till) replyTo(e *entry, asked sale.Asked) Reply {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.reversal && e.refund == "" && e.reply == nil && e.pm != nil && e.pm.stillPaid() {
		e.ending, e.why = sale.EndNotAllowed, "an operator decided that this payment stays paid"
	}
	r := Reply{Ending: e.ending, Why: e.why}
	if e.pm != nil {
		r.Payment = clone(e.pm.p)
		if e.refund != "" {
			e.tellRefund(&r)
		}
		if r.Ending == sale.Undecided {
			r.Ending = e.pm.p.Ending
		}
	}
	if e.reply == nil {
		render := t.o.Render
		if e.reversal {
			render = t.o.RenderReverse
		}
		e.reply = render(asked, r)
		if t.byKey[asked.Key()] == e {
			t.remember(e)
		}
	}
	r.Bytes = e.reply
	return r
}

// Delivered notes that the reply to the request was written to a live connection. It costs
// no flush: the note rides along with the next commit.
func (t *Till) Delivered(k sale.MessageKey) {
	e, _ := t.lookUp(k)
	if e.refund != "" {
		e.pm.refundDelivered(e.refund)
		return
	}
	if e.pm == nil || e.reversal {
		return
	}
	pm := e.pm
	pm.writing.Lock()
	defer pm.writing.Unlock()
	next := pm.record()
	if next.Delivered || next.Ending == sale.Undecided {
		return
	}
	next.Delivered = true
	put, err := paymentPut(next)
	if err != nil {
		return
	}
	t.o.Journal.Later(put)
	pm.publish(next)
}

// Status says what is known of the request named by ref (a Payment or a Reversal). A request
// that is not on record is from now on refused, for 48 h, if it arrives late.
func (t *Till) Status(ctx context.Context, ref sale.MessageKey) (StatusOf, Reply, error) {
	e, known := t.lookUp(ref)
	t.mu.Lock()
	recovering := t.recoveringUntil.After(t.o.Wall())
	t.mu.Unlock()
	switch {
	case known != nil && e.tombstone != "":
		return StatusNotFound, Reply{}, nil
	case known != nil && (e.reply != nil || e.over()):
		return StatusKnown, t.replyTo(known, e.asked), nil
	case known != nil:
		return StatusInProgress, Reply{}, nil
	case recovering:
		return StatusInProgress, Reply{}, nil
	}
	return StatusNotFound, Reply{}, t.bury(ctx, ref, "status")
}

// lookUp returns a copy of an entry as it stands, and the entry itself; nil if there is none.
func (t *Till) lookUp(k sale.MessageKey) (entry, *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byKey[k]
	if e == nil && k.POIID == "" {
		for other, found := range t.byKey { // some points of sale leave the POIID out
			if other.SaleID == k.SaleID && other.ServiceID == k.ServiceID {
				e = found
				break
			}
		}
	}
	if e == nil {
		return entry{}, nil
	}
	return *e, e
}

// over reports whether what a copied entry stands for has ended.
func (e *entry) over() bool {
	switch {
	case e.slip != nil || e.op != nil:
		return e.op != nil && e.op.isTold()
	case e.pm == nil || e.refund != "":
		return true
	case e.reversal:
		over, _ := e.pm.givenBack()
		return over
	}
	select {
	case <-e.pm.ended:
		return true
	default:
		return false
	}
}

// bury leaves a tombstone: the request it names will be refused when it arrives late.
func (t *Till) bury(ctx context.Context, k sale.MessageKey, why string) error {
	if len(k.String()) > queue.MaxKey {
		return nil // no request can arrive under such a name
	}
	t.mu.Lock()
	if t.byKey[k] != nil {
		t.mu.Unlock()
		return nil
	}
	t.byKey[k] = &entry{tombstone: why, at: t.o.Wall().Round(0)}
	t.mu.Unlock()
	put, err := replyPut(k, storedReply{Tombstone: why, At: t.o.Wall().Round(0)})
	if err != nil {
		return err
	}
	err = t.commit(ctx, put)
	if errors.Is(err, queue.ErrSpace) {
		t.o.Journal.Later(put) // nothing begins before there is room, and then it is written
		return nil
	}
	if err != nil {
		return fmt.Errorf("remember an early %s: %w", why, err)
	}
	return nil
}

// Abort turns the payment named by ref to undo, if it is of the same SaleID and open. It
// returns once that is durable where it must be; the payment's own answer follows. A
// request not seen yet is from now on refused, for 48 h.
func (t *Till) Abort(ctx context.Context, ref sale.MessageKey, reason string) error {
	e, known := t.lookUp(ref)
	if known == nil {
		return t.bury(ctx, ref, "abort")
	}
	if e.slip != nil {
		return t.abortSlip(ctx, e.slip)
	}
	if e.pm == nil || e.reversal || e.refund != "" {
		return nil // what gives money back is not taken back
	}
	return t.askAbort(ctx, e.pm, "abort")
}

// askAbort turns an undecided payment to undo through its owner, or by itself where nobody
// owns it: it waits for an operator, or for a contract.
func (t *Till) askAbort(ctx context.Context, pm *payment, by string) error {
	t.mu.Lock()
	owned, undecided := pm.owner != 0, pm.p.Ending == sale.Undecided
	t.mu.Unlock()
	if !undecided {
		return nil
	}
	if !owned {
		if err := pm.save(ctx, turn(by)); err != nil {
			return fmt.Errorf("turn payment %s to undo: %w", pm.record().ID, err)
		}
		return nil
	}
	ask := abortAsk{reason: by, ack: make(chan error, 1)}
	select {
	case pm.aborts <- ask:
	case <-pm.ended:
		return nil
	case <-ctx.Done():
		return ErrUndecided
	case <-t.stopped:
		return ErrUndecided
	}
	select {
	case err := <-ask.ack:
		return err
	case <-ctx.Done():
	case <-t.stopped:
	}
	return ErrUndecided
}

// Reverse gives a paid payment back in full and waits for the end of it, like Pay. A
// payment that is not decided yet is turned to undo. Repeats get the first one's outcome.
func (t *Till) Reverse(ctx context.Context, r ReverseRequest) (Reply, error) {
	if err := t.recallSummary(r.Payment); err != nil {
		return Reply{}, err
	}
	e := t.admitReverse(r)
	t.mu.Lock()
	pm, decided, refunds := e.pm, e.reply != nil, e.refund != "" || e.slip != nil
	t.mu.Unlock()
	if refunds {
		return t.answerRefund(ctx, e, r.Asked)
	}
	if pm != nil && !decided {
		if err := t.giveBack(ctx, pm, e); err != nil {
			return Reply{}, err
		}
	}
	return t.replyTo(e, r.Asked), nil
}

// giveBack sees to it that a payment is undone and waits for the end of that. It may be
// called for one payment from several requests.
func (t *Till) giveBack(ctx context.Context, pm *payment, e *entry) error {
	if pm.record().Ending == sale.Undecided {
		t.keep(ctx, e)
		if err := t.askAbort(ctx, pm, "reversal"); err != nil {
			return err
		}
		// It may have been paid before the undo was heard.
		if err := t.waitFor(ctx, pm.ended); err != nil {
			return err
		}
	}
	if !t.startGivingBack(pm, e) {
		return ErrUndecided
	}
	if t.refused(e) {
		return nil
	}
	t.keep(ctx, e)
	for {
		over, done := pm.givenBack()
		if over {
			break
		}
		if err := t.waitFor(ctx, done); err != nil {
			return err
		}
	}
	return nil
}

// refused reports whether the request has its answer already.
func (t *Till) refused(e *entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return e.reply != nil
}

// givenBack reports whether nothing of a payment is charged any more, or an operator decided
// that it stays paid; done is closed when that may have changed. The caller does not hold mu.
func (pm *payment) givenBack() (over bool, done <-chan struct{}) {
	pm.t.mu.Lock()
	defer pm.t.mu.Unlock()
	p, a := &pm.p, pm.p.Current()
	switch {
	case p.Ending == sale.Undecided:
		return false, pm.ended
	case a == nil || p.Kept && !pm.givingBack:
		return true, pm.reversed
	}
	return a.State.Final() && a.State != sale.Paid, pm.reversed
}

// stillPaid reports whether the payment was paid and is. The caller holds mu.
func (pm *payment) stillPaid() bool {
	a := pm.p.Current()
	return pm.p.Ending == sale.EndPaid && a != nil && a.State == sale.Paid
}

// startGivingBack starts the owner goroutine that reverses a paid payment, once, or refuses
// the request because a refund of the payment came first. While the till does not run it
// reports false, and the request is as good as not heard.
func (t *Till) startGivingBack(pm *payment, e *entry) (heard bool) {
	t.mu.Lock()
	a := pm.p.Current()
	if pm.op != nil || a != nil && a.State == sale.Paid && pm.p.Refunded > 0 {
		t.refuseRefund(e, sale.EndBusy, "a refund of this payment came first")
		t.mu.Unlock()
		return true
	}
	start := a != nil && a.State == sale.Paid && !pm.givingBack && pm.owner == 0
	if start {
		pm.givingBack, pm.owner, e.kept = true, starting, true
		pm.reversed = make(chan struct{})
	}
	t.mu.Unlock()
	if !start {
		return true
	}
	began := t.spawn(pm, func(ctx context.Context) error {
		if err := pm.mustSave(ctx, pm.giveBackFor(e)); err != nil {
			return err
		}
		return pm.pursue(ctx)
	})
	if !began {
		t.mu.Lock()
		pm.givingBack, pm.owner = false, 0
		delete(t.byKey, e.asked.Key())
		t.mu.Unlock()
	}
	return began
}

func (t *Till) admitReverse(r ReverseRequest) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := r.Asked.Key()
	if e := t.byKey[k]; e != nil {
		switch {
		case e.tombstone != "":
			return &entry{asked: r.Asked, reversal: true, ending: sale.EndAborted, why: "this request was aborted or asked about before it arrived"}
		case !e.reversal || !bytes.Equal(e.hash, r.Asked.Hash):
			return &entry{asked: r.Asked, reversal: true, ending: sale.EndNotAllowed, why: "this ServiceID was used for another request"}
		}
		return e
	}
	e := &entry{hash: r.Asked.Hash, asked: r.Asked, reversal: true}
	t.byKey[k] = e
	pm := t.onRecord(r.Payment)
	if t.reversesByRefund(pm, r) {
		t.admitRefundOf(e, pm, RefundRequest(r))
		return e
	}
	ending, why := t.mayReverse(pm, r)
	if ending != sale.Undecided {
		e.ending, e.why, e.at = ending, why, t.o.Wall().Round(0)
		e.reply = t.o.RenderReverse(r.Asked, Reply{Ending: ending, Why: why})
		t.remember(e)
		return e
	}
	e.pm, e.ending = pm, sale.EndReversed
	return e
}

// mayReverse says why a payment cannot be given back. The caller holds mu.
func (t *Till) mayReverse(pm *payment, r ReverseRequest) (sale.Ending, string) {
	if pm == nil {
		return sale.EndNotFound, "no such payment on this terminal"
	}
	p := &pm.p
	a := p.Current()
	switch {
	case a != nil && !t.mayTouch(pm, r.Asked.SaleID):
		return sale.EndNotAllowed, "this point of sale does not sell for the merchant of this payment"
	case !r.whole(p.Amount):
		return sale.EndNotAllowed, "only the whole amount can be taken back of a payment that is not paid yet: " + p.Amount.String()
	case a != nil && a.State == sale.Manual:
		return sale.EndNotAllowed, "the outcome of this payment is not known: it waits for an operator's decision"
	case p.Ending == sale.Undecided:
		return sale.Undecided, ""
	case a == nil || p.Ending != sale.EndPaid:
		return sale.EndNotAllowed, "this payment was not paid"
	case a.State == sale.Paid:
		c := t.contracts[a.Contract.Slot]
		if c == nil || !samePlace(c.Ref, a.Contract) {
			return sale.EndNotAllowed, "the contract of this payment is not configured any more"
		}
		if t.o.Wall().Sub(a.SentAt) > c.Clock.Window-c.Clock.WindowMargin {
			return sale.EndNotAllowed, "the wallet takes payments back for " + c.Clock.Window.String() + " only"
		}
	}
	return sale.Undecided, ""
}

// mayTouch reports whether a point of sale may take a payment with an order back: its own, or one
// of a merchant that it sells for. The caller holds mu.
func (t *Till) mayTouch(pm *payment, saleID string) bool {
	c := t.contracts[pm.p.Current().Contract.Slot]
	return c == nil || pm.p.Asked.SaleID == saleID || t.sellsFor(c, saleID)
}

// Confirm is the operator's decision about a payment that waits for one (above the ceiling).
func (t *Till) Confirm(c Confirmation) error {
	t.mu.Lock()
	pm := t.payments[c.Payment]
	waits := pm != nil && pm.p.Ending == sale.Undecided && pm.screen.Kind == ScreenOperator
	t.mu.Unlock()
	switch {
	case pm == nil:
		return fmt.Errorf("confirm %s: %w", c.Payment, queue.ErrNotFound)
	case !waits:
		return fmt.Errorf("confirm %s: it does not wait for a confirmation", c.Payment)
	}
	select {
	case pm.confirms <- c.OK:
		return nil
	default:
		return fmt.Errorf("confirm %s: decided already", c.Payment)
	}
}

// Settle closes a MANUAL attempt by an operator's word: paid or not.
func (t *Till) Settle(ctx context.Context, payment string, paid bool) error {
	return t.settleBy(ctx, payment, paid, sale.EvOperator, "decided by an operator")
}

// settleBy closes a MANUAL attempt by the word of an operator or of the wallet's bill.
func (t *Till) settleBy(ctx context.Context, payment string, paid bool, by sale.Event, words string) error {
	t.mu.Lock()
	pm := t.payments[payment]
	t.mu.Unlock()
	if pm == nil {
		return fmt.Errorf("settle %s: %w", payment, queue.ErrNotFound)
	}
	p := pm.record()
	if a := p.Current(); a == nil || a.State != sale.Manual {
		return fmt.Errorf("settle %s: it does not wait for a decision", payment)
	}
	decide, ending := move(sale.Reversed, by, nil), sale.EndAborted
	if paid {
		decide, ending = both(move(sale.Paid, by, nil), staysPaid), sale.EndPaid
	} else if p.Ending == sale.EndPaid {
		decide = both(decide, refundedInFull)
	}
	if err := pm.finish(ctx, ending, words, decide); err != nil {
		return fmt.Errorf("settle %s: %w", payment, err)
	}
	t.mu.Lock()
	closeOnce(pm.reversed)
	t.mu.Unlock()
	t.o.Health.Clear("manual", p.Current().ID)
	t.resumeTrading(p.Current().ID)
	t.checkStanding()
	t.showLane()
	return nil
}

// staysPaid ends an undo that a person or the bill has overruled.
func staysPaid(p *sale.Payment) ([]queue.Put, error) {
	p.Kept = p.Intent == sale.Undo
	return nil, nil
}

func refundedInFull(p *sale.Payment) ([]queue.Put, error) {
	p.Refunded = p.Amount.Minor
	return nil, nil
}

// closeOnce closes a channel that may be closed already. The caller holds mu.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}
