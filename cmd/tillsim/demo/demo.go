// Package demo plays every kind of payment through the two real programs: tilld as a child
// process, and this one as its wallets, its scanner and its points of sale. What both sides
// hold in the end goes into two files, and the verdict is recomputed from the files.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// Accidents that Options.Break can plant.
const (
	DoubleCharge = "double-charge" // the wallet charges the customer twice
	LostSale     = "lost-sale"     // the wallet says "paid" and charges nobody
	OverRefund   = "over-refund"   // the wallet gives a part back twice
)

// Kinds of difference that only the one who played can know of.
const (
	DiffNotPlayed = "not-played"  // a scenario did not come to its end
	DiffRule      = "rule-broken" // a request broke a rule of a wallet's protocol
)

// Scale divides the clock tables. With 10 the shortest answer time-out is half a second,
// enough for a machine that is busy, and the longest wait 12 s.
const Scale = 10

// Options says what to play.
type Options struct {
	Tilld string // the daemon's program
	Dir   string // where everything is written
	Break string // an accident to plant: DoubleCharge, LostSale, OverRefund, or none
	Only  string // the name of the one till to play on; empty plays on all
	Scale int    // zero means Scale
	// Storm is a number of random stories to play instead of the scenarios; Seed makes them.
	Storm int
	Seed  uint64
	// Chaos is a number of random stories with a kill at a named point in each, on as many
	// tills as Tills says.
	Chaos, Tills int
	// Struck, of a chaos, is told at the end how often a till was killed at each point.
	Struck   func(at map[string]int)
	Progress func(done, all int, name string)
}

// Files names the two files that Run writes into dir.
func Files(dir string) (pos, ledger string) {
	return filepath.Join(dir, "pos.jsonl"), filepath.Join(dir, "ledger.jsonl")
}

// Run plays all scenarios, writes both sides' files, and returns what cannot be seen in
// them: scenarios that did not come to their end, rules of the wallets that were broken.
// An error means that there was nothing to play on.
func Run(ctx context.Context, o Options) ([]verdict.Difference, error) {
	if o.Scale < 1 {
		o.Scale = Scale
	}
	all := lanes()
	switch {
	case o.Storm > 0:
		all = storm(o.Storm, o.Seed)
	case o.Chaos > 0:
		all = chaos(o.Chaos, max(o.Tills, 1), o.Seed)
	}
	all, err := withAccident(all, o.Break)
	if err != nil {
		return nil, err
	}
	if o.Only != "" {
		all = slices.DeleteFunc(all, func(l lane) bool { return l.name != o.Only })
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("demo: no till %q", o.Only)
	}
	s := &show{o: o, run: runName(time.Now()), record: newRecord()}
	for _, l := range all {
		s.total += len(l.scenarios)
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, l := range all {
		wg.Go(func() { errs[i] = s.lane(ctx, i, l) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if o.Struck != nil {
		o.Struck(s.record.strikes)
	}
	pos, ledger := Files(o.Dir)
	if err := errors.Join(writeFile(pos, s.book.all()), writeFile(ledger, s.ledger)); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return s.differences, nil
}

// withAccident adds the accident's scenario to the first lane.
func withAccident(all []lane, name string) ([]lane, error) {
	plays := map[string]func(*play){
		DoubleCharge: accident(wallettest.DoubleCharge, paidBy(wallettest.WeChatPay)),
		LostSale:     accident(wallettest.LostSale, paidBy(wallettest.WeChatPay)),
		OverRefund:   accident(wallettest.OverRefund, onePart),
	}
	if name == "" {
		return all, nil
	}
	if plays[name] == nil {
		return nil, fmt.Errorf("demo: no accident %q: %s, %s or %s", name, DoubleCharge, LostSale, OverRefund)
	}
	all[0].scenarios = append([]scenario{{"accident: " + name, plays[name]}}, all[0].scenarios...)
	return all, nil
}

func accident(kind wallettest.Kind, then func(*play)) func(*play) {
	return func(p *play) {
		p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: kind}, 1)
		then(p)
	}
}

// runName makes the first characters of all numbers of this demo.
func runName(now time.Time) string {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	n := now.UnixMilli()
	var b strings.Builder
	for range 5 {
		b.WriteByte(letters[n%32])
		n /= 32
	}
	return b.String()
}

// show is one run of the demo.
type show struct {
	o      Options
	run    string
	total  int
	book   book
	record *record
	drawn  atomic.Int64

	mu          sync.Mutex
	done        int
	ledger      []verdict.Entry
	differences []verdict.Difference
}

// amount draws an amount that no other sale of the demo has.
func (s *show) amount() sale.Amount {
	return sale.Amount{Minor: 1280 + 137*(s.drawn.Add(1)-1), Currency: "CNY", Exponent: 2}
}

// lane builds a till, plays its scenarios, and keeps its wallets' ledgers.
func (s *show) lane(ctx context.Context, n int, l lane) (err error) {
	wait := time.Duration(0)
	if s.o.Storm > 0 || s.o.Chaos > 0 {
		wait = stormWait
	}
	r, err := rig.Start(ctx, rig.Options{Tilld: s.o.Tilld, Dir: filepath.Join(s.o.Dir, "till-"+l.name), Scale: s.o.Scale, CodeWait: wait, Boxes: s.o.Chaos > 0, Palm: l.palm, Also: wallettest.Further(),
		Serial: fmt.Sprintf("00015800000%04d", n+1), Notify: func(line string) { s.differ(DiffNotPlayed, l.name+": "+line) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	saleID := "POS" + fmt.Sprint(n+1)
	pos, err := r.POS(saleID)
	if err != nil {
		return err
	}
	c := &cashier{book: &s.book, pos: pos, saleID: saleID, poiID: r.POIID(), run: s.run}
	for _, sc := range l.scenarios {
		p := &play{ctx: ctx, name: sc.name, rig: r, cashier: c, amount: s.amount, record: s.record}
		s.progress(sc.name)
		sc.play(p)
		for _, f := range p.later {
			f()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.err != nil {
			s.differ(DiffNotPlayed, fmt.Sprintf("%s: %v (the till's log: %s)", sc.name, p.err, r.Log()))
		}
	}
	if s.o.Chaos > 0 {
		if err := s.aftermath(ctx, l.name, r); err != nil {
			return err
		}
	}
	s.keep(r.World)
	return nil
}

// progress tells that a scenario begins.
func (s *show) progress(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	if s.o.Progress != nil {
		s.o.Progress(s.done, s.total, name)
	}
}

func (s *show) differ(kind, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.differences = append(s.differences, verdict.Difference{Kind: kind, Text: text})
}

// keep copies the ledgers of a world, and the rules that were broken there.
func (s *show) keep(w *wallettest.World) {
	for _, v := range w.Violations() {
		s.differ(DiffRule, v)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range w.Ledger() {
		s.ledger = append(s.ledger, verdict.Entry{Wallet: e.Wallet, Merchant: e.Merchant, Order: e.Order, Currency: sale.Currency(e.Currency),
			Total: e.TotalMinor, Charges: e.Charges, Charged: e.ChargedMinor, Refunded: e.RefundedMinor, State: e.State})
	}
}

func writeFile[T any](path string, rows []T) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return verdict.WriteLines(f, rows)
}
