package agent

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// AdoptRequest asks to take the orders of a terminal that is gone on record here.
type AdoptRequest struct {
	// Terminal is its serial number, or the first eight characters of its order ids.
	Terminal string
	// Wallet is a contract's name or a wallet's. Empty means the one contract that fits.
	Wallet   string
	File     io.Reader
	Progress func(Progress) // as of a BillRequest
}

// Adopted is one payment of the terminal that is gone.
type Adopted struct {
	Payment  string      `json:"payment"`
	Order    string      `json:"order"`
	Amount   sale.Amount `json:"amount"`
	Refunded int64       `json:"refunded,omitempty"` // minor units
	At       time.Time   `json:"at"`
	// New is set when it was taken on record just now.
	New bool `json:"new"`
	// Told is set once it is known that the point of sale has it as paid.
	Told bool `json:"told"`
}

// Unclear is an order of the terminal that is gone which was not taken on record.
type Unclear struct {
	Order string `json:"order"`
	Line  int    `json:"line"`
	Text  string `json:"text"`
}

// AdoptReport is what came of it.
type AdoptReport struct {
	Terminal string `json:"terminal"` // as it was asked for
	Code     string `json:"code"`     // the first part of its order ids
	Contract string `json:"contract"`
	Rows     int    `json:"rows"` // of the bill
	// Paid are its paid payments, those on record from before included, oldest first.
	Paid []Adopted `json:"paid"`
	// Back is how many were paid and given back: they are on record too, and closed.
	Back int `json:"back"`
	// Over is how many are on record from before with nothing left to tell or to do.
	Over    int       `json:"over"`
	Unclear []Unclear `json:"unclear"`
	// Others counts the orders of other terminals in the bill, by their code.
	Others map[string]int `json:"others,omitempty"`
	// OtherMerchants is how many rows are of another sub-merchant: its own contract adopts them.
	OtherMerchants int `json:"other_merchants,omitempty"`
}

// maxAdopted bounds the orders of one terminal in one bill.
const maxAdopted = 50_000

// codeForm is the first part of an order id.
var codeForm = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{8}$`)

// lostOrder is what a bill has of one order.
type lostOrder struct {
	paid, back  int64
	payments    int
	line        int
	at          time.Time
	transaction string
	amount      sale.Amount
}

// Adopt takes the orders of a terminal whose journal is lost on record here, from the wallet's
// bill: from then on they can be asked about and given back at this till. Paid ones become
// PAID by the bill, undelivered, since who was told what is not known; none is ever reversed
// by itself. What is on record already stays as it is, so it may be repeated. An error means
// that the bill was not whole or not the right one, and nothing was changed, unless it says
// that the journal could not be written.
func (t *Till) Adopt(ctx context.Context, r AdoptRequest) (AdoptReport, error) {
	out := AdoptReport{Terminal: r.Terminal, Paid: []Adopted{}, Unclear: []Unclear{}, Others: map[string]int{}}
	if !t.billing.TryLock() {
		return out, ErrBillBusy
	}
	defer t.billing.Unlock()
	codes, err := t.lostCodes(r.Terminal)
	if err != nil {
		return out, err
	}
	c, head, err := t.billContract(r.Wallet, r.File)
	if err != nil {
		return out, err
	}
	out.Contract = c.Ref.Name
	file, done, err := openBill(ctx, c, head, BillRequest{File: r.File})
	if err != nil {
		return out, fmt.Errorf("read the bill: %w", err)
	}
	defer done()
	found := map[string]*lostOrder{}
	now := t.o.Wall()
	totals, err := readBill(ctx, c, file, r.Progress, func(row bill.Row) error {
		if err := mayAdopt(c, &row, now); err != nil {
			return err
		}
		if sub := c.Ref.SubMerchant; sub != "" && row.SubMerchant != "" && row.SubMerchant != sub {
			out.OtherMerchants++
			return nil
		}
		return out.collect(found, codes, &row)
	})
	if err != nil {
		return out, fmt.Errorf("read the bill of %s: %w", c.Ref.Name, err)
	}
	if totals.From == (bill.Day{}) {
		totals.From = bill.DayOf(now)
	}
	if err := rightBill(c, totals.From, totals); err != nil {
		return out, fmt.Errorf("read the bill of %s: %w", c.Ref.Name, err)
	}
	out.Rows = totals.Rows
	return out, t.takeLost(ctx, c, &out, found)
}

// lostCodes is how the order ids of a terminal may begin. Its own are refused.
func (t *Till) lostCodes(terminal string) ([]string, error) {
	codes := []string{sale.TerminalCode(terminal)}
	if codeForm.MatchString(terminal) {
		codes = append(codes, terminal)
	}
	switch {
	case terminal == "":
		return nil, &bill.Error{Text: "no terminal is named", Hint: "give its serial number, or the first eight characters of its order ids"}
	case slices.Contains(codes, t.terminal):
		return nil, &bill.Error{Text: "that is this terminal itself", Hint: "its own orders are compared with: tilld reconcile"}
	}
	return codes, nil
}

// mayAdopt refuses the rows of a bill that cannot be the right one.
func mayAdopt(c *Contract, row *bill.Row, now time.Time) error {
	switch {
	case row.Merchant != "" && row.Merchant != c.Ref.Merchant:
		return &bill.Error{Line: row.Line, Text: fmt.Sprintf("this row is of merchant %.40q, and the contract is of %.40q", row.Merchant, c.Ref.Merchant),
			Hint: "it is another account's bill: name the right contract with --wallet"}
	case row.At.After(now.Add(time.Hour)):
		return &bill.Error{Line: row.Line, Text: "this row is of " + row.At.Format(time.DateTime) + ", which is in the future", Hint: "look at this till's clock: tilld status"}
	}
	return nil
}

// collect adds a row to what the bill has of its order.
func (out *AdoptReport) collect(found map[string]*lostOrder, codes []string, row *bill.Row) error {
	if _, _, _, err := sale.ParseOrderID(row.Order); err != nil {
		return nil
	}
	code := row.Order[:8]
	if !slices.Contains(codes, code) {
		if row.Kind == bill.Payment && (len(out.Others) < 100 || out.Others[code] > 0) {
			out.Others[code]++
		}
		return nil
	}
	out.Code = code
	o := found[row.Order]
	if o == nil {
		if len(found) >= maxAdopted {
			return &bill.Error{Line: row.Line, Text: "the bill has more orders of this terminal than can be taken on record at once", Hint: "no till sells so much in a day: is the terminal the right one?"}
		}
		o = &lostOrder{line: row.Line, at: row.At, transaction: row.Transaction}
		found[row.Order] = o
	}
	switch row.Kind {
	case bill.Payment:
		o.payments++
		o.paid += row.Amount.Minor
		o.amount, o.line, o.at = row.Amount, row.Line, row.At
	case bill.Refund, bill.Reversal:
		o.back += row.Amount.Minor
	}
	return nil
}

// takeLost puts what was found on record.
func (t *Till) takeLost(ctx context.Context, c *Contract, out *AdoptReport, found map[string]*lostOrder) error {
	known := map[string]bool{}
	err := t.o.Journal.Summaries(func(s queue.Summary) error {
		if out.Code != "" && strings.HasPrefix(s.Payment, out.Code) {
			known[s.Payment] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for payments on record: %w", err)
	}
	byPayment := map[string][]string{}
	for order := range found {
		id, _, _, _ := sale.ParseOrderID(order) // collect saw to it
		byPayment[id] = append(byPayment[id], order)
	}
	var fresh []sale.Payment
	for _, id := range slices.Sorted(maps.Keys(byPayment)) {
		orders := byPayment[id]
		slices.Sort(orders)
		p, on := t.Payment(id)
		switch {
		case on:
			out.onRecord(p, found, orders)
		case known[id]: // its day was erased, and would not have been while it was not told
			out.Over++
		default:
			if p, ok := t.lostPayment(c, out, id, orders, found); ok {
				fresh = append(fresh, p)
			}
		}
	}
	err = t.keepAdopted(ctx, fresh)
	slices.SortStableFunc(out.Paid, func(a, b Adopted) int { return a.At.Compare(b.At) })
	return err
}

// onRecord lists a payment that was adopted before.
func (out *AdoptReport) onRecord(p sale.Payment, found map[string]*lostOrder, orders []string) {
	a := p.Current()
	if a == nil || a.State != sale.Paid || p.Refunded >= p.Amount.Minor {
		out.Back++
		return
	}
	for _, order := range orders {
		if o := found[order]; o.back > p.Refunded && p.OpenRefund() == nil {
			out.Unclear = append(out.Unclear, Unclear{Order: order, Line: o.line, Text: "the bill has money given back for it that is not on record here: do not give it back again"})
		}
	}
	out.Paid = append(out.Paid, Adopted{Payment: p.ID, Order: a.ID, Amount: p.Amount, Refunded: p.Refunded, At: a.SentAt, Told: p.Delivered})
}

// lostPayment makes the record of a payment from its orders in the bill. There is none to make
// where more than one of them is charged, or what the bill says is no whole story.
func (t *Till) lostPayment(c *Contract, out *AdoptReport, id string, orders []string, found map[string]*lostOrder) (sale.Payment, bool) {
	p := sale.Payment{Version: 1, ID: id, From: out.Terminal, Intent: sale.Keep, Ending: sale.EndPaid, EndedAt: t.o.Wall().Round(0)}
	charged := 0
	var attempts []sale.Attempt
	for _, order := range orders {
		o := found[order]
		_, n, _, _ := sale.ParseOrderID(order) // collect saw to it
		a := sale.Attempt{ID: order, N: n, Contract: c.Ref, Amount: o.amount, Scheme: firstOf(c.Schemes), SentAt: o.at, Boot: t.o.Boot,
			State: sale.Manual, Why: sale.EvLost, WalletTransaction: o.transaction}
		to := sale.Reversed
		if o.paid > o.back {
			to = sale.Paid
			charged++
		}
		if o.payments != 1 || a.Move(to, sale.EvBill, p.Intent) != nil {
			text := "the bill has its return alone: it was paid on another day; take that day's bill first"
			if o.payments > 1 {
				text = "it was charged " + fmt.Sprint(o.payments) + " times: give it back on the wallet's merchant page"
			}
			out.Unclear = append(out.Unclear, Unclear{Order: order, Line: o.line, Text: text})
			return p, false
		}
		attempts = append(attempts, a)
	}
	if charged > 1 {
		for _, order := range orders {
			out.Unclear = append(out.Unclear, Unclear{Order: order, Line: found[order].line, Text: "two orders of its payment were charged: give one back on the wallet's merchant page"})
		}
		return p, false
	}
	// The one that is charged decides: it stands last.
	slices.SortStableFunc(attempts, func(a, b sale.Attempt) int {
		return cmp.Compare(boolInt(a.State == sale.Paid), boolInt(b.State == sale.Paid))
	})
	p.Attempts = attempts
	a := p.Current()
	p.Amount, p.Begun = a.Amount, a.SentAt
	if charged == 0 {
		p.Ending, p.Intent, p.UndoneBy, p.Delivered = sale.EndAborted, sale.Undo, "operator", true
		out.Back++
		return p, true
	}
	p.Refunded = found[a.ID].back
	out.Paid = append(out.Paid, Adopted{Payment: p.ID, Order: a.ID, Amount: p.Amount, Refunded: p.Refunded, At: a.SentAt, New: true})
	return p, true
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
