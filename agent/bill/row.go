package bill

import (
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Kind is what a row of a bill says happened.
type Kind string

const (
	Payment  Kind = "payment"  // the payer was charged
	Refund   Kind = "refund"   // money went back, all of it or a part
	Reversal Kind = "reversal" // a paid order was taken back as a whole
	Void     Kind = "void"     // nothing moved: a refund that failed
)

// Row is one line of a bill. There is no field for the payer, on purpose.
type Row struct {
	Line        int    // in the file, from 1
	Order       string // our order number
	Transaction string // the wallet's own number
	Kind        Kind
	Amount      sale.Amount // above zero or zero, whatever its sign in the file
	RefundID    string      // our number of a refund; may be empty
	State       string      // the wallet's word: SUCCESS, REFUND, REVOKED, 交易
	At          time.Time   // when it happened, by the wallet's clock
	Terminal    string      // the device the wallet has on record; may be empty
	// Merchant and SubMerchant are the accounts the row belongs to, empty where the bill has
	// no such column.
	Merchant, SubMerchant string
}

// Totals is what a whole bill amounts to.
type Totals struct {
	Rows, Payments, Returns int   // Returns are refunds and reversals
	Paid, Back              int64 // minor units
	Lines                   int
	// Complete is set when a bill of this kind has every payment and every return of its day;
	// a bill of refunds alone does not.
	Complete bool
	// Account is whom the file itself says it is of, as far as it says; it has no such column.
	Account string
	// From is the day the file itself says it is about; zero where it does not say.
	From Day
}

// Add counts a row.
func (t *Totals) Add(r *Row) {
	t.Rows++
	switch r.Kind {
	case Payment:
		t.Payments++
		t.Paid += r.Amount.Minor
	case Refund, Reversal:
		t.Returns++
		t.Back += r.Amount.Minor
	}
}

// shanghai is where the days of these bills begin; China has had no summer time since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Day is a calendar day in Shanghai, as the wallets count them. The zero value is no day.
type Day struct{ Year, Month, Date int }

// DayOf is the day a moment belongs to.
func DayOf(t time.Time) Day {
	y, m, d := t.In(shanghai).Date()
	return Day{y, int(m), d}
}

// ParseDay reads "2026-11-21".
func ParseDay(s string) (Day, error) {
	t, err := time.ParseInLocation(time.DateOnly, s, shanghai)
	if err != nil {
		return Day{}, fmt.Errorf("%.20q is not a day such as 2026-11-21", s)
	}
	return DayOf(t), nil
}

// String is "2026-11-21".
func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Date) }

// MarshalText writes the day as String does, and no day as nothing.
func (d Day) MarshalText() ([]byte, error) {
	if d == (Day{}) {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (d *Day) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*d = Day{}
		return nil
	}
	*d, err = ParseDay(string(b))
	return err
}

// Start is the day's first moment.
func (d Day) Start() time.Time {
	return time.Date(d.Year, time.Month(d.Month), d.Date, 0, 0, 0, 0, shanghai)
}

// End is the first moment of the next day.
func (d Day) End() time.Time {
	return time.Date(d.Year, time.Month(d.Month), d.Date+1, 0, 0, 0, 0, shanghai)
}

// Ready is when the wallets have a day's bill: ten in the morning after it.
func (d Day) Ready() time.Time { return d.End().Add(10 * time.Hour) }

// Has reports whether a moment lies within the day.
func (d Day) Has(t time.Time) bool { return !t.Before(d.Start()) && t.Before(d.End()) }
