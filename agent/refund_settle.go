package agent

import (
	"context"
	"fmt"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// SettleRefund closes a refund that needs a person, by that person's word: the customer has
// the money, or not. One that was promised and then not done is taken off the list of what
// is left to do: it was made good in another way.
func (t *Till) SettleRefund(ctx context.Context, id string, given bool) error {
	t.mu.Lock()
	var pm *payment
	for _, other := range t.payments {
		if other.p.FindRefund(id) != nil {
			pm = other
		}
	}
	var op *refundOp
	if pm != nil {
		op = pm.op
	}
	t.mu.Unlock()
	if pm == nil {
		return fmt.Errorf("settle refund %s: %w", id, queue.ErrNotFound)
	}
	p := pm.record()
	ref := *p.FindRefund(id)
	switch {
	case ref.State == sale.RefundRefused && ref.Broken() && given:
		err := pm.save(ctx, func(p *sale.Payment) ([]queue.Put, error) {
			p.FindRefund(id).Replaced = true
			return nil, nil
		})
		if err != nil {
			return fmt.Errorf("settle refund %s: %w", id, err)
		}
	case ref.State == sale.RefundAbnormal && op != nil && op.ref.ID == id:
		state := sale.RefundRefused
		if given {
			state = sale.RefundDone
		}
		// The owner sees that it is final at its next look, and ends.
		if err := pm.settleRefund(ctx, op, state, sale.RefundAnswer{Text: "decided by an operator"}); err != nil {
			return fmt.Errorf("settle refund %s: %w", id, err)
		}
	default:
		return fmt.Errorf("settle refund %s: it does not wait for a decision", id)
	}
	if rec := pm.record(); !rec.FindRefund(id).Broken() {
		t.o.Health.Clear("refund", id)
	}
	t.emit(Event{Kind: "refund", Payment: p.ID, Order: id, State: "settled", Text: "decided by an operator"})
	return nil
}
