package agent_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// withAggregator is a desk whose second contract is an aggregator that takes every code.
func withAggregator(t *testing.T, name string, f func(*testing.T, *desk)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, func(o *agent.Options) {
				o.Contracts[1].Aggregator, o.Contracts[1].Schemes = true, []string{"wechatpay", "alipay-cn"}
			})
			defer func() { d.stop() }()
			f(t, d)
		})
	})
}

func TestAnotherWay(t *testing.T) {
	withAggregator(t, "nothing was sent: the same code goes to the aggregator as a new attempt", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.wechat.down = true // after it was found ready
		d.mustScan(d.wechatCode())
		r := d.want(reply, sale.EndPaid, time.Second)
		a := r.Payment.Attempts
		if len(a) != 2 || a[0].Why != sale.EvNotSent || a[0].State != sale.Declined || a[0].ID == a[1].ID || a[1].Contract.Slot != 2 {
			t.Fatalf("attempts %+v", a)
		}
		d.wantNet(d.wechat, 0)
		d.wantNet(d.alipay, 100)
		want := "[SENDING/keep/ DECLINED/keep/ SENDING/keep/ PAID/keep/paid]"
		if got := fmt.Sprint(d.journal.log); got != want {
			t.Errorf("durable: %s, want %s", got, want)
		}
	})
	withAggregator(t, "known to be out of reach: straight to the aggregator", func(t *testing.T, d *desk) {
		d.wechat.down = true
		reply := d.ask("1", "A", 100)
		time.Sleep(time.Second) // the first of the two to be ready lets the sale begin
		d.mustScan(d.wechatCode())
		if r := d.want(reply, sale.EndPaid, time.Second); len(r.Payment.Attempts) != 1 {
			t.Fatalf("%d attempts, want 1", len(r.Payment.Attempts))
		}
		d.wantNet(d.alipay, 100)
	})
	withAggregator(t, "something may have been sent: no other way, ever", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged = true, o.amount.Minor
			return sale.Answer{Cause: "no answer in 10s"}, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Minute)
		d.wantNet(d.wechat, 100)
		d.wantNet(d.alipay, 0)
	})
	withAggregator(t, "declined is declined", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutDeclined), true }
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndDeclined, time.Second)
		d.wantNet(d.alipay, 0)
	})
}

func TestRest(t *testing.T) {
	silent := func(o *order) (sale.Answer, bool) { return sale.Answer{Cause: "no answer in 10s"}, true }
	bubble(t, "three payments without an answer: no fourth for a while, but queries and reverses", func(t *testing.T, d *desk) {
		d.wechat.onPay = silent
		for i := range 3 {
			reply := d.ask(fmt.Sprint(i), fmt.Sprint("B", i), 100)
			d.mustScan(d.wechatCode())
			d.want(reply, sale.EndCancelled, 10*time.Minute)
		}
		if d.wechat.reverses != 3 {
			t.Errorf("%d reverses, want 3", d.wechat.reverses)
		}
		// The rest is as long as a payer may take, and is over after the last reverse.
		d.wechat.onPay = silent
		reply := d.ask("3", "B3", 100)
		d.mustScan(d.wechatCode())
		time.Sleep(time.Second)
		d.abort(asked("3", "").Key())
		d.want(reply, sale.EndAborted, 10*time.Minute)
		if got := len(d.wechat.pays); got != 4 {
			t.Errorf("%d payments, want 4: after a rest one is the try", got)
		}
	})
	bubble(t, "while it rests a sale is refused at once and nothing is sent", func(t *testing.T, d *desk) {
		d.wechat.onPay = silent
		for i := range 3 {
			reply := d.ask(fmt.Sprint(i), fmt.Sprint("B", i), 100)
			d.mustScan(d.wechatCode())
			time.Sleep(time.Second)
			d.abort(asked(fmt.Sprint(i), "").Key())
			_ = reply
		}
		reply := d.ask("3", "B3", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndUnreachable, time.Second)
		reply = d.ask("4", "B4", 100)
		d.mustScan(d.alipayCode())
		d.want(reply, sale.EndPaid, time.Second)
		if len(d.wechat.pays) != 3 {
			t.Errorf("%d payments were sent, want 3", len(d.wechat.pays))
		}
	})
	bubble(t, "the try after a rest that was not sent is tried again", func(t *testing.T, d *desk) {
		d.wechat.onPay = silent
		for i := range 3 {
			reply := d.ask(fmt.Sprint(i), fmt.Sprint("B", i), 100)
			d.mustScan(d.wechatCode())
			d.want(reply, sale.EndCancelled, 10*time.Minute)
		}
		reply := d.ask("3", "B3", 100)
		d.wechat.down = true // after it was found ready
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndUnreachable, time.Second)
		d.wechat.set(func() { d.wechat.down, d.wechat.onPay = false, nil })
		time.Sleep(time.Hour)
		reply = d.ask("4", "B4", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
}
