package agent_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
)

func TestAbort(t *testing.T) {
	key := asked("1", "A").Key()
	bubble(t, "before the code", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		if err := d.till.Abort(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
		d.want(reply, sale.EndAborted, time.Second)
		if d.gate.isArmed() {
			t.Error("the gate is open")
		}
	})
	bubble(t, "while the request is out: reversed, then told", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			time.Sleep(4 * time.Second)
			o.exists, o.charged = true, 100
			return sale.Answer{}, false
		}
		reply := d.ask("1", "A", 100)
		start := time.Now()
		d.mustScan(d.wechatCode())
		if err := d.till.Abort(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
		if s := d.till.Screen(); s.Kind != agent.ScreenUndoing {
			t.Errorf("screen %+v", s)
		}
		if d.till.Busy() {
			t.Error("the lane is not free though undo is durable")
		}
		d.want(reply, sale.EndAborted, time.Minute)
		d.wantNet(d.wechat, 0)
		if got := d.wechat.reversed[0].Sub(start); got < 15*time.Second {
			t.Errorf("reversed after %s, want not before 15s", got)
		}
	})
	bubble(t, "while the customer must confirm, who then pays", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists = true
			time.AfterFunc(12*time.Second, func() { d.wechat.set(func() { o.charged = 100 }) })
			return d.wechat.answer(o, sale.OutPaying), true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		time.Sleep(8 * time.Second)
		if err := d.till.Abort(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
		d.want(reply, sale.EndAborted, time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "a lost answer, found paid by the query after the abort: given back", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged = true, 100
			return sale.Answer{Cause: "no answer"}, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		time.Sleep(2 * time.Second)
		if err := d.till.Abort(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
		d.want(reply, sale.EndAborted, time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "after paid: nothing happens", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		if err := d.till.Abort(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "another point of sale cannot", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		if err := d.till.Abort(t.Context(), sale.MessageKey{SaleID: "POS-2", POIID: "TILLD-1", ServiceID: "1"}, ""); err != nil {
			t.Fatal(err)
		}
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
	bubble(t, "before the payment arrives", func(t *testing.T, d *desk) {
		if err := d.till.Abort(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
		d.want(d.ask("1", "A", 100), sale.EndAborted, time.Second)
		d.restart()
		d.want(d.ask("1", "A", 100), sale.EndAborted, time.Second)
		if d.gate.isArmed() {
			t.Error("the gate is open")
		}
	})
}

// However early, an abort that is answered means that nothing is going to be sent.
func TestAbortBeforeSending(t *testing.T) {
	key := asked("1", "A").Key()
	bubble(t, "during the operator's confirmation", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) { o.Ceiling = map[sale.Currency]int64{"CNY": 1000} }
		d.restart()
		reply := d.ask("1", "A", 1001)
		d.heard(d.abort(key), time.Second)
		d.want(reply, sale.EndAborted, time.Second)
		if err := d.till.Confirm(agent.Confirmation{Payment: d.only().ID, OK: true}); err == nil {
			t.Error("an operator confirmed a payment that has ended")
		}
		synctest.Wait()
		if d.gate.isArmed() || d.till.Busy() {
			t.Error("the payment goes on")
		}
	})
	for _, c := range []struct {
		name string
		code bool // shown to the point of sale's own scanner
	}{{"while the wallets are tried", false}, {"while the wallets are tried, with the code there already", true}} {
		bubble(t, c.name, func(t *testing.T, d *desk) {
			tried := make(chan struct{})
			for _, w := range []*wallet{d.wechat, d.alipay} {
				w.set(func() { w.onWarm = func() { <-tried } })
			}
			r := agent.PayRequest{Asked: asked("1", "A"), Amount: cny(100)}
			if c.code {
				r.Code = secret.Copy([]byte(d.wechatCode()))
			}
			reply := d.pay(t.Context(), r)
			abort := d.abort(key)
			close(tried)
			d.heard(abort, time.Second)
			d.want(reply, sale.EndAborted, time.Second)
			if d.gate.isArmed() || len(d.wechat.pays) != 0 {
				t.Errorf("armed %t, sent %v", d.gate.isArmed(), d.wechat.pays)
			}
		})
	}
	bubble(t, "while the wallets are tried, and none is there", func(t *testing.T, d *desk) {
		for _, w := range []*wallet{d.wechat, d.alipay} {
			w.set(func() { w.lost = true })
		}
		reply := d.ask("1", "A", 100)
		abort := d.abort(key)
		d.want(reply, sale.EndUnreachable, 5*time.Second)
		d.heard(abort, time.Second)
	})
	bubble(t, "between the code and SENDING", func(t *testing.T, d *desk) {
		disk := make(chan struct{})
		reply := d.ask("1", "A", 100)
		d.journal.onCommit = func() { <-disk }
		d.mustScan(d.wechatCode())
		abort := d.abort(key)
		close(disk)
		d.heard(abort, time.Second)
		d.want(reply, sale.EndAborted, time.Second)
		if len(d.wechat.pays) != 0 {
			t.Errorf("sent %v", d.wechat.pays)
		}
		// SENDING was durable: the end must say that nothing left, or a restart would ask.
		if p := d.wantState(d.only().ID, sale.Declined); p.Current().Why != sale.EvNotSent {
			t.Errorf("declined on %q", p.Current().Why)
		}
	})
	bubble(t, "between the code and SENDING, with the request signed already", func(t *testing.T, d *desk) {
		signer := &preparer{wallet: d.wechat}
		d.adjust = func(o *agent.Options) { o.Contracts[0].Wallet = signer }
		d.restart()
		disk := make(chan struct{})
		reply := d.ask("1", "A", 100)
		d.journal.onCommit = func() { <-disk }
		d.mustScan(d.wechatCode())
		abort := d.abort(key)
		close(disk)
		d.heard(abort, time.Second)
		d.want(reply, sale.EndAborted, time.Second)
		if signer.prepared != 1 || signer.givenUp != 1 || signer.sent != 0 {
			t.Errorf("%d prepared, %d given up, %d sent; want the one request given up", signer.prepared, signer.givenUp, signer.sent)
		}
	})
	bubble(t, "no room for SENDING, with the request signed already", func(t *testing.T, d *desk) {
		signer := &preparer{wallet: d.wechat}
		d.adjust = func(o *agent.Options) { o.Contracts[0].Wallet = signer }
		d.restart()
		reply := d.ask("1", "A", 100)
		d.journal.fill(true)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndNoSpace, time.Second)
		d.heard(d.abort(key), time.Second)
		if signer.prepared != 1 || signer.givenUp != 1 || signer.sent != 0 {
			t.Errorf("%d prepared, %d given up, %d sent; want the one request given up", signer.prepared, signer.givenUp, signer.sent)
		}
	})
}

// preparer signs a request before the attempt is durable.
type preparer struct {
	*wallet
	prepared, givenUp, sent int
}

func (p *preparer) Prepare(_ context.Context, a sale.Attempt, c sale.Credential) (agent.Send, error) {
	p.prepared++
	return func(ctx context.Context) (sale.Answer, error) {
		if err := ctx.Err(); err != nil {
			p.givenUp++
			return sale.Answer{}, err
		}
		p.sent++
		return p.wallet.Pay(ctx, a, c)
	}, nil
}

// An abort is answered when the undo is durable, and when nobody owns the payment too.
func TestAbortIsAnswered(t *testing.T) {
	key := asked("1", "A").Key()
	bubble(t, "not before the undo is durable", func(t *testing.T, d *desk) {
		d.wechat.onPay, d.wechat.onQuery = silent(true), mute
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.journal.fill(true)
		abort := d.abort(key)
		time.Sleep(10 * time.Second)
		d.stop()
		err := <-abort
		d.journal.fill(false)
		d.start()
		if intent := d.only().Intent; err == nil || intent != sale.Keep {
			t.Errorf("the abort was answered with %v, and the intent on record is %s", err, intent)
		}
	})
	bubble(t, "of a payment that waits for an operator", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutDuplicate), true }
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.heard(d.abort(key), time.Second)
		p := d.wantState(d.only().ID, sale.Manual)
		if p.Intent != sale.Undo {
			t.Errorf("intent %s after the abort", p.Intent)
		}
		d.want(d.reverse("9", p.ID), sale.EndNotAllowed, time.Second)
	})
	bubble(t, "of a payment whose contract is not configured any more", func(t *testing.T, d *desk) {
		d.wechat.onPay = silent(true)
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.adjust = func(o *agent.Options) { o.Contracts = o.Contracts[1:] }
		d.restart()
		d.heard(d.abort(key), time.Second)
		d.adjust = nil
		d.restart()
		d.want(d.ask("1", "A", 100), sale.EndAborted, time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "of a request named without the POIID", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		ref := sale.MessageKey{SaleID: key.SaleID, ServiceID: key.ServiceID}
		d.wantStatus(ref, agent.StatusInProgress)
		d.heard(d.abort(ref), time.Second)
		d.want(reply, sale.EndAborted, time.Second)
	})
}
