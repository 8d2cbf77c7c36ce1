package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/alipay"
	"github.com/tilld/tilld/agent/wallet/unionpay"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
)

// world is one seed: tills, providers, points of sale and what goes wrong.
type world struct {
	seed       uint64
	begin      time.Time
	speed      int // the wallets' tables and all that people do run this many times faster
	focus      *focus
	offers     bool   // tills show codes of their own
	offersOnly string // the contract whose code is shown, while no customer shows one
	instant    bool   // requests take no time, unless they get no answer
	mute       bool   // nothing is answered
	lostPays   bool   // no request to pay arrives

	// mu guards everything below and everything of the fakes. It is held for memory only.
	mu         sync.Mutex
	r          *rand.Rand
	providers  []*provider
	boxes      []*box
	baskets    []*basket
	codes      map[string]*customer
	nextCode   int
	nobody     *customer
	paymentOf  map[string]*basket
	healed     bool // nothing goes wrong any more
	steps      int  // durable points and side effects passed so far
	crashEvery int  // mean number of steps between crashes; 0: never
	nextCrash  int
	cover      *coverage
	violations []string
	trace      []string
}

// focus forces one crash point on every payment, once, and one fault on every basket.
type focus struct {
	point point
	fault fault
	done  bool
}

// clocks are the tables of the wallets, as their packages have them.
var clocks = []struct {
	wallet, scheme string
	clock          sale.Clock
}{
	{wechatpay.Name, "wechatpay", wechatpay.Clock()},
	{alipay.Name, "alipay-cn", alipay.Clock()},
	{unionpay.Name, "unionpay", unionpay.Clock()},
}

// span is a time during which something is wrong.
type span struct {
	from, to time.Time
	level    int
}

func (s span) now() bool {
	now := time.Now()
	return !now.Before(s.from) && now.Before(s.to)
}

// rnd is a random time below d, never the same twice.
func rnd(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d) + 1)) }

// secs is a time in people's seconds, in this world's speed.
func (w *world) secs(n float64) time.Duration {
	return time.Duration(n * float64(time.Second) / float64(w.speed))
}

// stream is a source of randomness of one actor: what one does never changes the luck of
// another.
func (w *world) stream(actor uint64) *rand.Rand {
	return rand.New(&dice{pcg: rand.NewPCG(w.seed, actor*0x9e3779b97f4a7c15+1)})
}

// dice is a source of chance that an actor's goroutines share.
type dice struct {
	mu  sync.Mutex
	pcg *rand.PCG
}

// Uint64 implements rand.Source.
func (d *dice) Uint64() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pcg.Uint64()
}

func newWorld(seed uint64, cover *coverage, f *focus) *world {
	w := &world{seed: seed, begin: time.Now(), codes: map[string]*customer{}, paymentOf: map[string]*basket{}, cover: cover, focus: f}
	w.r = w.stream(0)
	w.speed = 20
	if w.r.IntN(16) == 0 {
		w.speed = 1
	}
	w.nobody = &customer{basket: &basket{w: w, name: "nobody"}}
	if w.crashEvery = 0; w.r.IntN(3) > 0 && f == nil {
		w.crashEvery = 20 << w.r.IntN(4)
		w.nextCrash = w.r.IntN(2*w.crashEvery) + 1
	}
	w.offers = w.r.IntN(4) == 0 && f == nil || f != nil && (f.point.at == offered || f.point.at == offeredUndo || f.point.at == offerClosed)
	if f != nil && f.fault == driveLies {
		w.crashEvery, w.nextCrash = 16, w.r.IntN(16)+1
	}
	for i, c := range clocks {
		w.newProvider(i+1, c.wallet, c.clock, c.scheme)
	}
	for _, p := range w.providers {
		if w.r.IntN(8) == 0 {
			at := w.begin.Add(rnd(w.r, w.secs(200)))
			long := w.secs(60)
			if w.r.IntN(40) == 0 {
				long = w.secs(4 * 3600)
			}
			p.down = append(p.down, span{from: at, to: at.Add(rnd(w.r, long))})
		}
	}
	w.newBox(0)
	if w.r.IntN(8) == 0 || f != nil && f.fault == copiedTill {
		w.newBox(1)
	}
	return w
}

func (w *world) newProvider(slot int, wallet string, c sale.Clock, scheme string) {
	c.OfferLife = 2 * time.Minute
	c = c.Scaled(w.speed)
	ref := sale.ContractRef{Slot: slot, Name: wallet, Wallet: wallet, Merchant: fmt.Sprint("m", slot)}
	w.providers = append(w.providers, &provider{w: w, ref: ref, clock: c, scheme: scheme, orders: map[string]*order{}})
}

// newOrder enters an order that a till sends, or asks about. The caller holds mu.
func (w *world) newOrder(p *provider, a sale.Attempt, buyer *customer, inc *incarnation) *order {
	n := uint64(len(p.list))
	o := &order{p: p, r: w.stream(1000 + n*8 + uint64(p.ref.Slot)), id: a.ID, owner: inc.box, buyer: buyer, asked: a.Amount, sum: a.Amount.Minor,
		sentAt: time.Now(), sentBy: inc, tx: "tx" + a.ID, budget: 6}
	p.orders[a.ID], p.list = o, append(p.list, o)
	o.tombstone = o.r.IntN(2) == 0
	if buyer == w.nobody {
		return o
	}
	buyer.basket.orders = append(buyer.basket.orders, o)
	plan := buyer.plan
	o.kind = paysAtOnce
	switch {
	case plan.has(badCode) && a.N < 3 && o.r.IntN(2) == 0:
		o.kind = expired
		w.mark(buyer.basket, badCode)
	case plan.has(confirmLate), plan.has(confirmAfterLast), plan.has(payFails), plan.has(walksAway):
		o.kind = confirms
	case o.r.IntN(16) == 0:
		o.kind = declines
	case o.r.IntN(3) == 0:
		o.kind = confirms
	}
	if plan.has(payFails) {
		w.mark(buyer.basket, payFails)
	}
	if plan.has(wrongTotal) && o.r.IntN(2) == 0 {
		o.sum++
		w.mark(buyer.basket, wrongTotal)
	}
	if plan.has(reverseFails) {
		o.refusals, o.hollow = o.r.IntN(3), o.r.IntN(3)
	}
	if plan.has(numberUsed) && o.r.IntN(2) == 0 {
		o.foreign, o.state, o.in = true, charged, o.sum
		w.mark(buyer.basket, numberUsed)
	}
	return o
}

// may says whether a fault is planned for an order and may happen now; rolls lets it happen.
func (w *world) may(o *order, f fault) bool {
	return o.buyer.plan.has(f) && !w.healed && o.budget > 0 && o.r.IntN(2) == 0
}

func (w *world) rolls(o *order, f fault) bool {
	if !w.may(o, f) {
		return false
	}
	w.spend(o, f)
	return true
}

func (w *world) spend(o *order, f fault) {
	o.budget--
	w.mark(o.buyer.basket, f)
}

// mark notes that a fault happened to a basket; hit, to the basket of a payment.
func (w *world) mark(b *basket, f fault) { b.hits.add(f) }

func (w *world) hit(payment string, f fault) {
	if b := w.paymentOf[payment]; b != nil {
		w.mark(b, f)
	}
}

// breaks says whether a planned fault of a payment's basket happens now.
func (w *world) breaks(f fault, payment string) bool {
	b := w.paymentOf[payment]
	if b == nil || w.healed || !b.plan.has(f) || b.broken >= 2 || w.r.IntN(4) > 0 {
		return false
	}
	b.broken++
	w.mark(b, f)
	return true
}

// crashes says whether the power fails at this point. The caller holds mu.
func (w *world) crashes(inc *incarnation, p point, payment string) bool {
	b := w.paymentOf[payment]
	if w.healed || inc.dead || b == nil {
		return false
	}
	w.steps++
	now := false
	if w.focus != nil {
		now = !w.focus.done && p == w.focus.point && (b.hits.has(w.focus.fault) || w.r.IntN(4) == 0)
		w.focus.done = w.focus.done || now
	}
	if !now && w.crashEvery > 0 && w.steps >= w.nextCrash {
		now = true
		w.nextCrash = w.steps + 1 + w.r.IntN(2*w.crashEvery)
	}
	if now {
		// What was asked about an offered code may be on its way while the payment is aborted.
		if !p.exists() && !w.offers {
			w.violate("a till is where none can be: %s", p)
			return true
		}
		b.crashes = append(b.crashes, p)
	}
	return now
}

// crash cuts the power of a till: from now on nothing of it has any effect.
func (w *world) crash(inc *incarnation) {
	if inc.dead {
		return
	}
	w.note("crash of till %d", inc.box.n)
	inc.dead = true
	inc.box.disk.crash()
	inc.cancel()
}

func (w *world) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
	w.note("VIOLATION "+format, args...)
}

// note keeps a line for the trace of a seed that is repeated.
func (w *world) note(format string, args ...any) {
	if *traced {
		w.trace = append(w.trace, fmt.Sprintf("%12s ", time.Since(w.begin))+fmt.Sprintf(format, args...))
	}
}

// live runs the world to its end.
func (w *world) live(t *testing.T) {
	var people sync.WaitGroup
	for _, b := range w.boxes {
		b.power.Go(b.run)
		for _, p := range b.desks {
			people.Go(p.work)
		}
	}
	people.Wait()
	w.settle()
	w.audit()
	for _, b := range w.boxes {
		b.shutDown()
	}
}
