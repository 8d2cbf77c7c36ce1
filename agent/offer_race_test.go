package agent_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

func TestOfferAborted(t *testing.T) {
	offering(t, "off the screen at once, reversed, and told only when it is closed", func(t *testing.T, d *desk) {
		release := make(chan struct{})
		d.wechat.onReverse = func(o *order) (sale.Answer, bool) { d.wechat.await(func() { <-release }); return sale.Answer{}, false }
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.wantScreen(agent.ScreenUndoing, "")
		d.wantLog("OFFERED/keep/", "OFFERED/undo/", "REVERSING/undo/")
		d.quiet(reply, time.Minute)
		close(release)
		d.want(reply, sale.EndAborted, 10*time.Second)
		if d.wechat.scanned(code) {
			t.Error("a closed code was paid")
		}
		d.wantState(d.only().ID, sale.Reversed)
	})
	offering(t, "paid before the reverse arrives: given back, with an alarm", func(t *testing.T, d *desk) {
		d.wechat.onReverse = func(o *order) (sale.Answer, bool) { d.wechat.pay(o); return sale.Answer{}, false }
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.want(reply, sale.EndAborted, 10*time.Second)
		d.wantState(d.only().ID, sale.ReversedRefunded)
		d.wantNet(d.wechat, 0)
		d.wantAlarm("late-payment")
		if d.wechat.scanned(code) {
			t.Error("paid twice")
		}
		time.Sleep(3 * time.Hour)
		for _, c := range d.health.Causes() {
			t.Errorf("still alarmed: %+v", c)
		}
	})
	offering(t, "the reverse does not take: proven by life and delay alone, not earlier", func(t *testing.T, d *desk) {
		d.wechat.onReverse = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutAccepted), true }
		reply := d.ask("1", "A", 100)
		d.offer()
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.quiet(reply, 150*time.Second-time.Millisecond)
		d.want(reply, sale.EndAborted, 20*time.Second)
		if p := d.only(); p.Current().Why != sale.EvProven {
			t.Errorf("attempt %+v", p.Current())
		}
	})
	offering(t, "while the code is being made: durable at once, reversed only after the wallet's word", func(t *testing.T, d *desk) {
		release := make(chan struct{})
		d.wechat.onOffer = func(*order) (sale.Offer, bool) { <-release; return sale.Offer{}, false }
		reply := d.ask("1", "A", 100)
		if err := d.till.Offer(d.till.Screen().Payment); err != nil {
			t.Fatal(err)
		}
		d.wantScreen(agent.ScreenPay, "offer-comes")
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.wantLog("OFFERED/keep/", "OFFERED/undo/")
		time.Sleep(8 * time.Second)
		if len(d.wechat.reversed) != 0 {
			t.Fatal("reversed while the order was on its way")
		}
		close(release)
		d.want(reply, sale.EndAborted, 10*time.Second)
		d.wantScreen(agent.ScreenNotPaid, "aborted")
		d.wantState(d.only().ID, sale.Reversed)
	})
	offering(t, "while the code is being made, and then it is refused", func(t *testing.T, d *desk) {
		release := make(chan struct{})
		d.wechat.onOffer = func(o *order) (sale.Offer, bool) {
			<-release
			return sale.Offer{Answer: d.wechat.answer(o, sale.OutDeclined)}, true
		}
		reply := d.ask("1", "A", 100)
		if err := d.till.Offer(d.till.Screen().Payment); err != nil {
			t.Fatal(err)
		}
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		close(release)
		d.want(reply, sale.EndAborted, time.Second)
		d.wantState(d.only().ID, sale.Closed)
	})
	offering(t, "while a close is under way", func(t *testing.T, d *desk) {
		release := make(chan struct{})
		d.wechat.onClose = func(o *order) (sale.Answer, bool) { d.wechat.await(func() { <-release }); return sale.Answer{}, false }
		reply := d.ask("1", "A", 100)
		d.offer()
		d.mustScan(d.wechatCode())
		d.wantScreen(agent.ScreenClosing, "code-read")
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.want(reply, sale.EndAborted, 10*time.Second)
		close(release)
		if len(d.wechat.pays) != 0 {
			t.Error("the customer's code was sent")
		}
	})
	offering(t, "the next customer is served meanwhile", func(t *testing.T, d *desk) {
		d.wechat.onReverse = mute
		reply := d.ask("1", "A", 100)
		d.offer()
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		next := d.ask("2", "B", 200)
		d.mustScan(d.alipayCode())
		d.want(next, sale.EndPaid, time.Second)
		d.quiet(reply, time.Minute)
		d.wechat.set(func() { d.wechat.onReverse = nil })
		d.want(reply, sale.EndAborted, 3*time.Minute)
	})
}

func TestOfferAndCode(t *testing.T) {
	offering(t, "the customer's own code is sent once ours is closed", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(*order) (sale.Answer, bool) {
			d.wantLog("OFFERED/keep/", "CLOSED/keep/", "SENDING/keep/")
			return sale.Answer{}, false
		}
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.mustScan(d.wechatCode())
		if d.wechat.scanned(code) {
			t.Error("both codes are paid")
		}
		d.want(reply, sale.EndPaid, time.Second)
		d.wantNet(d.wechat, 100)
	})
	offering(t, "paid in the same instant: the customer's own code is not sent", func(t *testing.T, d *desk) {
		d.wechat.onClose = func(o *order) (sale.Answer, bool) { d.wechat.pay(o); return sale.Answer{}, false }
		reply := d.ask("1", "A", 100)
		d.offer()
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		if len(d.wechat.pays) != 0 {
			t.Error("the code was sent as well")
		}
		d.wantNet(d.wechat, 100)
	})
	offering(t, "not closed within the code's useful life: it is wiped, and a fresh one is asked for", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.offer()
		d.wechat.set(func() { d.wechat.down = true })
		d.mustScan(d.wechatCode())
		time.Sleep(19 * time.Second)
		d.wantScreen(agent.ScreenDoubt, "")
		time.Sleep(2 * time.Second)
		d.wechat.set(func() { d.wechat.down = false })
		d.quiet(reply, 15*time.Second)
		d.wantScreen(agent.ScreenFresh, "offer-stays")
		if len(d.wechat.pays) != 0 {
			t.Fatal("the old code was sent")
		}
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.wantNet(d.wechat, 100)
	})
	offering(t, "closed just in time", func(t *testing.T, d *desk) {
		d.wechat.onClose = func(o *order) (sale.Answer, bool) {
			d.wechat.await(func() { time.Sleep(9 * time.Second) })
			return sale.Answer{}, false
		}
		reply := d.ask("1", "A", 100)
		d.offer()
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, 10*time.Second)
		d.wantNet(d.wechat, 100)
	})
	offering(t, "read while ours is being made: ours is never shown", func(t *testing.T, d *desk) {
		d.wechat.onOffer = func(*order) (sale.Offer, bool) { time.Sleep(5 * time.Second); return sale.Offer{}, false }
		reply := d.ask("1", "A", 100)
		if err := d.till.Offer(d.till.Screen().Payment); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.mustScan(d.wechatCode())
		d.wantScreen(agent.ScreenClosing, "code-read")
		d.quiet(reply, 3*time.Second)
		d.want(reply, sale.EndPaid, 2*time.Second)
		d.wantLog("OFFERED/keep/", "CLOSED/keep/", "SENDING/keep/", "PAID/keep/paid")
	})
	offering(t, "goods codes change nothing", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		code := d.offer()
		for range 5 {
			time.Sleep(3 * time.Second)
			d.mustScan("6901234567892")
		}
		if s := d.till.Screen(); s.Code != code || s.Reason != "goods-code" {
			t.Errorf("screen %+v", s)
		}
		d.scanOffered(code)
		d.want(reply, sale.EndPaid, 6*time.Second)
	})
	offering(t, "a code that has been held is not refused as used", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.offer()
		code := d.wechatCode()
		d.mustScan(code)
		d.want(reply, sale.EndPaid, time.Second)
		reply = d.ask("2", "B", 100)
		d.offer()
		d.mustScan(code)
		if s := d.till.Screen(); s.Code == "" || s.Reason != "code-used" {
			t.Errorf("screen %+v", s)
		}
		d.heard(d.abort(asked("2", "").Key()), time.Second)
		d.want(reply, sale.EndAborted, 10*time.Second)
	})
	offeringWith(t, "expired without payment: back to the customer's code", func(o *agent.Options) { o.CodeWait = 5 * time.Minute }, func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.offer()
		d.quiet(reply, 90*time.Second)
		d.wantScreen(agent.ScreenPay, "offer-over")
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
	offeringWith(t, "expired, and the close does not take: the payer's deadline turns it", func(o *agent.Options) { o.CodeWait = 2 * time.Minute }, func(t *testing.T, d *desk) {
		d.wechat.onClose = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutAccepted), true }
		reply := d.ask("1", "A", 100)
		d.offer()
		d.quiet(reply, 2*time.Minute-time.Millisecond)
		d.want(reply, sale.EndCancelled, time.Second)
		if p := d.only(); p.UndoneBy != "deadline" || p.Current().State != sale.Reversed {
			t.Errorf("payment %+v", p)
		}
	})
}

func TestOfferOdd(t *testing.T) {
	offering(t, "the network is away: undecided, the code goes at its end", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.wechat.set(func() { d.wechat.lost = true })
		d.quiet(reply, 30*time.Second)
		d.shown()
		time.Sleep(30 * time.Second)
		d.scanOffered(code)
		d.quiet(reply, 10*time.Minute)
		d.wantScreen(agent.ScreenDoubt, "")
		d.want(d.ask("2", "B", 100), sale.EndBusy, 5*time.Second)
		d.wechat.set(func() { d.wechat.lost = false })
		d.want(reply, sale.EndPaid, 2*time.Minute)
		d.wantNet(d.wechat, 100)
	})
	offering(t, "the network is away and nobody paid: cancelled when it is back", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.offer()
		d.wechat.set(func() { d.wechat.lost = true })
		d.quiet(reply, 10*time.Minute)
		d.wechat.set(func() { d.wechat.lost = false })
		d.want(reply, sale.EndCancelled, 2*time.Minute)
		d.wantNet(d.wechat, 0)
	})
	offeringWith(t, "away past the wallet's window: a person must decide", func(o *agent.Options) { o.Contracts[0].Clock.Window = 3 * time.Hour }, func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.offer()
		d.wechat.set(func() { d.wechat.lost = true })
		d.quiet(reply, 4*time.Hour)
		d.wantState(d.only().ID, sale.Manual)
		d.wantAlarm("manual")
	})
	offering(t, "a wrong total is taken back", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.wechat.set(func() {
			for _, o := range d.wechat.orders {
				o.amount = cny(1000)
			}
		})
		d.scanOffered(code)
		d.want(reply, sale.EndMistaken, 10*time.Second)
		d.wantNet(d.wechat, 0)
	})
	offering(t, "an answer about another order is discarded", func(t *testing.T, d *desk) {
		d.wechat.onQuery = func(o *order) (sale.Answer, bool) {
			ans := d.wechat.answer(o, sale.OutPaid)
			ans.Order = "another"
			return ans, true
		}
		reply := d.ask("1", "A", 100)
		d.offer()
		d.quiet(reply, 20*time.Second)
		d.wantAlarm("foreign-answer")
		if d.wechat.reverses != 0 {
			t.Error("reversed on a foreign answer")
		}
	})
	offering(t, "given back by somebody else", func(t *testing.T, d *desk) {
		d.wechat.onQuery = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutRefunded), true }
		reply := d.ask("1", "A", 100)
		d.offer()
		d.quiet(reply, 20*time.Second)
		d.wantState(d.only().ID, sale.Manual)
	})
	offering(t, "an unsigned word that it was closed", func(t *testing.T, d *desk) {
		d.wechat.onQuery = func(o *order) (sale.Answer, bool) {
			ans := d.wechat.answer(o, sale.OutClosed)
			ans.Signed = false
			return ans, o.charged == 0
		}
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.quiet(reply, 20*time.Second)
		d.shown()
		d.scanOffered(code)
		d.want(reply, sale.EndPaid, 6*time.Second)
	})
	offering(t, "a paid one is reversed on the cashier's wish", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.scanOffered(d.offer())
		p := d.want(reply, sale.EndPaid, 6*time.Second).Payment
		d.want(d.reverse("2", p.ID), sale.EndReversed, time.Minute)
		d.wantNet(d.wechat, 0)
	})
}

// TestOfferUnborn: a wallet that makes the order when somebody scans the code can close
// nothing before. Then only time proves that nothing was paid.
func TestOfferUnborn(t *testing.T) {
	unborn := func(name string, f func(*testing.T, *desk)) {
		offeringWith(t, name, func(o *agent.Options) { o.CodeWait = 10 * time.Minute }, func(t *testing.T, d *desk) {
			d.wechat.lazy = true
			f(t, d)
		})
	}
	unborn("aborted: told when life and delay are over", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.offer()
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.quiet(reply, 150*time.Second-time.Millisecond)
		d.want(reply, sale.EndAborted, time.Second)
	})
	unborn("aborted, and somebody pays the photo of the code: given back soon, with an alarm", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.heard(d.abort(asked("1", "").Key()), time.Second)
		d.quiet(reply, 30*time.Second)
		d.scanOffered(code)
		d.want(reply, sale.EndAborted, 20*time.Second)
		d.wantNet(d.wechat, 0)
		d.wantAlarm("late-payment")
	})
	unborn("the customer's own code is not sent beside it", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		d.offer()
		d.mustScan(d.wechatCode())
		d.quiet(reply, 150*time.Second)
		if len(d.wechat.pays) != 0 {
			t.Fatal("two codes could be paid")
		}
		d.wantScreen(agent.ScreenFresh, "offer-stays")
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.wantNet(d.wechat, 100)
	})
	unborn("scanned before it was taken away, and paid after: paid", func(t *testing.T, d *desk) {
		reply := d.ask("1", "A", 100)
		code := d.offer()
		d.mustScan(d.wechatCode())
		time.Sleep(12 * time.Second)
		d.scanOffered(code)
		d.want(reply, sale.EndPaid, 6*time.Second)
		d.wantNet(d.wechat, 100)
	})
}

// crashAt stops the till at a moment and starts it again on what was durable then.
func (d *desk) crashAt(moment func()) {
	d.t.Helper()
	moment()
	d.restart()
	synctest.Wait()
}

func TestOfferRestart(t *testing.T) {
	status := asked("1", "").Key()
	ended := func(d *desk, ending sale.Ending, within time.Duration) {
		d.t.Helper()
		for deadline := time.Now().Add(within); ; time.Sleep(time.Second) {
			if p := d.only(); p.Ending != sale.Undecided {
				if p.Ending != ending {
					d.t.Fatalf("ended %q, want %q", p.Ending, ending)
				}
				return
			}
			if time.Now().After(deadline) {
				d.t.Fatalf("undecided after %s: %+v", within, d.only())
			}
		}
	}
	offering(t, "shown and unpaid: undone at once", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		var code string
		d.crashAt(func() { code = d.offer() })
		ended(d, sale.EndCancelled, 10*time.Second)
		if d.wechat.scanned(code) || d.wechat.closes != nil {
			t.Error("a code that nobody sees can be paid")
		}
		if !slices.Contains(d.journal.log, "UNKNOWN/keep/") {
			t.Errorf("durable: %v", d.journal.log)
		}
		d.wantStatus(status, agent.StatusKnown)
	})
	offering(t, "shown and paid: paid, and the point of sale hears it", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		d.crashAt(func() { d.scanOffered(d.offer()) })
		ended(d, sale.EndPaid, 10*time.Second)
		if r := d.wantStatus(status, agent.StatusKnown); r.Ending != sale.EndPaid {
			t.Errorf("told %q", r.Ending)
		}
		d.wantNet(d.wechat, 100)
	})
	offering(t, "paid between the query and the reverse: given back", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		d.crashAt(func() {
			d.offer()
			d.wechat.onReverse = func(o *order) (sale.Answer, bool) { d.wechat.pay(o); return sale.Answer{}, false }
		})
		ended(d, sale.EndCancelled, 10*time.Second)
		d.wantNet(d.wechat, 0)
		d.wantAlarm("late-payment")
	})
	offering(t, "durable, and the wallet was never asked: not before the quiet time in full", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		d.crashAt(func() {
			d.offer()
			time.Sleep(80 * time.Second)
			d.wechat.set(func() { clear(d.wechat.orders) })
			d.wechat.onReverse = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutNotFound), true }
		})
		time.Sleep(149 * time.Second)
		if p := d.only(); p.Ending != sale.Undecided {
			t.Fatalf("ended %q on a word that proves nothing", p.Ending)
		}
		ended(d, sale.EndCancelled, 20*time.Second)
	})
	offering(t, "undone and not yet reversing", func(t *testing.T, d *desk) {
		release := make(chan struct{})
		d.wechat.onOffer = func(*order) (sale.Offer, bool) { <-release; return sale.Offer{}, false }
		d.ask("1", "A", 100)
		d.crashAt(func() {
			if err := d.till.Offer(d.till.Screen().Payment); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			d.heard(d.abort(status), time.Second)
		})
		close(release)
		ended(d, sale.EndAborted, time.Minute)
		d.wantNet(d.wechat, 0)
	})
	offering(t, "closed, and waiting for the customer's code", func(t *testing.T, d *desk) {
		d.wechat.onOffer = func(o *order) (sale.Offer, bool) {
			return sale.Offer{Answer: d.wechat.answer(o, sale.OutDeclined)}, true
		}
		d.ask("1", "A", 100)
		d.crashAt(func() {
			if err := d.till.Offer(d.till.Screen().Payment); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		})
		ended(d, sale.EndCancelled, time.Second)
	})
	offering(t, "while it was being closed for a code", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		d.crashAt(func() {
			d.offer()
			d.wechat.set(func() { d.wechat.down = true })
			d.mustScan(d.wechatCode())
		})
		d.wechat.set(func() { d.wechat.down = false })
		ended(d, sale.EndCancelled, 3*time.Minute)
		if len(d.wechat.pays) != 0 {
			t.Error("the code was sent")
		}
	})
	offering(t, "closed by the wallet meanwhile", func(t *testing.T, d *desk) {
		d.ask("1", "A", 100)
		d.crashAt(func() {
			d.offer()
			d.wechat.set(func() {
				for _, o := range d.wechat.orders {
					o.closed = true
				}
			})
		})
		ended(d, sale.EndCancelled, 10*time.Second)
	})
}
