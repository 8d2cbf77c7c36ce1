package alipay_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/wallet/alipay"
)

const billHead = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"

// dayOfAli is a day as the platform writes it: tabs behind cells, goods and notes of anybody.
func dayOfAli() string {
	return strings.Join([]string{
		"#支付宝业务明细查询",
		"#账号：[20885212319120680156]",
		"#起始日期：[2026年11月21日 00:00:00]   终止日期：[2026年11月22日 00:00:00]",
		"#-----------------------------------------业务明细列表----------------------------------------",
		billHead,
		"2026112122001004720299453898\t,7H3KQ2XA4F9T2C0000001710142\t,交易\t,街角便利店,2026-11-21 00:06:14,2026-11-21 00:06:15,\t,\t,\t,TILL-1\t,*杨(137****2600)\t,12.80,12.30,0.00,0.00,0.00,0.50,0.00,,0.00\t,0.00,\t,-0.07,0.00,",
		"2026112122001004720299453899\t,web-1\t,交易\t,T恤, 蓝色, 大,2026-11-21 09:00:00,2026-11-21 09:00:05,\t,\t,\t,\t,**佳(yan***@163.com)\t,1.00,1.00,0.96,0.00,0.00,0.00,0.00,花呗红包,0.00\t,0.00,\t,-0.01,0.00,张三, 下午取",
		"2026112022001004720299450000\t,7H3KQ2XA4F9T2C0000001510199\t,退款\t,街角便利店,2026-11-20 19:00:00,2026-11-21 10:00:00,\t,\t,\t,TILL-1\t,*杨(137****2600)\t,-3.00,-3.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,R-1\t,0.02,0.00,",
		"#-----------------------------------------业务明细列表结束------------------------------------",
		"#交易合计：2笔，商家实收共13.30元，商家优惠共0.50元",
		"#退款合计：1笔，商家实收退款共-3.00元，商家优惠退款共0.00元",
		"#导出时间：[2026年11月22日 07:27:37]", ""}, "\r\n")
}

func gbk(t testing.TB, s string) string {
	t.Helper()
	out, err := simplifiedchinese.GBK.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// aliZip is the archive: names in GBK, the sums by shop first.
func aliZip(t testing.TB, details string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range [][2]string{{"2088_20261121_业务明细(汇总).csv", "#支付宝业务汇总查询\r\n"}, {"2088_20261121_业务明细.csv", details}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: gbk(t, f[0]), NonUTF8: true, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, gbk(t, f[1]))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readBill(r io.Reader) (rows []bill.Row, totals bill.Totals, err error) {
	totals, err = alipay.ReadBill(r, func(row bill.Row) error { rows = append(rows, row); return nil })
	return rows, totals, err
}

func TestBill(t *testing.T) {
	day, err := bill.ParseDay("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"utf-8": dayOfAli(), "utf-8 with a mark": "\xef\xbb\xbf" + dayOfAli(), "gbk": gbk(t, dayOfAli()), "zip": string(aliZip(t, dayOfAli()))} {
		rows, totals, err := readBill(strings.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, fmt.Sprintf("%d %s %s %s %s %s %q %s", r.Line, r.At.Format("15:04:05"), r.Order, r.Transaction, r.Kind, r.Amount, r.RefundID, r.Terminal))
		}
		want := []string{
			`6 00:06:15 7H3KQ2XA4F9T2C0000001710142 2026112122001004720299453898 payment 12.80 CNY "" TILL-1`,
			`7 09:00:05 web-1 2026112122001004720299453899 payment 1.00 CNY "" `,
			`8 10:00:00 7H3KQ2XA4F9T2C0000001510199 2026112022001004720299450000 refund 3.00 CNY "R-1" TILL-1`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if want := (bill.Totals{Rows: 3, Payments: 2, Returns: 1, Paid: 1380, Back: 300, Lines: 12, Complete: true, Account: "20885212319120680156", From: day}); totals != want {
			t.Errorf("%s: %+v, want %+v", name, totals, want)
		}
		if all := fmt.Sprintf("%+v", rows); strings.Contains(all, "137") || strings.Contains(all, "杨") || strings.Contains(all, "163") || strings.Contains(all, "张三") {
			t.Errorf("%s: a personal column came through: %s", name, all)
		}
	}
}

func TestBillCutAnywhere(t *testing.T) {
	whole := dayOfAli()
	enough := strings.Index(whole, "，商家优惠退款共") // both totals are read by then
	for n := range enough {
		_, _, err := readBill(strings.NewReader(whole[:n]))
		var e *bill.Error
		if !errors.As(err, &e) || e.HintText() == "" {
			t.Fatalf("cut at %d (%q): %v", n, whole[max(0, n-20):n], err)
		}
	}
	packed := aliZip(t, whole)
	for n := range packed {
		if _, _, err := readBill(bytes.NewReader(packed[:n])); err == nil {
			t.Fatalf("archive cut to %d of %d bytes: no error", n, len(packed))
		}
	}
}

func TestBillRefused(t *testing.T) {
	good := dayOfAli()
	swap := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	for name, c := range map[string]struct {
		change func(string) string
		line   int
		words  string
	}{
		"unknown column":  {swap("备注\r", "备注,买家手机\r"), 5, `column 26 "买家手机" is not known`},
		"no order column": {swap("商户订单号,", ""), 5, "商户订单号"},
		"a row left out": {func(s string) string {
			i := strings.Index(s, "2026112022")
			return s[:i] + s[strings.Index(s, "#-----------------------------------------业务明细列表结束"):]
		}, 10, "退款合计 says 1 rows, and 0 came"},
		"a row changed":    {swap(",12.30,", ",12.31,"), 10, "交易合计 says 1330 fen"},
		"a kind":           {swap("退款\t", "冻结\t"), 8, "冻结"},
		"a month":          {swap("2026年11月22日 00:00:00]", "2026年12月21日 00:00:00]"), 3, "not of one whole day"},
		"hours":            {swap("[2026年11月21日 00:00:00]", "[2026年11月21日 01:00:00]"), 3, "not of one whole day"},
		"another document": {swap("业务明细查询", "账务明细查询"), 1, "账务明细查询"},
		"no number":        {swap(",12.80,", ",12.8x,"), 6, "no number of yuan"},
		"cells":            {swap(",12.80,", ",12.80,1,1,"), 10, "交易合计"},
		"a cell less":      {swap(",12.80,", ","), 6, "24 cells"},
		"one sum missing":  {func(s string) string { return s[:strings.Index(s, "#退款合计")] }, 10, "totals"},
		"text at the end":  {func(s string) string { return s + "x\r\n" }, 13, "after the end"},
		"no bill":          {func(string) string { return "交易时间,x\r\n" }, 1, "begins with"},
		"empty":            {func(string) string { return "" }, 0, "columns"},
	} {
		_, _, err := readBill(strings.NewReader(c.change(good)))
		var e *bill.Error
		if !errors.As(err, &e) || e.Line != c.line || !strings.Contains(e.Error(), c.words) || e.HintText() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBill(f *testing.F) {
	f.Add([]byte(dayOfAli()))
	f.Add([]byte(gbk(f, dayOfAli())))
	f.Add(aliZip(f, dayOfAli()))
	f.Add([]byte(dayOfAli()[:900]))
	f.Add([]byte("#支付宝业务明细查询\n" + billHead + "\n#业务明细列表结束\n#交易合计：0笔，共0元\n#退款合计：0笔，共0元"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, paid := 0, int64(0)
		totals, err := alipay.ReadBill(bytes.NewReader(b), func(r bill.Row) error {
			if n++; r.Kind == bill.Payment {
				paid += r.Amount.Minor
			}
			if r.Amount.Minor < 0 || r.Line < 2 || r.At.IsZero() {
				t.Errorf("%+v", r)
			}
			return nil
		})
		if err == nil && (totals.Rows != n || totals.Paid != paid) {
			t.Errorf("%+v after %d rows of %d", totals, n, paid)
		}
	})
}

func BenchmarkBill(b *testing.B) {
	const rows = 50_000
	var lines strings.Builder
	all := strings.SplitAfter(dayOfAli(), "\r\n")
	for _, l := range all[:5] {
		lines.WriteString(l)
	}
	for range rows {
		lines.WriteString(all[5])
	}
	lines.WriteString(all[8])
	fmt.Fprintf(&lines, "#交易合计：%d笔，商家实收共%d.%02d元，商家优惠共0.00元\r\n#退款合计：0笔，商家实收退款共0.00元，商家优惠退款共0.00元\r\n", rows, rows*1230/100, rows*1230%100)
	file := aliZip(b, lines.String())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := alipay.ReadBill(bytes.NewReader(file), func(bill.Row) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
