package agent_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
)

// billed is a wallet whose bill is what the test says.
type billed struct {
	*wallet
	rows    []bill.Row
	account string
	err     error // at the end of the file
}

func (b *billed) KnowsBill(head []byte) bool { return bytes.HasPrefix(head, []byte("bill")) }

func (b *billed) ReadBill(r io.Reader, each func(bill.Row) error) (bill.Totals, error) {
	totals := bill.Totals{Complete: true, Account: b.account}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return totals, err
	}
	for i, row := range b.rows {
		row.Line, row.Merchant = i+2, b.ref.Merchant
		totals.Add(&row)
		if err := each(row); err != nil {
			return totals, err
		}
	}
	return totals, b.err
}

func (b *billed) Bill(_ context.Context, day bill.Day) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("bill of " + day.String())), nil
}

// withBills gives the desk's Alipay a bill.
func withBills(d *desk) *billed {
	b := &billed{wallet: d.alipay}
	d.adjust = func(o *agent.Options) { o.Contracts[1].Wallet = b }
	d.restart()
	return b
}

func (b *billed) add(order string, kind bill.Kind, minor int64, at time.Time) {
	b.rows = append(b.rows, bill.Row{Order: order, Kind: kind, Amount: cny(minor), At: at})
}

// unheard is a payment that nobody ever heard of again, MANUAL a day later. It was sent at
// eight in the morning in Shanghai.
func unheard(d *desk) sale.Payment {
	d.t.Helper()
	d.alipay.set(func() { d.alipay.onPay, d.alipay.onQuery, d.alipay.onReverse = mute, mute, mute })
	d.ask("1", "A", 100)
	d.mustScan(d.alipayCode())
	time.Sleep(27 * time.Hour)
	synctest.Wait()
	return d.wantState(d.only().ID, sale.Manual)
}

func (d *desk) reconcile(day bill.Day) bill.Report {
	d.t.Helper()
	r, err := d.till.Reconcile(context.Background(), agent.BillRequest{Wallet: "alipay", Day: day})
	if err != nil {
		d.t.Fatal(err)
	}
	synctest.Wait()
	return r
}

func (d *desk) alarmed(code string) (c health.Cause, on bool) {
	for _, c := range d.health.Causes() {
		if c.Code == code {
			return c, true
		}
	}
	return c, false
}

func TestReconcileSettles(t *testing.T) {
	bubble(t, "paid by the bill, over a restart", func(t *testing.T, d *desk) {
		b := withBills(d)
		p := unheard(d)
		at := p.Current().SentAt
		b.add(p.Current().ID, bill.Payment, 100, at.Add(time.Minute))
		r := d.reconcile(bill.DayOf(at))
		if len(r.Settled) != 1 || !r.Settled[0].Paid || r.Left() != 0 {
			t.Errorf("%+v", r)
		}
		d.restart()
		p = d.wantState(p.ID, sale.Paid)
		if p.Ending != sale.EndPaid || p.Delivered || p.Current().Why != sale.EvBill {
			t.Errorf("%s, delivered %t, why %s", p.Ending, p.Delivered, p.Current().Why)
		}
		if got := d.till.Undelivered(); len(got) != 1 {
			t.Errorf("%d payments nobody was told of, want it", len(got))
		}
		if _, on := d.alarmed("manual"); on {
			t.Error("the alarm stays")
		}
		if again := d.reconcile(bill.DayOf(at)); len(again.Settled) != 0 || again.Left() != 0 || again.Matched != 1 {
			t.Errorf("a second time: %+v", again)
		}
	})
	bubble(t, "not in the bill of its whole day", func(t *testing.T, d *desk) {
		b := withBills(d)
		p := unheard(d)
		b.add("somebody-else", bill.Payment, 5, p.Current().SentAt)
		r := d.reconcile(bill.DayOf(p.Current().SentAt))
		if len(r.Settled) != 1 || r.Settled[0].Paid || r.Left() != 0 {
			t.Errorf("%+v", r)
		}
		d.restart()
		if p = d.wantState(p.ID, sale.Reversed); p.Ending != sale.EndAborted {
			t.Errorf("ending %s", p.Ending)
		}
	})
	bubble(t, "nothing while the day's bill is not due, or the time not trusted", func(t *testing.T, d *desk) {
		b := withBills(d)
		p := unheard(d)
		b.add("somebody-else", bill.Payment, 5, p.Current().SentAt)
		d.trusted.Store(false)
		r := d.reconcile(bill.DayOf(p.Current().SentAt))
		if len(r.Settled) != 0 || r.Counts[bill.Undecided] != 1 || r.Note == "" {
			t.Errorf("%+v", r)
		}
		d.wantState(p.ID, sale.Manual)
	})
	bubble(t, "nothing when the file was not whole", func(t *testing.T, d *desk) {
		b := withBills(d)
		p := unheard(d)
		at := p.Current().SentAt
		b.add(p.Current().ID, bill.Payment, 100, at)
		b.err = bill.Truncated(2, "its totals")
		_, err := d.till.Reconcile(context.Background(), agent.BillRequest{Wallet: "alipay", Day: bill.DayOf(at)})
		var e *bill.Error
		if !errors.As(err, &e) || e.Line != 2 {
			t.Errorf("%v", err)
		}
		d.wantState(p.ID, sale.Manual)
	})
	bubble(t, "given back after the window", func(t *testing.T, d *desk) {
		b := withBills(d)
		_, p := pastWindow(d)
		at := p.Current().SentAt
		b.add(p.Current().ID, bill.Payment, 100, at)
		b.add(p.Current().ID, bill.Refund, 100, at.Add(time.Hour))
		if r := d.reconcile(bill.DayOf(at)); len(r.Settled) != 1 || r.Settled[0].Paid {
			t.Errorf("%+v", r)
		}
		if p = d.wantState(p.ID, sale.Reversed); p.Refunded != 100 {
			t.Errorf("refunded %d", p.Refunded)
		}
	})
	bubble(t, "not while it is to be undone and the bill has no return", func(t *testing.T, d *desk) {
		b := withBills(d)
		_, p := pastWindow(d)
		at := p.Current().SentAt
		b.add(p.Current().ID, bill.Payment, 100, at)
		if r := d.reconcile(bill.DayOf(at)); len(r.Settled) != 0 || r.Counts[bill.Undecided] != 1 {
			t.Errorf("%+v", r)
		}
		d.wantState(p.ID, sale.Manual)
	})
}

func TestReconcileAlarms(t *testing.T) {
	bubble(t, "charged there, not paid here", func(t *testing.T, d *desk) {
		b := withBills(d)
		reply := d.ask("1", "A", 100)
		d.alipay.set(func() {
			d.alipay.onPay = func(o *order) (sale.Answer, bool) { return d.alipay.answer(o, sale.OutDeclined), true }
		})
		d.mustScan(d.alipayCode())
		p := d.want(reply, sale.EndDeclined, time.Minute).Payment
		at := p.Current().SentAt
		b.add(p.Current().ID, bill.Payment, 100, at)
		time.Sleep(30 * time.Hour)
		r := d.reconcile(bill.DayOf(at))
		if r.Counts[bill.StateDiffers] != 1 || len(r.Settled) != 0 {
			t.Errorf("%+v", r)
		}
		c, on := d.alarmed("bill")
		if !on || !strings.Contains(c.Text, p.Current().ID) || c.Hint == "" {
			t.Errorf("alarm %+v", c)
		}
		time.Sleep(time.Hour)
		d.wantState(p.ID, sale.Declined)
		if d.alipay.reverses != 0 {
			t.Error("money was given back by itself")
		}
		b.add(p.Current().ID, bill.Refund, 100, at.Add(time.Hour)) // a person did
		d.reconcile(bill.DayOf(at))
		if _, on := d.alarmed("bill"); on {
			t.Error("the alarm stays")
		}
	})
	bubble(t, "an order of a day that was erased", func(t *testing.T, d *desk) {
		b := withBills(d)
		p := d.paid("1", "A", d.alipayCode())
		at := p.Current().SentAt
		time.Sleep(100 * time.Hour)
		later := at.Add(80 * time.Hour)
		b.add(p.Current().ID, bill.Refund, 100, later)
		r := d.reconcile(bill.DayOf(later))
		if r.Counts[bill.MissingHere] != 0 || r.Counts[bill.StateDiffers] != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestReconcileContract(t *testing.T) {
	bubble(t, "whose account the file is of", func(t *testing.T, d *desk) {
		b := &billed{wallet: d.alipay}
		d.adjust = func(o *agent.Options) { o.Contracts[1].Wallet, o.Contracts[1].Ref.SubMerchant = b, "2088000000000001" }
		d.restart()
		b.add("somebody-else", bill.Payment, 5, time.Now())
		ask := func() error {
			_, err := d.till.Reconcile(context.Background(), agent.BillRequest{Day: bill.DayOf(time.Now()), File: strings.NewReader("bill")})
			return err
		}
		b.account = "20880000000000010156"
		if err := ask(); err != nil {
			t.Error(err)
		}
		b.account = "20880000000000020156"
		var e *bill.Error
		if err := ask(); !errors.As(err, &e) || !strings.Contains(e.Text, "account") || e.Hint == "" {
			t.Error(err)
		}
	})
	bubble(t, "which contract is meant", func(t *testing.T, d *desk) {
		b := withBills(d)
		b.add("somebody-else", bill.Payment, 5, time.Now())
		day := bill.DayOf(time.Now())
		for name, c := range map[string]struct {
			r     agent.BillRequest
			words string
		}{
			"unknown":        {agent.BillRequest{Wallet: "cowrie", Day: day}, "no contract and no wallet"},
			"without a bill": {agent.BillRequest{Wallet: "wechat", Day: day}, "not read by this version"},
			"another file":   {agent.BillRequest{Wallet: "alipay", Day: day, File: strings.NewReader("a letter")}, "does not look like"},
			"another hash":   {agent.BillRequest{Wallet: "alipay", Day: day, File: strings.NewReader("bill"), SHA1: strings.Repeat("0", 40)}, "the wallet promised"},
			"another day":    {agent.BillRequest{Wallet: "alipay", Day: bill.DayOf(time.Now().AddDate(0, 0, 1))}, "not of 2000-01-02"},
		} {
			_, err := d.till.Reconcile(context.Background(), c.r)
			var e *bill.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.words) || e.Hint == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		var last agent.Progress
		r, err := d.till.Reconcile(context.Background(), agent.BillRequest{Day: day, File: strings.NewReader("bill"),
			SHA1: "eaaf2cea7ab7e3ee6e9ffa4dc1d3b9d5f3b3c3d4", Progress: func(p agent.Progress) { last = p }})
		if err == nil || !strings.Contains(err.Error(), "promised") {
			t.Errorf("%+v %v", r, err)
		}
		r, err = d.till.Reconcile(context.Background(), agent.BillRequest{Day: day, File: strings.NewReader("bill"), Progress: func(p agent.Progress) { last = p }})
		if err != nil || r.Contract != "alipay" || r.OtherSystems.Orders != 1 || last != (agent.Progress{Rows: 1, Bytes: 4}) {
			t.Errorf("%+v %+v %v", r, last, err)
		}
	})
}

// An undone payment of which no reverse was ever sent: the wallet was out of reach the whole time.
func TestReconcileUndoneUnasked(t *testing.T) {
	bubble(t, "charged, and kept until somebody asks for the money", func(t *testing.T, d *desk) {
		b := withBills(d)
		p := unheard(d)
		at := p.Current().SentAt
		if p.Current().ReverseAsked {
			t.Fatal("a reverse was sent")
		}
		d.heard(d.abort(asked("1", "A").Key()), time.Minute)
		b.add(p.Current().ID, bill.Payment, 100, at)
		if r := d.reconcile(bill.DayOf(at)); len(r.Settled) != 1 || !r.Settled[0].Paid {
			t.Errorf("%+v", r)
		}
		d.restart()
		time.Sleep(time.Hour)
		if p = d.wantState(p.ID, sale.Paid); p.Intent != sale.Undo || !p.Kept || d.alipay.reverses != 0 {
			t.Errorf("%s, kept %t, %d reverses", p.Intent, p.Kept, d.alipay.reverses)
		}
	})
}
