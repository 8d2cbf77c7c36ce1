package sim

import (
	"context"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Offer implements agent.Offerer.
func (x *wire) Offer(ctx context.Context, a sale.Attempt) (sale.Offer, error) {
	w := x.p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil || x.inc.dead {
		return sale.Offer{}, err
	}
	payment := a.ID[:22]
	b := w.paymentOf[payment]
	if b == nil {
		w.violate("order %s is offered to nobody", a.ID)
		return sale.Offer{}, nil
	}
	at := x.inc.box.disk.places[payment]
	if w.crashes(x.inc, point{at, offerLeaves}, payment) {
		w.crash(x.inc)
		return sale.Offer{}, errPower
	}
	if at != offered {
		w.violate("order %s is offered while the disk says %s", a.ID, at)
	}
	o := w.newOffer(x.p, a, b, x.inc)
	switch now := time.Now(); {
	case x.p.isDown() || w.rolls(o, notSent):
		w.mark(b, notSent)
		return sale.Offer{Answer: sale.Answer{NotSent: true, Cause: "connection refused"}}, nil
	case w.rolls(o, dropRequest):
		ans, err := x.silence(ctx)
		return sale.Offer{Answer: ans}, err
	case w.rolls(o, delayed):
		late := rnd(o.r, x.p.clock.NetworkDelay)
		o.arrivals = append(o.arrivals, now.Add(late))
		if late >= x.p.clock.Answer {
			ans, err := x.silence(ctx)
			return sale.Offer{Answer: ans}, err
		}
		x.sleep(ctx, late)
		o.catchUp(time.Now())
	default:
		o.arrive(now)
	}
	ans, err := x.answer(ctx, o, sale.OpOffer, func() sale.Answer { return o.says(sale.OutAccepted) }, offerArrived)
	made := sale.Offer{Answer: ans}
	if ans.Outcome == sale.OutAccepted {
		made.Code = "https://pay.example/" + o.id
	}
	return made, err
}

// newOffer enters an order whose code a till shows. The caller holds mu.
func (w *world) newOffer(p *provider, a sale.Attempt, b *basket, inc *incarnation) *order {
	o := w.newOrder(p, a, w.nobody, inc)
	o.buyer, o.offered = &customer{basket: b, plan: b.plan}, true
	if b.plan.has(reverseFails) {
		o.refusals, o.hollow = o.r.IntN(3), o.r.IntN(3)
	}
	b.orders = append(b.orders, o)
	return o
}

// Close implements agent.Offerer.
func (x *wire) Close(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return x.ask(ctx, a, sale.OpClose, closeLeaves)
}
