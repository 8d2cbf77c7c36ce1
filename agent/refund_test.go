package agent_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

func TestRefund(t *testing.T) {
	bubble(t, "parts, never more than was paid", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.giving.onRefund = func(g *given) (sale.RefundAnswer, bool) {
			rec := d.recorded(p.ID)
			if r := rec.FindRefund(g.ref.ID); r == nil || r.State != sale.RefundUnknown {
				t.Errorf("asked for before it was durable: %+v", r)
			}
			return sale.RefundAnswer{}, false
		}
		r := d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
		if r.Refund == nil || r.Refund.State != sale.RefundDone || len(r.Refund.ID) != 40 {
			t.Errorf("refund %+v", r.Refund)
		}
		if s := d.till.Screen(); s.Kind != agent.ScreenRefunded || s.Amount != "0.30" {
			t.Errorf("screen %+v", s)
		}
		d.want(d.refund("3", "R2", p.Current().ID, 50), sale.EndRefunded, moment) // by its order id
		d.want(d.refund("4", "R3", p.ID, 21), sale.EndNotAllowed, moment)
		d.wantRefunded(d.wechat, p.ID, 80)
		d.want(d.refund("5", "R4", "tx-"+p.Current().ID, 0), sale.EndRefunded, moment) // by the wallet's number: the rest
		d.wantRefunded(d.wechat, p.ID, 100)
		d.want(d.refund("6", "R5", p.ID, 0), sale.EndNotAllowed, moment)
		d.want(d.reverse("7", p.ID), sale.EndNotAllowed, moment)
		if d.wechat.reverses != 0 || len(d.wechat.reversed) != 0 {
			t.Error("reversed after a part was given back")
		}
		// What is given back in full may be paid afresh.
		again := d.ask("8", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(again, sale.EndPaid, moment)
	})
	bubble(t, "the same ServiceID, the same bytes, over a restart", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		told := d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
		again := d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
		d.restart()
		third := d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
		if !bytes.Equal(told.Bytes, again.Bytes) || !bytes.Equal(told.Bytes, third.Bytes) {
			t.Errorf("%q, %q, %q", told.Bytes, again.Bytes, third.Bytes)
		}
		d.want(d.refund("2", "R1", p.ID, 40), sale.EndNotAllowed, moment)
		d.wantRefunded(d.wechat, p.ID, 30)
	})
	bubble(t, "a repeat under a new ServiceID", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
		d.want(d.refund("3", "R1", p.ID, 30), sale.EndRefunded, moment) // the first was not delivered
		d.till.Delivered(asked("2", "").Key())
		d.want(d.refund("4", "R1", p.ID, 30), sale.EndNotAllowed, moment)
		d.want(d.refund("5", "R2", p.ID, 30), sale.EndRefunded, moment)
		d.wantRefunded(d.wechat, p.ID, 60)
		if n := d.wechat.refundAsks(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
	bubble(t, "a lost answer", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.giving.onRefund = d.wechat.unanswered
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, 10*time.Second)
		d.wantRefunded(d.wechat, p.ID, 30)
		if n := d.wechat.refundAsks(); n != 1 {
			t.Errorf("asked %d times: a query tells what became of it", n)
		}
	})
	bubble(t, "a lost request is repeated under the same id", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		n := 0
		d.wechat.giving.onRefund = func(*given) (sale.RefundAnswer, bool) {
			n++
			return sale.RefundAnswer{Cause: "no answer"}, n < 3
		}
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, time.Minute)
		d.wantRefunded(d.wechat, p.ID, 30)
		for _, id := range d.wechat.giving.asks {
			if id != d.wechat.giving.asks[0] {
				t.Errorf("two ids: %v", d.wechat.giving.asks)
			}
		}
	})
	bubble(t, "an unknown one blocks every other operation", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.giving.onRefund = d.wechat.unanswered
		d.wechat.giving.onQuery = func(*given) (sale.RefundAnswer, bool) { return sale.RefundAnswer{Cause: "no answer"}, true }
		first := d.refund("2", "R1", p.ID, 30)
		second := d.refund("3", "R1", p.ID, 30)
		d.want(d.refund("4", "R2", p.ID, 30), sale.EndBusy, moment)
		d.want(d.reverse("5", p.ID), sale.EndBusy, moment)
		d.want(d.reversePart("6", p.ID, "0.10"), sale.EndBusy, moment)
		d.wantStatus(asked("2", "").Key(), agent.StatusInProgress)
		d.wantStatus(asked("3", "").Key(), agent.StatusInProgress)
		d.quiet(first, 2*time.Hour)
		d.wantCause("refund", true)
		d.wechat.set(func() { d.wechat.giving.onQuery = nil })
		d.want(first, sale.EndRefunded, 16*time.Minute)
		d.want(second, sale.EndRefunded, moment)
		d.wantCause("refund", false)
		d.wantRefunded(d.wechat, p.ID, 30)
	})
	bubble(t, "a reversal that runs blocks a refund", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() { d.wechat.onReverse = mute })
		reversal := d.reverse("2", p.ID)
		time.Sleep(time.Minute)
		d.want(d.refund("3", "R1", p.ID, 30), sale.EndBusy, moment)
		d.wechat.set(func() { d.wechat.onReverse = nil })
		d.want(reversal, sale.EndReversed, 5*time.Minute)
		d.want(d.refund("4", "R1", p.ID, 30), sale.EndNotAllowed, moment)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "two points of sale at once", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		whole := cny(100)
		one := agent.RefundRequest{Asked: asked("2", "R1"), Payment: p.ID, Amount: &whole}
		two := agent.RefundRequest{Asked: asked("2", "R1"), Payment: p.ID, Amount: &whole}
		two.Asked.SaleID = "POS-2"
		release := make(chan struct{})
		d.wechat.giving.onRefund = func(*given) (sale.RefundAnswer, bool) { <-release; return sale.RefundAnswer{}, false }
		a, b := d.refundAs(one), d.refundAs(two)
		d.want(b, sale.EndBusy, moment)
		close(release)
		d.want(a, sale.EndRefunded, moment)
		d.wantRefunded(d.wechat, p.ID, 100)
	})
}

func TestRefundSlow(t *testing.T) {
	bubble(t, "taken and worked on for days", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() { d.wechat.giving.slow = true })
		reply := d.refund("2", "R1", p.ID, 30)
		d.quiet(reply, 14*time.Second)
		told := d.want(reply, sale.EndRefunded, 2*time.Second)
		if told.Refund.State != sale.RefundPending {
			t.Errorf("told %s", told.Refund.State)
		}
		d.till.Delivered(asked("2", "").Key())
		d.want(d.refund("3", "R2", p.ID, 30), sale.EndBusy, moment)
		d.want(d.refund("4", "R1", p.ID, 30), sale.EndRefunded, moment) // the same one
		time.Sleep(48 * time.Hour)
		if p := d.wantRefundState(p.ID, sale.RefundPending); p.Refunded != 0 {
			t.Errorf("%d counted as given back", p.Refunded)
		}
		d.restart()
		d.want(d.refund("5", "R1", p.ID, 30), sale.EndRefunded, moment)
		time.Sleep(time.Hour)
		d.wechat.finish(sale.RefOutDone)
		time.Sleep(16 * time.Minute)
		d.wantRefunded(d.wechat, p.ID, 30)
		d.wantRefundState(p.ID, sale.RefundDone)
		if again := d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment); !bytes.Equal(again.Bytes, told.Bytes) {
			t.Errorf("%q, was %q", again.Bytes, told.Bytes)
		}
		d.want(d.refund("6", "R2", p.ID, 70), sale.EndRefunded, 20*time.Second)
	})
	bubble(t, "done before anybody loses patience", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() { d.wechat.giving.slow = true })
		reply := d.refund("2", "R1", p.ID, 30)
		time.Sleep(time.Second)
		d.wechat.finish(sale.RefOutDone)
		if r := d.want(reply, sale.EndRefunded, 14*time.Second); r.Refund.State != sale.RefundDone {
			t.Errorf("told %s", r.Refund.State)
		}
	})
	bubble(t, "promised, then refused: an alarm until it is made good", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() { d.wechat.giving.slow = true })
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, 20*time.Second)
		d.wechat.finish(sale.RefOutRefused)
		time.Sleep(2 * time.Minute)
		d.wantRefundState(p.ID, sale.RefundRefused)
		d.wantCause("refund", true)
		d.wantRefunded(d.wechat, p.ID, 0)
		time.Sleep(5 * 24 * time.Hour)
		d.restart()
		d.wantCause("refund", true)
		d.wechat.set(func() { d.wechat.giving.slow = false })
		d.want(d.refund("3", "by hand", p.ID, 30), sale.EndRefunded, moment)
		d.wantCause("refund", false)
		d.wantRefunded(d.wechat, p.ID, 30)
	})
	bubble(t, "the wallet needs a person", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.giving.onRefund = func(g *given) (sale.RefundAnswer, bool) {
			d.wechat.set(func() { d.wechat.give(g); g.state = sale.RefOutAbnormal })
			return d.wechat.refundAnswer(g, sale.RefOutAbnormal), true
		}
		reply := d.refund("2", "R1", p.ID, 30)
		d.wantCause("refund", true)
		d.quiet(reply, time.Hour)
		d.restart()
		d.wantCause("refund", true)
		reply = d.refund("2", "R1", p.ID, 30)
		d.quiet(reply, time.Hour)
		d.wechat.finish(sale.RefOutDone)
		d.want(reply, sale.EndRefunded, 16*time.Minute)
		d.wantCause("refund", false)
		d.wantRefunded(d.wechat, p.ID, 30)
	})
}

func TestSettleRefund(t *testing.T) {
	abnormal := func(d *desk) func(g *given) (sale.RefundAnswer, bool) {
		return func(g *given) (sale.RefundAnswer, bool) {
			d.wechat.set(func() { d.wechat.give(g); g.state = sale.RefOutAbnormal })
			return d.wechat.refundAnswer(g, sale.RefOutAbnormal), true
		}
	}
	for given, ending := range map[bool]sale.Ending{true: sale.EndRefunded, false: sale.EndDeclined} {
		bubble(t, "what the wallet cannot finish: "+string(ending), func(t *testing.T, d *desk) {
			p := d.paid("1", "A", d.wechatCode())
			d.wechat.giving.onRefund = abnormal(d)
			reply := d.refund("2", "R1", p.ID, 30)
			id := d.wantRefundState(p.ID, sale.RefundAbnormal).Refunds[0].ID
			if err := d.till.SettleRefund(t.Context(), id, given); err != nil {
				t.Fatal(err)
			}
			d.want(reply, ending, moment)
			d.wantCause("refund", false)
			if err := d.till.SettleRefund(t.Context(), id, given); err == nil {
				t.Error("settled twice")
			}
			time.Sleep(time.Hour) // the owner looks again
			rec := d.recorded(p.ID)
			if want := map[bool]int64{true: 30}[given]; rec.Refunded != want || rec.Open() {
				t.Errorf("given back %d, open %t", rec.Refunded, rec.Open())
			}
			d.wechat.giving.onRefund = nil
			d.want(d.refund("3", "R2", p.ID, 10), sale.EndRefunded, moment)
		})
	}
	bubble(t, "what was promised and made good in another way", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() { d.wechat.giving.slow = true })
		r := d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, 20*time.Second)
		if err := d.till.SettleRefund(t.Context(), r.Refund.ID, true); err == nil {
			t.Error("settled what the wallet works on")
		}
		d.wechat.finish(sale.RefOutRefused)
		time.Sleep(2 * time.Minute)
		if err := d.till.SettleRefund(t.Context(), r.Refund.ID, true); err != nil {
			t.Fatal(err)
		}
		d.wantCause("refund", false)
		if rec := d.recorded(p.ID); rec.Open() || rec.Refunded != 0 {
			t.Errorf("%+v", rec)
		}
	})
	bubble(t, "nothing on record", func(t *testing.T, d *desk) {
		if err := d.till.SettleRefund(t.Context(), "nothing", true); err == nil {
			t.Error("settled nothing")
		}
	})
}

func (d *desk) wantRefundState(payment string, want sale.RefundState) sale.Payment {
	d.t.Helper()
	synctest.Wait()
	p, ok := d.till.Payment(payment)
	if !ok || len(p.Refunds) == 0 || p.Refunds[0].State != want {
		d.t.Fatalf("refunds %+v, want %s", p.Refunds, want)
	}
	return p
}

func TestRefundRefused(t *testing.T) {
	bubble(t, "by the wallet, and asked for afresh", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		poor := true
		d.wechat.giving.onRefund = func(g *given) (sale.RefundAnswer, bool) {
			return d.wechat.refundAnswer(g, sale.RefOutRefused), poor
		}
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndDeclined, moment)
		d.till.Delivered(asked("2", "").Key())
		d.wechat.set(func() { poor = false })
		d.want(d.refund("3", "R1", p.ID, 30), sale.EndRefunded, moment)
		d.wantRefunded(d.wechat, p.ID, 30)
	})
	bubble(t, "a refusal while an earlier request is on its way proves nothing", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		var late *given
		d.wechat.giving.onRefund = func(g *given) (sale.RefundAnswer, bool) {
			if late == nil {
				late = g
				return sale.RefundAnswer{Cause: "no answer"}, true
			}
			return d.wechat.refundAnswer(g, sale.RefOutRefused), true
		}
		reply := d.refund("2", "R1", p.ID, 30)
		d.quiet(reply, 20*time.Second)
		d.wechat.set(func() { d.wechat.give(late) })
		d.want(reply, sale.EndRefunded, 2*time.Minute)
		d.wantRefunded(d.wechat, p.ID, 30)
	})
	bubble(t, "the same, and the request never arrives", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		n := 0
		d.wechat.giving.onRefund = func(g *given) (sale.RefundAnswer, bool) {
			if n++; n == 1 {
				return sale.RefundAnswer{Cause: "no answer"}, true
			}
			return d.wechat.refundAnswer(g, sale.RefOutRefused), true
		}
		reply := d.refund("2", "R1", p.ID, 30)
		d.quiet(reply, wechatClock.NetworkDelay-time.Second)
		d.want(reply, sale.EndDeclined, 2*time.Minute)
		d.wantRefunded(d.wechat, p.ID, 0)
	})
	bubble(t, "nothing was sent", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() { d.wechat.down = true })
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndUnreachable, moment)
		if p := d.wantRefunded(d.wechat, p.ID, 0); len(p.Refunds) != 0 || p.Open() {
			t.Errorf("left over: %+v", p.Refunds)
		}
		d.wechat.set(func() { d.wechat.down = false })
		d.want(d.refund("3", "R1", p.ID, 30), sale.EndRefunded, moment)
	})
	bubble(t, "foreign answers are discarded", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.giving.onRefund = func(g *given) (sale.RefundAnswer, bool) {
			ans := d.wechat.refundAnswer(g, sale.RefOutDone)
			ans.Amount = cny(31)
			return ans, true
		}
		d.wechat.giving.onQuery = d.wechat.giving.onRefund
		d.quiet(d.refund("2", "R1", p.ID, 30), time.Hour)
		d.wantCause("foreign-answer", true)
		d.wantRefunded(d.wechat, p.ID, 0)
	})
	for _, c := range []struct {
		name string
		ask  func(d *desk) <-chan agent.Reply
		want sale.Ending
	}{
		{"of nothing on record", func(d *desk) <-chan agent.Reply { return d.refund("9", "R", "nothing", 1) }, sale.EndNotFound},
		{"of a declined payment", func(d *desk) <-chan agent.Reply {
			d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutDeclined), true }
			r := d.ask("1", "A", 100)
			d.mustScan(d.wechatCode())
			return d.refund("9", "R", d.want(r, sale.EndDeclined, moment).Payment.ID, 1)
		}, sale.EndNotAllowed},
		{"of a payment in doubt", func(d *desk) <-chan agent.Reply {
			d.wechat.onPay, d.wechat.onQuery = silent(true), mute
			d.ask("1", "A", 100)
			d.mustScan(d.wechatCode())
			return d.refund("9", "R", d.only().ID, 1)
		}, sale.EndNotAllowed},
		{"of a payment that a person must settle", func(d *desk) <-chan agent.Reply {
			d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutDuplicate), true }
			d.ask("1", "A", 100)
			d.mustScan(d.wechatCode())
			return d.refund("9", "R", d.only().ID, 1)
		}, sale.EndNotAllowed},
		{"in another currency", func(d *desk) <-chan agent.Reply {
			p := d.paid("1", "A", d.wechatCode())
			yen := sale.Amount{Minor: 1, Currency: "JPY"}
			return d.refundAs(agent.RefundRequest{Asked: asked("9", "R"), Payment: p.ID, Amount: &yen})
		}, sale.EndNotAllowed},
		{"at a contract that was dropped", func(d *desk) <-chan agent.Reply {
			p := d.paid("1", "A", d.wechatCode())
			d.adjust = func(o *agent.Options) { o.Contracts = o.Contracts[1:] }
			d.restart()
			return d.refund("9", "R", p.ID, 1)
		}, sale.EndNotAllowed},
		{"at a wallet that gives no parts back", func(d *desk) <-chan agent.Reply {
			d.adjust = func(o *agent.Options) { o.Contracts[0].Wallet = struct{ agent.Wallet }{d.wechat} }
			d.restart()
			return d.refund("9", "R", d.paid("1", "A", d.wechatCode()).ID, 1)
		}, sale.EndNotAllowed},
		{"without room", func(d *desk) <-chan agent.Reply {
			p := d.paid("1", "A", d.wechatCode())
			d.journal.fill(true)
			return d.refund("9", "R", p.ID, 1)
		}, sale.EndNoSpace},
		{"past the time in which the wallet gives back", func(d *desk) <-chan agent.Reply {
			d.adjust = func(o *agent.Options) { o.Contracts[0].Clock.RefundWindow = 24 * time.Hour }
			d.restart()
			p := d.paid("1", "A", d.wechatCode())
			time.Sleep(25 * time.Hour)
			return d.refund("9", "R", p.ID, 1)
		}, sale.EndNotAllowed},
	} {
		bubble(t, c.name, func(t *testing.T, d *desk) {
			d.want(c.ask(d), c.want, moment)
			if n := d.wechat.refundAsks(); n != 0 {
				t.Errorf("asked the wallet %d times", n)
			}
		})
	}
	bubble(t, "what would not fit into the record is not begun", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		r := agent.RefundRequest{Asked: asked("2", "R1"), Payment: p.ID}
		r.Asked.Echo = bytes.Repeat([]byte("x"), 48<<10)
		d.want(d.refundAs(r), sale.EndNoSpace, moment)
		if d.wechat.refundAsks() != 0 {
			t.Error("asked the wallet")
		}
		d.want(d.refund("3", "R1", p.ID, 0), sale.EndRefunded, moment)
	})
	bubble(t, "as many parts as an order may have", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		long := strings.Repeat("L", 120)
		for i := range sale.MaxRefunds {
			one := cny(1)
			r := agent.RefundRequest{Asked: asked(fmt.Sprint("s", i), fmt.Sprint(long, i)), Payment: p.ID, Amount: &one}
			r.Asked.SaleID, r.Asked.TimeStamp, r.Asked.Echo = long, long, bytes.Repeat([]byte("x"), 4<<10)
			d.want(d.refundAs(r), sale.EndRefunded, moment)
		}
		d.want(d.refund("3", "R1", p.ID, 1), sale.EndNotAllowed, moment)
		d.wantRefunded(d.wechat, p.ID, sale.MaxRefunds)
		tooLong := agent.RefundRequest{Asked: asked("4", "R2"), Payment: p.ID}
		tooLong.Asked.SaleID, tooLong.Asked.POIID = long, long
		d.want(d.refundAs(tooLong), sale.EndBadMessage, moment)
	})
	bubble(t, "the clock is not trusted: a known order is given back all the same", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.trusted.Store(false)
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
	})
	bubble(t, "an abort does not take a refund back", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.giving.onRefund = d.wechat.unanswered
		reply := d.refund("2", "R1", p.ID, 30)
		d.heard(d.abort(asked("2", "").Key()), moment)
		d.want(reply, sale.EndRefunded, time.Minute)
		d.wantRefunded(d.wechat, p.ID, 30)
	})
}

func TestRefundRestart(t *testing.T) {
	bubble(t, "an open one goes on under its id", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.giving.onRefund = func(*given) (sale.RefundAnswer, bool) { return sale.RefundAnswer{Cause: "no answer"}, true }
		d.wechat.giving.onQuery = d.wechat.giving.onRefund
		d.refund("2", "R1", p.ID, 30)
		d.refund("3", "R1", p.ID, 30)
		time.Sleep(5 * time.Second)
		d.restart()
		d.wantStatus(asked("2", "").Key(), agent.StatusInProgress)
		d.wantStatus(asked("3", "").Key(), agent.StatusInProgress)
		d.want(d.refund("4", "R2", p.ID, 30), sale.EndBusy, moment)
		d.wechat.set(func() { d.wechat.giving.onRefund, d.wechat.giving.onQuery = nil, nil })
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, 5*time.Minute)
		if r := d.wantStatus(asked("3", "").Key(), agent.StatusKnown); r.Ending != sale.EndRefunded {
			t.Errorf("ending %q", r.Ending)
		}
		d.wantRefunded(d.wechat, p.ID, 30)
		for _, id := range d.wechat.giving.asks {
			if id != d.wechat.giving.asks[0] {
				t.Fatalf("two ids: %v", d.wechat.giving.asks)
			}
		}
	})
	bubble(t, "a crash at every commit gives back once", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		var crashes []map[queue.Kind]map[string][]byte
		d.journal.onCommit = func() { crashes = append(crashes, d.journal.snapshot()) }
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
		d.journal.onCommit = nil
		crashes = append(crashes, d.journal.snapshot())
		if len(crashes) < 3 {
			t.Fatalf("%d commits", len(crashes)-1)
		}
		for _, records := range crashes {
			d.stop()
			d.journal.mu.Lock()
			d.journal.records, d.journal.later = records, nil
			d.journal.mu.Unlock()
			d.start()
			d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, time.Minute)
			d.wantRefunded(d.wechat, p.ID, 30)
		}
	})
	bubble(t, "of a payment whose day was erased", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
		d.till.Delivered(asked("2", "").Key())
		time.Sleep(8 * 24 * time.Hour)
		d.journal.records = map[queue.Kind]map[string][]byte{}
		d.restart()
		d.want(d.refund("3", "R1", p.ID, 30), sale.EndNotAllowed, moment) // that one was made
		d.want(d.refund("4", "R2", p.ID, 71), sale.EndNotAllowed, moment)
		d.want(d.refund("5", "R2", p.ID, 30), sale.EndRefunded, moment)
		d.wantRefunded(d.wechat, p.ID, 60)
		time.Sleep(8 * 24 * time.Hour)
		d.journal.records = map[queue.Kind]map[string][]byte{}
		d.restart()
		r := d.want(d.reverse("9", p.ID), sale.EndRefunded, moment)
		if r.Refund.Amount != cny(40) || d.wechat.reverses != 0 {
			t.Errorf("gave %s back, %d reverses", r.Refund.Amount, d.wechat.reverses)
		}
		d.wantRefunded(d.wechat, p.ID, 100)
	})
}

func TestReversedAmount(t *testing.T) {
	bubble(t, "a part is a refund, the rest too", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		if r := d.want(d.reversePart("2", p.ID, "0.30"), sale.EndRefunded, moment); r.Refund.Amount != cny(30) {
			t.Errorf("gave %s back", r.Refund.Amount)
		}
		d.till.Delivered(asked("2", "").Key())
		d.want(d.reversePart("3", p.ID, "0.305"), sale.EndBadMessage, moment)
		d.want(d.reversePart("4", p.ID, "1.00"), sale.EndNotAllowed, moment)
		if r := d.want(d.reverse("5", p.ID), sale.EndRefunded, moment); r.Refund.Amount != cny(70) {
			t.Errorf("gave %s back", r.Refund.Amount)
		}
		d.wantRefunded(d.wechat, p.ID, 100)
		if d.wechat.reverses != 0 {
			t.Error("reversed after a part was given back")
		}
	})
	bubble(t, "all of it is a reversal", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.want(d.reversePart("2", p.ID, "1.00"), sale.EndReversed, time.Minute)
		if d.wechat.reverses != 1 || d.wechat.refundAsks() != 0 {
			t.Errorf("%d reverses, %d refunds", d.wechat.reverses, d.wechat.refundAsks())
		}
	})
	bubble(t, "a crash in between is answered as a Reversal", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) {
			o.RenderReverse = func(a sale.Asked, r agent.Reply) []byte { return []byte("reversal " + r.Ending) }
		}
		d.restart()
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.giving.onRefund = d.wechat.unanswered
		d.wechat.giving.onQuery = func(*given) (sale.RefundAnswer, bool) { return sale.RefundAnswer{}, true }
		d.reversePart("2", p.ID, "0.30")
		d.restart()
		d.wechat.set(func() { d.wechat.giving.onQuery = nil })
		if r := d.want(d.reversePart("2", p.ID, "0.30"), sale.EndRefunded, time.Minute); string(r.Bytes) != "reversal refunded" {
			t.Errorf("told %q", r.Bytes)
		}
	})
}
