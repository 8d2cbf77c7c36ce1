package wallettest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// BillFault is a way for a wallet's bill to be wrong.
type BillFault string

const (
	BillWrongHash  BillFault = "wrong-hash"   // another hash is promised than the file's (WeChat Pay)
	BillCut        BillFault = "cut"          // the file ends in the middle
	BillColumn     BillFault = "column"       // there is a column that nobody knows
	BillRowChanged BillFault = "row-changed"  // a row's sum is not what the totals say
	BillRowLeftOut BillFault = "row-left-out" // a row is missing, and the totals know it
	BillPaidTwice  BillFault = "paid-twice"   // the first payment comes twice, in the totals too
	BillLacksOne   BillFault = "lacks-one"    // the first payment is missing, in the totals too
	BillElsewhere  BillFault = "elsewhere"    // it is to be fetched from a host that is not the wallet's
	BillPlain      BillFault = "plain"        // it is to be fetched without TLS
	BillRedirect   BillFault = "redirect"     // the download answers with a redirect
)

// SpoilBill makes the bills of a wallet wrong, until it is called with "".
func (w *World) SpoilBill(wallet string, f BillFault) {
	h := w.houses[wallet]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bills.fault = f
}

// CloseBooks makes a wallet's bill of today ready, as if it were ten o'clock on the next day.
func (w *World) CloseBooks(wallet string) {
	h := w.houses[wallet]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bills.closed = true
}

// Post puts entries into a wallet's ledger: of other tills, other days, other systems.
func (w *World) Post(wallet string, entries ...Entry) {
	h := w.houses[wallet]
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.dialect.contract()
	for _, e := range entries {
		e.Wallet, e.sent, e.known = wallet, true, true
		if e.Merchant == "" {
			e.Merchant, e.SubMerchant = c.Merchant, c.SubMerchant
		}
		if e.Transaction == "" {
			h.last++
			e.Transaction = fmt.Sprintf("42000%s%012d", e.At.UTC().Format("20060102150405"), h.last)
		}
		h.orders[e.Order], h.order = &e, append(h.order, e.Order)
	}
}

// Bill is the wallet's bill of a day ("2026-11-21"), as its merchant page gives it; nil when
// it makes none or there is none.
func (w *World) Bill(wallet, day string) []byte {
	h := w.houses[wallet]
	maker, ok := h.dialect.(biller)
	if !ok {
		return nil
	}
	rows := h.billRows(day)
	if len(rows) == 0 {
		return nil
	}
	return maker.file(day, rows, h.billFault())
}

// biller is a dialect that makes bills.
type biller interface {
	// serveBill answers requests about bills and reports whether this was one.
	serveBill(h *house, w http.ResponseWriter, r *http.Request, body []byte) bool
	// file writes a bill.
	file(day string, rows []billRow, f BillFault) []byte
}

// bills is what a house has to do with them.
type bills struct {
	fault  BillFault
	closed bool
	files  map[string][]byte // by token
}

// billRow is something that happened: a payment, a refund or a reversal.
type billRow struct {
	Entry
	kind   string // "payment", "refund", "reversal"
	minor  int64
	refund Refund
	at     time.Time
}

func (h *house) billFault() BillFault {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bills.fault
}

// due reports whether the bill of a day is there.
func (h *house) due(day string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	end, err := time.ParseInLocation(time.DateOnly, day, shanghai)
	return err == nil && (h.bills.closed || time.Now().After(end.Add(34*time.Hour)))
}

// billRows lists what happened on a day, in the order of time.
func (h *house) billRows(day string) []billRow {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expire()
	var rows []billRow
	add := func(e *Entry, kind string, minor int64, at time.Time, r Refund) {
		if at.In(shanghai).Format(time.DateOnly) == day {
			rows = append(rows, billRow{Entry: copied(e), kind: kind, minor: minor, at: at, refund: r})
		}
	}
	for _, id := range h.order {
		e := h.orders[id]
		for range e.Charges {
			add(e, "payment", e.TotalMinor, e.PaidAt, Refund{})
		}
		given := int64(0)
		for _, r := range e.Refunds {
			add(e, "refund", r.Minor, r.At, r)
			given += r.Minor
		}
		if left := e.RefundedMinor - given; left > 0 {
			add(e, "reversal", left, e.PaidAt, Refund{})
		}
	}
	slices.SortStableFunc(rows, func(a, b billRow) int { return a.at.Compare(b.at) })
	switch h.bills.fault {
	case BillPaidTwice:
		rows = slices.Insert(rows, 0, rows[:min(1, len(rows))]...)
	case BillLacksOne:
		rows = rows[min(1, len(rows)):]
	}
	return rows
}

// keep remembers a file for a download and returns its token.
func (h *house) keep(file []byte) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bills.files == nil {
		h.bills.files = map[string][]byte{}
	}
	token := digits(24)
	h.bills.files[token] = file
	return token
}

// giveFile answers a download.
func (h *house) giveFile(w http.ResponseWriter, r *http.Request, token string) {
	h.mu.Lock()
	file, ok := h.bills.files[token]
	fault := h.bills.fault
	h.mu.Unlock()
	switch {
	case fault == BillRedirect:
		http.Redirect(w, r, "https://"+h.address+"/elsewhere", http.StatusFound)
	case !ok:
		http.Error(w, "no such file", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(file)
	}
}

// lines spoils a bill's lines: first is the index of the line that names the columns.
func (f BillFault) lines(lines []string, first int, column string) []string {
	lines = slices.Clone(lines)
	switch f {
	case BillColumn:
		lines[first] += "," + column
	case BillRowLeftOut:
		lines = slices.Delete(lines, first+1, first+2)
	}
	return lines
}

func (f BillFault) cut(file string) string {
	if f == BillCut {
		return file[:len(file)*2/3]
	}
	return file
}

func decimal(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("%s%d.%02d", sign, minor/100, minor%100)
}

func billTime(t time.Time) string { return t.In(shanghai).Format(time.DateTime) }

// spoilt changes the first row's sum behind the totals' back.
func (f BillFault) spoilt(row, from, to string) string {
	if f == BillRowChanged {
		return strings.Replace(row, from, to, 1)
	}
	return row
}
