package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/route"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// Journal is what a till needs of its queue; *queue.Queue is one.
type Journal interface {
	Commit(ctx context.Context, puts ...queue.Put) error
	Later(puts ...queue.Put)
	// Each calls f for every live record of a kind, in no order, until f returns an error.
	Each(kind queue.Kind, f func(key string, value []byte) error) error
	// Get returns a copy of a record's value, or queue.ErrNotFound.
	Get(kind queue.Kind, key string) ([]byte, error)
	// Room reports whether a new sale may begin; queue.ErrSpace or queue.ErrStopped if not.
	Room() error
	// Summaries calls f for what is kept of orders, erased days included, oldest first.
	Summaries(f func(queue.Summary) error) error
	// Recovered says that every gap of the Recovery was asked about and every order in doubt is
	// on record: the next start does not hear of them again.
	Recovered(ctx context.Context) error
	// CodeMAC is the HMAC-SHA256 of a code under a key that outlives midnight and restarts.
	CodeMAC(code []byte) []byte
}

// Options is what a till is made of. All fields are needed unless they say otherwise.
type Options struct {
	Journal   Journal
	Recovery  queue.Recovery
	Contracts []Contract
	Scanner   scanner.Source
	Classify  *paycode.Table
	Health    *health.Board
	Log       *slog.Logger
	// Render writes the answer to the point of sale. It is pure: the same payment and
	// request give the same bytes.
	Render func(asked sale.Asked, r Reply) []byte
	// RenderReverse writes the answer to a Reversal, likewise.
	RenderReverse func(asked sale.Asked, r Reply) []byte
	Serial        string // of the hardware: the first part of every order id
	Boot          string // the kernel's boot id
	Test          bool   // the test environment
	// TimeTrusted says whether the wall clock may be believed, and why not.
	TimeTrusted func() (ok bool, why string)
	// Ceiling is the amount above which an operator must confirm, per currency, in minor
	// units. A currency without one has no ceiling; may be nil.
	Ceiling map[sale.Currency]int64
	// CodeWait is how long a customer may take to show a code. Zero means 90 s.
	CodeWait time.Duration
	// Wall is the wall clock; nil means time.Now.
	Wall func() time.Time
	// Offer says when a code of ours is shown for the customer to scan. Empty means OfferAsk.
	Offer OfferPolicy
	// OfferContract names the contract whose code is shown where it can be; empty: the first.
	OfferContract string
	// Recognisers let people pay with their body, one for each modality; nil: with codes alone.
	Recognisers []Recogniser
	// PerTry are SaleIDs that use a new TransactionID for every try of one basket; may be nil.
	PerTry map[string]bool
	// Jitter in [0, 1) spreads the back-off of requests; nil means random. A simulation that
	// has to repeat itself gives its own.
	Jitter func() float64
}

// Till takes payments, one lane at a time, and finishes those in doubt. All methods are
// safe for concurrent use.
type Till struct {
	o         Options
	terminal  string // first part of every order id
	contracts map[int]*Contract
	routes    route.Table
	// asking bounds the requests to wallets about payments in doubt.
	asking chan struct{}

	// mu guards the maps, every payment's record and the fields below. It is held for
	// memory only, never across a commit or a request.
	mu       sync.Mutex
	payments map[string]*payment
	byOrder  map[string]*payment
	byKey    map[sale.MessageKey]*entry
	settled  map[string]string     // a wallet's transaction id -> the order it settled
	seen     map[string]time.Time  // HMACs of codes that reached SENDING, and when
	doubts   map[*payment]struct{} // payments whose outcome is in doubt
	// collisions are the orders whose number was used before; while there are any, no sale.
	collisions map[string]struct{}
	manual     []string      // orders that waited for a decision at start
	down       map[int]bool  // contract slots that cannot be reached
	breaker    route.Breaker // contracts whose payments bring no answers
	back       chan struct{} // closed and made anew when one is back
	// recoveringUntil is when a request that is not on record is NotFound again.
	recoveringUntil time.Time
	// able is what can be done with each recogniser now, visit who is before one, and steps
	// numbers what they are asked.
	able       map[biometric.Modality]able
	visit      *visit
	steps      uint64
	attacks    int       // presentations judged an attack, since the start
	attackedAt time.Time // the last one
	atReturn   *slip     // who holds the return desk; the lane is its desk's while it waits
	lane       *payment  // whom the customer's screen and the scanner belong to
	nextSeq    uint64
	resume     []*payment      // in doubt at start, taken up by Run
	ctx        context.Context // nil while Run does not run
	started    bool            // everything left open is taken up
	owners     uint64          // goroutines started so far

	billing sync.Mutex // held while a bill is compared or adopted
	screens screens
	told    chan Event    // on its way to watchers and log
	stopped chan struct{} // closed when Run ends: waiting callers go
	failed  chan error    // the journal failed
	wg      sync.WaitGroup
}

// New makes a till from what the journal holds: payments in doubt are taken up again by Run.
func New(o Options) (*Till, error) {
	if o.CodeWait == 0 {
		o.CodeWait = 90 * time.Second
	}
	if o.Offer == "" {
		o.Offer = OfferAsk
	}
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	t := &Till{
		o:          o,
		terminal:   sale.TerminalCode(o.Serial),
		contracts:  map[int]*Contract{},
		asking:     make(chan struct{}, maxAsking),
		payments:   map[string]*payment{},
		byOrder:    map[string]*payment{},
		byKey:      map[sale.MessageKey]*entry{},
		settled:    map[string]string{},
		seen:       map[string]time.Time{},
		doubts:     map[*payment]struct{}{},
		down:       map[int]bool{},
		able:       map[biometric.Modality]able{},
		collisions: map[string]struct{}{},
		back:       make(chan struct{}),
		nextSeq:    max(o.Recovery.NextPayment, 1),
		stopped:    make(chan struct{}),
		told:       make(chan Event, 1024),
		failed:     make(chan error, 1),
	}
	for i := range o.Contracts {
		c := &o.Contracts[i]
		if _, twice := t.contracts[c.Ref.Slot]; twice {
			return nil, fmt.Errorf("make till: two contracts in slot %d", c.Ref.Slot)
		}
		if err := c.checkOffers(); err != nil {
			return nil, fmt.Errorf("make till: contract %s: %w", c.Ref.Name, err)
		}
		t.contracts[c.Ref.Slot] = c
		t.routes = append(t.routes, route.Row{Slot: c.Ref.Slot, Name: c.Ref.Name, Wallet: c.Ref.Wallet, Schemes: c.Schemes, Currencies: c.Currencies,
			SaleIDs: c.SaleIDs, Aggregator: c.Aggregator, Offers: c.Offers})
	}
	t.o.Recognisers = slices.Clone(o.Recognisers)
	if err := t.checkRecognisers(); err != nil {
		return nil, fmt.Errorf("make till: %w", err)
	}
	if err := t.load(); err != nil {
		return nil, fmt.Errorf("make till: %w", err)
	}
	t.screens.init(o.Test)
	if o.Recovery.Lost {
		t.recoveringUntil = o.Wall().Add(replayFor)
		t.recovering()
	}
	return t, nil
}

// maxAsking is how many requests about payments in doubt run at once.
const maxAsking = 8

// Run owns every payment until ctx ends. It returns when the last goroutine has ended, and
// an error when the journal failed: the daemon then exits and starts again.
func (t *Till) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over, last := make(chan struct{}), make(chan struct{})
	go func() { t.tell(over); close(last) }()
	defer func() { close(over); <-last }()
	t.mu.Lock()
	t.ctx = ctx
	t.mu.Unlock()

	t.o.Health.OnChange(func(health.Cause, bool) { t.showLane() })
	t.checkStanding()
	if err := t.beginRecovery(ctx); err != nil {
		t.halt()
		return err
	}
	t.wg.Go(func() { t.keepReach(ctx) })
	if len(t.o.Recognisers) > 0 {
		t.wg.Go(func() { t.keepAble(ctx) })
	}
	t.mu.Lock()
	t.started = true
	t.mu.Unlock()
	t.showLane()

	var err error
	select {
	case <-ctx.Done():
	case err = <-t.failed:
		cancel()
	}
	t.halt()
	t.wg.Wait()
	return err
}

// halt lets every waiting caller go, and no goroutine begin.
func (t *Till) halt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ctx = nil
	close(t.stopped)
}

// inBackground starts f, which Run waits for, or reports that the till is not running.
func (t *Till) inBackground(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx == nil {
		return false
	}
	t.wg.Go(f)
	return true
}

// spawn starts an owner goroutine of pm, or reports that the till is not running.
func (t *Till) spawn(pm *payment, f func(context.Context) error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	ctx := t.ctx
	if ctx == nil {
		return false
	}
	t.owners++
	me := t.owners
	pm.owner = me
	t.wg.Go(func() { pm.closeOut(me, f(ctx)) })
	return true
}

// fail stops the till: a write that is not known to be durable must not be followed by
// anything.
func (t *Till) fail(err error) {
	select {
	case t.failed <- err:
	default:
	}
}

// errOver is returned inside a payment's goroutine when the daemon stops: the journal
// knows the rest.
var errOver = errors.New("the till is stopping")

// Payments lists copies of the payments on record, newest first; open only, if asked.
func (t *Till) Payments(openOnly bool) []sale.Payment {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []sale.Payment
	for _, pm := range t.payments {
		if !openOnly || pm.p.Open() {
			out = append(out, clone(pm.p))
		}
	}
	slices.SortFunc(out, func(a, b sale.Payment) int {
		return cmp.Or(b.Begun.Compare(a.Begun), cmp.Compare(b.Seq, a.Seq))
	})
	return out
}

// Payment returns a copy of one payment by its id or one of its order ids.
func (t *Till) Payment(id string) (sale.Payment, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	pm := t.payments[id]
	if pm == nil {
		pm = t.byOrder[id]
	}
	if pm == nil {
		return sale.Payment{}, false
	}
	return clone(pm.p), true
}

// Undelivered lists the payments that were paid or reversed while nobody was told, newest
// first.
func (t *Till) Undelivered() []sale.Payment {
	return slices.DeleteFunc(t.Payments(false), func(p sale.Payment) bool { return !p.Untold() || len(p.Attempts) == 0 })
}

// Busy reports whether a payment occupies the lane.
func (t *Till) Busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.occupied() != nil
}

// occupied is the payment that keeps others out: the one in the lane, or one in doubt that
// is meant to be kept. The caller holds mu.
func (t *Till) occupied() *payment {
	if t.lane != nil {
		return t.lane
	}
	for pm := range t.doubts {
		if pm.p.Intent == sale.Keep {
			return pm
		}
	}
	return nil
}
