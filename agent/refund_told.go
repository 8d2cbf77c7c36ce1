package agent

import (
	"context"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// tellRefund makes a change of the refund durable together with the answers of all requests
// that wait for it, unless ending is Undecided or it was told before. Edit may be nil.
func (pm *payment) tellRefund(ctx context.Context, op *refundOp, ending sale.Ending, why string, edit func(*sale.Payment, *sale.Refund) error) error {
	t := pm.t
	at := t.o.Wall().Round(0)
	var told []*entry
	var replies [][]byte
	tells := false
	err := pm.mustSave(ctx, func(p *sale.Payment) (puts []queue.Put, err error) {
		ref := p.FindRefund(op.ref.ID)
		if edit != nil {
			if err := edit(p, ref); err != nil {
				return nil, err
			}
		}
		if ref.State.Final() {
			ref.EndedAt = at
		}
		told, replies = nil, nil
		if tells = ending != sale.Undecided && ref.Ending == sale.Undecided; tells {
			ref.Ending, ref.EndedAt = ending, at
			t.mu.Lock()
			told = slices.Clone(op.entries[max(0, len(op.entries)-maxAttached):])
			t.mu.Unlock()
			puts, replies, err = t.refundReplies(told, Reply{Payment: clone(*p), Refund: copyRefund(ref), Ending: ending, Why: why}, op.ref.ID, at)
		}
		if ref.State.Final() && ref.Ending != sale.Undecided {
			ref.Asked.Echo, ref.Asked.Hash = nil, nil // the stored answers have them
		}
		return puts, err
	})
	if err != nil {
		return err
	}
	ref := pm.refundNow(op)
	if ref.State.Final() && !ref.Broken() {
		t.clearRefundAlarms(pm, op) // before anybody is told that their cause is over
	}
	t.mu.Lock()
	for i, e := range told {
		e.reply, e.ending, e.why = replies[i], ending, why
	}
	if tells {
		op.entries = nil
	}
	if ref.State.Final() && ref.Ending != sale.Undecided {
		pm.op, pm.owner = nil, 0 // before anybody is told: the next request may follow at once
	}
	t.mu.Unlock()
	if tells {
		close(op.told)
		pm.tellOf(op, string(ending), why)
		t.flashRefund(pm, op, refundScreen(ending), endShown)
	}
	return nil
}

func copyRefund(r *sale.Refund) *sale.Refund { c := *r; return &c }

// refundReplies renders the answers of the requests and the records that keep them.
func (t *Till) refundReplies(told []*entry, r Reply, id string, at time.Time) (puts []queue.Put, replies [][]byte, err error) {
	payment := r.Payment.ID
	for _, e := range told {
		bytes := t.renderRefund(e, r)
		put, err := replyPut(e.asked.Key(), storedReply{Hash: e.hash, Payment: payment, Reversal: e.reversal, Refund: id,
			Ending: r.Ending, Why: r.Why, Reply: bytes, At: at})
		if err != nil {
			return nil, nil, err
		}
		puts, replies = append(puts, put), append(replies, bytes)
	}
	return puts, replies, nil
}

// withdrawRefund takes a refund off the record of which nothing was sent.
func (pm *payment) withdrawRefund(ctx context.Context, op *refundOp, why string) error {
	err := pm.mustSave(ctx, func(p *sale.Payment) ([]queue.Put, error) {
		p.Refunds = slices.DeleteFunc(p.Refunds, func(r sale.Refund) bool { return r.ID == op.ref.ID })
		return nil, nil
	})
	if err == nil {
		pm.dropRefund(op, sale.EndUnreachable, why)
	}
	return err
}

// dropRefund refuses everybody who waits for a refund that is not on record.
func (pm *payment) dropRefund(op *refundOp, ending sale.Ending, why string) {
	t := pm.t
	t.mu.Lock()
	for _, e := range op.entries {
		t.refuseRefund(e, ending, why)
	}
	pm.op, pm.owner = nil, 0
	t.mu.Unlock()
	close(op.told)
	pm.tellOf(op, string(ending), why)
	t.flashRefund(pm, op, refundScreen(ending), endShown)
}

// tellRefund adds to a reply what the record says of the refund. The caller holds mu.
func (e *entry) tellRefund(r *Reply) {
	ref := r.Payment.FindRefund(e.refund)
	if ref == nil {
		return
	}
	r.Refund = copyRefund(ref)
	if r.Ending == sale.Undecided {
		r.Ending = ref.Ending
	}
}

// keepRefund makes durable that a request waits for a refund that another request began.
func (t *Till) keepRefund(ctx context.Context, e *entry) {
	t.mu.Lock()
	pm, op := e.pm, e.op
	skip := e.kept || op == nil || op.ref.Asked.Key() == e.asked.Key()
	e.kept = true
	t.mu.Unlock()
	if skip {
		return
	}
	pm.writing.Lock()
	defer pm.writing.Unlock()
	if pm.refundNow(op).Ending != sale.Undecided {
		return // the answer is on record, or is rendered when somebody asks
	}
	put, err := replyPut(e.asked.Key(), storedReply{Hash: e.hash, Payment: pm.record().ID, Reversal: e.reversal, Refund: op.ref.ID, Asked: &e.asked, At: t.o.Wall().Round(0)})
	if err == nil {
		err = t.commit(ctx, put)
	}
	if err != nil {
		t.o.Log.Warn("a waiting request is not on record", "refund", op.ref.ID, "err", err)
	}
}

// adoptRefunds takes the refunds of a payment of the journal into memory. The caller holds
// mu, or nobody else is there yet.
func (t *Till) adoptRefunds(pm *payment) {
	for i := range pm.p.Refunds {
		ref := &pm.p.Refunds[i]
		e := &entry{hash: ref.Asked.Hash, asked: ref.Asked, pm: pm, refund: ref.ID, reversal: ref.Reversal, ending: ref.Ending, at: ref.AskedAt}
		if !ref.State.Final() {
			pm.op = newRefundOp(*ref)
			e.op = pm.op
			if ref.Ending == sale.Undecided {
				pm.op.entries = append(pm.op.entries, e)
			}
		}
		if ref.Asked.ServiceID != "" {
			t.byKey[ref.Asked.Key()] = e
		}
	}
}

// recallRefund takes up a request that waited for a refund when the till stopped.
func (t *Till) recallRefund(pm *payment, r storedReply) {
	if pm == nil || pm.p.FindRefund(r.Refund) == nil {
		return // it never became durable: nothing was asked
	}
	e := &entry{hash: r.Hash, asked: *r.Asked, pm: pm, refund: r.Refund, reversal: r.Reversal, kept: true, at: r.At}
	if op := pm.op; op != nil && op.ref.ID == r.Refund && !op.isTold() {
		e.op = op
		op.entries = append(op.entries, e)
	}
	t.byKey[r.Asked.Key()] = e
}

// refundDelivered notes that the outcome of a refund was written to a live connection.
func (pm *payment) refundDelivered(id string) {
	pm.writing.Lock()
	defer pm.writing.Unlock()
	next := pm.record()
	ref := next.FindRefund(id)
	if ref == nil || ref.Delivered || ref.Ending == sale.Undecided {
		return
	}
	ref.Delivered = true
	put, err := paymentPut(next)
	if err != nil {
		return
	}
	pm.t.o.Journal.Later(put)
	pm.publish(next)
}

// refundScreen is how the customer hears of the end of a refund.
func refundScreen(e sale.Ending) Screen {
	if e == sale.EndRefunded {
		return Screen{Kind: ScreenRefunded}
	}
	return Screen{Kind: ScreenNotRefunded, Reason: string(e)}
}

// flashRefund shows something about a refund for a while, unless a customer pays or an
// outcome is in doubt.
func (t *Till) flashRefund(pm *payment, op *refundOp, s Screen, d time.Duration) {
	t.mu.Lock()
	if t.lane == nil && len(t.doubts) == 0 {
		s = t.priced(pm, s)
		s.Amount = op.ref.Amount.Decimal()
		t.flash(s, d)
	}
	t.mu.Unlock()
	t.showLane()
}

// flash shows a screen for a while where nobody has the lane. The caller holds mu, and calls
// showLane after it.
func (t *Till) flash(s Screen, d time.Duration) {
	t.screens.ended, t.screens.endedTo = s, time.Now().Add(d)
	if t.screens.endTimer != nil {
		t.screens.endTimer.Stop()
	}
	t.screens.endTimer = time.AfterFunc(d, t.showLane)
}
