package agent_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

func TestLostRecords(t *testing.T) {
	bubble(t, "the last batch: asked about and undone", func(t *testing.T, d *desk) {
		// The request left, the charge happened, and the record of it is gone: only the
		// witness named the order.
		lost := sale.OrderID(sale.PaymentID(sale.TerminalCode("000158000000000"), "TOKEN1", 5), 1, 1)
		d.wechat.set(func() { d.wechat.orders[lost] = &order{id: lost, amount: cny(500), exists: true, charged: 500} })
		d.adjust = func(o *agent.Options) { o.Recovery.Doubt = []string{lost} }
		d.restart()
		time.Sleep(time.Minute)
		d.wantNet(d.wechat, 0)
		if p, ok := d.till.Payment(lost); !ok || p.Current().State != sale.ReversedRefunded {
			t.Errorf("payment %+v", p)
		}
	})
	// A customer's code that waits for a password can still be paid after the quiet time; a
	// code of ours, whose life is over, cannot. The order's id says which it was.
	for name, c := range map[string]struct {
		id   func(string, int, int) string
		over bool
	}{"a customer's code": {sale.OrderID, false}, "a code of ours": {sale.OfferedID, true}} {
		bubble(t, "the last batch, in a shop that shows codes: "+name+" that waits unpaid after a reverse that did not take", func(t *testing.T, d *desk) {
			lost := c.id(sale.PaymentID(sale.TerminalCode("000158000000000"), "TOKEN1", 5), 1, 1)
			d.wechat.set(func() {
				d.wechat.orders[lost] = &order{id: lost, exists: true, ends: time.Now()}
				d.wechat.onReverse = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutAccepted), true }
				d.wechat.onQuery = func(o *order) (sale.Answer, bool) {
					ans := d.wechat.answer(o, sale.OutPaying)
					ans.HasTotal = false
					return ans, true
				}
			})
			d.adjust = func(o *agent.Options) {
				o.Recovery.Doubt = []string{lost}
				o.Contracts[0].Offers = true
			}
			d.restart()
			time.Sleep(10 * time.Minute)
			if p, ok := d.till.Payment(lost); !ok || p.Current().State.Final() != c.over {
				t.Errorf("payment %+v", p)
			}
		})
	}
	bubble(t, "more than that: every gap is asked, what is found is MANUAL, nothing is reversed", func(t *testing.T, d *desk) {
		terminal := sale.TerminalCode("000158000000000")
		found := sale.OrderID(sale.PaymentID(terminal, "OLDOLD", 7), 2, 2)
		d.alipay.set(func() {
			d.alipay.orders[found] = &order{id: found, amount: cny(700), exists: true, charged: 700}
			d.alipay.down = true
		})
		lost := func(o *agent.Options) {
			o.Recovery.Lost, o.Recovery.Gaps = true, []queue.Gap{{Token: "OLDOLD", From: 5, To: 9}}
			o.Recovery.NextPayment = 10
		}
		d.adjust = lost
		d.restart()
		d.want(d.ask("1", "A", 100), sale.EndStopped, time.Second)
		if st, _, _ := d.till.Status(t.Context(), asked("77", "").Key()); st != agent.StatusInProgress {
			t.Errorf("status of an unknown request %v, want in progress", st)
		}
		// A restart in the middle forgets nothing: the journal says it again.
		before := d.journal.recovered
		d.restart()
		d.want(d.ask("2", "B", 100), sale.EndStopped, time.Second)
		if d.journal.recovered != before {
			t.Error("the journal was told that all is asked, and it is not")
		}
		d.alipay.set(func() { d.alipay.down = false })
		time.Sleep(5 * time.Minute)
		p, ok := d.till.Payment(found)
		if !ok || p.Current().State != sale.Manual || p.Amount.Minor != 700 {
			t.Fatalf("payment %+v", p)
		}
		d.wantNet(d.alipay, 700)
		if len(d.alipay.reversed) != 0 {
			t.Error("what was rebuilt was reversed by itself")
		}
		if d.journal.recovered != before+1 {
			t.Error("the journal was not told that all is asked")
		}
		reply := d.ask("3", "C", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		if len(d.wechat.queries) < 5*sale.MaxAttempts {
			t.Errorf("%d questions to the other wallet, want at least %d", len(d.wechat.queries), 5*sale.MaxAttempts)
		}
		time.Sleep(48 * time.Hour)
		if st, _, _ := d.till.Status(t.Context(), asked("78", "").Key()); st != agent.StatusNotFound {
			t.Errorf("status after 48 h %v, want not found", st)
		}
	})
	bubble(t, "a state directory of another board only finishes", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) { o.Recovery.Foreign = true }
		d.restart()
		d.want(d.ask("1", "A", 100), sale.EndStopped, time.Second)
	})
	bubble(t, "a contract dropped with an order open in it", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { o.exists = true; return d.wechat.answer(o, sale.OutPaying), true }
		d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.adjust = func(o *agent.Options) { o.Contracts = o.Contracts[1:] }
		d.restart()
		d.want(d.ask("2", "B", 100), sale.EndBusy, time.Second)
		if cause, closed := d.health.Closing(); !closed || cause.Code != "contract-dropped" {
			t.Errorf("cause %+v", cause)
		}
		d.adjust = nil
		d.restart()
		time.Sleep(5 * time.Minute)
		d.wantNet(d.wechat, 0)
		if len(d.till.Payments(true)) != 0 {
			t.Errorf("open: %+v", d.till.Payments(true))
		}
	})
}

// lostSecondCode is a payment on record with one refused code whose second code left, was
// charged, and is on no record.
func lostSecondCode(d *desk) (p sale.Payment, order2 string) {
	d.t.Helper()
	d.wechat.onPay = func(o *order) (sale.Answer, bool) { return d.wechat.answer(o, sale.OutBadCode), true }
	d.ask("1", "A", 100)
	d.mustScan(d.wechatCode())
	p = d.only()
	order2 = sale.OrderID(p.ID, 2, 1)
	d.wechat.set(func() {
		d.wechat.onPay = nil
		d.wechat.orders[order2] = &order{id: order2, amount: cny(100), exists: true, charged: 100}
	})
	return p, order2
}

// A record may be lost of a payment whose earlier attempt is still there.
func TestLostAttempt(t *testing.T) {
	key := asked("1", "A").Key()
	gap := func(seq uint64) func(*agent.Options) {
		return func(o *agent.Options) {
			o.Recovery.Lost, o.Recovery.Gaps = true, []queue.Gap{{Token: "TOKEN1", From: seq, To: seq}}
			o.Recovery.NextPayment = 10
		}
	}
	bubble(t, "the witness names the second code of a payment on record", func(t *testing.T, d *desk) {
		p, order2 := lostSecondCode(d)
		d.wechat.set(func() { d.wechat.down = true })
		d.adjust = func(o *agent.Options) { o.Recovery.Doubt = []string{order2} }
		d.restart()
		time.Sleep(time.Second)
		d.wantStatus(key, agent.StatusInProgress)
		// It is named once: from then on the record itself must tell.
		d.adjust = nil
		d.restart()
		d.wechat.set(func() { d.wechat.down = false })
		d.want(d.ask("1", "A", 100), sale.EndAborted, 5*time.Minute)
		d.wantNet(d.wechat, 0)
		if got := d.wantState(order2, sale.ReversedRefunded); got.ID != p.ID || len(got.Attempts) != 2 {
			t.Errorf("payment %+v, want the order in payment %s", got, p.ID)
		}
	})
	bubble(t, "a gap that holds the second code of a payment on record", func(t *testing.T, d *desk) {
		p, order2 := lostSecondCode(d)
		d.adjust = gap(p.Seq)
		d.restart()
		time.Sleep(10 * time.Minute)
		if got := d.wantState(order2, sale.Manual); got.ID != p.ID {
			t.Errorf("payment %s, want %s", got.ID, p.ID)
		}
		d.wantStatus(key, agent.StatusInProgress)
		d.wantNet(d.wechat, 100)
	})
	bubble(t, "a payment on record that sent no more ends when all are asked", func(t *testing.T, d *desk) {
		p, order2 := lostSecondCode(d)
		d.wechat.set(func() { delete(d.wechat.orders, order2) })
		d.adjust = gap(p.Seq)
		d.restart()
		reply := d.ask("1", "A", 100)
		d.quiet(reply, wechatClock.Quiet()-time.Second)
		d.want(reply, sale.EndCancelled, time.Minute)
	})
	bubble(t, "an order that reaches the wallet after the start", func(t *testing.T, d *desk) {
		late := sale.OrderID(sale.PaymentID(sale.TerminalCode("000158000000000"), "OLDOLD", 7), 1, 1)
		d.adjust = func(o *agent.Options) {
			o.Recovery.Lost, o.Recovery.Gaps = true, []queue.Gap{{Token: "OLDOLD", From: 7, To: 7}}
			o.Recovery.NextPayment = 10
		}
		d.restart()
		time.Sleep(20 * time.Second)
		d.wechat.set(func() { d.wechat.orders[late] = &order{id: late, amount: cny(500), exists: true, charged: 500} })
		time.Sleep(time.Hour)
		d.wantState(late, sale.Manual)
	})
	bubble(t, "nothing is denied before the start is on record", func(t *testing.T, d *desk) {
		d.adjust = gap(5)
		d.stop()
		d.journal.onCommit = func() { time.Sleep(50 * time.Millisecond) }
		d.start()
		d.wantStatus(asked("77", "").Key(), agent.StatusInProgress)
		d.want(d.ask("2", "B", 100), sale.EndStopped, time.Second)
	})
}
