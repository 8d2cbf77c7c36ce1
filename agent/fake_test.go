package agent_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
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
	full      bool
	log       []string // states in the order in which they became durable
}

func newJournal() *journal { return &journal{records: map[queue.Kind]map[string][]byte{}} }

func (j *journal) fill(full bool) { j.mu.Lock(); defer j.mu.Unlock(); j.full = full }

func (j *journal) Commit(_ context.Context, puts ...queue.Put) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full {
		return queue.ErrSpace
	}
	j.commits++
	for _, p := range append(j.later, puts...) {
		if j.records[p.Kind] == nil {
			j.records[p.Kind] = map[string][]byte{}
		}
		if p.Summary != nil {
			j.summaries = append(j.summaries, *p.Summary)
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
	g.armed = true
	return nil
}
func (g *gate) Disarm()                    { g.mu.Lock(); g.armed = false; g.mu.Unlock() }
func (g *gate) Scans() <-chan scanner.Scan { return g.scans }
func (g *gate) Ready() (bool, string)      { return !g.missing, "unplugged" }

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
	down     bool // not reachable: nothing is sent

	onPay     func(o *order) (sale.Answer, bool) // false: go on normally
	onQuery   func(o *order) (sale.Answer, bool)
	onReverse func(o *order) (sale.Answer, bool)
}

type order struct {
	id                string
	amount            sale.Amount
	exists            bool
	charged, refunded int64
	closed            bool
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
	o.closed, o.refunded = true, o.charged
	return w.answer(o, sale.OutAccepted), nil
}

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

// desk is a till with everything around it, inside a synctest bubble.
type desk struct {
	t       *testing.T
	till    *agent.Till
	journal *journal
	gate    *gate
	wechat  *wallet
	alipay  *wallet
	health  *health.Board
	stop    func()
	starts  int
	code    int
	adjust  func(*agent.Options)
	trusted bool
}

var (
	wechatClock = sale.Clock{Answer: 10 * time.Second, FirstQuery: 5 * time.Second, QueryEvery: 5 * time.Second, PayerDeadline: 45 * time.Second,
		ReverseAfter: 15 * time.Second, CodeLife: time.Minute, NetworkDelay: time.Minute, RetryFirst: time.Second, RetryMost: time.Minute,
		RetryFor: time.Hour, RetrySlow: 15 * time.Minute, Window: 7 * 24 * time.Hour, WindowMargin: time.Hour}
	alipayClock = func() sale.Clock {
		c := wechatClock
		c.QueryEvery, c.PayerDeadline, c.ReverseAfter, c.Window = 3*time.Second, time.Minute, 0, 24*time.Hour
		return c
	}()
)

// newDesk starts a till. It must be called inside a synctest bubble; call close at the end.
func newDesk(t *testing.T, adjust func(*agent.Options)) *desk {
	d := &desk{t: t, journal: newJournal(), adjust: adjust, trusted: true}
	d.wechat = newWallet(sale.ContractRef{Slot: 1, Name: "wechat", Wallet: "wechatpay", Merchant: "m1"})
	d.alipay = newWallet(sale.ContractRef{Slot: 2, Name: "alipay", Wallet: "alipay", Merchant: "m2"})
	d.start()
	return d
}

func (d *desk) start() {
	d.t.Helper()
	d.starts++
	codes, err := paycode.New("default")
	if err != nil {
		d.t.Fatal(err)
	}
	d.gate = &gate{scans: make(chan scanner.Scan)}
	d.health = health.NewBoard()
	render := func(a sale.Asked, r agent.Reply) []byte {
		return fmt.Appendf(nil, "%s:%s:%s", a.ServiceID, r.Payment.ID, r.Ending)
	}
	next := uint64(1)
	_ = d.journal.Each(queue.Payment, func(_ string, v []byte) error {
		var p sale.Payment
		if err := json.Unmarshal(v, &p); err != nil {
			return err
		}
		next = max(next, p.Seq+1)
		return nil
	})
	o := agent.Options{
		Journal: d.journal, Recovery: queue.Recovery{Token: fmt.Sprintf("TOKEN%d", d.starts), NextPayment: next},
		Contracts: []agent.Contract{
			{Ref: d.wechat.ref, Schemes: []string{"wechatpay"}, Clock: wechatClock, Wallet: d.wechat},
			{Ref: d.alipay.ref, Schemes: []string{"alipay-cn"}, Clock: alipayClock, Wallet: d.alipay},
		},
		Scanner: d.gate, Classify: codes, Health: d.health, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Render: render, RenderReverse: render, Serial: "000158000000000", Boot: "boot", Test: true,
		TimeTrusted: func() (bool, string) { return d.trusted, "no NTP" },
	}
	if d.adjust != nil {
		d.adjust(&o)
	}
	d.till, err = agent.New(o)
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.till.Run(ctx) }()
	d.stop = func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Errorf("run: %v", err)
		}
	}
	synctest.Wait()
}

// restart stops the till as a crash would as far as the journal is concerned: what is not
// committed is gone.
func (d *desk) restart() {
	d.stop()
	d.journal.mu.Lock()
	d.journal.later = nil
	d.journal.mu.Unlock()
	d.start()
}

func cny(minor int64) sale.Amount { return sale.Amount{Minor: minor, Currency: "CNY", Exponent: 2} }

func asked(service, transaction string) sale.Asked {
	return sale.Asked{SaleID: "POS-1", POIID: "TILLD-1", ServiceID: service, TransactionID: transaction, Hash: []byte("h" + transaction)}
}

// ask sends a Payment and returns where its reply will arrive.
func (d *desk) ask(service, transaction string, minor int64) <-chan agent.Reply {
	return d.askCtx(context.Background(), service, transaction, minor)
}

func (d *desk) askCtx(ctx context.Context, service, transaction string, minor int64) <-chan agent.Reply {
	out := make(chan agent.Reply, 1)
	till := d.till
	go func() {
		r, err := till.Pay(ctx, agent.PayRequest{Asked: asked(service, transaction), Amount: cny(minor)})
		if err != nil {
			r = agent.Reply{Ending: "undecided"}
		}
		out <- r
	}()
	synctest.Wait()
	return out
}

// wechatCode is a fresh code; none of them looks like an ID number.
func (d *desk) wechatCode() string {
	d.code++
	return fmt.Sprintf("13%016d", 9_900_000_000_000+d.code)
}

func (d *desk) alipayCode() string {
	d.code++
	return fmt.Sprintf("28%016d", 7_000_000_000_000_000+d.code)
}

// scan presents a code; it reports whether the gate was open.
func (d *desk) scan(text string) bool {
	if !d.gate.isArmed() {
		return false
	}
	d.gate.scans <- scanner.Scan{At: time.Now(), Text: secret.Copy([]byte(text)), AIM: "]Q1"}
	synctest.Wait()
	return true
}

func (d *desk) mustScan(text string) {
	d.t.Helper()
	if !d.scan(text) {
		d.t.Fatalf("the scanner is not armed; the screen shows %+v", d.till.Screen())
	}
}

// want waits up to limit of fake time for the reply and checks its ending.
func (d *desk) want(reply <-chan agent.Reply, ending sale.Ending, limit time.Duration) agent.Reply {
	d.t.Helper()
	select {
	case r := <-reply:
		if r.Ending != ending {
			d.t.Fatalf("told %q (%s), want %q", r.Ending, r.Why, ending)
		}
		return r
	case <-time.After(limit):
		d.t.Fatalf("no reply within %s, want %q; the screen shows %+v", limit, ending, d.till.Screen())
	}
	return agent.Reply{}
}

// quiet checks that no reply comes within limit.
func (d *desk) quiet(reply <-chan agent.Reply, limit time.Duration) {
	d.t.Helper()
	select {
	case r := <-reply:
		d.t.Fatalf("told %q (%s), want no answer yet", r.Ending, r.Why)
	case <-time.After(limit):
	}
}

func (d *desk) wantNet(w *wallet, minor int64) {
	d.t.Helper()
	if got := w.net(); got != minor {
		d.t.Fatalf("the wallet's ledger says %d, want %d", got, minor)
	}
}
