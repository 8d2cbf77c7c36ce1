package agent_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

func TestReverse(t *testing.T) {
	bubble(t, "a paid payment, repeated, over a restart", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		p := d.want(reply, sale.EndPaid, time.Second).Payment
		d.want(d.reverse("9", p.ID), sale.EndReversed, time.Minute)
		d.wantNet(d.wechat, 0)
		d.want(d.reverse("9", p.ID), sale.EndReversed, time.Second)
		d.restart()
		d.want(d.reverse("9", p.ID), sale.EndReversed, time.Second)
		d.want(d.reverse("10", p.ID), sale.EndReversed, time.Second)
		if d.wechat.reverses != 1 {
			t.Errorf("%d reverses", d.wechat.reverses)
		}
		// The basket may be paid afresh.
		again := d.ask("2", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(again, sale.EndPaid, time.Second)
	})
	bubble(t, "crash while reversing a paid payment", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		p := d.want(reply, sale.EndPaid, time.Second).Payment
		d.wechat.onReverse = func(o *order) (sale.Answer, bool) { return sale.Answer{Cause: "no answer"}, true }
		d.reverse("9", p.ID)
		time.Sleep(20 * time.Second)
		d.restart()
		d.wechat.set(func() { d.wechat.onReverse = nil })
		d.want(d.reverse("9", p.ID), sale.EndReversed, time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "a payment whose day was erased", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		p := d.want(reply, sale.EndPaid, time.Second).Payment
		time.Sleep(4 * 24 * time.Hour)
		if got := d.till.Payments(false); len(got) != 0 {
			t.Errorf("%d payments in memory after four days", len(got))
		}
		d.journal.records = map[queue.Kind]map[string][]byte{}
		d.restart()
		d.want(d.reverse("9", p.Current().ID), sale.EndReversed, time.Minute)
		d.wantNet(d.wechat, 0)
		d.restart()
		d.want(d.reverse("10", p.ID), sale.EndReversed, time.Minute)
		if d.wechat.reverses != 1 {
			t.Errorf("%d reverses", d.wechat.reverses)
		}
	})
	bubble(t, "past the wallet's window", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.alipayCode())
		p := d.want(reply, sale.EndPaid, time.Second).Payment
		time.Sleep(24 * time.Hour)
		r := d.want(d.reverse("9", p.ID), sale.EndRefunded, time.Second)
		d.wantNet(d.alipay, 0)
		if r.Refund == nil || r.Refund.Amount != cny(100) || d.alipay.reverses != 0 {
			t.Errorf("refund %+v, %d reverses", r.Refund, d.alipay.reverses)
		}
	})
	bubble(t, "past the window of a wallet that gives nothing else back", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) { o.Contracts[1].Wallet = struct{ agent.Wallet }{d.alipay} }
		d.restart()
		p := d.paid("1", "A", d.alipayCode())
		time.Sleep(24 * time.Hour)
		d.want(d.reverse("9", p.ID), sale.EndNotAllowed, time.Second)
		d.wantNet(d.alipay, 100)
	})
	bubble(t, "unknown payment", func(t *testing.T, d *desk) {
		d.want(d.reverse("9", "nothing"), sale.EndNotFound, time.Second)
	})
	bubble(t, "a payment that was not paid", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutDeclined), true }
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		p := d.want(reply, sale.EndDeclined, time.Second).Payment
		d.want(d.reverse("9", p.ID), sale.EndNotAllowed, time.Second)
	})
}

// A Reversal is answered however its payment ends.
func TestReverseUndecided(t *testing.T) {
	bubble(t, "of a payment that waits for its code", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		reversal := d.reverse("9", d.only().ID)
		d.want(reply, sale.EndAborted, time.Second)
		d.want(reversal, sale.EndReversed, time.Second)
		if len(d.wechat.pays) != 0 {
			t.Errorf("sent %v", d.wechat.pays)
		}
	})
	bubble(t, "that loses the race against paid", func(t *testing.T, d *desk) {
		answer := make(chan struct{})
		d.wechat.onPay = func(*order) (sale.Answer, bool) { <-answer; return sale.Answer{}, false }
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		// PAID waits for room on the disk, and hears nothing meanwhile.
		d.journal.fill(true)
		close(answer)
		time.Sleep(100 * time.Millisecond)
		reversal := d.reverse("9", d.only().ID)
		time.Sleep(100 * time.Millisecond)
		d.journal.fill(false)
		d.want(reply, sale.EndPaid, 5*time.Second)
		d.want(reversal, sale.EndReversed, time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "of a request that is out, which the wallet declines", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			time.Sleep(2 * time.Second)
			return d.wechat.answer(o, sale.OutDeclined), true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		reversal := d.reverse("9", d.only().ID)
		d.want(reply, sale.EndAborted, 5*time.Second)
		d.want(reversal, sale.EndReversed, time.Second)
	})
}

func TestReverseProof(t *testing.T) {
	bubble(t, "what was paid is not proven given back by 'does not exist'", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		gone := func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutNotFound), true }
		d.wechat.set(func() { d.wechat.onReverse, d.wechat.onQuery = gone, gone })
		d.quiet(d.reverse("9", p.ID), time.Hour)
		d.restart()
		d.quiet(d.reverse("9", p.ID), time.Hour)
		d.wechat.set(func() { d.wechat.onReverse, d.wechat.onQuery = nil, nil })
		d.want(d.reverse("9", p.ID), sale.EndReversed, 30*time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "an answered reversal is known after a crash", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.want(d.reverse("9", p.ID), sale.EndReversed, time.Minute)
		d.restart()
		if r := d.wantStatus(asked("9", "R").Key(), agent.StatusKnown); r.Ending != sale.EndReversed {
			t.Errorf("ending %q", r.Ending)
		}
	})
	bubble(t, "a late reversal is remembered for 48 h of its own", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		time.Sleep(71 * time.Hour)
		told := d.want(d.reverse("9", p.ID), sale.EndReversed, time.Minute)
		time.Sleep(47 * time.Hour)
		if r := d.wantStatus(asked("9", "R").Key(), agent.StatusKnown); !bytes.Equal(r.Bytes, told.Bytes) {
			t.Errorf("%q, was %q", r.Bytes, told.Bytes)
		}
		time.Sleep(27 * time.Hour)
		if n := len(d.till.Payments(false)); n != 0 {
			t.Errorf("%d payments in memory three days later", n)
		}
	})
}
