package agent_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
)

const deadSerial = "000158000000099"

// deadOrder is attempt n of the dead terminal's payment seq, at a contract in another slot.
func deadOrder(seq uint64, n int) string {
	return sale.OrderID(sale.PaymentID(sale.TerminalCode(deadSerial), "DEAD01", seq), n, 7)
}

func (d *desk) adopt(terminal string) agent.AdoptReport {
	d.t.Helper()
	r, err := d.till.Adopt(context.Background(), agent.AdoptRequest{Terminal: terminal, File: strings.NewReader("bill")})
	if err != nil {
		d.t.Fatal(err)
	}
	synctest.Wait()
	return r
}

// lostDay is the bill of a day on which the dead terminal sold twice, took one back, gave a part
// of one back, charged one twice and began one on the day before; another terminal sold once.
func lostDay(b *billed, at time.Time) {
	at = at.Add(-10 * time.Hour)
	next := func() time.Time { at = at.Add(time.Minute); return at }
	b.add(deadOrder(1, 1), bill.Payment, 100, next())
	b.add(deadOrder(2, 1), bill.Payment, 250, next())
	b.add(deadOrder(2, 1), bill.Reversal, 250, next())
	b.add(deadOrder(2, 2), bill.Payment, 250, next())
	b.add(deadOrder(3, 1), bill.Payment, 300, next())
	b.add(deadOrder(3, 1), bill.Reversal, 300, next())
	b.add(deadOrder(4, 1), bill.Payment, 400, next())
	b.add(deadOrder(4, 1), bill.Refund, 150, next())
	b.add(deadOrder(5, 1), bill.Payment, 500, next())
	b.add(deadOrder(5, 1), bill.Payment, 500, next())
	b.add(deadOrder(6, 1), bill.Refund, 600, next())
	b.add(deadOrder(7, 1), bill.Payment, 700, next())
	b.add(deadOrder(7, 2), bill.Payment, 700, next())
	b.add(sale.OrderID(sale.PaymentID("ZZZZZZZZ", "DEAD01", 9), 1, 1), bill.Payment, 900, next())
	b.add("web-shop-order", bill.Payment, 900, next())
}

func paymentsOf(r agent.AdoptReport) (out []string) {
	for _, a := range r.Paid {
		state := "left"
		if a.Told {
			state = "told"
		}
		if a.New {
			state += " new"
		}
		out = append(out, a.Amount.Decimal()+" "+state)
	}
	return out
}

func TestAdopt(t *testing.T) {
	bubble(t, "orders of another sub-merchant are left to its own contract", func(t *testing.T, d *desk) {
		b := withBills(d)
		b.ref.SubMerchant = "shop-1"
		d.adjust = func(o *agent.Options) { o.Contracts[1].Ref, o.Contracts[1].Wallet = b.ref, b }
		d.restart()
		for i, shop := range []string{"shop-1", "shop-2", ""} {
			b.add(deadOrder(uint64(i+1), 1), bill.Payment, 100, time.Now().Add(-time.Hour))
			b.rows[i].SubMerchant = shop
		}
		r := d.adopt(deadSerial)
		if len(r.Paid) != 2 || r.OtherMerchants != 1 {
			t.Errorf("%+v", r)
		}
		if _, on := d.till.Payment(deadOrder(2, 1)); on {
			t.Error("another shop's order is on record as one of this shop")
		}
	})
	bubble(t, "paid orders are on record, undelivered, and stay", func(t *testing.T, d *desk) {
		b := withBills(d)
		lostDay(b, time.Now())
		d.journal.commits = 0
		r := d.adopt(deadSerial)
		if diff := cmp.Diff([]string{"1.00 left new", "2.50 left new", "4.00 left new"}, paymentsOf(r)); diff != "" {
			t.Error(diff)
		}
		if r.Code != sale.TerminalCode(deadSerial) || r.Contract != "alipay" || r.Rows != 15 || r.Back != 1 || r.Others["ZZZZZZZZ"] != 1 {
			t.Errorf("%+v", r)
		}
		var unclear []string
		for _, u := range r.Unclear {
			unclear = append(unclear, u.Order)
			if u.Text == "" || u.Line == 0 {
				t.Errorf("%+v", u)
			}
		}
		if want := []string{deadOrder(5, 1), deadOrder(6, 1), deadOrder(7, 1), deadOrder(7, 2)}; !slices.Equal(unclear, want) {
			t.Errorf("unclear %v, want %v", unclear, want)
		}
		check := func() {
			t.Helper()
			got := d.till.Undelivered()
			if len(got) != 3 {
				t.Fatalf("%d undelivered", len(got))
			}
			for _, p := range got {
				a := p.Current()
				if p.From != deadSerial || a.State != sale.Paid || a.Why != sale.EvBill || p.Intent != sale.Keep || p.Ending != sale.EndPaid || p.Seq != 0 {
					t.Errorf("%+v", p)
				}
			}
			if p, _ := d.till.Payment(deadOrder(2, 1)); p.Current().ID != deadOrder(2, 2) || len(p.Attempts) != 2 || p.Amount != cny(250) {
				t.Errorf("%+v", p)
			}
			if p, _ := d.till.Payment(deadOrder(4, 1)); p.Refunded != 150 {
				t.Errorf("refunded %d", p.Refunded)
			}
			if p, _ := d.till.Payment(deadOrder(3, 1)); p.Current().State != sale.Reversed || !p.Delivered || p.Open() {
				t.Errorf("%+v", p)
			}
		}
		check()
		d.restart()
		time.Sleep(24 * time.Hour)
		check()
		if d.alipay.reverses != 0 || len(d.alipay.queries) != 0 {
			t.Error("the wallet was asked, or asked to give back, by itself")
		}
	})
	bubble(t, "a second time changes nothing, and what was told is told", func(t *testing.T, d *desk) {
		b := withBills(d)
		lostDay(b, time.Now())
		first := d.adopt(sale.TerminalCode(deadSerial))
		commits := d.journal.commits
		again := d.adopt(deadSerial)
		if d.journal.commits != commits {
			t.Error("a second time writes")
		}
		if diff := cmp.Diff([]string{"1.00 left", "2.50 left", "4.00 left"}, paymentsOf(again)); diff != "" {
			t.Error(diff)
		}
		unknown, err := d.till.Told(context.Background(), []string{first.Paid[0].Payment, first.Paid[1].Order, "7H3KQ2XA4F9T2C00000017"})
		if err != nil || !slices.Equal(unknown, []string{"7H3KQ2XA4F9T2C00000017"}) {
			t.Errorf("%v %v", unknown, err)
		}
		d.restart()
		if diff := cmp.Diff([]string{"1.00 told", "2.50 told", "4.00 left"}, paymentsOf(d.adopt(deadSerial))); diff != "" {
			t.Error(diff)
		}
		if got := d.till.Undelivered(); len(got) != 1 || got[0].Amount != cny(400) {
			t.Errorf("%+v", got)
		}
		// What is told is forgotten with its day, and known all the same; what is not stays.
		time.Sleep(80 * time.Hour)
		d.paid("7", "Z", d.alipayCode())
		later := d.adopt(deadSerial)
		if diff := cmp.Diff([]string{"4.00 left"}, paymentsOf(later)); diff != "" || later.Over != 3 {
			t.Errorf("%d over\n%s", later.Over, diff)
		}
	})
	bubble(t, "they are given back here", func(t *testing.T, d *desk) {
		b := withBills(d)
		id := deadOrder(1, 1)
		b.add(id, bill.Payment, 100, time.Now().Add(-time.Hour))
		d.alipay.set(func() { d.alipay.orders[id] = &order{id: id, amount: cny(100), exists: true, charged: 100} })
		r := d.adopt(deadSerial)
		d.want(d.reverse("9", r.Paid[0].Payment), sale.EndReversed, 5*time.Minute)
		d.wantNet(d.alipay, 0)
	})
	bubble(t, "refused", func(t *testing.T, d *desk) {
		b := withBills(d)
		b.add(deadOrder(1, 1), bill.Payment, 100, time.Now().Add(48*time.Hour))
		own := sale.TerminalCode("000158000000000")
		for terminal, words := range map[string]string{"000158000000000": "this terminal itself", own: "this terminal itself", "": "no terminal is named", deadSerial: "in the future"} {
			_, err := d.till.Adopt(context.Background(), agent.AdoptRequest{Terminal: terminal, File: strings.NewReader("bill")})
			var e *bill.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), words) || e.Hint == "" {
				t.Errorf("%q: %v", terminal, err)
			}
		}
		b.rows[0].At = time.Now()
		b.err = bill.Truncated(2, "its totals")
		if _, err := d.till.Adopt(context.Background(), agent.AdoptRequest{Terminal: deadSerial, File: strings.NewReader("bill")}); err == nil {
			t.Error("a file that was cut is taken")
		}
		if len(d.till.Payments(false)) != 0 {
			t.Error("something was taken on record")
		}
		b.err = nil
		d.journal.fill(true)
		if _, err := d.till.Adopt(context.Background(), agent.AdoptRequest{Terminal: deadSerial, File: strings.NewReader("bill")}); err == nil {
			t.Error("a full disk is no error")
		}
		if len(d.till.Payments(false)) != 0 {
			t.Error("something that is not durable can be seen")
		}
	})
}
