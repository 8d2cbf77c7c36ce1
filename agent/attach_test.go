package agent_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// A request that waits for a payment that another one began must be on record before a
// power cut: "not found" would be told while the payment goes on.
func TestAttachedOverARestart(t *testing.T) {
	status := func(d *desk, service, transaction string) (agent.StatusOf, agent.Reply) {
		st, r, err := d.till.Status(d.t.Context(), asked(service, transaction).Key())
		if err != nil {
			d.t.Fatal(err)
		}
		return st, r
	}
	bubble(t, "asked again under a new number, killed, then found paid", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists = true
			return d.wechat.answer(o, sale.OutPaying), true
		}
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.ask("2", "A", 100)
		d.restart()
		if st, _ := status(d, "2", "A"); st != agent.StatusInProgress {
			t.Errorf("status %v of the second number, want in progress", st)
		}
		d.wechat.set(func() { d.wechat.orders[d.wechat.pays[0]].charged = 100 })
		second := d.want(d.ask("2", "A", 100), sale.EndPaid, time.Minute)
		d.restart()
		if st, r := status(d, "2", "A"); st != agent.StatusKnown || !bytes.Equal(r.Bytes, second.Bytes) {
			t.Errorf("status %v %q, want the answer %q", st, r.Bytes, second.Bytes)
		}
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "asked again before the code was shown", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		d.ask("2", "A", 100)
		d.restart()
		if st, _ := status(d, "2", "A"); st != agent.StatusNotFound {
			t.Errorf("status %v, want not found: nothing was sent", st)
		}
	})
	bubble(t, "told the end of a payment whose answer was lost", func(t *testing.T, d *desk) {
		ctx, hangUp := context.WithCancel(t.Context())
		d.askCtx(ctx, "1", "A", 100)
		d.mustScan(d.wechatCode())
		hangUp()
		told := d.want(d.ask("2", "A", 100), sale.EndPaid, time.Second)
		d.restart()
		if st, r := status(d, "2", "A"); st != agent.StatusKnown || !bytes.Equal(r.Bytes, told.Bytes) {
			t.Errorf("status %v %q after %q was told", st, r.Bytes, told.Bytes)
		}
	})
	bubble(t, "killed while a paid payment is given back", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		p := d.want(reply, sale.EndPaid, time.Second).Payment
		d.wechat.onReverse = func(*order) (sale.Answer, bool) { return sale.Answer{Cause: "no answer"}, true }
		for _, service := range []string{"8", "9"} {
			till := d.till
			go till.Reverse(context.Background(), agent.ReverseRequest{Asked: asked(service, "R"), Payment: p.ID})
		}
		time.Sleep(20 * time.Second)
		d.restart()
		for _, service := range []string{"8", "9"} {
			if st, _ := status(d, service, "R"); st != agent.StatusInProgress {
				t.Errorf("status %v of reversal %s, want in progress", st, service)
			}
		}
		d.wechat.set(func() { d.wechat.onReverse = nil })
		time.Sleep(3 * time.Minute)
		for _, service := range []string{"8", "9"} {
			if st, r := status(d, service, "R"); st != agent.StatusKnown || r.Ending != sale.EndReversed {
				t.Errorf("status %v, ending %q of reversal %s", st, r.Ending, service)
			}
		}
		d.wantNet(d.wechat, 0)
	})
}

// An abort may overtake the request it means. If that request is a repeat for a basket whose
// payment runs, "aborted" may be told only once nothing is charged.
func TestAbortOvertakesARepeat(t *testing.T) {
	confirming := func(d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists = true
			return d.wechat.answer(o, sale.OutPaying), true
		}
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
	}
	bubble(t, "the payment of its basket is undone", func(t *testing.T, d *desk) {
		confirming(d)
		if err := d.till.Abort(t.Context(), asked("2", "A").Key(), ""); err != nil {
			t.Fatal(err)
		}
		second := d.ask("2", "A", 100)
		select {
		case r := <-second:
			t.Fatalf("told %q while the order is open", r.Ending)
		default:
		}
		d.want(second, sale.EndAborted, time.Minute)
		if d.wechat.reverses == 0 {
			t.Error("told aborted, and the order was left open")
		}
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "asked about before it arrived: gets the basket's outcome", func(t *testing.T, d *desk) {
		confirming(d)
		if st, _, _ := d.till.Status(t.Context(), asked("2", "A").Key()); st != agent.StatusNotFound {
			t.Fatalf("status %v", st)
		}
		second := d.ask("2", "A", 100)
		d.wechat.set(func() { d.wechat.orders[d.wechat.pays[0]].charged = 100 })
		d.want(second, sale.EndPaid, time.Minute)
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "a second copy does not touch the payment that began after the first was refused", func(t *testing.T, d *desk) {
		if err := d.till.Abort(t.Context(), asked("2", "A").Key(), ""); err != nil {
			t.Fatal(err)
		}
		first := d.want(d.ask("2", "A", 100), sale.EndAborted, time.Second)
		reply := d.ask("1", "A", 100)
		if again := d.want(d.ask("2", "A", 100), sale.EndAborted, time.Second); !bytes.Equal(first.Bytes, again.Bytes) {
			t.Errorf("%q then %q", first.Bytes, again.Bytes)
		}
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
	bubble(t, "another basket is refused as before", func(t *testing.T, d *desk) {
		if err := d.till.Abort(t.Context(), asked("2", "B").Key(), ""); err != nil {
			t.Fatal(err)
		}
		d.want(d.ask("2", "B", 100), sale.EndAborted, time.Second)
		if len(d.wechat.pays) != 0 {
			t.Errorf("sent %v", d.wechat.pays)
		}
	})
}

// wall is a clock that setBack sets back.
func (d *desk) wall() time.Time { return time.Now().Add(-time.Duration(d.behind.Load())) }

// setBack sets the clock back, and nobody trusts it until it is right again.
func (d *desk) setBack(by time.Duration) {
	d.behind.Store(int64(by))
	d.trusted.Store(by == 0)
}

// A basket stays paid for the till whatever the clock said when it was.
func TestBasketOverAClockJump(t *testing.T) {
	bubble(t, "paid while the clock was ten years behind", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) { o.Wall = d.wall }
		d.restart()
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			d.setBack(10 * 365 * 24 * time.Hour)
			return sale.Answer{}, false
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.till.Delivered(asked("1", "A").Key())
		d.setBack(0)
		time.Sleep(2 * time.Hour) // what is old is forgotten meanwhile
		d.want(d.ask("2", "A", 100), sale.EndNotAllowed, time.Second)
		d.wantNet(d.wechat, 100)
	})
}

// The age of an order counts from the right time, whatever the clock said when it was sent.
func TestSentDuringAClockJump(t *testing.T) {
	bubble(t, "sent while the clock was ten years behind", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) { o.Wall = d.wall }
		d.restart()
		reply := d.ask("1", "A", 100)
		d.wechat.onPay = silent(true)
		d.setBack(10 * 365 * 24 * time.Hour)
		d.mustScan(d.wechatCode())
		d.setBack(0)
		d.want(reply, sale.EndPaid, time.Minute)
	})
}

// A Reversal that nobody can begin is not "in progress".
func TestReversalWhileNotRunning(t *testing.T) {
	bubble(t, "it is as good as not heard", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.stop()
		d.want(d.reverse("9", p.ID), "undecided", time.Second)
		d.wantStatus(asked("9", "R").Key(), agent.StatusNotFound)
	})
}
