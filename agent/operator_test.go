package agent_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
)

func TestCeiling(t *testing.T) {
	limit := func(o *agent.Options) { o.Ceiling = map[sale.Currency]int64{"CNY": 1000} }
	bubble(t, "confirmed, refused, ignored", func(t *testing.T, d *desk) {
		d.adjust = limit
		d.restart()
		reply := d.ask("1", "A", 1001)
		if s := d.till.Screen(); s.Kind != agent.ScreenOperator || d.gate.isArmed() {
			t.Fatalf("screen %+v", s)
		}
		if err := d.till.Confirm(agent.Confirmation{Payment: d.till.Screen().Payment, OK: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)

		reply = d.ask("2", "B", 1001)
		if err := d.till.Confirm(agent.Confirmation{Payment: d.till.Screen().Payment}); err != nil {
			t.Fatal(err)
		}
		d.want(reply, sale.EndNotAllowed, time.Second)
		d.want(d.ask("3", "C", 1001), sale.EndNotAllowed, 3*time.Minute)
		d.wantNet(d.wechat, 1001)
	})
}

// undoneByCollision is an aborted payment that waits for an operator: its number was used
// before, so no answer of the wallet is believed; the customer was charged all the same.
func undoneByCollision(d *desk) (reply <-chan agent.Reply, p sale.Payment) {
	d.t.Helper()
	d.wechat.onPay = func(o *order) (sale.Answer, bool) {
		time.Sleep(2 * time.Second)
		o.exists, o.charged = true, o.amount.Minor
		return d.wechat.answer(o, sale.OutDuplicate), true
	}
	reply = d.ask("1", "A", 100)
	d.mustScan(d.wechatCode())
	d.heard(d.abort(asked("1", "A").Key()), time.Second)
	time.Sleep(5 * time.Second)
	d.wechat.set(func() { d.wechat.onPay = nil })
	return reply, d.wantState(d.only().ID, sale.Manual)
}

// pastWindow is a payment whose reversal nobody answered until the wallet's window was over.
func pastWindow(d *desk) (reversal <-chan agent.Reply, p sale.Payment) {
	d.t.Helper()
	p = d.paid("1", "A", d.alipayCode())
	d.alipay.set(func() { d.alipay.onReverse = mute })
	reversal = d.reverse("9", p.ID)
	time.Sleep(25 * time.Hour)
	return reversal, d.wantState(p.ID, sale.Manual)
}

func TestSettle(t *testing.T) {
	bubble(t, "an undone payment as paid: it stays so, over a restart", func(t *testing.T, d *desk) {
		reply, p := undoneByCollision(d)
		d.settle(p.ID, true)
		d.want(reply, sale.EndPaid, time.Second)
		time.Sleep(time.Minute)
		if s := d.till.Screen(); s.Kind != agent.ScreenIdle {
			t.Errorf("screen a minute later %+v", s)
		}
		d.restart()
		time.Sleep(5 * time.Minute)
		d.wantState(p.ID, sale.Paid)
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "an undone payment as paid: its basket is not charged again", func(t *testing.T, d *desk) {
		reply, p := undoneByCollision(d)
		d.settle(p.ID, true)
		d.want(reply, sale.EndPaid, time.Second)
		// Nobody is known to have heard it: the same basket is that payment.
		if r := d.want(d.ask("2", "A", 100), sale.EndPaid, time.Second); r.Payment.ID != p.ID {
			t.Errorf("payment %s, want %s", r.Payment.ID, p.ID)
		}
		d.till.Delivered(asked("2", "A").Key())
		d.want(d.ask("3", "A", 100), sale.EndNotAllowed, time.Second)
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "an undone payment as paid: a Reversal gives it back", func(t *testing.T, d *desk) {
		_, p := undoneByCollision(d)
		d.settle(p.ID, true)
		d.restart()
		d.want(d.reverse("9", p.ID), sale.EndReversed, 5*time.Minute)
		d.wantNet(d.wechat, 0)
		d.restart()
		if p := d.wantState(p.ID, sale.ReversedRefunded); p.Kept || p.Refunded != 100 {
			t.Errorf("kept %t, refunded %d", p.Kept, p.Refunded)
		}
	})
	bubble(t, "an undone payment as paid: killed during the Reversal, it is given back", func(t *testing.T, d *desk) {
		_, p := undoneByCollision(d)
		d.settle(p.ID, true)
		d.wechat.set(func() { d.wechat.onReverse = mute })
		d.reverse("9", p.ID)
		synctest.Wait()
		d.restart()
		d.wechat.set(func() { d.wechat.onReverse = nil })
		d.want(d.reverse("9", p.ID), sale.EndReversed, 5*time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "past the window of a reversal as not paid: all of it was given back", func(t *testing.T, d *desk) {
		reversal, p := pastWindow(d)
		d.settle(p.ID, false)
		d.want(reversal, sale.EndReversed, time.Second)
		if p := d.wantState(p.ID, sale.Reversed); p.Refunded != 100 {
			t.Errorf("refunded %d", p.Refunded)
		}
	})
	bubble(t, "past the window of a reversal as paid: the Reversal is refused", func(t *testing.T, d *desk) {
		reversal, p := pastWindow(d)
		d.settle(p.ID, true)
		d.want(reversal, sale.EndNotAllowed, time.Second)
		d.restart()
		if r := d.wantStatus(asked("9", "R").Key(), agent.StatusKnown); r.Ending != sale.EndNotAllowed {
			t.Errorf("after a restart the status of the Reversal is %q", r.Ending)
		}
		time.Sleep(time.Minute)
		d.wantState(p.ID, sale.Paid)
		if s := d.till.Screen(); s.Kind != agent.ScreenIdle {
			t.Errorf("screen after a restart %+v", s)
		}
	})
}

// What this terminal did not do is a person's to look at.
func TestNotOurDoing(t *testing.T) {
	bubble(t, "a number used before stops trading over a restart", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutDuplicate), true }
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.restart()
		d.want(d.ask("2", "B", 100), sale.EndStopped, time.Second)
		d.settle(d.only().ID, false)
		d.wechat.set(func() { d.wechat.onPay = nil })
		d.paid("3", "C", d.wechatCode())
	})
	bubble(t, "settling another payment does not lift the stop", func(t *testing.T, d *desk) {
		d.alipay.onPay, d.alipay.onQuery = silent(true), mute
		d.ask("0", "Z", 100)
		d.mustScan(d.alipayCode())
		time.Sleep(25 * time.Hour)
		old := d.wantState(d.only().ID, sale.Manual)
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutDuplicate), true }
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.settle(old.ID, false)
		d.want(d.ask("2", "B", 100), sale.EndStopped, time.Second)
	})
	bubble(t, "a refund that nobody here asked for", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged, o.refunded = true, o.amount.Minor, o.amount.Minor
			return sale.Answer{Cause: "no answer"}, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.quiet(reply, time.Hour)
		p := d.wantState(d.only().ID, sale.Manual)
		if len(d.wechat.reversed) != 0 {
			t.Error("it was reversed")
		}
		d.settle(p.ID, false)
		d.want(reply, sale.EndAborted, time.Second)
	})
	bubble(t, "the alarm about a foreign answer ends with the doubt", func(t *testing.T, d *desk) {
		alarmed := func() bool {
			return slices.ContainsFunc(d.health.Causes(), func(c health.Cause) bool { return c.Code == "foreign-answer" })
		}
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged = true, o.amount.Minor
			ans := d.wechat.answer(o, sale.OutPaid)
			ans.Order = "another"
			return ans, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		if !alarmed() {
			t.Error("no alarm")
		}
		d.want(reply, sale.EndPaid, time.Minute)
		if alarmed() {
			t.Error("the alarm is still up")
		}
	})
}
