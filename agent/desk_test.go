package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
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
	code    int64
	adjust  func(*agent.Options)
	trusted atomic.Bool  // is the wall clock?
	behind  atomic.Int64 // how far it is, in nanoseconds
}

var (
	wechatClock = sale.Clock{Answer: 10 * time.Second, FirstQuery: 5 * time.Second, QueryEvery: 5 * time.Second, PayerDeadline: 45 * time.Second,
		ReverseAfter: 15 * time.Second, CodeLife: time.Minute, OfferLife: 90 * time.Second, NetworkDelay: time.Minute, RetryFirst: time.Second, RetryMost: time.Minute,
		RetryFor: time.Hour, RetrySlow: 15 * time.Minute, Window: 7 * 24 * time.Hour, WindowMargin: time.Hour}
	alipayClock = func() sale.Clock {
		c := wechatClock
		c.QueryEvery, c.PayerDeadline, c.ReverseAfter, c.Window = 3*time.Second, time.Minute, 0, 24*time.Hour
		return c
	}()
)

// newDesk starts a till. It must be called inside a synctest bubble; call close at the end.
func newDesk(t *testing.T, adjust func(*agent.Options)) *desk {
	d := &desk{t: t, journal: newJournal(), adjust: adjust}
	d.trusted.Store(true)
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
		TimeTrusted: func() (bool, string) { return d.trusted.Load(), "no NTP" },
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
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Errorf("run: %v", err)
		}
	})
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
	return d.pay(ctx, agent.PayRequest{Asked: asked(service, transaction), Amount: cny(minor)})
}

func (d *desk) pay(ctx context.Context, request agent.PayRequest) <-chan agent.Reply {
	out := make(chan agent.Reply, 1)
	till := d.till
	go func() {
		r, err := till.Pay(ctx, request)
		if err != nil {
			r = agent.Reply{Ending: "undecided"}
		}
		out <- r
	}()
	synctest.Wait()
	return out
}

// reverse sends a Reversal and returns where its reply will arrive.
func (d *desk) reverse(service, payment string) <-chan agent.Reply {
	out := make(chan agent.Reply, 1)
	till := d.till
	go func() {
		r, err := till.Reverse(context.Background(), agent.ReverseRequest{Asked: asked(service, "R"), Payment: payment})
		if err != nil {
			r.Ending = "undecided"
		}
		out <- r
	}()
	return out
}

// abort sends an Abort of the request and returns where its outcome will arrive.
func (d *desk) abort(k sale.MessageKey) <-chan error {
	out := make(chan error, 1)
	till := d.till
	go func() { out <- till.Abort(context.Background(), k, "") }()
	synctest.Wait()
	return out
}

// paid sells for 1.00 with the code.
func (d *desk) paid(service, transaction, code string) sale.Payment {
	d.t.Helper()
	reply := d.ask(service, transaction, 100)
	d.mustScan(code)
	return d.want(reply, sale.EndPaid, time.Second).Payment
}

// only is the one payment on record.
func (d *desk) only() sale.Payment {
	d.t.Helper()
	all := d.till.Payments(false)
	if len(all) != 1 {
		d.t.Fatalf("%d payments on record, want one", len(all))
	}
	return all[0]
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

// heard checks that an Abort is answered within limit.
func (d *desk) heard(abort <-chan error, limit time.Duration) {
	d.t.Helper()
	select {
	case err := <-abort:
		if err != nil {
			d.t.Fatalf("abort: %v", err)
		}
	case <-time.After(limit):
		d.t.Fatalf("the abort hangs for %s", limit)
	}
}

func (d *desk) settle(payment string, paid bool) {
	d.t.Helper()
	if err := d.till.Settle(d.t.Context(), payment, paid); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) wantState(payment string, state sale.State) sale.Payment {
	d.t.Helper()
	p, ok := d.till.Payment(payment)
	if !ok || p.Current() == nil || p.Current().State != state {
		d.t.Fatalf("payment %s: %+v, want %s", payment, p, state)
	}
	return p
}

func (d *desk) wantStatus(k sale.MessageKey, want agent.StatusOf) agent.Reply {
	d.t.Helper()
	st, r, err := d.till.Status(d.t.Context(), k)
	if st != want || err != nil {
		d.t.Fatalf("status %v (ending %q, error %v), want %v", st, r.Ending, err, want)
	}
	return r
}

func (d *desk) wantNet(w *wallet, minor int64) {
	d.t.Helper()
	if got := w.net(); got != minor {
		d.t.Fatalf("the wallet's ledger says %d, want %d", got, minor)
	}
}
