package agent

import (
	"context"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// keep makes durable that a request waits for a payment that another request began, before
// anybody waits: otherwise it would be "not found" after a power cut, while the payment goes
// on and is charged. The request that began the payment is in the payment's own record.
func (t *Till) keep(ctx context.Context, e *entry) {
	t.mu.Lock()
	pm := e.pm
	skip := pm == nil || e.kept || e.reply != nil || !e.reversal && pm.p.Asked.Key() == e.asked.Key()
	e.kept = true
	t.mu.Unlock()
	if skip {
		return
	}
	// finish writes the reply under the same key: the later word must be the later record.
	pm.writing.Lock()
	defer pm.writing.Unlock()
	r := pm.waiting(e)
	if pm.record().Ending != sale.Undecided && !e.reversal {
		over := t.replyTo(e, e.asked)
		r.Ending, r.Reply = over.Ending, over.Bytes
	}
	put, err := replyPut(e.asked.Key(), r)
	if err == nil {
		err = t.commit(ctx, put)
	}
	if err != nil {
		// The wait goes on: without the record only a power cut makes a difference.
		t.o.Log.Warn("a waiting request is not on record", "payment", r.Payment, "err", err)
		return
	}
	t.emit(Event{Kind: "attached", Payment: r.Payment, Text: "the point of sale asked again, ServiceID " + e.asked.ServiceID})
}

// admitLate finds what a request means that was aborted, or asked about, before it arrived. It
// never begins a payment. But "nothing is charged" would be a lie while its basket has a
// payment that another request began: then it waits for that one, and an abort was meant for
// it too. Once refused it stays refused: a copy that comes later must not be told something
// else, nor abort a payment that began since. The caller holds mu.
func (t *Till) admitLate(buried *entry, r PayRequest) *entry {
	pm := t.sameBasket(r)
	if buried.refused || pm == nil || !pm.p.Amount.Same(r.Amount) {
		buried.refused = true
		return &entry{asked: r.Asked, ending: sale.EndAborted, why: "this request was aborted or asked about before it arrived"}
	}
	e := &entry{hash: r.Asked.Hash, asked: r.Asked, pm: pm, late: buried.tombstone == "abort"}
	pm.attached = append(pm.attached, r.Asked)
	t.byKey[r.Asked.Key()] = e
	return e
}

// abortLate carries out the abort that overtook its request.
func (t *Till) abortLate(ctx context.Context, e *entry) error {
	t.mu.Lock()
	due := e.late && e.pm.p.Ending == sale.Undecided
	e.late = false
	t.mu.Unlock()
	if !due {
		return nil
	}
	return t.askAbort(ctx, e.pm, "abort")
}

// waiting is the record of a request that has no reply yet.
func (pm *payment) waiting(e *entry) storedReply {
	pm.t.mu.Lock()
	defer pm.t.mu.Unlock()
	return storedReply{Hash: e.hash, Payment: pm.p.ID, Reversal: e.reversal, Ending: e.ending, Asked: &e.asked, At: pm.t.o.Wall().Round(0)}
}

// giveBackFor is the change that turns a paid payment to undo for the reversal e, and makes
// both durable together.
func (pm *payment) giveBackFor(e *entry) change {
	return func(p *sale.Payment) ([]queue.Put, error) {
		if p.Refunded > 0 || p.OpenRefund() != nil {
			return nil, errRefunded
		}
		p.Turn("reversal")
		p.Kept = false
		put, err := replyPut(e.asked.Key(), pm.waiting(e))
		return []queue.Put{put}, err
	}
}

// recallWaiting takes up a request that waited when the till stopped. It is on record no
// more when what it waited for never became durable: then nothing was sent, or nothing was
// turned.
func (t *Till) recallWaiting(r storedReply) {
	pm := t.payments[r.Payment]
	if r.Refund != "" {
		t.recallRefund(pm, r)
		return
	}
	if pm == nil || r.Reversal && pm.p.Intent != sale.Undo {
		return
	}
	t.byKey[r.Asked.Key()] = &entry{hash: r.Hash, asked: *r.Asked, pm: pm, reversal: r.Reversal, ending: r.Ending, kept: true}
	if !r.Reversal && pm.p.Ending == sale.Undecided {
		pm.attached = append(pm.attached, *r.Asked)
	}
}
