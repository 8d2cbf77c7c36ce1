package sim

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// wire is agent.Wallet for one run of a till: the network between it and a provider.
type wire struct {
	p   *provider
	inc *incarnation
}

func (x *wire) refusal() error { return fmt.Errorf("connection refused") }

// Warm implements agent.Warmer.
func (x *wire) Warm(context.Context) error {
	x.p.w.mu.Lock()
	defer x.p.w.mu.Unlock()
	if x.p.isDown() {
		return x.refusal()
	}
	return nil
}

func (p *provider) isDown() bool {
	for _, s := range p.down {
		if s.now() {
			return true
		}
	}
	return false
}

// Pay implements agent.Wallet.
func (x *wire) Pay(ctx context.Context, a sale.Attempt, c sale.Credential) (sale.Answer, error) {
	w := x.p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil || x.inc.dead {
		return sale.Answer{}, err
	}
	payment := a.ID[:22]
	buyer := w.codes[string(c.Code.Reveal())]
	if buyer == nil {
		w.violate("a code that no customer showed was sent for order %s", a.ID)
		return sale.Answer{}, nil
	}
	w.paymentOf[payment] = buyer.basket
	if w.crashes(x.inc, point{x.inc.box.disk.places[payment], payLeaves}, payment) {
		w.crash(x.inc)
		return sale.Answer{}, errPower
	}
	o := x.place(a, buyer)
	if !o.foreign && (x.p.isDown() || w.rolls(o, notSent)) {
		if x.p.isDown() {
			w.mark(buyer.basket, walletDown)
		}
		if o.r.IntN(2) == 0 || !x.p.isDown() {
			w.mark(buyer.basket, notSent)
			return sale.Answer{NotSent: true, Cause: "connection refused"}, nil
		}
		return x.silence(ctx)
	}
	o.pays++
	x.checkPay(o, a)
	if focused := w.focus != nil && w.focus.point.at == sendingUndo && !w.focus.done; (focused || buyer.plan.has(aborts) && !w.instant && !w.healed) && o.r.IntN(2) == 0 {
		w.abortNow(buyer.basket)
		x.sleep(ctx, w.secs(1))
	}
	now := time.Now()
	switch {
	case o.foreign:
		x.sleep(ctx, x.p.clock.Answer/20)
		return o.payNow(), nil
	case w.lostPays || w.rolls(o, dropRequest):
		return x.silence(ctx)
	case w.rolls(o, delayed):
		late := rnd(o.r, x.p.clock.Quiet())
		o.arrivals = append(o.arrivals, now.Add(late))
		if late >= x.p.clock.Answer {
			return x.silence(ctx)
		}
		x.sleep(ctx, late)
		o.catchUp(time.Now())
	default:
		o.arrive(now)
	}
	if w.rolls(o, duplicated) {
		o.arrivals = append(o.arrivals, now.Add(rnd(o.r, x.p.clock.Quiet())))
	}
	return x.answer(ctx, o, sale.OpPay, o.payNow, payArrived)
}

// place enters the order of an attempt in the provider's book.
func (x *wire) place(a sale.Attempt, buyer *customer) *order {
	w, o := x.p.w, x.p.orders[a.ID]
	if o == nil {
		o = w.newOrder(x.p, a, buyer, x.inc)
	}
	return o
}

// checkPay holds the till to: durable before it is sent, and sent once.
func (x *wire) checkPay(o *order, a sale.Attempt) {
	w, d := x.p.w, x.inc.box.disk
	if at := d.places[a.ID[:22]]; at != sending {
		w.violate("order %s was sent while the disk says %s", a.ID, at)
	}
	if o.pays > 1 {
		w.violate("order %s was sent twice", a.ID)
	}
	if o.buyer.sent != nil && o.buyer.sent != o {
		w.violate("the code of %s was sent for a second order %s", o.buyer.sent.id, a.ID)
	}
	o.buyer.sent = o
	for _, other := range o.buyer.basket.orders {
		if other.offered && other.id[:22] == o.id[:22] {
			if other.catchUp(time.Now()); other.state == charged || other.state == paying && time.Now().Before(other.endsAt) {
				w.violate("the code of order %s was sent while the code of %s on the screen was open", o.id, other.id)
			}
		}
	}
}

// Query implements agent.Wallet.
func (x *wire) Query(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return x.ask(ctx, a, sale.OpQuery, queryLeaves)
}

// Reverse implements agent.Wallet.
func (x *wire) Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return x.ask(ctx, a, sale.OpReverse, reverseLeaves)
}

// ask is a query or a reverse. leaves is the first of its three moments.
func (x *wire) ask(ctx context.Context, a sale.Attempt, op sale.Op, leaves moment) (sale.Answer, error) {
	w := x.p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if x.inc.dead || ctx.Err() != nil {
		return sale.Answer{Cause: "the power failed"}, nil
	}
	payment := a.ID[:22]
	if w.crashes(x.inc, point{x.inc.box.disk.places[payment], leaves}, payment) {
		w.crash(x.inc)
		return sale.Answer{Cause: "the power failed"}, nil
	}
	o := x.p.orders[a.ID]
	if o == nil { // the till forgot nothing; the code never left
		o = w.newOrder(x.p, a, w.nobody, x.inc)
		o.sentBy, o.offered = nil, sale.IsOffered(a.ID)
	}
	if o.foreign && x.inc != o.sentBy && x.inc.box.disk.places[payment] != manual {
		// The power failed before it was on record that the number was used. Nobody can tell
		// then: that needs a collision of random numbers and a power cut together.
		o.foreign, o.state, o.in = false, absent, 0
	}
	x.checkAsk(o, op)
	o.log = append(o.log, request{op, time.Now()})
	if x.p.isDown() {
		w.mark(o.buyer.basket, walletDown)
		if o.r.IntN(2) == 0 {
			return sale.Answer{Cause: "connection refused"}, nil
		}
		return x.silence(ctx)
	}
	switch {
	case w.rolls(o, dropRequest):
		return x.silence(ctx)
	case w.rolls(o, delayed):
		x.sleep(ctx, rnd(o.r, x.p.clock.Answer))
	}
	serve := o.queryNow
	if op == sale.OpReverse {
		serve = func() sale.Answer { return o.reverseNow(time.Now()) }
		if w.rolls(o, duplicated) {
			o.reverseNow(time.Now())
		}
	}
	if op == sale.OpClose {
		serve = o.closeNow
	}
	o.catchUp(time.Now())
	return x.answer(ctx, o, op, serve, leaves+1)
}

// answer is the way back: what the server says now arrives after a while, if it does, and as
// it was said, if nobody forges it.
func (x *wire) answer(ctx context.Context, o *order, op sale.Op, serve func() sale.Answer, arrived moment) (sale.Answer, error) {
	w := x.p.w
	ans := x.twist(o, op, serve())
	w.note("%s of %s: %q signed %v order %q total %d; charged %d, back %d", op, o.id, ans.Outcome, ans.Signed, ans.Order, ans.Total.Minor, o.in, o.out)
	payment := o.id[:22]
	at := x.inc.box.disk.places[payment]
	if w.crashes(x.inc, point{at, arrived}, payment) {
		w.crash(x.inc)
		return sale.Answer{Cause: "the power failed"}, nil
	}
	if w.mute || !w.lostPays && w.rolls(o, dropAnswer) {
		return x.silence(ctx)
	}
	wait := rnd(o.r, x.p.clock.Answer/20)
	if w.rolls(o, reordered) {
		wait = rnd(o.r, x.p.clock.Answer)
	}
	x.sleep(ctx, wait)
	if w.crashes(x.inc, point{x.inc.box.disk.places[payment], arrived + 1}, payment) {
		w.crash(x.inc)
		return sale.Answer{Cause: "the power failed"}, nil
	}
	return ans, nil
}

// silence is a request that gets no answer within its time.
func (x *wire) silence(ctx context.Context) (sale.Answer, error) {
	x.sleep(ctx, x.p.clock.Answer)
	return sale.Answer{Cause: "no answer"}, nil
}

// sleep lets time pass, without world.mu.
func (x *wire) sleep(ctx context.Context, d time.Duration) {
	w := x.p.w
	if w.instant && d < x.p.clock.Answer {
		return
	}
	w.mu.Unlock()
	defer w.mu.Lock()
	timer := time.NewTimer(d + 1)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// twist is what a wallet, or somebody on the way, makes of an answer.
func (x *wire) twist(o *order, op sale.Op, ans sale.Answer) sale.Answer {
	w := x.p.w
	opposite := sale.OutPaid
	if ans.Outcome == sale.OutPaid {
		opposite = sale.OutDeclined
	}
	switch {
	case w.rolls(o, systemError):
		return sale.Answer{Outcome: sale.OutUnknown, Signed: o.r.IntN(2) == 0, Order: o.id, Cause: "system error"}
	case w.rolls(o, unsigned):
		ans = o.says([]sale.Outcome{sale.OutPaid, sale.OutDeclined, sale.OutBadCode, sale.OutClosed, sale.OutRefunded}[o.r.IntN(5)])
		ans.Signed = false
	case w.rolls(o, otherOrder):
		ans = o.says(opposite)
		switch o.r.IntN(4) {
		case 0:
			ans.Order = x.p.someOrder(o)
		case 1:
			ans.Merchant = "another merchant"
		case 2:
			ans.SubMerchant = "another sub-merchant"
		case 3:
			ans = o.says(sale.OutPaid)
			ans.Order = "" // "paid" about nothing
			if o.in > 0 {
				ans = o.says(sale.OutRefunded)
				ans.Order = x.p.someOrder(o)
			}
		}
	case ans.Outcome == sale.OutPaid && o.sum == o.asked.Minor && w.rolls(o, wrongTotal):
		switch o.r.IntN(3) {
		case 0:
			ans.Total.Minor--
		case 1:
			ans.Total.Currency = "HKD"
		case 2:
			ans.HasTotal = false
		}
	case (op == sale.OpPay || op == sale.OpQuery) && ans.Outcome != sale.OutPaid && w.may(o, txAgain):
		if tx := x.p.someTransaction(o); tx != "" {
			w.spend(o, txAgain)
			ans = o.says(sale.OutPaid)
			ans.Total.Minor, ans.WalletTransaction = o.asked.Minor, tx
		}
	case op == sale.OpQuery && w.may(o, notFound) && x.mayDeny(o):
		w.spend(o, notFound)
		ans = o.says(sale.OutNotFound)
	}
	return ans
}

// mayDeny says whether a wallet can still say "does not exist" of an order that does: while
// the quiet time lasts, or where the till knows better.
func (x *wire) mayDeny(o *order) bool {
	return time.Since(o.sentAt) < x.p.clock.Quiet()-time.Second/100 || x.inc.box.disk.wasPaid[o.id]
}

// someOrder is the number of another order.
func (p *provider) someOrder(o *order) string {
	if other := p.list[o.r.IntN(len(p.list))]; other != o {
		return other.id
	}
	return "SOMEBODYELSES0000000000000"
}

// someTransaction is the transaction of an order of the same till that is on record as paid.
func (p *provider) someTransaction(o *order) string {
	for range 4 {
		other := p.list[o.r.IntN(len(p.list))]
		if other != o && other.owner == o.owner && other.net() > 0 && o.owner.disk.places[other.id[:22]] == paid {
			return other.tx
		}
	}
	return ""
}

// checkAsk holds the till to the wallet's table of times. A run that did not send the order
// itself counts from its own start.
func (x *wire) checkAsk(o *order, op sale.Op) {
	w, c, now := x.p.w, x.p.clock, time.Now()
	at := x.inc.box.disk.places[o.id[:22]]
	from := x.inc.start
	if o.sentBy == x.inc {
		from = o.sentAt
	}
	switch {
	case op == sale.OpReverse && at != reversing:
		w.violate("order %s is reversed while the disk says %s", o.id, at)
	case op == sale.OpReverse && now.Sub(from) < c.ReverseAfter && !o.offered:
		w.violate("order %s is reversed %s after sending, %s is the earliest", o.id, now.Sub(from), c.ReverseAfter)
	case op == sale.OpQuery && at == unknownKeep && o.sentBy == x.inc && now.Sub(from) < c.FirstQuery:
		w.violate("order %s is asked about %s after sending, %s is the earliest", o.id, now.Sub(from), c.FirstQuery)
	}
}

// checkSpacing holds the queries of an order to the table: never closer than it says while
// the payer may still confirm, except that one falls on the deadline.
func (w *world) checkSpacing(t *testing.T, o *order) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := o.p.clock
	for i, r := range o.log {
		age := r.at.Sub(o.sentAt)
		switch {
		case i == 0 && age < c.FirstQuery:
			t.Errorf("the first query %s after sending", age)
		case i > 0 && age < c.PayerDeadline && r.at.Sub(o.log[i-1].at) < c.QueryEvery:
			t.Errorf("query after %s, %s after the one before", age, r.at.Sub(o.log[i-1].at))
		}
	}
}
