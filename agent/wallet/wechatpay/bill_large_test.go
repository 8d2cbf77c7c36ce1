package wechatpay_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
)

const largeTerminal = "7H3KQ2XA"

func largeOrder(i int) string {
	terminal := largeTerminal
	if i%10 != 0 {
		terminal = fmt.Sprintf("7H3KQ%03d", i%997)
	}
	return sale.OrderID(sale.PaymentID(terminal, "4F9T2C", uint64(i)), 1, 1)
}

// largeBill writes a bill of n rows as it is read: every tenth is of our terminal.
func largeBill(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		fmt.Fprintf(w, "\xef\xbb\xbf%s\r\n", billAll)
		for i := range n {
			_, err := fmt.Fprintf(w, "`2026-11-21 %02d:%02d:%02d,`wxd678efh567hg6787,`1900000001,`0,`TILL-%d,`42000%023d,`%s,`oUpF8uMuAJO_M2pxb1Q9zNjW%04d,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`12.80,`0.00,`0,`0,`0.00,`0.00,`,`,`街角便利店,`,`0.07000,`0.60%%,`12.80,`0.00,`\r\n",
				i/3600%24, i/60%60, i%60, i%40, i, largeOrder(i), i%10000)
			if err != nil {
				return
			}
		}
		sum := sale.Amount{Minor: int64(n) * 1280, Currency: "CNY", Exponent: 2}.Decimal()
		fmt.Fprintf(w, "%s\r\n`%d,`%s,`0.00,`0.00,`0.00000,`%s,`0.00\r\n", sumsAll, n, sum, sum)
		w.Close()
	}()
	return r
}

// compareLarge compares a bill of n rows with a till that has its own orders on record. at is
// called for every row.
func compareLarge(t testing.TB, n int, at func(row int)) bill.Report {
	t.Helper()
	day, err := bill.ParseDay("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	c := bill.NewComparison(bill.Scope{Terminal: largeTerminal, Merchant: "1900000001", Day: day, Over: true})
	for i := 0; i < n; i += 10 {
		if err := c.Ours(bill.Ours{Order: largeOrder(i), Amount: yuan(1280), State: sale.Paid, At: day.Start().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	file := largeBill(n)
	totals, err := wechatpay.ReadBill(file, func(r bill.Row) error {
		at(r.Line)
		return c.Row(r)
	})
	if err != nil {
		t.Fatal(err)
	}
	report, _ := c.Finish(totals)
	return report
}

// What a comparison keeps depends on the till's own orders, not on the length of the bill.
func TestLargeBillNeedsLittleMemory(t *testing.T) {
	const rows, limit = 200_000, 32 << 20
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := heap(), uint64(0)
	report := compareLarge(t, rows, func(row int) {
		if row%20_000 == 0 {
			most = max(most, heap())
		}
	})
	if report.Rows != rows || report.Matched != rows/10 || report.OtherTerminals.Orders != rows-rows/10 || report.Left() != 0 {
		t.Errorf("%+v", report)
	}
	if most < before || most-before > limit/2 {
		t.Errorf("%d KiB of live heap more than before, want at most %d", (most-before)>>10, limit/2>>10)
	}
	t.Logf("%d rows, %d of them ours: %d KiB of live heap at most", rows, rows/10, (most-before)>>10)
}

// Each row costs a bounded number of allocations.
func TestBillRowAllocations(t *testing.T) {
	const rows = 5000
	per := testing.AllocsPerRun(3, func() {
		// The generator allocates too: about six a row.
		if _, err := wechatpay.ReadBill(largeBill(rows), func(bill.Row) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}) / rows
	if per > 25 {
		t.Errorf("%.1f allocations a row", per)
	}
}

func BenchmarkLargeBill(b *testing.B) {
	const rows = 50_000
	for b.Loop() {
		compareLarge(b, rows, func(int) {})
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
