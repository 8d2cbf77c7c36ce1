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

// waiting is the record of a request that has no reply yet.
func (pm *payment) waiting(e *entry) storedReply {
	return storedReply{Hash: e.hash, Payment: pm.record().ID, Reversal: e.reversal, Ending: e.ending, Asked: &e.asked, At: pm.t.o.Wall().Round(0)}
}

// giveBackFor is the change that turns a paid payment to undo for the reversal e, and makes
// both durable together.
func (pm *payment) giveBackFor(e *entry) change {
	return func(p *sale.Payment) ([]queue.Put, error) {
		p.Turn("reversal")
		put, err := replyPut(e.asked.Key(), pm.waiting(e))
		return []queue.Put{put}, err
	}
}

// recallWaiting takes up a request that waited when the till stopped. It is on record no
// more when what it waited for never became durable: then nothing was sent, or nothing was
// turned.
func (t *Till) recallWaiting(r storedReply) {
	pm := t.payments[r.Payment]
	if pm == nil || r.Reversal && pm.p.Intent != sale.Undo {
		return
	}
	t.byKey[r.Asked.Key()] = &entry{hash: r.Hash, asked: *r.Asked, pm: pm, reversal: r.Reversal, ending: r.Ending, kept: true}
	if !r.Reversal && pm.p.Ending == sale.Undecided {
		pm.attached = append(pm.attached, *r.Asked)
	}
}
