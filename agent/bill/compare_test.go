package bill_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
)

const terminal = "7H3KQ2XA"

func day(t testing.TB) bill.Day {
	t.Helper()
	d, err := bill.ParseDay("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func yuan(fen int64) sale.Amount { return sale.Amount{Minor: fen, Currency: "CNY", Exponent: 2} }

// orderID is attempt n of this terminal's payment seq.
func orderID(seq uint64, n int) string {
	return sale.OrderID(sale.PaymentID(terminal, "4F9T2C", seq), n, 1)
}

// ledger is both sides of a comparison.
type ledger struct {
	t     *testing.T
	scope bill.Scope
	ours  []bill.Ours
	rows  []bill.Row
	// otherDays are orders on record far from the day.
	otherDays []bill.Ours
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, scope: bill.Scope{Terminal: terminal, Merchant: "1900000001", Day: day(t), Over: true}}
}

func (l *ledger) noon() time.Time { return l.scope.Day.Start().Add(12 * time.Hour) }

// here adds an order on record, sent at noon; edit changes it.
func (l *ledger) here(order string, state sale.State, edit func(*bill.Ours)) {
	o := bill.Ours{Order: order, Amount: yuan(1000), State: state, At: l.noon()}
	if edit != nil {
		edit(&o)
	}
	l.ours = append(l.ours, o)
}

func (l *ledger) there(order string, kind bill.Kind, fen int64) {
	l.rows = append(l.rows, bill.Row{Line: len(l.rows) + 2, Order: order, Kind: kind, Amount: yuan(fen), At: l.noon().Add(time.Minute), Merchant: l.scope.Merchant})
}

func (l *ledger) compare() (bill.Report, []bill.Decision) {
	l.t.Helper()
	c := bill.NewComparison(l.scope)
	take := func(list []bill.Ours) {
		for _, o := range list {
			if err := c.Ours(o); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	take(l.ours)
	take(l.otherDays)
	totals := bill.Totals{Complete: true}
	for _, r := range l.rows {
		totals.Add(&r)
		if err := c.Row(r); err != nil {
			l.t.Fatal(err)
		}
	}
	if c.Strange() {
		take(l.otherDays)
	}
	return c.Finish(totals)
}

// verdicts is what a comparison says, a word an order.
func verdicts(r bill.Report, decisions []bill.Decision) []string {
	out := []string{}
	for _, d := range r.Differences {
		out = append(out, fmt.Sprintf("%s %d %s", d.Class, d.Line, d.Charged.Decimal()))
		if d.Text == "" || d.Hint == "" || d.There == "" {
			out = append(out, "a difference without words")
		}
	}
	for _, d := range decisions {
		out = append(out, fmt.Sprintf("decided paid=%t", d.Paid))
	}
	if r.Matched > 0 {
		out = append(out, fmt.Sprintf("matched %d", r.Matched))
	}
	if r.Open > 0 {
		out = append(out, fmt.Sprintf("open %d", r.Open))
	}
	if r.OtherDay > 0 {
		out = append(out, fmt.Sprintf("other day %d", r.OtherDay))
	}
	return out
}

func TestCompare(t *testing.T) {
	a := orderID(17, 1)
	undo := func(o *bill.Ours) { o.Undo = true }
	nearEnd := func(l *ledger) func(*bill.Ours) {
		return func(o *bill.Ours) { o.At = l.scope.Day.End().Add(-5 * time.Minute) }
	}
	window := func(o *bill.Ours) { o.Why = sale.EvWindow }
	for name, c := range map[string]struct {
		set  func(*ledger)
		want []string
	}{
		"paid on both sides": {func(l *ledger) { l.here(a, sale.Paid, nil); l.there(a, bill.Payment, 1000) }, []string{"matched 1"}},
		"missing there":      {func(l *ledger) { l.here(a, sale.Paid, nil); l.there("web-1", bill.Payment, 5) }, []string{"missing-there 0 0.00"}},
		"missing there, at the end of the day": {func(l *ledger) { l.here(a, sale.Paid, nearEnd(l)); l.there("web-1", bill.Payment, 5) },
			[]string{"other day 1"}},
		"missing there, of the day before": {func(l *ledger) {
			l.here(a, sale.Paid, func(o *bill.Ours) { o.At = l.scope.Day.Start().Add(-time.Hour) })
			l.there("web-1", bill.Payment, 5)
		}, []string{}},
		"sent before midnight, paid after": {func(l *ledger) {
			l.here(a, sale.Paid, func(o *bill.Ours) { o.At = l.scope.Day.Start().Add(-time.Minute) })
			l.there(a, bill.Payment, 1000)
		}, []string{"matched 1"}},
		"missing there, in an empty bill": {func(l *ledger) { l.here(a, sale.Paid, nil) }, []string{}},
		"missing there, day not over":     {func(l *ledger) { l.scope.Over = false; l.here(a, sale.Paid, nil); l.there("web-1", bill.Payment, 5) }, []string{}},
		"missing here":                    {func(l *ledger) { l.there(a, bill.Payment, 1000) }, []string{"missing-here 2 10.00"}},
		"given back, missing here":        {func(l *ledger) { l.there(a, bill.Refund, 1000) }, []string{"state 2 -10.00"}},
		"another sum":                     {func(l *ledger) { l.here(a, sale.Paid, nil); l.there(a, bill.Payment, 1001) }, []string{"amount 2 10.01"}},
		"another currency": {func(l *ledger) {
			l.here(a, sale.Paid, func(o *bill.Ours) { o.Amount.Currency = "HKD" })
			l.there(a, bill.Payment, 1000)
		}, []string{"amount 2 10.00"}},
		"charged there, declined here": {func(l *ledger) { l.here(a, sale.Declined, nil); l.there(a, bill.Payment, 1000) }, []string{"state 2 10.00"}},
		"charged there, reversed here": {func(l *ledger) { l.here(a, sale.Reversed, nil); l.there(a, bill.Payment, 1000) }, []string{"state 2 10.00"}},
		"reversed on both sides": {func(l *ledger) {
			l.here(a, sale.ReversedRefunded, nil)
			l.there(a, bill.Payment, 1000)
			l.there(a, bill.Reversal, 1000)
		}, []string{"matched 1"}},
		"reversed, never charged": {func(l *ledger) { l.here(a, sale.Reversed, nil); l.there("web-1", bill.Payment, 5) }, []string{}},
		"returned on a later day": {func(l *ledger) {
			l.here(a, sale.ReversedRefunded, func(o *bill.Ours) { o.Refunded = 1000 })
			l.there(a, bill.Payment, 1000)
		}, []string{"other day 1"}},
		"reversed after midnight": {func(l *ledger) { l.here(a, sale.ReversedRefunded, nearEnd(l)); l.there(a, bill.Payment, 1000) }, []string{"other day 1"}},
		"given back there alone": {func(l *ledger) {
			l.here(a, sale.Paid, nil)
			l.there(a, bill.Payment, 1000)
			l.there(a, bill.Refund, 400)
		}, []string{"state 2 6.00"}},
		"a part given back on both sides": {func(l *ledger) {
			l.here(a, sale.Paid, func(o *bill.Ours) { o.Refunded = 400 })
			l.there(a, bill.Payment, 1000)
			l.there(a, bill.Refund, 400)
		}, []string{"matched 1"}},
		"an older order returned today": {func(l *ledger) {
			l.otherDays = []bill.Ours{{Order: a, Amount: yuan(1000), State: sale.Paid, Refunded: 400, At: l.noon().AddDate(0, 0, -9)}}
			l.there(a, bill.Refund, 400)
		}, []string{"other day 1"}},
		"an older order returned there alone": {func(l *ledger) {
			l.otherDays = []bill.Ours{{Order: a, Amount: yuan(1000), State: sale.Paid, At: l.noon().AddDate(0, 0, -9)}}
			l.there(a, bill.Refund, 400)
		}, []string{"state 2 -4.00"}},
		"paid twice": {func(l *ledger) {
			l.here(a, sale.Paid, nil)
			l.there(a, bill.Payment, 1000)
			l.there(a, bill.Payment, 1000)
		}, []string{"paid-twice 2 20.00"}},
		"two orders of a payment": {func(l *ledger) {
			l.here(a, sale.Declined, nil)
			l.here(orderID(17, 2), sale.Paid, nil)
			l.there(a, bill.Payment, 1000)
			l.there(orderID(17, 2), bill.Payment, 1000)
		}, []string{"state 2 10.00", "paid-twice 3 10.00", "matched 1"}},
		"a second order, unknown here": {func(l *ledger) {
			l.here(a, sale.Paid, nil)
			l.there(a, bill.Payment, 1000)
			l.there(orderID(17, 2), bill.Payment, 1000)
		}, []string{"missing-here 3 10.00", "paid-twice 3 10.00", "matched 1"}},
		"two orders, one given back": {func(l *ledger) {
			l.here(a, sale.Reversed, nil)
			l.here(orderID(17, 2), sale.Paid, nil)
			l.there(a, bill.Payment, 1000)
			l.there(a, bill.Reversal, 1000)
			l.there(orderID(17, 2), bill.Payment, 1000)
		}, []string{"matched 2"}},
		"still asked about":      {func(l *ledger) { l.here(a, sale.Unknown, undo); l.there(a, bill.Payment, 1000) }, []string{"open 1"}},
		"still being taken back": {func(l *ledger) { l.here(a, sale.Paid, undo); l.there(a, bill.Payment, 1000) }, []string{"open 1"}},
		"a refund that failed": {func(l *ledger) {
			l.here(a, sale.Paid, nil)
			l.there(a, bill.Payment, 1000)
			l.there(a, bill.Void, 1000)
		}, []string{"matched 1"}},
		"manual, paid":            {func(l *ledger) { l.here(a, sale.Manual, window); l.there(a, bill.Payment, 1000) }, []string{"decided paid=true"}},
		"manual, not in the bill": {func(l *ledger) { l.here(a, sale.Manual, window); l.there("web-1", bill.Payment, 5) }, []string{"decided paid=false"}},
		"manual, paid and reversed": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) { o.Why = sale.EvWindow; o.Undo = true })
			l.there(a, bill.Payment, 1000)
			l.there(a, bill.Reversal, 1000)
		}, []string{"decided paid=false"}},
		"manual, reversed a day after it was paid": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) {
				o.Why, o.Undo, o.WasPaid = sale.EvWindow, true, true
				o.At = o.At.AddDate(0, 0, -1)
			})
			l.there(a, bill.Reversal, 1000)
		}, []string{"decided paid=false"}},
		"manual and to be undone, paid": {func(l *ledger) { l.here(a, sale.Manual, undo); l.there(a, bill.Payment, 1000) }, []string{"decided paid=true"}},
		"manual, a reverse was sent, paid": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) { undo(o); o.Asked = true })
			l.there(a, bill.Payment, 1000)
		}, []string{"undecided 2 10.00"}},
		"manual, another sum": {func(l *ledger) { l.here(a, sale.Manual, window); l.there(a, bill.Payment, 999) }, []string{"undecided 2 9.99"}},
		"manual, a part given back": {func(l *ledger) {
			l.here(a, sale.Manual, window)
			l.there(a, bill.Payment, 1000)
			l.there(a, bill.Refund, 1)
		}, []string{"undecided 2 9.99"}},
		"manual, lacks, day not over": {func(l *ledger) { l.scope.Over = false; l.here(a, sale.Manual, window); l.there("w", bill.Payment, 5) }, []string{"undecided 0 0.00"}},
		"manual, empty bill":          {func(l *ledger) { l.here(a, sale.Manual, window) }, []string{"undecided 0 0.00"}},
		"manual, lacks, end of the day": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) { window(o); nearEnd(l)(o) })
			l.there("w", bill.Payment, 5)
		}, []string{"undecided 0 0.00"}},
		"manual, lacks, was paid once": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) { window(o); o.WasPaid = true })
			l.there("w", bill.Payment, 5)
		}, []string{"undecided 0 0.00"}},
		"manual, lacks, rebuilt": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) { o.Why = sale.EvLost })
			l.there("w", bill.Payment, 5)
		}, []string{"undecided 0 0.00"}},
		"manual, rebuilt, paid": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) { o.Why = sale.EvLost })
			l.there(a, bill.Payment, 1000)
		}, []string{"decided paid=true"}},
		"manual, the number was not ours": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) { o.Why = sale.EvCollision })
			l.there(a, bill.Payment, 1000)
		}, []string{"undecided 2 10.00"}},
		"manual, of another day": {func(l *ledger) {
			l.here(a, sale.Manual, func(o *bill.Ours) { window(o); o.At = o.At.AddDate(0, 0, 1) })
			l.there("w", bill.Payment, 5)
		}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t)
			c.set(l)
			r, decisions := l.compare()
			if diff := cmp.Diff(c.want, verdicts(r, decisions)); diff != "" {
				t.Error(diff)
			}
			if r.Left() != len(r.Differences) {
				t.Errorf("%d counted, %d listed", r.Left(), len(r.Differences))
			}
		})
	}
}

// A file that does not say whose account it is of proves nothing by what it lacks, until it
// has an order that is on record here.
func TestCompareWhoseBill(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*ledger)
		want []string
	}{
		"nobody's":     {func(*ledger) {}, []string{"undecided 0 0.00"}},
		"fetched":      {func(l *ledger) { l.scope.Ours = true }, []string{"missing-there 0 0.00", "decided paid=false"}},
		"one of ours":  {func(l *ledger) { l.here(orderID(3, 1), sale.Paid, nil); l.there(orderID(3, 1), bill.Payment, 1000) }, []string{"missing-there 0 0.00", "decided paid=false", "matched 1"}},
		"ours by name": {func(l *ledger) { l.there("web-2", bill.Payment, 1); l.scope.Merchant = "2088" }, []string{"missing-there 0 0.00", "decided paid=false"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t)
			l.here(orderID(1, 1), sale.Paid, nil)
			l.here(orderID(2, 1), sale.Manual, func(o *bill.Ours) { o.Why = sale.EvWindow })
			l.there("web-1", bill.Payment, 5)
			c.set(l)
			for i := range l.rows {
				l.rows[i].Merchant = ""
				if l.scope.Merchant == "2088" {
					l.rows[i].Merchant = "2088"
				}
			}
			r, decisions := l.compare()
			if diff := cmp.Diff(c.want, verdicts(r, decisions)); diff != "" {
				t.Error(diff)
			}
			if (r.Note == "") != (name != "nobody's") {
				t.Errorf("note %q", r.Note)
			}
		})
	}
}

func TestCompareOthers(t *testing.T) {
	l := newLedger(t)
	l.scope.SubMerchant = "1900000109"
	other := sale.OrderID(sale.PaymentID("ZZZZZZZZ", "4F9T2C", 5), 1, 1)
	l.there(other, bill.Payment, 700)
	l.there(other, bill.Refund, 200)
	l.there("web-order-with-27-characters", bill.Payment, 3)
	l.there("7H3KQ2XA4F9T2C0000001710199", bill.Payment, 4) // our form, wrong check digits
	l.there(orderID(1, 1), bill.Payment, 1000)
	l.rows[4].SubMerchant = "1900000108"
	r, _ := l.compare()
	if len(r.Differences) != 0 || r.OtherTerminals != (bill.Side{Orders: 1, Minor: 500}) || r.OtherSystems != (bill.Side{Orders: 2, Minor: 7}) || r.OtherMerchants != (bill.Side{Orders: 1, Minor: 1000}) {
		t.Errorf("%+v", r)
	}
}

// The wrong bill must never be compared: it would make every order of the day missing.
func TestCompareWrongBill(t *testing.T) {
	l := newLedger(t)
	c := bill.NewComparison(l.scope)
	good := bill.Row{Line: 7, Order: orderID(1, 1), Kind: bill.Payment, Amount: yuan(1), At: l.noon(), Merchant: "1900000001"}
	if err := c.Row(good); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*bill.Row){
		"merchant":  func(r *bill.Row) { r.Merchant = "1900000002" },
		"yesterday": func(r *bill.Row) { r.At = l.scope.Day.Start().Add(-time.Second) },
		"tomorrow":  func(r *bill.Row) { r.At = l.scope.Day.End() },
	} {
		row := good
		edit(&row)
		var e *bill.Error
		if err := c.Row(row); !errors.As(err, &e) || e.Line != 7 || e.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is kept is bounded, whatever the bill holds; everything is counted.
func TestCompareBounds(t *testing.T) {
	l := newLedger(t)
	c := bill.NewComparison(l.scope)
	const n = 30_000
	var totals bill.Totals
	for i := range uint64(n) {
		r := bill.Row{Line: int(i) + 2, Order: orderID(i, 1), Kind: bill.Payment, Amount: yuan(100), At: l.noon(), Merchant: "1900000001"}
		totals.Add(&r)
		if err := c.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	r, _ := c.Finish(totals)
	if r.Counts[bill.MissingHere] != n || r.Left() != n || len(r.Differences)+r.Untold != n || len(r.Differences) > 5000 {
		t.Errorf("%d counted, %d listed, %d untold", r.Counts[bill.MissingHere], len(r.Differences), r.Untold)
	}
	if !slices.IsSortedFunc(r.Differences, func(a, b bill.Difference) int { return strings.Compare(a.Order, b.Order) }) {
		t.Error("the differences are in no order")
	}
}
