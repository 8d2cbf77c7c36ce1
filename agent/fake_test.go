package agent_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/scanner"
)

// journal keeps records in memory, as a disk would: what was committed survives a restart of
// the till on top of it.
type journal struct {
	mu        sync.Mutex
	records   map[queue.Kind]map[string][]byte
	later     []queue.Put
	commits   int
	recovered int
	summaries []queue.Summary
	orders    map[string]bool // those that the witness would name
	full      bool
	log       []string // states in the order in which they became durable
	onCommit  func()   // called before anything is written
}

func newJournal() *journal { return &journal{records: map[queue.Kind]map[string][]byte{}} }

func (j *journal) fill(full bool) { j.mu.Lock(); defer j.mu.Unlock(); j.full = full }

func (j *journal) Commit(_ context.Context, puts ...queue.Put) error {
	if j.onCommit != nil {
		j.onCommit()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full {
		return queue.ErrSpace
	}
	if err := fits(puts); err != nil {
		return err
	}
	j.commits++
	for _, p := range append(j.later, puts...) {
		if j.records[p.Kind] == nil {
			j.records[p.Kind] = map[string][]byte{}
		}
		if p.Summary != nil {
			j.summaries = append(j.summaries, *p.Summary)
		}
		for _, id := range p.Orders {
			if j.orders == nil {
				j.orders = map[string]bool{}
			}
			j.orders[id] = true
		}
		j.records[p.Kind][p.Key] = append([]byte(nil), p.Value...)
		if p.Kind == queue.Payment {
			var rec sale.Payment
			_ = json.Unmarshal(p.Value, &rec)
			state := "none"
			if a := rec.Current(); a != nil {
				state = a.State.String()
			}
			j.log = append(j.log, fmt.Sprintf("%s/%s/%s", state, rec.Intent, rec.Ending))
		}
	}
	j.later = nil
	return nil
}

// fits holds a commit to the limits of the queue.
func fits(puts []queue.Put) error {
	size := 0
	for _, p := range puts {
		if len(p.Key) > queue.MaxKey || len(p.Value) > queue.MaxValue {
			return queue.ErrTooLarge
		}
		size += len(p.Key) + len(p.Value)
	}
	if size > 512<<10 {
		return queue.ErrTooLarge
	}
	return nil
}

// snapshot is what a crash now would leave.
func (j *journal) snapshot() map[queue.Kind]map[string][]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := map[queue.Kind]map[string][]byte{}
	for kind, records := range j.records {
		out[kind] = maps.Clone(records)
	}
	return out
}

func (j *journal) Later(puts ...queue.Put) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.later = append(j.later, puts...)
}

func (j *journal) Each(kind queue.Kind, f func(string, []byte) error) error {
	j.mu.Lock()
	records := maps.Clone(j.records[kind])
	j.mu.Unlock()
	for k, v := range records {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) Get(kind queue.Kind, key string) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	v, ok := j.records[kind][key]
	if !ok {
		return nil, queue.ErrNotFound
	}
	return v, nil
}

func (j *journal) Room() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full {
		return queue.ErrSpace
	}
	return nil
}

// Summaries of the records, without an order to speak of: the fake erases nothing by itself.
func (j *journal) Summaries(f func(queue.Summary) error) error {
	for _, s := range j.summaries {
		if err := f(s); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) Recovered(context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.recovered++
	return nil
}

func (j *journal) CodeMAC(code []byte) []byte {
	h := hmac.New(sha256.New, []byte("test"))
	h.Write(code)
	return h.Sum(nil)
}

// gate is a scanner that delivers what the test scans while it is armed.
type gate struct {
	mu      sync.Mutex
	armed   bool
	scans   chan scanner.Scan
	missing bool
}

func (g *gate) Arm(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.missing {
		return errors.New("no scanner is ready")
	}
	g.armed = true
	return nil
}
func (g *gate) Disarm()                    { g.mu.Lock(); g.armed = false; g.mu.Unlock() }
func (g *gate) Scans() <-chan scanner.Scan { return g.scans }
func (g *gate) unplug()                    { g.mu.Lock(); g.missing = true; g.mu.Unlock() }

func (g *gate) Ready() (bool, string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.missing, "unplugged"
}

func (g *gate) isArmed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.armed
}

// wallet is a wallet server without a wire: a ledger, and answers that the test scripts.
type wallet struct {
	mu       sync.Mutex
	ref      sale.ContractRef
	orders   map[string]*order
	pays     []string // order ids, in the order of sending
	codes    map[string]string
	reverses int
	queries  []time.Time
	reversed []time.Time
	closes   []time.Time
	down     bool // not reachable: nothing is sent
	lost     bool // packets vanish: everything takes its whole time
	lazy     bool // an offered order exists once its code is scanned, and cannot be closed before

	onWarm    func()
	onPay     func(o *order) (sale.Answer, bool) // false: go on normally
	onQuery   func(o *order) (sale.Answer, bool)
	onReverse func(o *order) (sale.Answer, bool)
	onOffer   func(o *order) (sale.Offer, bool)
	onClose   func(o *order) (sale.Answer, bool)

	giving giving
}

type order struct {
	id                string
	amount            sale.Amount
	exists            bool
	charged, refunded int64
	closed            bool
	ends              time.Time // of an offered order
}

func newWallet(ref sale.ContractRef) *wallet {
	return &wallet{ref: ref, orders: map[string]*order{}, codes: map[string]string{}}
}

func (w *wallet) order(a sale.Attempt) *order {
	o := w.orders[a.ID]
	if o == nil {
		o = &order{id: a.ID, amount: a.Amount}
		w.orders[a.ID] = o
	}
	return o
}

func (w *wallet) answer(o *order, out sale.Outcome) sale.Answer {
	return sale.Answer{Outcome: out, Signed: true, Order: o.id, Merchant: w.ref.Merchant, Total: o.amount, HasTotal: true, Code: string(out), WalletTransaction: "tx-" + o.id}
}

func (w *wallet) Warm(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onWarm != nil {
		w.await(w.onWarm)
	}
	if w.lost {
		w.await(func() { time.Sleep(3 * time.Second) })
		return fmt.Errorf("i/o timeout")
	}
	if w.down {
		return fmt.Errorf("connection refused")
	}
	return nil
}

func (w *wallet) Pay(ctx context.Context, a sale.Attempt, c sale.Credential) (sale.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return sale.Answer{}, err
	}
	if w.down {
		return sale.Answer{NotSent: true, Cause: "connection refused"}, nil
	}
	if len(c.Code.Reveal()) == 0 {
		panic("the code was wiped before it was sent")
	}
	w.pays = append(w.pays, a.ID)
	o := w.order(a)
	if w.onPay != nil {
		w.mu.Unlock()
		ans, handled := w.onPay(o)
		w.mu.Lock()
		if handled {
			return ans, nil
		}
	}
	o.exists, o.charged = true, o.amount.Minor
	return w.answer(o, sale.OutPaid), nil
}

func (w *wallet) Query(_ context.Context, a sale.Attempt) (sale.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queries = append(w.queries, time.Now())
	if w.lost {
		w.await(func() { time.Sleep(10 * time.Second) })
		return sale.Answer{Cause: "no answer in 10s"}, nil
	}
	if w.down {
		return sale.Answer{Cause: "connection refused"}, nil
	}
	o := w.order(a)
	if w.onQuery != nil {
		if ans, handled := w.onQuery(o); handled {
			return ans, nil
		}
	}
	switch {
	case !o.exists && !o.closed:
		return w.answer(o, sale.OutNotFound), nil
	case o.refunded > 0:
		return w.answer(o, sale.OutRefunded), nil
	case o.closed:
		return w.answer(o, sale.OutClosed), nil
	case o.charged > 0:
		return w.answer(o, sale.OutPaid), nil
	}
	return w.answer(o, sale.OutPaying), nil
}

func (w *wallet) Reverse(_ context.Context, a sale.Attempt) (sale.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reversed = append(w.reversed, time.Now())
	if w.lost {
		w.await(func() { time.Sleep(10 * time.Second) })
		return sale.Answer{Cause: "no answer in 10s"}, nil
	}
	if w.down {
		return sale.Answer{Cause: "connection refused"}, nil
	}
	o := w.order(a)
	if w.onReverse != nil {
		if ans, handled := w.onReverse(o); handled {
			return ans, nil
		}
	}
	w.reverses++
	if w.lazy && !o.exists && !o.ends.IsZero() {
		return w.answer(o, sale.OutAccepted), nil
	}
	o.closed, o.refunded = true, o.charged
	return w.answer(o, sale.OutAccepted), nil
}

// await calls f while others may use the wallet.
func (w *wallet) await(f func()) { w.mu.Unlock(); defer w.mu.Lock(); f() }

// asked is how many queries have come so far.
func (w *wallet) asked() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.queries) }

// silent loses the answer to a payment, which was charged or not.
func silent(charge bool) func(*order) (sale.Answer, bool) {
	return func(o *order) (sale.Answer, bool) {
		if charge {
			o.exists, o.charged = true, o.amount.Minor
		}
		return sale.Answer{Cause: "no answer"}, true
	}
}

// mute answers nothing.
func mute(*order) (sale.Answer, bool) { return sale.Answer{Cause: "no answer"}, true }

// set changes the wallet or an order while requests may run.
func (w *wallet) set(f func()) { w.mu.Lock(); defer w.mu.Unlock(); f() }

// net is what the wallet's ledger says the customers paid.
func (w *wallet) net() (sum int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.orders {
		sum += o.charged - o.refunded
	}
	return sum
}
