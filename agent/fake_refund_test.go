package agent_test

import (
	"context"
	"encoding/json"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// giving is the part of a wallet that gives money back, and what a test scripts of it.
type giving struct {
	made    map[string]*given // by refund id
	asks    []string          // ids, in the order in which they were asked for
	queries int
	finds   []string // numbers that were asked about

	// onRefund and onQuery answer instead of the ledger; false: go on normally.
	onRefund func(g *given) (sale.RefundAnswer, bool)
	onQuery  func(g *given) (sale.RefundAnswer, bool)
	onFind   func(number string) (sale.Answer, bool)
	slow     bool // takes a refund and works on it
}

// given is one refund in the wallet's ledger.
type given struct {
	ref   sale.Refund
	order *order
	state sale.RefundOutcome
}

func (w *wallet) refundAnswer(g *given, out sale.RefundOutcome) sale.RefundAnswer {
	return sale.RefundAnswer{Outcome: out, Signed: true, Order: g.order.id, Merchant: w.ref.Merchant, ID: g.ref.ID,
		Amount: g.ref.Amount, HasAmount: true, Code: string(out), WalletRefund: "rf-" + g.ref.ID}
}

func (w *wallet) Refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return sale.RefundAnswer{}, err
	}
	if w.down {
		return sale.RefundAnswer{NotSent: true, Cause: "connection refused"}, nil
	}
	w.giving.asks = append(w.giving.asks, r.ID)
	g := w.giving.made[r.ID]
	if g == nil {
		g = &given{ref: r, order: w.order(a)}
	}
	if f := w.giving.onRefund; f != nil {
		var ans sale.RefundAnswer
		handled := false
		w.await(func() { ans, handled = f(g) })
		if handled {
			return ans, nil
		}
	}
	return w.give(g), nil
}

// give is the wallet's own way: once for one id, never more than was paid.
func (w *wallet) give(g *given) sale.RefundAnswer {
	if was := w.giving.made[g.ref.ID]; was != nil {
		return w.refundAnswer(was, was.state)
	}
	o := g.order
	if o.charged-o.refunded < g.ref.Amount.Minor {
		return w.refundAnswer(g, sale.RefOutRefused)
	}
	if w.giving.made == nil {
		w.giving.made = map[string]*given{}
	}
	w.giving.made[g.ref.ID] = g
	o.refunded += g.ref.Amount.Minor
	g.state = sale.RefOutDone
	if w.giving.slow {
		g.state = sale.RefOutPending
	}
	return w.refundAnswer(g, g.state)
}

// unanswered takes the refund, and loses the answer.
func (w *wallet) unanswered(g *given) (sale.RefundAnswer, bool) {
	w.set(func() { w.give(g) })
	return sale.RefundAnswer{Cause: "no answer"}, true
}

func (w *wallet) QueryRefund(_ context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.giving.queries++
	if w.down {
		return sale.RefundAnswer{NotSent: true, Cause: "connection refused"}, nil
	}
	g := w.giving.made[r.ID]
	if f := w.giving.onQuery; f != nil {
		asked := g
		if asked == nil {
			asked = &given{ref: r, order: w.order(a)}
		}
		if ans, handled := f(asked); handled {
			return ans, nil
		}
	}
	if g == nil {
		return w.refundAnswer(&given{ref: r, order: w.order(a)}, sale.RefOutNotFound), nil
	}
	return w.refundAnswer(g, g.state), nil
}

// Find knows every order by its id and by the wallet's own number.
func (w *wallet) Find(_ context.Context, number string) (sale.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.giving.finds = append(w.giving.finds, number)
	if w.down {
		return sale.Answer{Cause: "connection refused"}, nil
	}
	if f := w.giving.onFind; f != nil {
		if ans, handled := f(number); handled {
			return ans, nil
		}
	}
	for _, o := range w.orders {
		if o.id == number || walletNumber(o.id) == number {
			out := sale.OutPaid
			if o.refunded >= o.charged {
				out = sale.OutRefunded
			}
			ans := w.answer(o, out)
			ans.WalletTransaction = walletNumber(o.id)
			return ans, nil
		}
	}
	return sale.Answer{Outcome: sale.OutNotFound, Signed: true, Merchant: w.ref.Merchant}, nil
}

// walletNumber is what the fake wallet's bill shows: 28 digits.
func walletNumber(order string) string {
	out := []byte("4200")
	for i := 0; len(out) < 28; i++ {
		out = append(out, '0'+order[i%len(order)]%10)
	}
	return string(out)
}

// foreign puts a paid order of another till into the wallet's ledger.
func (w *wallet) foreign(minor int64) (id string) {
	id = sale.OrderID(sale.PaymentID(sale.TerminalCode("another"), "OTHER1", 7), 1, w.ref.Slot)
	w.set(func() { w.orders[id] = &order{id: id, amount: cny(minor), exists: true, charged: minor} })
	return id
}

func (w *wallet) refundAsks() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.giving.asks) }

// finish lets the wallet come to an end with every refund that it works on.
func (w *wallet) finish(out sale.RefundOutcome) {
	w.set(func() {
		for _, g := range w.giving.made {
			if g.state == sale.RefOutPending || g.state == sale.RefOutAbnormal {
				g.state = out
				if out == sale.RefOutRefused {
					g.order.refunded -= g.ref.Amount.Minor
				}
			}
		}
	})
}

// refund asks for a part of a payment back; 0 for all that is left.
func (d *desk) refund(service, transaction, payment string, minor int64) <-chan agent.Reply {
	r := agent.RefundRequest{Asked: asked(service, transaction), Payment: payment}
	r.Asked.Hash = append(r.Asked.Hash, byte(minor), byte(minor>>8))
	if minor > 0 {
		a := cny(minor)
		r.Amount = &a
	}
	return d.refundAs(r)
}

func (d *desk) refundAs(r agent.RefundRequest) <-chan agent.Reply {
	out := make(chan agent.Reply, 1)
	till := d.till
	go func() {
		reply, err := till.Refund(context.Background(), r)
		if err != nil {
			reply.Ending = "undecided"
		}
		out <- reply
	}()
	synctest.Wait()
	return out
}

// reversePart sends a Reversal with a ReversedAmount.
func (d *desk) reversePart(service, payment, major string) <-chan agent.Reply {
	out := make(chan agent.Reply, 1)
	till := d.till
	go func() {
		r, err := till.Reverse(context.Background(), agent.ReverseRequest{Asked: asked(service, "R"), Payment: payment, Major: major})
		if err != nil {
			r.Ending = "undecided"
		}
		out <- r
	}()
	synctest.Wait()
	return out
}

// wantRefunded checks what is on record as given back, and that the wallet agrees.
func (d *desk) wantRefunded(w *wallet, payment string, minor int64) sale.Payment {
	d.t.Helper()
	p, ok := d.till.Payment(payment)
	if !ok || p.Refunded != minor {
		d.t.Fatalf("%d given back on record, want %d: %+v", p.Refunded, minor, p)
	}
	d.wantNet(w, p.Amount.Minor-minor)
	return p
}

// recorded is a payment as the journal has it.
func (d *desk) recorded(id string) (p sale.Payment) {
	d.t.Helper()
	raw, err := d.journal.Get(queue.Payment, id)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

func (d *desk) wantCause(code string, want bool) {
	d.t.Helper()
	synctest.Wait() // a cause is cleared after the reply that ends it
	for _, c := range d.health.Causes() {
		if c.Code == code {
			if !want {
				d.t.Fatalf("alarm %s: %s", code, c.Text)
			}
			return
		}
	}
	if want {
		d.t.Fatalf("no alarm %s", code)
	}
}

const moment = time.Second
