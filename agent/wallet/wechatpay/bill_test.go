package wechatpay_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
)

// The three kinds of the trade bill, as the documents list their columns.
const (
	billAll     = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
	billSuccess = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注"
	billRefund  = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
	sumsAll     = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
	sumsSuccess = "总交易单数,应结订单总金额,手续费总金额,订单总金额"
	openid      = "o-payers-openid-o"
)

// A day with a payment with a coupon, a payment by a merchant's online shop, a partial refund
// of an older order and a payment that was reversed.
func dayOfAll() string {
	return "\xef\xbb\xbf" + strings.Join([]string{billAll,
		"`2026-11-21 10:00:00,`wxd678efh567hg6787,`1900000001,`0,`TILL-1,`4200001,`7H3KQ2XA4F9T2C0000001710142,`" + openid + ",`MICROPAY,`SUCCESS,`OTHERS,`CNY,`12.00,`0.80,`0,`0,`0.00,`0.00,`,`,`Tea, green, \"large\",`a,b,`0.07000,`0.60%,`12.80,`0.00,`",
		"`2026-11-21 10:00:01,`wxd678efh567hg6787,`1900000001,`0,`,`4200002,`web-2026-1,`" + openid + ",`JSAPI,`SUCCESS,`CMB_DEBIT,`CNY,`5.00,`0.00,`0,`0,`0.00,`0.00,`,`,`x,`,`0.03000,`0.60%,`5.00,`0.00,`",
		"`2026-11-21 11:00:00,`wxd678efh567hg6787,`1900000001,`0,`TILL-1,`4200000,`7H3KQ2XA4F9T2C0000001510199,`" + openid + ",`MICROPAY,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`5030001,`R-1,`3.00,`0.00,`ORIGINAL,`PROCESSING,`Tea,`,`-0.02000,`0.60%,`0.00,`3.00,`",
		"`2026-11-21 12:00:00,`wxd678efh567hg6787,`1900000001,`0,`TILL-1,`4200003,`7H3KQ2XA4F9T2C0000001810101,`" + openid + ",`MICROPAY,`SUCCESS,`OTHERS,`CNY,`1.00,`0.00,`0,`0,`0.00,`0.00,`,`,`Tea,`,`0.00000,`0.60%,`1.00,`0.00,`",
		"`2026-11-21 12:00:20,`wxd678efh567hg6787,`1900000001,`0,`TILL-1,`4200003,`7H3KQ2XA4F9T2C0000001810101,`" + openid + ",`MICROPAY,`REVOKED,`OTHERS,`CNY,`0.00,`0.00,`0,`0,`1.00,`0.00,`,`,`Tea,`,`0.00000,`0.60%,`0.00,`1.00,`",
		sumsAll,
		"`5,`18.00,`4.00,`0.00,`0.08000,`18.80,`4.00", ""}, "\r\n")
}

func readBill(r io.Reader) (rows []bill.Row, totals bill.Totals, err error) {
	totals, err = wechatpay.ReadBill(r, func(row bill.Row) error { rows = append(rows, row); return nil })
	return rows, totals, err
}

func yuan(fen int64) sale.Amount { return sale.Amount{Minor: fen, Currency: "CNY", Exponent: 2} }

func TestBill(t *testing.T) {
	rows, totals, err := readBill(strings.NewReader(dayOfAll()))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%d %s %s %s %s %s %q %s %s %s", r.Line, r.At.Format("15:04:05"), r.Order, r.Transaction, r.Kind, r.Amount, r.RefundID, r.Terminal, r.Merchant, r.SubMerchant))
	}
	want := []string{
		`2 10:00:00 7H3KQ2XA4F9T2C0000001710142 4200001 payment 12.80 CNY "" TILL-1 1900000001 `,
		`3 10:00:01 web-2026-1 4200002 payment 5.00 CNY ""  1900000001 `,
		`4 11:00:00 7H3KQ2XA4F9T2C0000001510199 4200000 refund 3.00 CNY "R-1" TILL-1 1900000001 `,
		`5 12:00:00 7H3KQ2XA4F9T2C0000001810101 4200003 payment 1.00 CNY "" TILL-1 1900000001 `,
		`6 12:00:20 7H3KQ2XA4F9T2C0000001810101 4200003 reversal 1.00 CNY "" TILL-1 1900000001 `,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if want := (bill.Totals{Rows: 5, Payments: 3, Returns: 2, Paid: 1880, Back: 400, Lines: 8, Complete: true}); totals != want {
		t.Errorf("%+v, want %+v", totals, want)
	}
	if all := fmt.Sprintf("%+v", rows); strings.Contains(all, openid) || strings.Contains(all, "OTHERS") || strings.Contains(all, "Tea") {
		t.Errorf("a personal column came through: %s", all)
	}

	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, dayOfAll())
	z.Close()
	again, totals2, err := readBill(bytes.NewReader(packed.Bytes()))
	if err != nil || totals2 != totals || len(again) != len(rows) {
		t.Errorf("packed: %+v %v", totals2, err)
	}
	if _, _, err := readBill(bytes.NewReader(packed.Bytes()[:packed.Len()-9])); err == nil || !strings.Contains(err.Error(), "line ") {
		t.Errorf("a packed file that was cut: %v", err)
	}
}

// Whatever is cut off, the file is refused; and the error names a line.
func TestBillCutAnywhere(t *testing.T) {
	whole := strings.TrimSuffix(dayOfAll(), "\r\n")
	for n := range len(whole) {
		if whole[n:] == ".00" || whole[n:] == "0" {
			continue // the last number is the same without them
		}
		_, _, err := readBill(strings.NewReader(whole[:n]))
		var e *bill.Error
		if !errors.As(err, &e) || e.HintText() == "" {
			t.Fatalf("cut at %d (%q): %v", n, whole[max(0, n-20):n], err)
		}
	}
}

func TestBillKinds(t *testing.T) {
	success := strings.Join([]string{billSuccess,
		"`2026-11-21 10:00:00,`wx1,`1900000001,`1900000109,`,`1,`a,`u,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`1.00,`0.00,`x,`,`0.01,`0.60%,`1.00,`",
		sumsSuccess, "`1,`1.00,`0.01000,`1.00"}, "\n")
	rows, totals, err := readBill(strings.NewReader(success))
	if err != nil || totals.Complete || len(rows) != 1 || rows[0].SubMerchant != "1900000109" {
		t.Errorf("payments alone: %+v %+v %v", rows, totals, err)
	}
	refund := strings.Join([]string{billRefund,
		"`2021-01-24 16:16:25,`wx1,`1900000001,`0,`,`42,`S1,`u,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`2021-02-01 14:33:21,`2021-02-01 14:33:24,`503,`R1,`0.01,`0.00,`ORIGINAL,`SUCCESS,`x,`c,`0.00000,`1.00%,`0.00,`0.01,`",
		"`2021-01-24 16:16:25,`wx1,`1900000001,`0,`,`43,`S2,`u,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`2021-02-01 14:33:22,`,`504,`R2,`0.05,`0.00,`ORIGINAL,`FAIL,`x,`c,`0.00000,`1.00%,`0.00,`0.05,`",
		sumsAll, "`2,`0.00,`0.06,`0.00,`0.00000,`0.00,`0.06"}, "\n")
	rows, totals, err = readBill(strings.NewReader(refund))
	if err != nil || totals.Complete || len(rows) != 2 || rows[0].Amount != yuan(1) || rows[0].At.Format("01-02") != "02-01" || rows[1].Kind != bill.Void {
		t.Errorf("refunds alone: %+v %+v %v", rows, totals, err)
	}
	// The older layout, from the documents of API v2.
	old := strings.Join([]string{"交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额, 代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率",
		"`2014-11-10 16:33:45,`wx2421b1c4370ec43b,`10000100,`0,`1000,`1001690740201411100005734289,`1415640626,`085e9858e3ba5186aafcbaed1,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`0.01,`0.0,`0,`0,`0,`0,`,`,`被扫支付测试,`订单额外描述,`0,`0.60%",
		"`2014-11-10 16:46:14,`wx2421b1c4370ec43b,`10000100,`0,`1000,`1002780740201411100005729794,`1415635270,`085e9858e90ca40c0b5aee463,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`0.01,`0.0,`0,`0,`0,`0,`,`,`被扫支付测试,`订单额外描述,`0,`0.60%",
		"总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额",
		"`2,`0.02,`0.0,`0.0,`0"}, "\r\n")
	if rows, totals, err = readBill(strings.NewReader(old)); err != nil || len(rows) != 2 || totals.Paid != 2 || !totals.Complete {
		t.Errorf("older layout: %+v %+v %v", rows, totals, err)
	}
}

func TestBillRefused(t *testing.T) {
	good := dayOfAll()
	for name, c := range map[string]struct {
		change func(string) string
		line   int
		words  string
	}{
		"unknown column":  {func(s string) string { return strings.Replace(s, "费率备注\r", "费率备注,收货人\r", 1) }, 1, `column 28 "收货人" is not known`},
		"no order column": {func(s string) string { return strings.Replace(s, "商户订单号", "订单备注", 1) }, 1, "订单备注"},
		"column twice":    {func(s string) string { return strings.Replace(s, "费率备注\r", "费率\r", 1) }, 1, "comes twice"},
		"a cell less":     {func(s string) string { return strings.Replace(s, ",`5.00,`0.00,`\r", ",`5.00,`0.00\r", 1) }, 3, "26 cells"},
		"a row changed":   {func(s string) string { return strings.Replace(s, "`12.80,", "`12.90,", 1) }, 8, "订单总金额"},
		"a row left out": {func(s string) string {
			i := strings.Index(s, "`2026-11-21 10:00:01")
			return s[:i] + s[strings.Index(s, "`2026-11-21 11"):]
		}, 7, "总交易单数"},
		"a state":            {func(s string) string { return strings.Replace(s, "REVOKED", "RETIRED", 1) }, 6, "RETIRED"},
		"no number":          {func(s string) string { return strings.Replace(s, "`12.80,", "`12.8O,", 1) }, 2, "no number of yuan"},
		"a time":             {func(s string) string { return strings.Replace(s, "2026-11-21 11:00:00", "21.11.2026 11:00:00", 1) }, 4, "time"},
		"a currency":         {func(s string) string { return strings.Replace(s, "`CNY", "`XXX", 1) }, 2, "currency"},
		"more after the sum": {func(s string) string { return s + "`2026\r\n" }, 9, "more after"},
		"an unknown total":   {func(s string) string { return strings.Replace(s, "申请退款总金额", "税费总金额", 1) }, 7, "税费总金额"},
		"no totals":          {func(s string) string { return s[:strings.Index(s, sumsAll)] }, 6, "totals"},
		"empty":              {func(string) string { return "" }, 0, "first line"},
	} {
		_, _, err := readBill(strings.NewReader(c.change(good)))
		var e *bill.Error
		if !errors.As(err, &e) || e.Line != c.line || !strings.Contains(e.Error(), c.words) || e.HintText() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that went through a spreadsheet has no back-ticks and quotes what has commas.
func TestBillQuoted(t *testing.T) {
	text := strings.Join([]string{billSuccess,
		`2026-11-21 10:00:00,wx1,1900000001,0,,1,a,u,MICROPAY,SUCCESS,OTHERS,CNY,1.00,0.00,"tea, ""green""",,0.01,0.60%,1.00,`,
		sumsSuccess, "1,1.00,0.01,1.00"}, "\n")
	rows, _, err := readBill(strings.NewReader(text))
	if err != nil || len(rows) != 1 || rows[0].Amount != yuan(100) {
		t.Errorf("%+v %v", rows, err)
	}
}

// A row that the taker refuses ends the reading with its error.
func TestBillTakerStops(t *testing.T) {
	stop := errors.New("enough")
	n := 0
	_, err := wechatpay.ReadBill(strings.NewReader(dayOfAll()), func(bill.Row) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func FuzzBill(f *testing.F) {
	f.Add([]byte(dayOfAll()))
	f.Add([]byte(strings.ReplaceAll(dayOfAll(), "\r\n", "\n")))
	f.Add([]byte(dayOfAll()[:700]))
	f.Add([]byte(billSuccess + "\n" + sumsSuccess + "\n`0,`0.00,`0.00,`0.00"))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, paid := 0, int64(0)
		totals, err := wechatpay.ReadBill(bytes.NewReader(b), func(r bill.Row) error {
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
