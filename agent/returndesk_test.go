package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

func TestReturnDesk(t *testing.T) {
	bubble(t, "the wallet's number of an order on record", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() { d.wechat.orders[p.Current().ID].id = p.Current().ID })
		reply := d.refund("2", "R1", "", 30)
		if s := d.till.Screen(); s.Kind != agent.ScreenReturn || s.Amount != "0.30" {
			t.Fatalf("screen %+v", s)
		}
		d.want(d.ask("3", "B", 100), sale.EndBusy, moment)
		d.mustScan(walletNumber(p.Current().ID))
		r := d.want(reply, sale.EndRefunded, moment)
		if r.Payment.ID != p.ID || r.Payment.Found {
			t.Errorf("gave back %+v", r.Payment)
		}
		if s := d.till.Screen(); s.Kind != agent.ScreenRefunded {
			t.Errorf("screen %+v", s)
		}
		d.wantRefunded(d.wechat, p.ID, 30)
		if d.gate.isArmed() {
			t.Error("the gate is still open")
		}
	})
	bubble(t, "the wallet's number of an order whose day was erased", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() { d.wechat.orders[p.Current().ID].id = p.Current().ID })
		d.want(d.refund("2", "R1", p.ID, 30), sale.EndRefunded, moment)
		d.till.Delivered(asked("2", "").Key())
		time.Sleep(8 * 24 * time.Hour)
		d.journal.records = map[queue.Kind]map[string][]byte{}
		d.restart()
		for i, c := range []struct {
			transaction string
			minor       int64
			want        sale.Ending
		}{{"R1", 30, sale.EndNotAllowed}, {"R2", 71, sale.EndNotAllowed}, {"R3", 70, sale.EndRefunded}} {
			reply := d.refund(fmt.Sprint(i+3), c.transaction, "", c.minor)
			d.mustScan(walletNumber(p.Current().ID))
			if r := d.want(reply, c.want, moment); r.Payment.Found {
				t.Error("an order of this terminal is on record as another's")
			}
		}
		d.wantRefunded(d.wechat, p.ID, 100)
	})
	bubble(t, "an order of another till", func(t *testing.T, d *desk) {
		order := d.wechat.foreign(500)
		d.wechat.giving.onRefund = func(g *given) (sale.RefundAnswer, bool) {
			if rec := d.recorded(order[:22]); !rec.Found || len(rec.Refunds) != 1 || rec.Amount != cny(500) {
				t.Errorf("not on record when money moves: %+v", rec)
			}
			return sale.RefundAnswer{}, false
		}
		reply := d.refund("2", "R1", "", 200)
		d.mustScan(walletNumber(order))
		d.want(reply, sale.EndRefunded, moment)
		d.wantRefunded(d.wechat, order[:22], 200)
		d.wechat.set(func() { d.wechat.giving.onRefund = nil })
		// Another part, by its order number, over a restart; never more than was paid.
		d.restart()
		d.want(d.refund("3", "R2", order, 301), sale.EndNotAllowed, moment)
		d.want(d.reverse("4", order), sale.EndRefunded, moment)
		d.wantRefunded(d.wechat, order[:22], 500)
		if len(d.wechat.reversed) != 0 {
			t.Error("an order of another till was reversed")
		}
	})
	bubble(t, "our own order number, at any contract of the merchant", func(t *testing.T, d *desk) {
		order := d.alipay.foreign(500)
		d.alipay.set(func() {
			other := sale.OrderID(order[:22], 1, 77) // that till has the contract in another slot
			d.alipay.orders[other] = d.alipay.orders[order]
			delete(d.alipay.orders, order)
			d.alipay.orders[other].id = other
			order = other
		})
		reply := d.refund("2", "R1", "", 0)
		d.mustScan(order)
		r := d.want(reply, sale.EndRefunded, moment)
		if r.Refund.Amount != cny(500) {
			t.Errorf("gave %s back", r.Refund.Amount)
		}
		d.wantRefunded(d.alipay, order[:22], 500)
	})
	bubble(t, "named by its order id without a scan", func(t *testing.T, d *desk) {
		order := d.alipay.foreign(500)
		d.want(d.reversePart("2", order, "1.25"), sale.EndRefunded, moment)
		d.wantRefunded(d.alipay, order[:22], 125)
		if len(d.wechat.giving.finds) != 0 {
			t.Error("another wallet was asked for an order whose number names the contract")
		}
	})
	bubble(t, "parts that other tills gave back are the wallet's to refuse", func(t *testing.T, d *desk) {
		order := d.wechat.foreign(500)
		d.wechat.set(func() { d.wechat.orders[order].refunded = 400 })
		d.want(d.refund("2", "R1", order, 200), sale.EndDeclined, moment)
		d.want(d.refund("3", "R2", order, 100), sale.EndRefunded, moment)
	})
	bubble(t, "a payment code is wiped and never sent", func(t *testing.T, d *desk) {
		reply := d.refund("2", "R1", "", 30)
		codes := []string{d.wechatCode(), d.alipayCode(), "6212345678901234567"}
		for _, c := range codes {
			d.mustScan(c)
			time.Sleep(3 * time.Second)
			if s := d.till.Screen(); s.Kind == agent.ScreenReturn && s.Reason != "payment-code" {
				t.Errorf("screen %+v", s)
			}
		}
		d.want(reply, sale.EndBadCode, moment)
		if n := len(d.wechat.giving.finds) + len(d.alipay.giving.finds) + len(d.wechat.pays); n != 0 {
			t.Errorf("%d requests about a payment code", n)
		}
		for kind, records := range d.journal.snapshot() {
			for key := range records {
				if kind == queue.Code {
					t.Errorf("code %s marked as seen", key)
				}
			}
		}
		if s := d.till.Screen(); s.Kind != agent.ScreenNotRefunded || s.Reason != string(sale.EndBadCode) {
			t.Errorf("screen %+v", s)
		}
	})
	for text, reason := range map[string]string{
		"110101199003070003":        "payment-code", // or an ID number: never to a wallet
		"6901234567892":             "goods-code",
		"991234567890123456":        "no-bill", // could be a code of a wallet that is not known here
		"short":                     "no-bill",
		"https://qr.alipay.com/x":   "merchant-code",
		"2812345678901234567890123": "payment-code",
	} {
		bubble(t, "not a bill: "+text, func(t *testing.T, d *desk) {
			d.refund("2", "R1", "", 30)
			d.mustScan(text)
			if s := d.till.Screen(); s.Kind != agent.ScreenReturn || s.Reason != reason {
				t.Errorf("screen %+v, want %s", s, reason)
			}
			if n := len(d.wechat.giving.finds) + len(d.alipay.giving.finds); n != 0 {
				t.Errorf("asked %d wallets", n)
			}
		})
	}
	bubble(t, "an abort voids what waits for its bill", func(t *testing.T, d *desk) {
		reply := d.refund("2", "R1", "", 30)
		d.heard(d.abort(asked("2", "").Key()), moment)
		d.want(reply, sale.EndAborted, moment)
		if d.gate.isArmed() {
			t.Error("the gate is still open")
		}
		again := d.ask("3", "B", 100)
		d.mustScan(d.wechatCode())
		d.want(again, sale.EndPaid, moment)
	})
	bubble(t, "nobody shows a bill", func(t *testing.T, d *desk) {
		d.want(d.refund("2", "R1", "", 30), sale.EndCancelled, 91*time.Second)
	})
	bubble(t, "no scanner", func(t *testing.T, d *desk) {
		d.gate.unplug()
		d.want(d.refund("2", "R1", "", 30), sale.EndNoScanner, moment)
	})
	bubble(t, "a bill that nobody knows", func(t *testing.T, d *desk) {
		reply := d.refund("2", "R1", "", 30)
		d.mustScan("4200001234202311011234567890")
		d.want(reply, sale.EndNotFound, 5*time.Second)
	})
	bubble(t, "a wallet that cannot be asked", func(t *testing.T, d *desk) {
		reply := d.refund("2", "R1", "", 30)
		d.alipay.set(func() { d.alipay.down = true })
		d.mustScan("4200001234202311011234567890")
		d.want(reply, sale.EndUnreachable, 10*time.Second)
	})
	for name, change := range map[string]func(*sale.Answer){
		"unsigned":             func(a *sale.Answer) { a.Signed = false },
		"another merchant's":   func(a *sale.Answer) { a.Merchant = "m9" },
		"unpaid":               func(a *sale.Answer) { a.Outcome = sale.OutClosed },
		"without a sum":        func(a *sale.Answer) { a.HasTotal = false },
		"about another number": func(a *sale.Answer) { a.WalletTransaction = "4200009" },
		"of another system":    func(a *sale.Answer) { a.Order = "20231101-0001" },
	} {
		bubble(t, "a bill that is "+name, func(t *testing.T, d *desk) {
			order := d.wechat.foreign(500)
			d.wechat.giving.onFind = func(string) (sale.Answer, bool) {
				ans := d.wechat.answer(d.wechat.orders[order], sale.OutPaid)
				ans.WalletTransaction = walletNumber(order)
				change(&ans)
				return ans, true
			}
			reply := d.refund("2", "R1", "", 30)
			d.mustScan(walletNumber(order))
			select {
			case r := <-reply:
				if r.Ending != sale.EndNotAllowed && r.Ending != sale.EndUnreachable {
					t.Errorf("told %s: %s", r.Ending, r.Why)
				}
			case <-time.After(time.Minute):
				t.Error("no answer")
			}
			if n := d.wechat.refundAsks(); n != 0 || len(d.till.Payments(false)) != 0 {
				t.Errorf("%d refunds, %d payments", n, len(d.till.Payments(false)))
			}
		})
	}
	bubble(t, "a repeat waits for the same bill", func(t *testing.T, d *desk) {
		p := d.paid("1", "A", d.wechatCode())
		first := d.refund("2", "R1", "", 30)
		second := d.refund("3", "R1", "", 30)
		d.want(d.refund("4", "R2", "", 30), sale.EndBusy, moment)
		d.wantStatus(asked("3", "").Key(), agent.StatusInProgress)
		d.mustScan(p.Current().ID)
		d.want(first, sale.EndRefunded, moment)
		d.want(second, sale.EndRefunded, moment)
		d.want(d.refund("5", "R1", "", 30), sale.EndRefunded, moment) // not delivered yet
		d.till.Delivered(asked("2", "").Key())
		d.want(d.refund("6", "R1", "", 30), sale.EndNotAllowed, moment)
		d.wantRefunded(d.wechat, p.ID, 30)
	})
	bubble(t, "a crash before the bill: nothing happened", func(t *testing.T, d *desk) {
		d.refund("2", "R1", "", 30)
		d.restart()
		d.wantStatus(asked("2", "").Key(), agent.StatusNotFound)
		d.want(d.refund("2", "R1", "", 30), sale.EndAborted, moment)
	})
	bubble(t, "a shop's point of sale does not look into another shop's contract", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) {
			o.Contracts[0].SaleIDs, o.Contracts[1].SaleIDs = []string{"POS-9"}, []string{"POS-1"}
		}
		d.restart()
		d.want(d.refund("2", "R1", d.wechat.foreign(500), 30), sale.EndNotFound, 5*time.Second)
		if len(d.wechat.giving.finds) != 0 {
			t.Error("the other shop's wallet was asked")
		}
		d.want(d.refund("3", "R2", d.alipay.foreign(500), 30), sale.EndRefunded, 5*time.Second)
	})
	bubble(t, "a shop's point of sale does not take another shop's payment back", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) {
			o.Contracts[0].SaleIDs, o.Contracts[1].SaleIDs = []string{"POS-1"}, []string{"POS-9"}
		}
		d.restart()
		p := d.paid("1", "A", d.wechatCode())
		other := agent.ReverseRequest{Asked: asked("1", "R"), Payment: p.ID}
		other.Asked.SaleID = "POS-9"
		if r, err := d.till.Reverse(t.Context(), other); err != nil || r.Ending != sale.EndNotAllowed {
			t.Errorf("another shop's Reversal ended %q: %v", r.Ending, err)
		}
		d.wantState(p.ID, sale.Paid)
		d.want(d.reverse("2", p.ID), sale.EndReversed, time.Minute)
	})
	bubble(t, "a lost batch never undoes an order of another till", func(t *testing.T, d *desk) {
		order := d.wechat.foreign(500)
		d.want(d.refund("2", "R1", order, 200), sale.EndRefunded, moment)
		if named := d.journal.orders[order]; named {
			t.Error("the witness names an order that was not begun here")
		}
	})
}
