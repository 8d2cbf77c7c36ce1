package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// desk is a point of sale and its cashier, at one till.
type desk struct {
	box    *box
	w      *world
	r      *rand.Rand
	saleID string
	sales  int
	asks   int
	side   sync.WaitGroup // aborts and late requests
}

// basket is what one customer buys, and all that is asked of a till about it. It is guarded
// by world.mu.
type basket struct {
	w       *world
	desk    *desk
	name    string // the TransactionID, or its beginning
	bill    int64
	begun   time.Time
	plan    faults
	hits    faults
	crashes []point
	broken  int
	via     *provider
	orders  []*order
	asks    []*ask
	shown   int
}

// customer is one code that was shown, and what becomes of it.
type customer struct {
	basket *basket
	plan   faults
	code   string
	sent   *order
}

// ask is one request of a point of sale, under its ServiceID, and what was heard about it.
type ask struct {
	asked    sale.Asked
	amount   int64
	basket   *basket
	arrived  bool // at a till
	early    bool // it was aborted, with an answer, before it arrived
	missing  bool // its status was "not found"
	undone   bool // it was aborted, with an answer, while nothing was decided
	reused   bool // its ServiceID is used again, for another basket
	again    bool // its ServiceID was used before, for another basket
	ending   sale.Ending
	payment  string
	bytes    []byte
	reversal string // the payment that is to be given back; empty for a payment
}

func newDesk(b *box, n int) *desk {
	d := &desk{box: b, w: b.w, r: b.w.stream(uint64(100 + b.n*10 + n)), saleID: fmt.Sprint("POS-", n)}
	if d.r.IntN(8) == 0 {
		d.saleID = fmt.Sprint("TRY-", n)
	}
	d.sales = 3 + d.r.IntN(6)
	if b.w.focus != nil {
		d.sales = 2
	}
	return d
}

// work is the day of a cashier.
func (d *desk) work() {
	defer d.side.Wait()
	for i := range d.sales {
		d.pause(d.w.secs(3))
		d.sell(d.newBasket(i))
	}
}

func (d *desk) pause(most time.Duration) { time.Sleep(1 + rnd(d.r, most)) }

func (d *desk) newBasket(i int) *basket {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	b := &basket{w: w, desk: d, name: fmt.Sprintf("T%d%s%d", d.box.n, d.saleID[len(d.saleID)-1:], i), bill: int64(100 + i), begun: time.Now()}
	if d.r.IntN(3) == 0 && !perTry[d.saleID] {
		b.bill = 990 // the same coffee again
	}
	b.via = w.providers[d.r.IntN(len(w.providers))]
	for range 1 + d.r.IntN(3) {
		b.plan.add(fault(d.r.IntN(int(numFaults))))
	}
	if w.focus != nil {
		b.plan.add(w.focus.fault)
		for _, f := range bias[w.focus.point.at] {
			if w.r.IntN(2) == 0 {
				b.plan.add(f)
			}
		}
	}
	if perTry[d.saleID] || b.plan.has(lateRequest) {
		// A part of a bill is another payment, and these look like one to anybody.
		b.plan &^= 1 << otherAmount
	}
	if len(w.boxes) > 1 {
		b.hits.add(copiedTill)
	}
	w.baskets = append(w.baskets, b)
	w.note("basket %s, bill %d, %s, plan %v", b.name, b.bill, b.via.ref.Wallet, b.plan)
	return b
}

// basketOf finds the basket of a request. The caller holds mu.
func (w *world) basketOf(a sale.Asked) *basket {
	name, _, _ := strings.Cut(a.TransactionID, "~")
	for _, b := range w.baskets {
		if b.name == name {
			return b
		}
	}
	return nil
}

// show is what the customer does before the scanner: a code, after a while, or nothing. The
// caller holds mu.
func (b *basket) show() (time.Duration, string) {
	w, r := b.w, b.desk.r
	b.shown++
	if perTry[b.desk.saleID] && b.knownPaid() {
		return 0, "" // the customer has left
	}
	if b.plan.has(walksAway) && r.IntN(4) == 0 {
		b.hits.add(walksAway)
		return 0, ""
	}
	wait := 1 + rnd(r, w.secs(8))
	if w.offersOnly != "" || w.offers && r.IntN(2) == 0 {
		return 0, "" // this one scans the till
	}
	if w.focus != nil && w.focus.point.at == nothing && r.IntN(2) == 0 {
		b.hits.add(walksAway)
		return 0, ""
	}
	if b.plan.has(codeAgain) && b.shown == 1 && len(w.baskets) > 1 {
		for _, other := range w.baskets {
			if other != b && other.desk.box == b.desk.box && len(other.orders) > 0 {
				b.hits.add(codeAgain)
				return wait, other.orders[len(other.orders)-1].buyer.code
			}
		}
	}
	c := &customer{basket: b, plan: b.plan, code: w.newCode(b.via)}
	w.codes[c.code] = c
	return wait, c.code
}

// newAsk is a request under a new ServiceID.
func (d *desk) newAsk(b *basket, reversal string) *ask {
	d.asks++
	transaction := b.name
	if perTry[d.saleID] {
		transaction = fmt.Sprintf("%s~%d", b.name, d.asks)
	}
	a := &ask{basket: b, reversal: reversal, amount: b.bill, asked: sale.Asked{SaleID: d.saleID, POIID: "TILLD-1",
		ServiceID: fmt.Sprintf("%d%s%d", d.box.n, d.saleID[len(d.saleID)-1:], d.asks), TransactionID: transaction, Hash: []byte(b.name + reversal)}}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if b.hits.has(otherAmount) {
		a.amount--
	} else if b.plan.has(otherAmount) && len(b.asks) > 0 && !b.knownPaid() && reversal == "" && d.r.IntN(2) == 0 {
		d.w.mark(b, otherAmount)
		a.amount--
	}
	if b.plan.has(numberAgain) && len(b.asks) == 0 && len(d.w.baskets) > 1 {
		if other := d.w.baskets[d.r.IntN(len(d.w.baskets))]; other != b && other.desk == d && len(other.asks) > 0 {
			d.w.mark(b, numberAgain)
			other.asks[0].reused = true
			a.asked.ServiceID, a.again = other.asks[0].asked.ServiceID, true
			a.asked.SaleID = other.asks[0].asked.SaleID
		}
	}
	b.asks = append(b.asks, a)
	return a
}

// sell takes the money for a basket, as well as a cashier can.
func (d *desk) sell(b *basket) {
	a := d.newAsk(b, "")
	if b.plan.has(lateRequest) {
		d.overtake(a)
		a = d.newAsk(b, "")
	}
	for range 6 {
		if perTry[d.saleID] && d.knowsPaid(b) {
			return
		}
		if b.plan.has(aborts) && d.r.IntN(2) == 0 {
			d.abortLater(a, d.w.secs(70))
		}
		ending, told := d.pay(a, d.patience(b))
		if !told {
			if a = d.afterSilence(a); a == nil {
				return
			}
			continue
		}
		switch ending {
		case sale.EndPaid:
			// Where the TransactionID changes per try nobody could tell it from another sale.
			// And a request is remembered for 48 h.
			if b.plan.has(posRestart) && !perTry[d.saleID] && time.Since(b.begun) < 24*time.Hour && d.r.IntN(2) == 0 {
				d.mark(b, posRestart)
				a = d.newAsk(b, "")
				continue
			}
			if !perTry[d.saleID] && d.forgetsOverJump(b) {
				a = d.newAsk(b, "")
				continue
			}
			if b.plan.has(givesBack) {
				d.giveBack(b, a.payment)
			}
			return
		case sale.EndBusy, sale.EndUnreachable, sale.EndClockUntrusty, sale.EndNoSpace, sale.EndStopped, sale.EndNoScanner:
			d.markStanding(b, ending)
			d.pause(d.w.secs(30))
		default:
			if b.plan.has(cash) || d.r.IntN(2) == 0 {
				d.mark(b, cash)
				return
			}
		}
		a = d.newAsk(b, "")
	}
}

// forgetsOverJump reports whether the point of sale restarts while its till's clock is wrong,
// and asks again when it is right.
func (d *desk) forgetsOverJump(b *basket) bool {
	d.w.mu.Lock()
	var over time.Time
	for _, j := range d.box.jumps {
		if j.now() && !b.hits.has(posRestart) && d.r.IntN(2) == 0 {
			d.w.mark(b, posRestart)
			over = j.to
		}
	}
	d.w.mu.Unlock()
	if over.IsZero() {
		return false
	}
	time.Sleep(time.Until(over) + d.w.secs(5))
	return true
}

// knowsPaid reports whether the point of sale heard that a basket is paid. Where the
// TransactionID changes with every try, nobody else could keep it from asking again.
func (d *desk) knowsPaid(b *basket) bool {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	return b.knownPaid()
}

func (b *basket) knownPaid() bool {
	return slices.ContainsFunc(b.asks, func(a *ask) bool { return a.ending == sale.EndPaid })
}

// patience is how long the point of sale waits for an answer.
func (d *desk) patience(b *basket) time.Duration {
	if b.plan.has(timeoutRetry) || b.plan.has(posRestart) || b.plan.has(walksAway) {
		return d.w.secs(1) + rnd(d.r, d.w.secs(60))
	}
	return d.w.secs(150)
}

// afterSilence is what a cashier does who got no answer: the next request, or nil.
func (d *desk) afterSilence(a *ask) *ask {
	b := a.basket
	switch {
	case b.plan.has(walksAway) && d.r.IntN(2) == 0:
		d.mark(b, walksAway)
		return nil
	case b.plan.has(posRestart) && d.r.IntN(2) == 0:
		d.mark(b, posRestart)
		d.pause(d.w.secs(60))
		return d.newAsk(b, "")
	case b.plan.has(timeoutRetry):
		d.mark(b, timeoutRetry)
		return d.newAsk(b, "")
	case b.plan.has(otherAmount):
		return d.newAsk(b, "")
	case d.r.IntN(2) == 0:
		d.status(a)
	}
	return a
}

func (d *desk) mark(b *basket, f fault) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.w.mark(b, f)
}

// markStanding notes why nothing new could begin.
func (d *desk) markStanding(b *basket, ending sale.Ending) {
	switch ending {
	case sale.EndUnreachable:
		d.mark(b, walletDown)
	case sale.EndClockUntrusty:
		d.mark(b, clockJump)
	case sale.EndNoSpace:
		d.mark(b, diskFull)
	}
}

// pay sends the request and waits for its answer.
func (d *desk) pay(a *ask, patience time.Duration) (sale.Ending, bool) {
	inc := d.box.live()
	if inc == nil {
		<-d.box.powered()
		return "", false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d.w.mu.Lock()
	a.arrived = true
	d.w.mu.Unlock()
	d.say("%s asks for %d", a.asked.ServiceID, a.amount)
	r, err := inc.till.Pay(ctx, agent.PayRequest{Asked: a.asked, Amount: sale.Amount{Minor: a.amount, Currency: "CNY", Exponent: 2}})
	if err != nil || !d.hear(inc, a, r) {
		return "", false
	}
	if d.r.IntN(8) > 0 {
		inc.till.Delivered(a.asked.Key())
	}
	return r.Ending, true
}

func (d *desk) say(format string, args ...any) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.w.note(format, args...)
}

// hear notes an answer, if the till still had power when it was given.
func (d *desk) hear(inc *incarnation, a *ask, r agent.Reply) bool {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if inc.dead {
		return false
	}
	w.note("%s hears %s: %s %s", a.asked.ServiceID, r.Ending, r.Payment.ID, r.Why)
	for _, j := range d.box.jumps {
		if j.now() {
			w.mark(a.basket, clockJump)
		}
	}
	w.checkTold(d.box, a, r)
	a.ending, a.payment, a.bytes = r.Ending, r.Payment.ID, r.Bytes
	return true
}

// abortLater has the cashier abort a request within most.
func (d *desk) abortLater(a *ask, most time.Duration) {
	wait := 1 + rnd(d.r, most)
	d.side.Go(func() {
		time.Sleep(wait)
		d.abort(a)
	})
}

func (d *desk) abort(a *ask) {
	inc := d.box.live()
	if inc == nil || a.again {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.w.secs(30))
	defer cancel()
	err := inc.till.Abort(ctx, a.asked.Key(), "")
	undecided := d.undecided(inc, a)
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.w.mark(a.basket, aborts)
	if err != nil || inc.dead {
		return
	}
	d.w.note("%s is aborted", a.asked.ServiceID)
	switch {
	case !a.arrived:
		a.early = true
	case undecided:
		a.undone = true
	}
}

// abortNow has the cashier abort a basket's payment while it is being sent. The caller holds mu.
func (w *world) abortNow(b *basket) {
	for _, a := range b.asks {
		if a.arrived && a.ending == "" && a.reversal == "" {
			b.desk.side.Go(func() { b.desk.abort(a) })
		}
	}
}

// undecided reports whether the payment that a request began is not decided yet.
func (d *desk) undecided(inc *incarnation, a *ask) bool {
	for _, p := range inc.till.Payments(true) {
		if p.Asked.Key() == a.asked.Key() {
			return p.Ending == sale.Undecided
		}
	}
	return false
}

// overtake sends an abort or a status query for a request that is still on its way.
func (d *desk) overtake(a *ask) {
	d.mark(a.basket, lateRequest)
	if d.r.IntN(2) == 0 {
		d.abort(a)
	} else {
		d.status(a)
	}
	late, patience := 1+rnd(d.r, d.w.secs(90)), d.patience(a.basket)
	d.side.Go(func() {
		time.Sleep(late)
		d.pay(a, patience)
	})
}

func (d *desk) status(a *ask) {
	inc := d.box.live()
	if inc == nil || a.again {
		return
	}
	st, r, err := inc.till.Status(context.Background(), a.asked.Key())
	if err != nil {
		return
	}
	switch st {
	case agent.StatusKnown:
		d.hear(inc, a, r)
	case agent.StatusNotFound:
		d.w.mu.Lock()
		a.missing = a.missing || !inc.dead
		d.w.mu.Unlock()
	}
}

// giveBack reverses a payment, and asks again when there is no answer.
func (d *desk) giveBack(b *basket, payment string) {
	d.mark(b, givesBack)
	d.pause(d.w.secs(20))
	a := d.newAsk(b, payment)
	for range 4 {
		inc := d.box.live()
		if inc == nil {
			<-d.box.powered()
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), d.patience(b))
		d.say("%s asks to give back %s", a.asked.ServiceID, payment)
		r, err := inc.till.Reverse(ctx, agent.ReverseRequest{Asked: a.asked, Payment: payment})
		cancel()
		if err == nil && d.hear(inc, a, r) {
			return
		}
		if d.r.IntN(2) == 0 {
			a = d.newAsk(b, payment)
		}
	}
}
