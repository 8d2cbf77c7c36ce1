package sim

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/scanner/paycode"
)

// box is a terminal: hardware, disk and clock, which outlive the runs of its till.
type box struct {
	w     *world
	n     int
	r     *rand.Rand
	disk  *disk
	desks []*desk
	fulls []span
	jumps []jump
	power sync.WaitGroup
	over  chan struct{} // closed when the box is not started again
	wake  chan struct{} // closed when nobody is on holiday any more
	on    chan struct{} // closed while it runs; guarded by world.mu

	// Guarded by world.mu:
	inc     *incarnation // nil while the power is off
	starts  int
	off     bool
	rebuilt bool // it rebuilt an order, and nobody knows how old it is, while its clock was wrong
}

// jump is a time during which the wall clock is wrong, and nobody believes it.
type jump struct {
	span
	by time.Duration
}

// incarnation is one run of a till.
type incarnation struct {
	box     *box
	till    *agent.Till
	gate    *gate
	start   time.Time
	cancel  context.CancelFunc
	dead    bool // the power failed
	mayFail bool // a write failed: it stops by itself
}

// codes is the table of payment codes that every till uses; it is never written.
var codes = func() *paycode.Table {
	t, err := paycode.New("default")
	if err != nil {
		panic(err)
	}
	return t
}()

var quietLog = slog.New(slog.DiscardHandler)

func (w *world) newBox(n int) {
	b := &box{w: w, n: n, r: w.stream(uint64(10 + n)), over: make(chan struct{}), wake: make(chan struct{}), on: make(chan struct{})}
	b.disk = newDisk(w, b, w.stream(uint64(20+n)))
	if b.r.IntN(8) == 0 || w.focus != nil && w.focus.fault == diskFull {
		at := w.begin.Add(rnd(b.r, w.secs(150)))
		b.fulls = append(b.fulls, span{at, at.Add(rnd(b.r, w.secs(120))), 1 + b.r.IntN(3)})
	}
	if b.r.IntN(8) == 0 || w.focus != nil && w.focus.fault == clockJump {
		at := w.begin.Add(rnd(b.r, w.secs(150)))
		by := 10 * 365 * 24 * time.Hour
		if b.r.IntN(2) == 0 {
			by = -by
		}
		b.jumps = append(b.jumps, jump{span{from: at, to: at.Add(rnd(b.r, w.secs(120)))}, by})
	}
	w.boxes = append(w.boxes, b)
	for i := range 1 + b.r.IntN(2) {
		b.desks = append(b.desks, newDesk(b, i))
	}
}

// epoch is when the worlds begin by their wall clocks.
var epoch = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

func (b *box) wall() time.Time {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	t := epoch.Add(time.Since(b.w.begin))
	for _, j := range b.jumps {
		if j.now() {
			return t.Add(j.by)
		}
	}
	return t
}

func (b *box) trusted() (bool, string) {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	for _, j := range b.jumps {
		if j.now() {
			return false, "the clock jumped"
		}
	}
	return true, ""
}

// run starts the till again and again, until the world is over.
func (b *box) run() {
	for {
		inc, done := b.start()
		err := <-done
		b.w.mu.Lock()
		b.inc, b.on = nil, make(chan struct{})
		off := b.off
		if err != nil && !inc.dead && !inc.mayFail {
			b.w.violate("the till stopped by itself: %v", err)
		}
		inc.dead = true
		pause := b.w.secs(1) + rnd(b.r, b.w.secs(20))
		if b.r.IntN(40) == 0 && !b.w.healed && len(b.w.boxes) == 1 {
			pause = rnd(b.r, 9*24*time.Hour) // a long holiday
		}
		b.w.mu.Unlock()
		if off {
			return
		}
		select {
		case <-time.After(pause):
		case <-b.wake:
		case <-b.over:
		}
	}
}

// start is one run of the till on what is durable.
func (b *box) start() (*incarnation, <-chan error) {
	w := b.w
	w.mu.Lock()
	b.starts++
	inc := &incarnation{box: b, start: time.Now()}
	inc.gate = newGate(inc)
	ctx, cancel := context.WithCancel(context.Background())
	inc.cancel = cancel
	j := &journal{d: b.disk, inc: inc}
	recovery := b.disk.recovery(b.token())
	for _, j := range b.jumps {
		b.rebuilt = b.rebuilt || j.now() && len(recovery.Doubt) > 0
	}
	w.note("start of till %d, doubt %v", b.n, recovery.Doubt)
	w.mu.Unlock()
	o := agent.Options{
		Journal: j, Recovery: recovery, Scanner: inc.gate, Classify: codes, Health: health.NewBoard(), Log: quietLog,
		Render: render, RenderReverse: render, Serial: "000158000000000", Boot: "boot", Test: true,
		TimeTrusted: b.trusted, CodeWait: w.secs(90), Wall: b.wall, PerTry: perTry, Jitter: func() float64 { return 0.5 },
	}
	for _, p := range w.providers {
		o.Contracts = append(o.Contracts, agent.Contract{Ref: p.ref, Schemes: []string{p.scheme}, Clock: p.clock, Offers: w.offers, Wallet: &wire{p: p, inc: inc}})
	}
	if o.Offer = agent.OfferNever; w.offers {
		o.Offer, o.OfferContract = agent.OfferAlways, w.offersOnly
	}
	till, err := agent.New(o)
	if err != nil {
		panic(err)
	}
	inc.till = till
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx) }()
	w.mu.Lock()
	b.inc = inc
	close(b.on)
	if b.off {
		cancel()
	}
	w.mu.Unlock()
	return inc, done
}

// perTry are the points of sale that use a new TransactionID for every try.
var perTry = map[string]bool{"TRY-0": true, "TRY-1": true}

// token is the start's six characters, of which no two are the same.
func (b *box) token() string {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], uint32(b.n*1000+b.starts))
	return sale.StartToken([4]byte{raw[2], raw[3], raw[0], raw[1]})
}

// render is what a point of sale reads.
func render(a sale.Asked, r agent.Reply) []byte {
	return []byte(a.ServiceID + ":" + r.Payment.ID + ":" + string(r.Ending))
}

// live is the run that can be talked to, nil while there is none.
func (b *box) live() *incarnation {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	if b.inc == nil || b.inc.dead {
		return nil
	}
	return b.inc
}

// powered is closed once the till runs.
func (b *box) powered() <-chan struct{} {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	return b.on
}

// shutDown stops the till for good and waits until nothing of it is left.
func (b *box) shutDown() {
	b.w.mu.Lock()
	b.off = true
	if b.inc != nil {
		b.inc.dead = true
		b.inc.cancel()
	}
	b.w.mu.Unlock()
	close(b.over)
	b.power.Wait()
}
