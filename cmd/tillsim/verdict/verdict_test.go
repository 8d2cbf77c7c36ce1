package verdict

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/agent/sale"
)

var (
	pay1 = sale.PaymentID(sale.TerminalCode("1"), "TOKEN0", 1)
	pay2 = sale.PaymentID(sale.TerminalCode("1"), "TOKEN0", 2)
)

func cny(minor int64) sale.Amount { return sale.Amount{Minor: minor, Currency: "CNY", Exponent: 2} }

// said makes one line of the point of sale: basket T1, ServiceID as given.
func said(second int, kind Kind, service, payment, answer string) Told {
	result, condition, _ := strings.Cut(answer, "/")
	t := Told{At: time.Unix(int64(second), 0), Kind: kind, SaleID: "POS1", POIID: "TILLD-1", ServiceID: service,
		TransactionID: "T1", Amount: cny(1280), Result: result, Condition: condition, Payment: payment}
	if result == Success && kind != KindReversal {
		a := t.Amount
		t.Authorized = &a
	}
	return t
}

// back makes one line about a part given back: the refund with the till's number id, of basket
// "R-" and that number.
func back(second int, service, id string, minor int64, answer string) Told {
	t := said(second, KindRefund, service, pay1, answer)
	t.TransactionID, t.Amount, t.Refund = "R-"+id, cny(minor), id
	if t.Authorized != nil {
		*t.Authorized = t.Amount
	}
	return t
}

func charge(payment string, n int, charged, refunded int64) Entry {
	e := Entry{Wallet: "wechatpay", Merchant: "1900000001", Order: sale.OrderID(payment, n, 1), Currency: "CNY",
		Total: 1280, Charged: charged, Refunded: refunded, State: "SUCCESS"}
	if charged > 0 {
		e.Charges = 1
	}
	return e
}

func with[T any](v T, f func(*T)) T { f(&v); return v }

func TestCompare(t *testing.T) {
	paid := said(1, KindPayment, "S1", pay1, "Success")
	refused := said(1, KindPayment, "S1", pay1, "Failure/Refusal")
	silent := said(1, KindPayment, "S1", "", "")
	tests := []struct {
		name   string
		told   []Told
		ledger []Entry
		want   []string // kinds of difference, sorted
	}{
		{"paid and charged", []Told{paid}, []Entry{charge(pay1, 1, 1280, 0)}, nil},
		{"declined and nothing charged", []Told{refused}, []Entry{charge(pay1, 1, 0, 0)}, nil},
		{"refused before any order", []Told{said(1, KindPayment, "S1", "", "Failure/Busy")}, nil, nil},
		{"aborted, reversed with a refund", []Told{said(1, KindPayment, "S1", pay1, "Failure/Aborted")}, []Entry{charge(pay1, 1, 1280, 1280)}, nil},
		{"expired, then a fresh code", []Told{paid}, []Entry{charge(pay1, 1, 0, 0), charge(pay1, 2, 1280, 0)}, nil},
		{"timed out, asked again under a new ServiceID", []Told{silent, said(2, KindPayment, "S2", pay1, "Success")}, []Entry{charge(pay1, 1, 1280, 0)}, nil},
		{"crash, in progress, then found paid", []Told{silent, said(2, KindStatus, "S1", "", "Failure/InProgress"), said(3, KindStatus, "S1", pay1, "Success")}, []Entry{charge(pay1, 1, 1280, 0)}, nil},
		{"status says not found", []Told{silent, said(2, KindStatus, "S1", "", "Failure/NotFound")}, nil, nil},
		{"paid and given back", []Told{paid, said(2, KindReversal, "R1", pay1, "Success")}, []Entry{charge(pay1, 1, 1280, 1280)}, nil},
		{"reversal refused, still paid", []Told{paid, said(2, KindReversal, "R1", pay1, "Failure/NotAllowed")}, []Entry{charge(pay1, 1, 1280, 0)}, nil},
		{"two numbers lost, the second not found", []Told{silent, said(2, KindPayment, "S2", "", ""), said(3, KindStatus, "S2", "", "Failure/NotFound")}, nil, nil},
		{"the second number not found, the first paid", []Told{silent, said(2, KindPayment, "S2", "", ""), said(3, KindStatus, "S2", "", "Failure/NotFound"), said(4, KindStatus, "S1", pay1, "Success")}, []Entry{charge(pay1, 1, 1280, 0)}, nil},
		{"left to an operator", []Told{silent, said(2, KindStatus, "S1", "", "Failure/InProgress")}, nil, nil},
		{"repeat got the stored answer", []Told{with(paid, func(t *Told) { t.Digest = "aa" }), with(paid, func(t *Told) { t.Digest = "aa" })}, []Entry{charge(pay1, 1, 1280, 0)}, nil},
		{"expected", []Told{with(refused, func(t *Told) { t.Expect, t.ExpectWallet = "Failure/Refusal", Unpaid })}, []Entry{charge(pay1, 1, 0, 0)}, nil},
		{"a payment failed, the basket paid at the next try", []Told{refused, said(2, KindPayment, "S2", pay2, "Success")}, []Entry{charge(pay1, 1, 0, 0), charge(pay2, 1, 1280, 0)}, nil},

		{"a part given back", []Told{paid, back(2, "R1", "r1", 500, "Success")}, []Entry{charge(pay1, 1, 1280, 500)}, nil},
		{"two parts given back, a third refused", []Told{paid, back(2, "R1", "r1", 500, "Success"), back(3, "R2", "r2", 700, "Success"), back(4, "R3", "r3", 100, "Failure/NotAllowed")}, []Entry{charge(pay1, 1, 1280, 1200)}, nil},
		{"parts that make the whole", []Told{paid, back(2, "R1", "r1", 500, "Success"), back(3, "R2", "r2", 780, "Success")}, []Entry{charge(pay1, 1, 1280, 1280)}, nil},
		{"a part, then all the rest", []Told{paid, back(2, "R1", "r1", 500, "Success"), said(3, KindReversal, "R2", pay1, "Success")}, []Entry{charge(pay1, 1, 1280, 1280)}, nil},
		{"one refund asked for twice", []Told{paid, back(2, "R1", "r1", 500, ""), back(3, "R2", "r1", 500, "Success")}, []Entry{charge(pay1, 1, 1280, 500)}, nil},
		{"a refund lost, then found by its status", []Told{paid, back(2, "R1", "r1", 500, ""), back(3, "R1", "r1", 500, "Failure/InProgress"), back(4, "R1", "r1", 500, "Success")}, []Entry{charge(pay1, 1, 1280, 500)}, nil},
		{"a refund that nobody knows yet, done", []Told{paid, back(2, "R1", "r1", 500, ""), back(3, "R1", "r1", 500, "Failure/InProgress")}, []Entry{charge(pay1, 1, 1280, 500)}, nil},
		{"a refund that nobody knows yet, not done", []Told{paid, back(2, "R1", "r1", 500, ""), back(3, "R1", "r1", 500, "Failure/InProgress")}, []Entry{charge(pay1, 1, 1280, 0)}, nil},
		{"a customer paid our code after another was closed", []Told{paid}, []Entry{charge(pay1, 1, 0, 0), charge(pay1, 2, 1280, 0)}, nil},

		{"told of a part, and all of it went", []Told{paid, back(2, "R1", "r1", 500, "Success")}, []Entry{charge(pay1, 1, 1280, 1280)}, []string{DiffLost, DiffSum}},
		{"told of a part, and nothing went", []Told{paid, back(2, "R1", "r1", 500, "Success")}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffAmount, DiffSum}},
		{"a part went twice", []Told{paid, back(2, "R1", "r1", 500, ""), back(3, "R2", "r1", 500, "Success")}, []Entry{charge(pay1, 1, 1280, 1000)}, []string{DiffAmount, DiffSum}},
		{"told of two parts, one went", []Told{paid, back(2, "R1", "r1", 500, "Success"), back(3, "R2", "r2", 500, "Success")}, []Entry{charge(pay1, 1, 1280, 500)}, []string{DiffAmount, DiffSum}},
		{"refused, and it went", []Told{paid, back(2, "R1", "r1", 500, "Failure/Refusal")}, []Entry{charge(pay1, 1, 1280, 500)}, []string{DiffAmount, DiffSum}},
		{"told of all parts, and some is held", []Told{paid, back(2, "R1", "r1", 500, "Success"), back(3, "R2", "r2", 780, "Success")}, []Entry{charge(pay1, 1, 1280, 500)}, []string{DiffTaken, DiffSum}},
		{"nobody knows yet, and more went than was asked", []Told{paid, back(2, "R1", "r1", 500, ""), back(3, "R1", "r1", 500, "Failure/InProgress")}, []Entry{charge(pay1, 1, 1280, 501)}, []string{DiffAmount}},
		{"the answer states another part", []Told{paid, with(back(2, "R1", "r1", 500, "Success"), func(t *Told) { a := cny(5); t.Authorized = &a })}, []Entry{charge(pay1, 1, 1280, 5)}, []string{DiffAmount}},

		{"told paid, never charged", []Told{paid}, []Entry{charge(pay1, 1, 0, 0)}, []string{DiffLost, DiffSum}},
		{"told paid, no order at all", []Told{paid}, nil, []string{DiffLost, DiffSum}},
		{"told paid, but given back", []Told{paid}, []Entry{charge(pay1, 1, 1280, 1280)}, []string{DiffLost, DiffSum}},
		{"told failed, charged", []Told{refused}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffTaken, DiffSum}},
		{"told failed, given back in part", []Told{refused}, []Entry{charge(pay1, 1, 1280, 1000)}, []string{DiffTaken, DiffSum}},
		{"reversal told done, still charged", []Told{paid, said(2, KindReversal, "R1", pay1, "Success")}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffTaken, DiffSum}},
		{"reversal told refused, given back", []Told{paid, said(2, KindReversal, "R1", pay1, "Failure/NotAllowed")}, []Entry{charge(pay1, 1, 1280, 1280)}, []string{DiffLost, DiffSum}},
		{"charged twice, two attempts", []Told{paid}, []Entry{charge(pay1, 1, 1280, 0), charge(pay1, 2, 1280, 0)}, []string{DiffTwice, DiffSum}},
		{"charged twice under one order", []Told{paid}, []Entry{with(charge(pay1, 1, 2560, 0), func(e *Entry) { e.Charges = 2 })}, []string{DiffTwice, DiffSum}},
		{"charged twice, two payments of one basket", []Told{paid, said(2, KindPayment, "S2", pay2, "Success")}, []Entry{charge(pay1, 1, 1280, 0), charge(pay2, 1, 1280, 0)}, []string{DiffTwice}},
		{"charged under an order nobody asked for", []Told{paid}, []Entry{charge(pay1, 1, 1280, 0), with(charge(pay1, 1, 1280, 0), func(e *Entry) { e.Order = "4200001234" })}, []string{DiffStray, DiffSum}},
		{"charged for a payment nobody was told of", []Told{paid}, []Entry{charge(pay1, 1, 1280, 0), charge(pay2, 1, 1280, 0)}, []string{DiffStray, DiffSum}},
		{"wrong amount", []Told{paid}, []Entry{charge(pay1, 1, 1281, 0)}, []string{DiffAmount, DiffSum}},
		{"the answer states another amount", []Told{with(paid, func(t *Told) { a := cny(128); t.Authorized = &a })}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffAmount}},
		{"the answer states no amount", []Told{with(paid, func(t *Told) { t.Authorized = nil })}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffAmount}},
		{"wrong currency", []Told{paid}, []Entry{with(charge(pay1, 1, 1280, 0), func(e *Entry) { e.Currency = "HKD" })}, []string{DiffCurrency, DiffSum, DiffSum}},
		{"given back twice", []Told{refused}, []Entry{charge(pay1, 1, 1280, 2560)}, []string{DiffOverRefund, DiffSum}},
		{"told both ways", []Told{paid, said(2, KindStatus, "S1", pay1, "Failure/Aborted")}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffContradiction}},
		{"success without a payment", []Told{with(paid, func(t *Told) { t.Payment = "" })}, nil, []string{DiffLost, DiffSum, DiffUnnamed}},
		{"one payment for two baskets", []Told{paid, with(said(2, KindPayment, "S2", pay1, "Success"), func(t *Told) { t.TransactionID = "T2" })}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffShared}},
		{"not found, yet charged", []Told{silent, said(2, KindStatus, "S1", "", "Failure/NotFound")}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffStray, DiffSum}},
		{"never told anything", []Told{silent}, nil, []string{DiffSilent}},
		{"reversal never told the end", []Told{paid, said(2, KindReversal, "R1", pay1, "")}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffSilent}},
		{"undecided, and too much is held", []Told{silent, said(2, KindStatus, "S1", pay1, "Failure/InProgress")}, []Entry{charge(pay1, 1, 9999, 0)}, []string{DiffAmount}},
		{"undecided, and two charges are held", []Told{silent, said(2, KindStatus, "S1", pay1, "Failure/InProgress")}, []Entry{charge(pay1, 1, 1280, 0), charge(pay1, 2, 1280, 0)}, []string{DiffTwice}},
		{"repeat got another answer", []Told{with(paid, func(t *Told) { t.Digest = "aa" }), with(paid, func(t *Told) { t.Digest = "bb" })}, []Entry{charge(pay1, 1, 1280, 0)}, []string{DiffRepeat}},
		{"an order in two lines", []Told{paid}, []Entry{charge(pay1, 1, 1280, 0), charge(pay1, 1, 1280, 0)}, []string{DiffLedger}},
		{"another answer than expected", []Told{with(refused, func(t *Told) { t.Expect = "Failure/InvalidCard" })}, []Entry{charge(pay1, 1, 0, 0)}, []string{DiffExpect}},
		{"another standing than expected", []Told{with(refused, func(t *Told) { t.ExpectWallet = Nothing })}, []Entry{charge(pay1, 1, 0, 0)}, []string{DiffExpectWallet}},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Compare(tt.told, tt.ledger)
			var got []string
			for _, d := range v.Differences {
				got = append(got, d.Kind)
				seen[d.Kind] = true
				if d.Text == "" || strings.Contains(d.Text, "\n") {
					t.Errorf("difference %s is not one line: %q", d.Kind, d.Text)
				}
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("differences (-want +got):\n%s%+v", diff, v.Differences)
			}
		})
	}
	for _, kind := range []string{DiffLost, DiffTaken, DiffTwice, DiffAmount, DiffCurrency, DiffStray, DiffOverRefund, DiffContradiction,
		DiffUnnamed, DiffShared, DiffSilent, DiffRepeat, DiffLedger, DiffExpect, DiffExpectWallet, DiffSum} {
		if !seen[kind] {
			t.Errorf("no case above brings a %s", kind)
		}
	}
}

// The order of the lines in the file must not matter, only their times.
func TestCompareOrder(t *testing.T) {
	told := []Told{
		said(1, KindPayment, "S1", "", ""),
		said(2, KindStatus, "S1", "", "Failure/InProgress"),
		said(3, KindStatus, "S1", pay1, "Success"),
		said(4, KindReversal, "R1", pay1, "Success"),
	}
	ledger := []Entry{charge(pay1, 1, 1280, 1280)}
	want := Compare(told, ledger)
	slices.Reverse(told)
	if diff := cmp.Diff(want, Compare(told, ledger)); diff != "" {
		t.Errorf("the order of the lines matters (-forward +backward):\n%s", diff)
	}
	if len(want.Rows) != 1 || want.Rows[0].Told != "Success, reversal Success" || !want.Rows[0].OK || want.Rows[0].Ledger != Refunded {
		t.Errorf("rows: %+v", want.Rows)
	}
}

func TestUndecidedRowsAreListed(t *testing.T) {
	v := Compare([]Told{said(1, KindPayment, "S1", "", ""), said(2, KindStatus, "S1", "", "Failure/InProgress")}, nil)
	var out bytes.Buffer
	if err := v.Print(&out); err != nil {
		t.Fatal(err)
	}
	if v.Undecided != 1 || !strings.Contains(out.String(), "undecided: 1") || !strings.Contains(out.String(), "??") {
		t.Errorf("not listed as undecided:\n%s", out.String())
	}
}

func TestLines(t *testing.T) {
	told := []Told{said(1, KindPayment, "S1", pay1, "Success"), said(2, KindReversal, "R1", pay1, "Failure/NotAllowed")}
	var buf bytes.Buffer
	if err := WriteLines(&buf, told); err != nil {
		t.Fatal(err)
	}
	got, err := ReadTold(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(told, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
	for name, text := range map[string]string{
		"torn line":    `{"order":"A","charged":12`,
		"unknown key":  `{"order":"A","chargd":12}`,
		"two values":   `{"order":"A"}{"order":"B"}`,
		"not an order": `[1]`,
		"float money":  `{"charged":12.5}`,
	} {
		if _, err := ReadLedger(strings.NewReader(text + "\n")); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: error %v, want one that names line 1", name, err)
		}
	}
}

func FuzzReadLines(f *testing.F) {
	var buf bytes.Buffer
	if err := WriteLines(&buf, []Entry{charge(pay1, 1, 1280, 0)}); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	buf.Reset()
	if err := WriteLines(&buf, []Told{said(1, KindPayment, "S1", pay1, "Success")}); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		told, _ := ReadTold(bytes.NewReader(b))
		ledger, _ := ReadLedger(bytes.NewReader(b))
		v := Compare(told, ledger)
		if v.Sales > len(told) {
			t.Errorf("%d rows from %d lines", v.Sales, len(told))
		}
	})
}
