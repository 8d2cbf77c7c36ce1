package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// offering runs f in a bubble with a desk whose WeChat contract may show codes.
func offering(t *testing.T, name string, f func(*testing.T, *desk)) {
	offeringWith(t, name, func(*agent.Options) {}, f)
}

func offeringWith(t *testing.T, name string, adjust func(*agent.Options), f func(*testing.T, *desk)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, func(o *agent.Options) { o.Contracts[0].Offers = true; adjust(o) })
			defer func() { d.stop() }()
			f(t, d)
		})
	})
}

// offer touches the button and returns the text of the code on the screen.
func (d *desk) offer() string {
	d.t.Helper()
	s := d.till.Screen()
	if !s.Offer {
		d.t.Fatalf("the screen has no button: %+v", s)
	}
	if err := d.till.Offer(s.Payment); err != nil {
		d.t.Fatal(err)
	}
	synctest.Wait()
	return d.shown()
}

// shown is the text of the code on the screen.
func (d *desk) shown() string {
	d.t.Helper()
	s := d.till.Screen()
	if s.Kind != agent.ScreenPay || !strings.HasPrefix(s.Code, codePrefix) {
		d.t.Fatalf("no code is shown: %+v", s)
	}
	return s.Code
}

func (d *desk) wantScreen(kind agent.ScreenKind, reason string) {
	d.t.Helper()
	synctest.Wait()
	if s := d.till.Screen(); s.Kind != kind || s.Reason != reason || s.Code != "" {
		d.t.Fatalf("screen %+v, want %s %q without a code", s, kind, reason)
	}
}

func (d *desk) scanOffered(code string) {
	d.t.Helper()
	if !d.wechat.scanned(code) {
		d.t.Fatal("the wallet did not take the customer's money")
	}
}

func (d *desk) wantAlarm(code string) {
	d.t.Helper()
	for _, c := range d.health.Causes() {
		if c.Code == code {
			return
		}
	}
	d.t.Fatalf("no alarm %q among %+v", code, d.health.Causes())
}

func (d *desk) wantLog(want ...string) {
	d.t.Helper()
	if !slices.Equal(d.journal.log, want) {
		d.t.Fatalf("durable: %q, want %q", d.journal.log, want)
	}
}

func TestOfferPaid(t *testing.T) {
	var log bytes.Buffer
	offeringWith(t, "durable before the wallet is asked, known by query alone", func(o *agent.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }, func(t *testing.T, d *desk) {
		d.wechat.onOffer = func(*order) (sale.Offer, bool) {
			d.wantLog("OFFERED/keep/")
			if s := d.till.Screen(); s.Code != "" {
				t.Errorf("shown before the wallet's word: %+v", s)
			}
			return sale.Offer{}, false
		}
		_, events := d.till.Watch(t.Context())
		reply := d.ask("1", "A", 1280)
		start := time.Now()
		code := d.offer()
		if left := time.Until(d.till.Screen().CodeEnds); left != 90*time.Second || !d.gate.isArmed() {
			t.Errorf("%s left, armed %v", left, d.gate.isArmed())
		}
		d.quiet(reply, 12*time.Second)
		d.scanOffered(code)
		r := d.want(reply, sale.EndPaid, 5*time.Second)
		for i, at := range d.wechat.queries {
			if want := time.Duration(i+1) * 5 * time.Second; at.Sub(start) != want {
				t.Errorf("query %d after %s, want %s", i+1, at.Sub(start), want)
			}
		}
		d.wantLog("OFFERED/keep/", "PAID/keep/paid")
		if a := r.Payment.Current(); a.OfferLife != 90*time.Second || a.Scheme != "wechatpay" || len(a.CodeMAC) != 0 {
			t.Errorf("attempt %+v", a)
		}
		d.wantNet(d.wechat, 1280)
		d.wantScreen(agent.ScreenPaid, "")
		if d.gate.isArmed() {
			t.Error("the gate is still open")
		}
		d.stop()
		for len(events) > 0 {
			if e := fmt.Sprint(<-events); strings.Contains(e, codePrefix) {
				t.Errorf("the code is in an event: %s", e)
			}
		}
		if strings.Contains(log.String(), codePrefix) || !strings.Contains(log.String(), "offered") {
			t.Errorf("log: %s", log.String())
		}
	})
	offering(t, "in the last second", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.quiet(reply, 90*time.Second-time.Millisecond)
		d.scanOffered(code)
		d.want(reply, sale.EndPaid, time.Second)
		d.wantNet(d.wechat, 100)
	})
	offering(t, "after its end the wallet refuses, and nothing is charged", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.quiet(reply, 90*time.Second-time.Millisecond)
		time.Sleep(2 * time.Millisecond)
		if d.wechat.scanned(code) {
			t.Fatal("the wallet took money after the end")
		}
		d.want(reply, sale.EndCancelled, time.Second)
		d.wantNet(d.wechat, 0)
	})
	offeringWith(t, "no scanner: a code is shown instead of a refusal", func(o *agent.Options) {}, func(t *testing.T, d *desk) {
		d.gate.unplug()
		time.Sleep(2 * time.Second)
		if s := d.till.Screen(); s.Kind != agent.ScreenIdle {
			t.Errorf("screen %+v, want idle: codes of ours can be shown", s)
		}
		reply := d.ask("1", "A", 100)
		d.scanOffered(d.shown())
		d.want(reply, sale.EndPaid, 6*time.Second)
	})
	offeringWith(t, "always: from the start, beside the customer's own", func(o *agent.Options) { o.Offer = agent.OfferAlways }, func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		if !d.gate.isArmed() {
			t.Error("the scanner is not armed")
		}
		d.scanOffered(d.shown())
		d.want(reply, sale.EndPaid, 6*time.Second)
	})
	offeringWith(t, "of another contract by name", func(o *agent.Options) { o.Contracts[1].Offers, o.OfferContract = true, "alipay" }, func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		code := d.offer()
		if !d.alipay.scanned(code) {
			t.Fatal("not alipay's")
		}
		d.want(reply, sale.EndPaid, 6*time.Second)
		d.wantNet(d.alipay, 100)
	})
}

func TestOfferNotMade(t *testing.T) {
	offering(t, "declined: the customer shows a code instead", func(t *testing.T, d *desk) {
		d.wechat.onOffer = func(o *order) (sale.Offer, bool) {
			return sale.Offer{Answer: d.wechat.answer(o, sale.OutDeclined)}, true
		}
		reply := d.ask("1", "A", 100)
		if err := d.till.Offer(d.till.Screen().Payment); err != nil {
			t.Fatal(err)
		}
		d.wantScreen(agent.ScreenPay, "no-offer")
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.wantLog("OFFERED/keep/", "CLOSED/keep/", "SENDING/keep/", "PAID/keep/paid")
	})
	offering(t, "not sent: likewise", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.wechat.set(func() { d.wechat.down = true })
		if err := d.till.Offer(d.till.Screen().Payment); err != nil {
			t.Fatal(err)
		}
		d.wantScreen(agent.ScreenPay, "no-offer")
		d.mustScan(d.alipayCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
	offering(t, "no answer: nothing is shown, and it is closed before anything else", func(t *testing.T, d *desk) {
		d.wechat.onOffer = func(o *order) (sale.Offer, bool) {
			o.exists, o.ends = true, time.Now().Add(90*time.Second)
			return sale.Offer{Answer: sale.Answer{Cause: "no answer"}}, true
		}
		reply := d.ask("1", "A", 100)
		if err := d.till.Offer(d.till.Screen().Payment); err != nil {
			t.Fatal(err)
		}
		d.wantScreen(agent.ScreenPay, "no-offer")
		if len(d.wechat.closes) != 1 || len(d.wechat.queries) != 1 {
			t.Errorf("%d closes, %d queries", len(d.wechat.closes), len(d.wechat.queries))
		}
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
	offering(t, "the number was used before: trading stops", func(t *testing.T, d *desk) {
		d.wechat.onOffer = func(o *order) (sale.Offer, bool) {
			return sale.Offer{Answer: d.wechat.answer(o, sale.OutDuplicate)}, true
		}
		reply := d.ask("1", "A", 100)
		id := d.till.Screen().Payment
		if err := d.till.Offer(id); err != nil {
			t.Fatal(err)
		}
		d.quiet(reply, 10*time.Minute)
		d.wantState(id, sale.Manual)
		d.want(d.ask("2", "B", 100), sale.EndStopped, time.Second)
		d.settle(id, false)
		d.want(reply, sale.EndAborted, time.Second)
	})
	offering(t, "the disk is full", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.journal.fill(true)
		if err := d.till.Offer(d.till.Screen().Payment); err != nil {
			t.Fatal(err)
		}
		d.want(reply, sale.EndNoSpace, time.Second)
		if len(d.wechat.orders) != 0 {
			t.Error("an order was made without a durable record")
		}
	})
	offering(t, "no scanner and no offer", func(t *testing.T, d *desk) {
		d.gate.unplug()
		d.wechat.onOffer = func(o *order) (sale.Offer, bool) {
			return sale.Offer{Answer: d.wechat.answer(o, sale.OutDeclined)}, true
		}
		d.want(d.ask("1", "A", 100), sale.EndNoScanner, time.Second)
	})
	offeringWith(t, "never", func(o *agent.Options) { o.Offer = agent.OfferNever }, func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		s := d.till.Screen()
		if err := d.till.Offer(s.Payment); s.Offer || !errors.Is(err, agent.ErrNoOffer) {
			t.Errorf("screen %+v, error %v", s, err)
		}
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.gate.unplug()
		d.want(d.ask("2", "B", 100), sale.EndNoScanner, time.Second)
	})
	offering(t, "the clock is not trusted any more", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		d.trusted.Store(false)
		if err := d.till.Offer(d.till.Screen().Payment); !errors.Is(err, agent.ErrNoOffer) {
			t.Errorf("%v", err)
		}
	})
	offering(t, "at the wrong moment", func(t *testing.T, d *desk) {
		if err := d.till.Offer("nothing"); !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("%v", err)
		}
		reply := d.ask("1", "A", 100)
		code := d.offer()
		id := d.till.Screen().Payment
		if err := d.till.Offer(id); !errors.Is(err, agent.ErrNoOffer) {
			t.Errorf("while one is shown: %v", err)
		}
		d.scanOffered(code)
		d.want(reply, sale.EndPaid, 6*time.Second)
		if err := d.till.Offer(id); !errors.Is(err, agent.ErrNoOffer) {
			t.Errorf("after the end: %v", err)
		}
	})
	offeringWith(t, "three of a payment, then codes alone", func(o *agent.Options) { o.CodeWait = time.Hour }, func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		for range 3 {
			code := d.offer()
			time.Sleep(91 * time.Second)
			d.wantScreen(agent.ScreenPay, "offer-over")
			if d.wechat.scanned(code) {
				t.Fatal("a closed code was paid")
			}
		}
		if s := d.till.Screen(); s.Offer {
			t.Errorf("the button is still there: %+v", s)
		}
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		if n := len(d.only().Attempts); n != 4 {
			t.Errorf("%d attempts", n)
		}
	})
}

// TestOfferNeedsOfferer: nothing is shown that cannot be queried and closed.
func TestOfferNeedsOfferer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		defer d.stop()
		for name, c := range map[string]agent.Contract{
			"no offerer": {Offers: true, Clock: wechatClock, Wallet: struct{ agent.Wallet }{d.wechat}},
			"too long":   {Offers: true, Clock: sale.Clock{OfferLife: 3 * time.Minute}, Wallet: d.wechat},
			"no life":    {Offers: true, Wallet: d.wechat},
		} {
			if _, err := agent.New(agent.Options{Journal: d.journal, Contracts: []agent.Contract{c}, Health: d.health}); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
	})
}
