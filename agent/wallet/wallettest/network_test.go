package wallettest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// The real limits are 30 s at the box and 20 s of ours. Here they are shorter, and further
// apart: ten seconds are a long time on a busy machine, a few hundred milliseconds are not.
const (
	boxForgets = 1500 * time.Millisecond
	weTrust    = 500 * time.Millisecond
)

func behindBox(t *testing.T, w *wallettest.World, name string) *wallettest.Middlebox {
	t.Helper()
	box, err := wallettest.NewMiddlebox(strings.TrimPrefix(w.Contract(name).Endpoint, "https://"), boxForgets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}

// Behind a box that silently forgets idle flows no payment becomes unknown: 1,000 payments
// from 100 tills, with pauses around the box's limit before the customer comes and between
// arming the scanner and the code.
func TestForgetfulMiddlebox(t *testing.T) {
	t.Parallel()
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	w := newWorld(t, wallettest.Options{ClockScale: 1})
	// A few at a time: what is tried is the box's patience, not the machine's.
	lanes := make(chan struct{}, 4)
	var unknown, paid atomic.Int32
	var tills sync.WaitGroup
	for _, name := range wallettest.Wallets() {
		box := behindBox(t, w, name)
		n := 33
		if name == wallettest.WeChatPay {
			n = 34
		}
		for i := range n {
			l := newTill(t, w, name, box.Endpoint(), func(c *wallet.Config) {
				c.MaxIdle = weTrust
				c.Clock.Answer = 30 * time.Second
			})
			l.seq.Store(uint64(i) * 1000)
			tills.Go(func() {
				rng := rand.New(rand.NewPCG(7, uint64(i)))
				pause := func(most time.Duration) { <-time.After(time.Duration(rng.Int64N(int64(most)))) }
				for range rounds {
					pause(boxForgets * 5 / 4)
					lanes <- struct{}{}
					if err := l.client.Warm(t.Context()); err != nil {
						t.Error(err)
					}
					<-lanes
					pause(boxForgets / 4)
					a := l.attempt()
					lanes <- struct{}{}
					ans, err := l.client.Pay(t.Context(), a, credential(w.NewCode(name)))
					<-lanes
					if err != nil {
						t.Error(err)
						return
					}
					if ans.Outcome == sale.OutPaid {
						paid.Add(1)
						continue
					}
					unknown.Add(1)
					t.Errorf("%s: %s", name, describe(ans))
				}
			})
		}
	}
	tills.Wait()
	if want := int32(100 * rounds); paid.Load() != want {
		t.Errorf("%d of %d paid, %d unknown", paid.Load(), want, unknown.Load())
	}
	noViolations(t, w)
}

// The box does what the test above needs it to do: a client that trusts a forgotten flow
// gets no answer.
func TestMiddleboxForgetsSilently(t *testing.T) {
	w := newWorld(t, wallettest.Options{})
	box := behindBox(t, w, wallettest.WeChatPay)
	l := newTill(t, w, wallettest.WeChatPay, box.Endpoint(), func(c *wallet.Config) {
		c.MaxIdle = time.Hour
		c.Clock.Answer = 300 * time.Millisecond
	})
	if ans := l.pay(l.attempt()); ans.Outcome != sale.OutPaid {
		t.Fatalf("before: %s", describe(ans))
	}
	<-time.After(boxForgets + 50*time.Millisecond)
	if ans := l.pay(l.attempt()); ans.NotSent || ans.Outcome != sale.OutUnknown {
		t.Errorf("after: %s", describe(ans))
	}
	if box.Dropped() != 1 {
		t.Errorf("%d flows dropped, want 1", box.Dropped())
	}
	box.Drop()
	if ans := l.pay(l.attempt()); ans.Outcome != sale.OutPaid {
		t.Errorf("a new flow: %s", describe(ans))
	}
	box.Blackhole(true)
	if ans := l.pay(l.attempt()); ans.Outcome != sale.OutUnknown {
		t.Errorf("nothing passes: %s", describe(ans))
	}
	box.Blackhole(false)
	if ans := l.pay(l.attempt()); ans.Outcome != sale.OutPaid {
		t.Errorf("passes again: %s", describe(ans))
	}
}

func TestLossyLinkLosesTimeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallettest.Options{ClockScale: 1})
	for _, name := range wallettest.Wallets() {
		link, err := wallettest.NewLossy(strings.TrimPrefix(w.Contract(name).Endpoint, "https://"),
			wallettest.LossOptions{PerMille: 100, Delay: time.Millisecond, RTO: 20 * time.Millisecond, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer link.Close()
		l := newTill(t, w, name, link.Endpoint(), func(c *wallet.Config) { c.Clock.Answer = 10 * time.Second })
		for i := range 20 {
			if ans := l.pay(l.attempt()); ans.Outcome != sale.OutPaid {
				t.Errorf("%s %d: %s", name, i, describe(ans))
			}
		}
	}
	noViolations(t, w)
}

func TestStalledLinkIsUnknown(t *testing.T) {
	w := newWorld(t, wallettest.Options{})
	link, err := wallettest.NewLossy(strings.TrimPrefix(w.Contract(wallettest.Alipay).Endpoint, "https://"),
		wallettest.LossOptions{StallPerMille: 1000, Stall: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	l := newTill(t, w, wallettest.Alipay, link.Endpoint(), func(c *wallet.Config) { c.Clock.Answer = 200 * time.Millisecond })
	if ans := l.pay(l.attempt()); !ans.NotSent {
		t.Errorf("a handshake that stalls sends nothing: %s", describe(ans))
	}
}

// Queries run beside a payment that hangs.
func TestQueriesBesideAPayment(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		b := l.attempt()
		l.pay(b)
		release := make(chan struct{})
		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Hold, Release: release}, 1)
		held := make(chan struct{})
		off := l.w.OnEvent(func(e wallettest.Event) {
			if e.Fault == wallettest.Hold && e.Phase == "done" {
				close(held)
			}
		})
		defer off()
		done := make(chan sale.Answer, 1)
		a := l.attempt()
		go func() { done <- l.pay(a) }()
		<-held
		var queries sync.WaitGroup
		for range 4 {
			queries.Go(func() {
				if ans, err := l.client.Query(t.Context(), b); err != nil || ans.Outcome != sale.OutPaid {
					t.Errorf("query: %v %s", err, describe(ans))
				}
			})
		}
		queries.Wait()
		close(release)
		if ans := <-done; ans.Outcome != sale.OutPaid {
			t.Errorf("pay: %s", describe(ans))
		}
	})
}

// Nothing an answer or an error says holds the payment code.
func TestNoCodeInWords(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		for _, k := range wallettest.Kinds() {
			if k == wallettest.Down || k == wallettest.Hold || k == wallettest.Silent || k == wallettest.SilentNoOrder ||
				k == wallettest.LateCharge || k == wallettest.Trickle {
				continue // no more words than "no answer in 1s", and they take that long
			}
			l.w.Inject(l.name, wallettest.Fault{Kind: k}, 1)
			code := l.w.NewCode(l.name)
			ans, err := l.client.Pay(t.Context(), l.attempt(), credential(code))
			l.w.Clear(l.name)
			if said := fmt.Sprintf("%+v %v", ans, err); strings.Contains(said, code[2:14]) {
				t.Errorf("%s: the code is in %s", k, said)
			}
		}
	})
}
