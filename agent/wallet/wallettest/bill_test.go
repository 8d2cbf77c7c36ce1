package wallettest_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/alipay"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
)

// billClient is a client that bills come through.
type billClient interface {
	Bill(ctx context.Context, day bill.Day) (io.ReadCloser, error)
	ReadBill(r io.Reader, each func(bill.Row) error) (bill.Totals, error)
}

func eachBiller(t *testing.T, f func(t *testing.T, l *till, c billClient)) {
	for _, name := range []string{wallettest.WeChatPay, wallettest.Alipay} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wallettest.Options{})
			l := newTill(t, w, name, "", nil)
			f(t, l, l.client.(billClient))
		})
	}
}

const billDay = "2026-03-05"

// post puts a day into the ledger: payments at ten, one reversed, one refunded in part, an
// order of an online shop, and one of the day after.
func post(t *testing.T, l *till) bill.Day {
	t.Helper()
	day, err := bill.ParseDay(billDay)
	if err != nil {
		t.Fatal(err)
	}
	at := day.Start().Add(10 * time.Hour)
	entry := func(order string, minor int64) wallettest.Entry {
		at = at.Add(time.Minute)
		return wallettest.Entry{Order: order, Currency: "CNY", TotalMinor: minor, ChargedMinor: minor, Charges: 1, State: wallettest.StatePaid, At: at, PaidAt: at.Add(time.Second)}
	}
	back := entry(l.attempt().ID, 700)
	back.State, back.RefundedMinor = wallettest.StateRefunded, 700
	part := entry(l.attempt().ID, 500)
	part.RefundedMinor, part.Refunds = 200, []wallettest.Refund{{ID: "R-1", Number: "503", Minor: 200, State: wallettest.RefundDone, At: at.Add(time.Hour)}}
	tomorrow := entry(l.attempt().ID, 99)
	tomorrow.At, tomorrow.PaidAt = day.End(), day.End()
	l.w.Post(l.name, entry(l.attempt().ID, 1280), back, part, entry("web-shop-1", 300), tomorrow)
	return day
}

func read(c billClient, r io.Reader) (rows []string, totals bill.Totals, err error) {
	totals, err = c.ReadBill(r, func(row bill.Row) error {
		rows = append(rows, fmt.Sprintf("%s %s %s %s", row.At.Format("15:04:05"), row.Kind, row.Amount, row.Order))
		return nil
	})
	return rows, totals, err
}

func TestBillFetched(t *testing.T) {
	eachBiller(t, func(t *testing.T, l *till, c billClient) {
		day := post(t, l)
		body, err := c.Bill(t.Context(), day)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		rows, totals, err := read(c, body)
		if err != nil {
			t.Fatal(err)
		}
		kind := bill.Reversal
		if l.name == wallettest.Alipay {
			kind = bill.Refund
		}
		want := []string{"10:01:01 payment 7.00 CNY", fmt.Sprintf("10:01:01 %s 7.00 CNY", kind), "10:02:01 payment 5.00 CNY",
			"10:04:01 payment 12.80 CNY", "10:05:01 payment 3.00 CNY", "11:02:00 refund 2.00 CNY"}
		for i := range rows {
			rows[i] = rows[i][:strings.LastIndexByte(rows[i], ' ')]
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Error(diff)
		}
		if totals.Paid != 2780 || totals.Back != 900 || !totals.Complete {
			t.Errorf("%+v", totals)
		}
		noViolations(t, l.w)
	})
}

func TestBillOfSubMerchant(t *testing.T) {
	w := newWorld(t, wallettest.Options{SubMerchant: true})
	l := newTill(t, w, wallettest.WeChatPay, "", nil)
	day := post(t, l)
	c := l.client.(billClient)
	body, err := c.Bill(t.Context(), day)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	_, err = c.ReadBill(body, func(r bill.Row) error {
		if r.Merchant != l.ref.Merchant || r.SubMerchant != l.ref.SubMerchant {
			t.Errorf("row %d is of %s, %s", r.Line, r.Merchant, r.SubMerchant)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	noViolations(t, w)
}

func TestBillNotThere(t *testing.T) {
	eachBiller(t, func(t *testing.T, l *till, c billClient) {
		post(t, l)
		empty, _ := bill.ParseDay("2026-03-01")
		for name, day := range map[string]bill.Day{"a day without payments": empty, "today": bill.DayOf(time.Now())} {
			_, err := c.Bill(t.Context(), day)
			var e *bill.Error
			if !errors.As(err, &e) || !strings.Contains(e.Hint, "10:00") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if ans := l.pay(l.attempt()); ans.Outcome != sale.OutPaid {
			t.Fatal(describe(ans))
		}
		l.w.CloseBooks(l.name)
		body, err := c.Bill(t.Context(), bill.DayOf(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		if rows, _, err := read(c, body); err != nil || len(rows) != 1 || !strings.Contains(rows[0], "payment 12.80 CNY") {
			t.Errorf("%q %v", rows, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Bill(ctx, empty); !errors.Is(err, context.Canceled) {
			t.Errorf("given up before: %v", err)
		}
		noViolations(t, l.w)
	})
}

func TestBillSpoilt(t *testing.T) {
	eachBiller(t, func(t *testing.T, l *till, c billClient) {
		day := post(t, l)
		for fault, words := range map[wallettest.BillFault]string{
			wallettest.BillWrongHash:  "the wallet promised",
			wallettest.BillCut:        "the file ends here",
			wallettest.BillColumn:     "is not known",
			wallettest.BillRowChanged: "missing or changed",
			wallettest.BillRowLeftOut: "missing or changed",
		} {
			if fault == wallettest.BillWrongHash && l.name == wallettest.Alipay {
				continue // it promises none
			}
			l.w.SpoilBill(l.name, fault)
			body, err := c.Bill(t.Context(), day)
			if err != nil {
				t.Fatalf("%s: %v", fault, err)
			}
			_, _, err = read(c, body)
			body.Close()
			var e *bill.Error
			if !errors.As(err, &e) || e.Line == 0 || !strings.Contains(e.Text, words) || e.Hint == "" {
				t.Errorf("%s: %v", fault, err)
			}
		}
		for fault, words := range map[wallettest.BillFault]string{
			wallettest.BillElsewhere: "not one of its own",
			wallettest.BillPlain:     "not offered over TLS",
			wallettest.BillRedirect:  "status 302",
		} {
			l.w.SpoilBill(l.name, fault)
			if _, err := c.Bill(t.Context(), day); err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "token") {
				t.Errorf("%s: %v", fault, err)
			}
		}
		l.w.SpoilBill(l.name, wallettest.BillPaidTwice)
		body, err := c.Bill(t.Context(), day)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		if rows, _, err := read(c, body); err != nil || len(rows) != 7 || rows[0] != rows[1] {
			t.Errorf("paid twice: %q %v", rows, err)
		}
	})
}

// A parser of other people reads our WeChat Pay bill the way we do.
func TestBillPeer(t *testing.T) {
	w := newWorld(t, wallettest.Options{})
	l := newTill(t, w, wallettest.WeChatPay, "", nil)
	post(t, l)
	file := w.Bill(wallettest.WeChatPay, billDay)
	var theirs struct {
		Rows    []map[string]string
		Summary map[string]string
	}
	talk(t, "testdata/bill.js", map[string]any{"bill": base64.StdEncoding.EncodeToString(file)}, nil, &theirs)
	var ours []bill.Row
	totals, err := wechatpay.ReadBill(strings.NewReader(string(file)), func(r bill.Row) error { ours = append(ours, r); return nil })
	if err != nil || len(ours) != len(theirs.Rows) || len(ours) == 0 {
		t.Fatalf("%d rows, the peer has %d: %v", len(ours), len(theirs.Rows), err)
	}
	for i, r := range ours {
		them := theirs.Rows[i]
		sum := them["订单金额"]
		if r.Kind != bill.Payment {
			sum = them["申请退款金额"]
		}
		if r.Order != them["商户订单号"] || r.Transaction != them["微信订单号"] || r.State != them["交易状态"] || r.Merchant != them["商户号"] ||
			r.Amount.Decimal() != sum || r.At.Format(time.DateTime) != them["交易时间"] {
			t.Errorf("row %d: %+v, the peer has %v", i, r, them)
		}
	}
	paid := sale.Amount{Minor: totals.Paid, Currency: "CNY", Exponent: 2}
	if theirs.Summary["总交易单数"] != fmt.Sprint(totals.Rows) || theirs.Summary["订单总金额"] != paid.Decimal() {
		t.Errorf("%+v, the peer has %v", totals, theirs.Summary)
	}
}

func TestBillByHand(t *testing.T) {
	w := newWorld(t, wallettest.Options{})
	l := newTill(t, w, wallettest.Alipay, "", nil)
	post(t, l)
	file := w.Bill(wallettest.Alipay, billDay)
	if !alipay.KnowsBill(file) || wechatpay.KnowsBill(file) {
		t.Error("nobody, or the wrong wallet, knows the archive")
	}
	other := w.Bill(wallettest.WeChatPay, billDay)
	if other != nil {
		t.Error("a bill without rows")
	}
	if w.Bill(wallettest.UnionPay, billDay) != nil {
		t.Error("a bill of a wallet that makes none")
	}
}
