package agent

import (
	"context"
	"fmt"
	"slices"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// adoptedAtOnce is how many records one commit takes.
const adoptedAtOnce = 100

// keepAdopted makes the records durable and then lets everybody see them. They name no orders
// to the journal's witness: of an order that it named and lost, the next start would think
// that nobody was told anything, and take it back.
func (t *Till) keepAdopted(ctx context.Context, list []sale.Payment) error {
	for part := range slices.Chunk(list, adoptedAtOnce) {
		var puts []queue.Put
		for _, p := range part {
			put, err := paymentPut(p)
			if err != nil {
				return err
			}
			put.Orders, put.PaymentSeq = nil, 0
			puts = append(puts, put)
		}
		if err := t.commit(ctx, puts...); err != nil {
			return fmt.Errorf("take payments on record: %w", err)
		}
		t.mu.Lock()
		for _, p := range part {
			if t.payments[p.ID] == nil {
				t.adopt(p)
			}
		}
		t.mu.Unlock()
	}
	return nil
}

// stays reports whether a payment's record must stay at hand whatever its age: something is
// left to do, or it was adopted and whether the point of sale has it is not known.
func stays(p *sale.Payment) bool { return p.Open() || p.From != "" && p.Untold() }

// Told notes that the point of sale has these adopted payments as paid, by payment or order
// id. It returns those that are none.
func (t *Till) Told(ctx context.Context, ids []string) (unknown []string, err error) {
	for _, id := range ids {
		t.mu.Lock()
		pm := t.payments[id]
		if pm == nil {
			pm = t.byOrder[id]
		}
		t.mu.Unlock()
		if pm == nil || pm.record().From == "" {
			unknown = append(unknown, id)
			continue
		}
		if pm.record().Delivered {
			continue
		}
		err := pm.save(ctx, func(p *sale.Payment) ([]queue.Put, error) {
			p.Delivered = true
			return nil, nil
		})
		if err != nil {
			return unknown, fmt.Errorf("note that payment %s is known: %w", id, err)
		}
	}
	return unknown, nil
}
