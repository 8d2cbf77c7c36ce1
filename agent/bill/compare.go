package bill

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Ours is one order as the till has it on record.
type Ours struct {
	Order     string
	Amount    sale.Amount
	State     sale.State
	Why       sale.Event // that made the state; empty where it is not known any more
	Undo      bool       // it was to be given back, and nobody decided that it stays paid
	WasPaid   bool       // the wallet said once that it was paid
	Asked     bool       // a reverse was sent, whatever became of it
	Until     time.Time  // when the last reverse can have been sent; zero where it is not known
	Refunding bool       // a refund is under way
	Refunded  int64      // given back after it was paid, in minor units
	At        time.Time  // when it was sent
}

// Scope is what is compared: the orders of one terminal at one merchant on one day.
type Scope struct {
	Terminal              string // the first eight characters of its order ids
	Merchant, SubMerchant string
	Day                   Day
	// Over is set when the day was over, and its bill due, at the time of the comparison:
	// only then does an order's absence mean anything.
	Over bool
	// Ours is set when the bill is certainly of this account: it was fetched with our key. Of
	// a file its rows must say so, by their merchant or by an order that is on record here.
	Ours bool
}

// late is how near the end of a day an order may have been sent and still be paid only on
// the next: codes live a minute and the wallets ask the payer for some minutes at most.
const late = time.Hour

// around is how far from the day the till's own orders are taken in at first. Others are
// looked for only when the bill names them.
const around = 26 * time.Hour

// Bounds of what is kept in memory.
const (
	maxOurs    = 300_000
	maxStrange = 20_000
)

// key is an order id without its terminal: all orders compared are of one.
type key [sale.IDLen - terminalLen]byte

const (
	terminalLen = 8
	paymentLen  = 14 // of a key: start token and sequence number
)

func keyOf(order string) (k key) { copy(k[:], order[terminalLen:]); return k }

// tally is one order on both sides.
type tally struct {
	ours     Ours // Order is empty where there is no record
	paid     int64
	back     int64
	payments int32
	line     int32 // of the first payment, or else of the first row
	currency sale.Currency
	at       time.Time
}

// Comparison compares a bill with the orders of a till. It is used by one goroutine: Ours for
// every order on record, Row for every row, then Ours again for the orders that Strange names,
// then Finish.
type Comparison struct {
	scope   Scope
	ours    map[key]*tally
	strange map[key]*tally
	named   bool // the rows name our merchant
	lost    int  // strange orders beyond maxStrange
	report  Report
	words   Words
}

// NewComparison begins one.
func NewComparison(s Scope) *Comparison {
	return &Comparison{scope: s, ours: map[key]*tally{}, strange: map[key]*tally{},
		report: Report{Day: s.Day, Merchant: s.Merchant, Currency: "CNY", Counts: map[Class]int{}, Differences: []Difference{}, Settled: []Decision{}}}
}

// Ours takes an order of the till. A later word on the same order replaces an earlier one.
func (c *Comparison) Ours(o Ours) error {
	if len(o.Order) != sale.IDLen || o.Order[:terminalLen] != c.scope.Terminal {
		return nil
	}
	k := keyOf(o.Order)
	if t := c.strange[k]; t != nil {
		t.ours = o
		c.ours[k] = t
		delete(c.strange, k)
		return nil
	}
	if t := c.ours[k]; t != nil {
		t.ours = o
		return nil
	}
	if o.At.Before(c.scope.Day.Start().Add(-around)) || o.At.After(c.scope.Day.End().Add(around)) {
		return nil
	}
	if len(c.ours) >= maxOurs {
		return &Error{Text: "the till has more orders around this day than can be compared at once", Hint: "no till sells so much in a day: look at its clock"}
	}
	c.ours[k] = &tally{ours: o}
	return nil
}

// Strange reports whether the bill names orders of this terminal that were not given to Ours:
// they may be of other days.
func (c *Comparison) Strange() bool { return len(c.strange) > 0 }

// Row takes a row of the bill. A row of another merchant or of another day is an error: it is
// the wrong bill.
func (c *Comparison) Row(r Row) error {
	if err := c.check(&r); err != nil {
		return err
	}
	c.named = r.Merchant != ""
	sign := int64(0)
	switch r.Kind {
	case Payment:
		sign = 1
	case Refund, Reversal:
		sign = -1
	}
	if c.scope.SubMerchant != "" && r.SubMerchant != "" && r.SubMerchant != c.scope.SubMerchant {
		c.report.OtherMerchants.add(sign, r.Amount.Minor)
		return nil
	}
	if len(r.Order) != sale.IDLen {
		c.report.OtherSystems.add(sign, r.Amount.Minor)
		return nil
	}
	if _, _, _, err := sale.ParseOrderID(r.Order); err != nil {
		c.report.OtherSystems.add(sign, r.Amount.Minor)
		return nil
	}
	if r.Order[:terminalLen] != c.scope.Terminal {
		c.report.OtherTerminals.add(sign, r.Amount.Minor)
		return nil
	}
	if sign != 0 {
		c.count(&r)
	}
	return nil
}

func (s *Side) add(sign, minor int64) {
	if sign >= 0 {
		s.Orders++
	}
	s.Minor += sign * minor
}

// check refuses the rows of a bill that is not the one asked for.
func (c *Comparison) check(r *Row) error {
	switch {
	case r.Merchant != "" && r.Merchant != c.scope.Merchant:
		return &Error{Line: r.Line, Text: "this row is of merchant " + quote(r.Merchant) + ", and the contract is of " + quote(c.scope.Merchant),
			Hint: "it is another account's bill: name the right contract with --wallet"}
	case !c.scope.Day.Has(r.At):
		return &Error{Line: r.Line, Text: "this row is of " + r.At.In(shanghai).Format(time.DateTime) + ", not of " + c.scope.Day.String(),
			Hint: "it is another day's bill: name the right day with --date"}
	}
	return nil
}

// found reports whether the bill has any order that is on record here.
func (c *Comparison) found() bool {
	for _, t := range c.ours {
		if t.line > 0 {
			return true
		}
	}
	return false
}

// of finds an order on either list; nil if it is on none.
func (c *Comparison) of(k key) *tally {
	if t := c.ours[k]; t != nil {
		return t
	}
	return c.strange[k]
}

func (c *Comparison) count(r *Row) {
	k := keyOf(r.Order)
	t := c.of(k)
	if t == nil {
		if len(c.strange) >= maxStrange {
			c.lost++
			return
		}
		t = &tally{}
		c.strange[k] = t
	}
	t.currency = sale.Currency(c.words.Of([]byte(r.Amount.Currency)))
	if r.Kind == Payment {
		if t.payments == 0 {
			t.line, t.at = int32(r.Line), r.At
		}
		t.payments++
		t.paid += r.Amount.Minor
		return
	}
	if t.line == 0 {
		t.line, t.at = int32(r.Line), r.At
	}
	t.back += r.Amount.Minor
}

// Finish says how both sides differ and what the bill decides. totals are those of the reader,
// which must have returned without an error.
func (c *Comparison) Finish(totals Totals) (Report, []Decision) {
	r := &c.report
	r.Rows, r.Payments, r.Returns, r.Paid, r.Back = totals.Rows, totals.Payments, totals.Returns, totals.Paid, totals.Back
	known := c.scope.Ours || c.named || c.found()
	j := judge{scope: c.scope, report: r, absence: c.scope.Over && totals.Complete && totals.Rows > 0 && known}
	switch {
	case !c.scope.Over:
		r.Note = "the day's bill was not due yet: what is missing in it is not told"
	case !totals.Complete:
		r.Note = "this is a bill of one kind of rows only: what is missing in it is not told"
	case totals.Rows == 0:
		r.Note = "the bill is empty: whose and of which day it is cannot be seen, so what is missing in it is not told"
	case !known:
		r.Note = "nothing in the bill shows that it is of this account: what is missing in it is not told"
	}
	keys := slices.AppendSeq(slices.Collect(maps.Keys(c.ours)), maps.Keys(c.strange))
	slices.SortFunc(keys, func(a, b key) int { return bytes.Compare(a[:], b[:]) })
	for i, k := range keys {
		order, t := c.scope.Terminal+string(k[:]), c.of(k)
		j.order(order, t)
		if i > 0 && [paymentLen]byte(k[:]) == [paymentLen]byte(keys[i-1][:]) {
			j.siblings(order, t, c.of(keys[i-1]))
		}
	}
	if c.lost > 0 {
		r.Counts[MissingHere] += c.lost
		r.Untold += c.lost
	}
	return *r, j.decisions
}
