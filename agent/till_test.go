package agent_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// bubble runs f in a synctest bubble with a fresh desk.
func bubble(t *testing.T, name string, f func(*testing.T, *desk)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, nil)
			defer func() { d.stop() }()
			f(t, d)
		})
	})
}

func TestPaid(t *testing.T) {
	bubble(t, "two commits, the first before the code leaves", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(*order) (sale.Answer, bool) {
			if want := []string{"SENDING/keep/"}; !slices.Equal(d.journal.log, want) {
				t.Errorf("durable when the request left: %v, want %v", d.journal.log, want)
			}
			return sale.Answer{}, false
		}
		reply := d.ask("1", "A", 1280)
		if s := d.till.Screen(); s.Kind != agent.ScreenPay || s.Amount != "12.80" || !s.Test {
			t.Fatalf("screen %+v", s)
		}
		d.mustScan(d.wechatCode())
		r := d.want(reply, sale.EndPaid, time.Second)
		if d.journal.commits != 2 {
			t.Errorf("%d commits on the clean path, want 2", d.journal.commits)
		}
		if len(r.Payment.Current().ID) != sale.IDLen || d.till.Screen().Kind != agent.ScreenPaid {
			t.Errorf("order %q, screen %+v", r.Payment.Current().ID, d.till.Screen())
		}
		d.wantNet(d.wechat, 1280)
		if d.gate.isArmed() {
			t.Error("the gate is still open")
		}
	})
	bubble(t, "each wallet by its code", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.alipayCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.wantNet(d.alipay, 100)
		d.wantNet(d.wechat, 0)
	})
}

func TestRefusedBeforeSending(t *testing.T) {
	for _, c := range []struct {
		name   string
		scans  []string
		ending sale.Ending
	}{
		{"three goods codes", []string{"6901234567892", "6901234567892", "6901234567892"}, sale.EndBadCode},
		{"a wallet without a contract", []string{"6212345678901234567"}, sale.EndNoContract},
		{"an ID number twice", []string{"110101199003070003", "110101199003070003", "https://qr.alipay.com/x"}, sale.EndBadCode},
	} {
		bubble(t, c.name, func(t *testing.T, d *desk) {
			reply := d.ask("1", "A", 100)
			for _, s := range c.scans {
				d.mustScan(s)
				time.Sleep(3 * time.Second)
			}
			d.want(reply, c.ending, time.Second)
			if len(d.wechat.pays)+len(d.alipay.pays) != 0 {
				t.Error("something was sent")
			}
		})
	}
	bubble(t, "a code that looks like an ID number: once more, then as what it is", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		for _, want := range []string{"id-number-shape", "id-number"} {
			time.Sleep(3 * time.Second)
			d.mustScan("110101199003070003")
			if s := d.till.Screen(); s.Kind != agent.ScreenFresh || s.Reason != want {
				t.Errorf("screen %+v, want the reason %s", s, want)
			}
		}
	})
	bubble(t, "a goods code left under the scanner is one presentation", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		for range 50 {
			d.mustScan("6901234567892")
			time.Sleep(100 * time.Millisecond)
		}
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
	bubble(t, "nobody shows a code", func(t *testing.T, d *desk) {
		d.want(d.ask("1", "A", 100), sale.EndCancelled, 2*time.Minute)
	})
	bubble(t, "no wallet reachable", func(t *testing.T, d *desk) {
		d.wechat.down, d.alipay.down = true, true
		d.want(d.ask("1", "A", 100), sale.EndUnreachable, 10*time.Second)
		if s := d.till.Screen(); s.Kind != agent.ScreenNotPaid || s.Reason != string(sale.EndUnreachable) {
			t.Errorf("screen %+v", s)
		}
		time.Sleep(10 * time.Second)
		if s := d.till.Screen(); s.Kind != agent.ScreenClosed || s.Reason != "offline" {
			t.Errorf("screen afterwards %+v", s)
		}
	})
	bubble(t, "this wallet is not reachable", func(t *testing.T, d *desk) {
		d.wechat.down = true
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndUnreachable, time.Second)
	})
	bubble(t, "scanner missing", func(t *testing.T, d *desk) {
		d.gate.unplug()
		d.want(d.ask("1", "A", 100), sale.EndNoScanner, time.Second)
	})
	bubble(t, "clock not trusted", func(t *testing.T, d *desk) {
		d.trusted.Store(false)
		d.want(d.ask("1", "A", 100), sale.EndClockUntrusty, time.Second)
	})
	bubble(t, "disk full", func(t *testing.T, d *desk) {
		d.journal.fill(true)
		d.want(d.ask("1", "A", 100), sale.EndNoSpace, 100*time.Millisecond)
	})
	bubble(t, "disk fills between the request and the code", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.journal.fill(true)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndNoSpace, 100*time.Millisecond)
		if len(d.wechat.pays) != 0 {
			t.Error("sent without a durable record")
		}
	})
}

func TestFreshCode(t *testing.T) {
	bad := func(w *wallet, times int) func(*order) (sale.Answer, bool) {
		return func(o *order) (sale.Answer, bool) {
			if times--; times >= 0 {
				return w.answer(o, sale.OutBadCode), true
			}
			return sale.Answer{}, false
		}
	}
	bubble(t, "expired, then a fresh one under a new number", func(t *testing.T, d *desk) {
		d.wechat.onPay = bad(d.wechat, 1)
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		if s := d.till.Screen(); s.Kind != agent.ScreenFresh {
			t.Fatalf("screen %+v", s)
		}
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		if len(d.wechat.pays) != 2 || d.wechat.pays[0] == d.wechat.pays[1] {
			t.Errorf("orders %v", d.wechat.pays)
		}
	})
	bubble(t, "the third one ends it", func(t *testing.T, d *desk) {
		d.wechat.onPay = bad(d.wechat, 9)
		reply := d.ask("1", "A", 100)
		for range 3 {
			d.mustScan(d.wechatCode())
		}
		d.want(reply, sale.EndBadCode, time.Second)
	})
	bubble(t, "the same code again", func(t *testing.T, d *desk) {
		code := d.wechatCode()
		reply := d.ask("1", "A", 100)
		d.mustScan(code)
		d.want(reply, sale.EndPaid, time.Second)
		d.restart()
		reply = d.ask("2", "B", 100)
		d.mustScan(code)
		if s := d.till.Screen(); s.Kind != agent.ScreenFresh || s.Reason != "code-used" {
			t.Fatalf("screen %+v", s)
		}
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.wantNet(d.wechat, 200)
	})
}

func TestDoubt(t *testing.T) {
	bubble(t, "time-out after charge: found paid by query", func(t *testing.T, d *desk) {
		d.wechat.onPay = silent(true)
		reply := d.ask("1", "A", 100)
		start := time.Now()
		d.mustScan(d.wechatCode())
		if s := d.till.Screen(); s.Kind != agent.ScreenDoubt {
			t.Fatalf("screen %+v", s)
		}
		d.want(reply, sale.EndPaid, 10*time.Second)
		if first := d.wechat.queries[0].Sub(start); first != 5*time.Second {
			t.Errorf("first query after %s, want 5s", first)
		}
	})
	bubble(t, "lost, not found: reversed, and not before the quiet time", func(t *testing.T, d *desk) {
		d.wechat.onPay = silent(false)
		d.wechat.onReverse = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutAccepted), true } // no tombstone
		reply := d.ask("1", "A", 100)
		start := time.Now()
		d.mustScan(d.wechatCode())
		d.quiet(reply, 119*time.Second)
		d.want(reply, sale.EndCancelled, 30*time.Second)
		if first := d.wechat.reversed[0].Sub(start); first != 45*time.Second {
			t.Errorf("first reverse after %s, want at the payer's deadline of 45s", first)
		}
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "lost, then the request arrives late: charged after the reverse, given back", func(t *testing.T, d *desk) {
		d.wechat.onPay = silent(false)
		reverses := 0
		d.wechat.onReverse = func(o *order) (sale.Answer, bool) {
			if reverses++; reverses == 1 {
				time.AfterFunc(20*time.Second, func() { d.wechat.set(func() { o.exists, o.charged = true, 100 }) })
				return d.wechat.answer(o, sale.OutAccepted), true
			}
			return sale.Answer{}, false
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndCancelled, 5*time.Minute)
		d.wantNet(d.wechat, 0)
		if d.wechat.reverses == 0 {
			t.Error("the late charge was not reversed")
		}
	})
	bubble(t, "customer confirms", func(t *testing.T, d *desk) {
		var waiting *order
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, waiting = true, o
			return d.wechat.answer(o, sale.OutPaying), true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		if s := d.till.Screen(); s.Kind != agent.ScreenConfirm {
			t.Fatalf("screen %+v", s)
		}
		d.quiet(reply, 20*time.Second)
		d.wechat.set(func() { waiting.charged = 100 })
		d.want(reply, sale.EndPaid, 6*time.Second)
	})
	bubble(t, "never confirms: cancelled at once after the last query", func(t *testing.T, d *desk) {
		d.alipay.onPay = func(o *order) (sale.Answer, bool) { o.exists = true; return d.alipay.answer(o, sale.OutPaying), true }
		reply := d.ask("1", "A", 100)
		start := time.Now()
		d.mustScan(d.alipayCode())
		d.want(reply, sale.EndCancelled, 2*time.Minute)
		if got := d.alipay.reversed[0].Sub(start); got != time.Minute {
			t.Errorf("cancelled after %s, want 60s", got)
		}
		if !slices.ContainsFunc(d.alipay.queries, d.alipay.reversed[0].Equal) {
			t.Errorf("queries at %v, cancel at %v: want one at the same moment", d.alipay.queries, d.alipay.reversed[0])
		}
	})
	bubble(t, "PAYERROR is reversed, not before 15 s", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { o.exists = true; return d.wechat.answer(o, sale.OutPaying), true }
		d.wechat.onQuery = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutFailed), !o.closed }
		reply := d.ask("1", "A", 100)
		start := time.Now()
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndDeclined, time.Minute)
		if got := d.wechat.reversed[0].Sub(start); got != 15*time.Second {
			t.Errorf("reversed after %s, want 15s", got)
		}
	})
	bubble(t, "an answer without a signature decides nothing", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged = true, 100
			ans := d.wechat.answer(o, sale.OutDeclined)
			ans.Signed = false
			return ans, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, 10*time.Second)
	})
	bubble(t, "an answer for another order is discarded, not reversed", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged = true, 100
			ans := d.wechat.answer(o, sale.OutPaid)
			ans.Order = "another"
			return ans, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, 10*time.Second)
		if d.wechat.reverses != 0 {
			t.Error("reversed on a foreign answer")
		}
	})
	bubble(t, "a wrong total is taken back", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged, o.amount = true, 1000, cny(1000)
			return d.wechat.answer(o, sale.OutPaid), true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndMistaken, time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "a wrong total found by a query is taken back too", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged, o.amount = true, 1000, cny(1000)
			return sale.Answer{Cause: "no answer"}, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndMistaken, time.Minute)
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "one wallet transaction settles one order", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		first := d.want(reply, sale.EndPaid, time.Second)
		stale := true
		twice := func(o *order) (sale.Answer, bool) {
			ans := d.wechat.answer(o, sale.OutPaid)
			if stale {
				ans.WalletTransaction = first.Payment.Current().WalletTransaction
			}
			return ans, stale
		}
		d.wechat.set(func() { d.wechat.onPay, d.wechat.onQuery = twice, twice })
		reply = d.ask("2", "B", 100)
		d.mustScan(d.wechatCode())
		d.quiet(reply, 20*time.Second)
		d.wechat.set(func() { stale = false })
		d.want(reply, sale.EndCancelled, 5*time.Minute)
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "a number used before stops trading", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutDuplicate), true }
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.quiet(reply, time.Hour)
		d.want(d.ask("2", "B", 100), sale.EndStopped, time.Second)
		open := d.till.Payments(true)
		if len(open) != 1 || open[0].Current().State != sale.Manual {
			t.Fatalf("open: %+v", open)
		}
		if err := d.till.Settle(t.Context(), open[0].ID, false); err != nil {
			t.Fatal(err)
		}
		d.want(reply, sale.EndAborted, time.Second)
		d.wechat.set(func() { d.wechat.onPay = nil })
		next := d.ask("3", "C", 100)
		d.mustScan(d.wechatCode())
		d.want(next, sale.EndPaid, time.Second)
	})
	bubble(t, "offline for three hours with intent keep: paid is paid", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged = true, 100
			d.wechat.set(func() { d.wechat.down = true })
			return sale.Answer{Cause: "no answer"}, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.quiet(reply, 3*time.Hour)
		d.want(d.ask("2", "B", 100), sale.EndBusy, time.Second)
		d.wechat.set(func() { d.wechat.down = false })
		d.want(reply, sale.EndPaid, 10*time.Second)
		if d.wechat.reverses != 0 {
			t.Error("a good payment was reversed without intent")
		}
	})
	bubble(t, "past the window an operator decides", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) { o.Contracts[0].Clock.Window = 3 * time.Hour }
		d.restart()
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			d.wechat.set(func() { d.wechat.down = true })
			return sale.Answer{Cause: "no answer"}, true
		}
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		time.Sleep(3 * time.Hour)
		if open := d.till.Payments(true); len(open) != 1 || open[0].Current().State != sale.Manual {
			t.Fatalf("open: %+v", open)
		}
	})
}

func TestRepeats(t *testing.T) {
	bubble(t, "the same request gets the same bytes, over a restart", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		first := d.want(reply, sale.EndPaid, time.Second)
		second := d.want(d.ask("1", "A", 100), sale.EndPaid, time.Second)
		d.restart()
		third := d.want(d.ask("1", "A", 100), sale.EndPaid, time.Second)
		if !bytes.Equal(first.Bytes, second.Bytes) || !bytes.Equal(first.Bytes, third.Bytes) {
			t.Errorf("%q, %q, %q", first.Bytes, second.Bytes, third.Bytes)
		}
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "the same number for something else", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.want(d.ask("1", "B", 200), sale.EndNotAllowed, time.Second)
	})
	bubble(t, "timed out and asked again under a new number: charged once", func(t *testing.T, d *desk) {
		ctx, hangUp := context.WithCancel(t.Context())
		d.wechat.onPay = func(*order) (sale.Answer, bool) { time.Sleep(9 * time.Second); return sale.Answer{}, false }
		d.askCtx(ctx, "1", "A", 100)
		d.mustScan(d.wechatCode())
		hangUp()
		again := d.ask("2", "A", 100)
		first := d.want(again, sale.EndPaid, 20*time.Second)
		d.wantNet(d.wechat, 100)
		// The first answer was never delivered: a third request gets it too.
		third := d.want(d.ask("3", "A", 100), sale.EndPaid, time.Second)
		if first.Payment.ID != third.Payment.ID {
			t.Error("two payments for one basket")
		}
		if len(d.till.Undelivered()) != 1 {
			t.Error("not listed as undelivered")
		}
		d.till.Delivered(asked("3", "A").Key())
		if len(d.till.Undelivered()) != 0 {
			t.Error("still undelivered")
		}
		// Delivered: asking once more is refused, never charged.
		d.want(d.ask("4", "A", 100), sale.EndNotAllowed, time.Second)
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "a new basket number per try, where the point of sale is known for it", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) { o.PerTry = map[string]bool{"POS-1": true} }
		d.restart()
		ctx, hangUp := context.WithCancel(t.Context())
		d.askCtx(ctx, "1", "try-1", 100)
		hangUp()
		reply := d.ask("2", "try-2", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		if len(d.wechat.pays) != 1 {
			t.Errorf("sent %v", d.wechat.pays)
		}
	})
	bubble(t, "two customers who buy the same", func(t *testing.T, d *desk) {
		for i, tx := range []string{"A", "B"} {
			reply := d.ask(string(rune('1'+i)), tx, 100)
			d.mustScan(d.wechatCode())
			d.want(reply, sale.EndPaid, time.Second)
		}
		d.wantNet(d.wechat, 200)
	})
	bubble(t, "another basket while one runs", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.want(d.ask("2", "B", 200), sale.EndBusy, time.Second)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
}

func TestRestart(t *testing.T) {
	bubble(t, "after the request left: asked, never sent again", func(t *testing.T, d *desk) {
		stopped := make(chan struct{})
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			o.exists, o.charged = true, 100
			<-stopped
			return sale.Answer{Cause: "context canceled"}, true
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		go func() { time.Sleep(time.Millisecond); close(stopped) }()
		d.restart()
		d.want(reply, "undecided", time.Second)
		synctest.Wait()
		r := d.want(d.ask("1", "A", 100), sale.EndPaid, 10*time.Second)
		if len(d.wechat.pays) != 1 {
			t.Errorf("sent %v", d.wechat.pays)
		}
		if r.Payment.Asked.ServiceID != "1" {
			t.Errorf("payment %+v", r.Payment)
		}
	})
	bubble(t, "killed with the request out: SENDING is in doubt, whatever the wallet did", func(t *testing.T, d *desk) {
		var atSending map[queue.Kind]map[string][]byte
		d.wechat.onPay = func(o *order) (sale.Answer, bool) {
			atSending = d.journal.snapshot()
			return sale.Answer{}, false
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.stop()
		d.journal.records = atSending // as if killed before the answer
		d.start()
		r := d.want(d.ask("2", "A", 100), sale.EndPaid, 10*time.Second)
		if a := r.Payment.Current(); len(d.wechat.pays) != 1 || a.ID != d.wechat.pays[0] {
			t.Errorf("sent %v, answered with %v", d.wechat.pays, a)
		}
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "while reversing: goes on, and waits in full again", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { o.exists = true; return d.wechat.answer(o, sale.OutPaying), true }
		d.wechat.onReverse = func(o *order) (sale.Answer, bool) { return sale.Answer{Cause: "no answer"}, true }
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		time.Sleep(50 * time.Second)
		d.restart()
		d.want(reply, "undecided", time.Second)
		before := len(d.wechat.reversed)
		d.wechat.set(func() { d.wechat.onReverse = nil })
		start := time.Now()
		d.want(d.ask("2", "A", 100), sale.EndCancelled, time.Minute)
		if got := d.wechat.reversed[before].Sub(start); got < 14*time.Second {
			t.Errorf("reversed %s after the restart, want 15s", got)
		}
		d.wantNet(d.wechat, 0)
	})
	bubble(t, "while it waited for a code: nothing was sent", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		d.restart()
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
}

func TestStatus(t *testing.T) {
	bubble(t, "in progress, known, not found and then refused", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		if st, _, _ := d.till.Status(t.Context(), asked("1", "A").Key()); st != agent.StatusInProgress {
			t.Errorf("status %v, want in progress", st)
		}
		d.mustScan(d.wechatCode())
		r := d.want(reply, sale.EndPaid, time.Second)
		st, stored, _ := d.till.Status(t.Context(), asked("1", "A").Key())
		if st != agent.StatusKnown || !bytes.Equal(stored.Bytes, r.Bytes) {
			t.Errorf("status %v %q", st, stored.Bytes)
		}
		if st, _, _ := d.till.Status(t.Context(), asked("7", "G").Key()); st != agent.StatusNotFound {
			t.Errorf("status %v, want not found", st)
		}
		d.restart()
		d.want(d.ask("7", "G", 100), sale.EndAborted, time.Second)
	})
}
