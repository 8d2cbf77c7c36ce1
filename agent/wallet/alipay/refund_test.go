package alipay

import (
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

var refundAnswers = []struct {
	op     sale.Op
	status int
	inner  string
	want   sale.RefundOutcome
}{
	{sale.OpRefund, 200, `{"code":"10000","out_trade_no":"A","fund_change":"Y","refund_fee":"3.00"}`, sale.RefOutDone},
	{sale.OpRefund, 200, `{"code":"10000","out_trade_no":"A","fund_change":"Y","refund_fee":"12.80"}`, sale.RefOutDone},
	{sale.OpRefund, 200, `{"code":"10000","out_trade_no":"A","fund_change":"Y"}`, sale.RefOutDone},
	{sale.OpRefund, 200, `{"code":"10000","out_trade_no":"A","fund_change":"Y","refund_fee":"2.99"}`, sale.RefOutUnknown},
	{sale.OpRefund, 200, `{"code":"10000","out_trade_no":"A","fund_change":"N","refund_fee":"3.00"}`, sale.RefOutUnknown},
	{sale.OpRefund, 200, `{"code":"10000","out_trade_no":"A","refund_fee":"3.00"}`, sale.RefOutUnknown},
	{sale.OpRefund, 200, `{"code":"10000","fund_change":"Y","refund_fee":"3.00"}`, sale.RefOutUnknown},
	{sale.OpRefund, 502, `{"code":"10000","out_trade_no":"A","fund_change":"Y"}`, sale.RefOutUnknown},
	{sale.OpRefund, 200, `{"code":"20000","sub_code":"ACQ.SELLER_BALANCE_NOT_ENOUGH"}`, sale.RefOutUnknown},
	{sale.OpRefund, 200, `{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"}`, sale.RefOutUnknown},
	{sale.OpRefund, 200, `{"code":"40004","sub_code":"ACQ.DISCORDANT_REPEAT_REQUEST"}`, sale.RefOutUnknown},
	{sale.OpRefund, 200, `{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}`, sale.RefOutUnknown},
	{sale.OpRefund, 200, `{"code":"40004","sub_code":"ACQ.SELLER_BALANCE_NOT_ENOUGH"}`, sale.RefOutRefused},
	{sale.OpRefund, 200, `{"code":"40004","sub_code":"ACQ.TRADE_NOT_ALLOW_REFUND"}`, sale.RefOutRefused},
	{sale.OpRefund, 200, `{"code":10000}`, sale.RefOutUnknown},
	{sale.OpQueryRefund, 200, `{"code":"10000","msg":"Success"}`, sale.RefOutNotFound},
	{sale.OpQueryRefund, 200, `{"code":"10000","out_trade_no":"A","out_request_no":"R","refund_amount":"3.00"}`, sale.RefOutNotFound},
	{sale.OpQueryRefund, 200, `{"code":"10000","out_trade_no":"A","out_request_no":"R","refund_amount":"3.00","refund_status":"REFUND_SUCCESS"}`, sale.RefOutDone},
	{sale.OpQueryRefund, 200, `{"code":"10000","out_trade_no":"A","out_request_no":"R","refund_status":"REFUND_SUCCESS"}`, sale.RefOutUnknown},
	{sale.OpQueryRefund, 200, `{"code":"10000","refund_amount":"3.00","refund_status":"REFUND_SUCCESS"}`, sale.RefOutUnknown},
	{sale.OpQueryRefund, 200, `{"code":"10000","refund_status":"REFUND_PROCESSING"}`, sale.RefOutPending},
	{sale.OpQueryRefund, 200, `{"code":"10000","refund_status":"REFUND_FAIL"}`, sale.RefOutUnknown},
	{sale.OpQueryRefund, 200, `{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}`, sale.RefOutUnknown},
	{sale.OpQueryRefund, 200, `{"code":"40004","sub_code":"ACQ.SELLER_BALANCE_NOT_ENOUGH"}`, sale.RefOutUnknown},
}

func TestRefundLists(t *testing.T) {
	three := sale.Amount{Minor: 300, Currency: "CNY", Exponent: 2}
	for _, c := range refundAnswers {
		got := readRefund(c.op, c.status, []byte(c.inner), three)
		if got.Outcome != c.want || !got.Signed || got.Outcome == sale.RefOutUnknown && got.Cause == "" {
			t.Errorf("%s %d %s: %q %q, want %q", c.op, c.status, c.inner, got.Outcome, got.Cause, c.want)
		}
		if got.HasAmount && !got.Amount.Same(three) {
			t.Errorf("%s: amount %s", c.inner, got.Amount)
		}
	}
}

func TestOfferAnswers(t *testing.T) {
	good := readOffer(200, []byte(`{"code":"10000","out_trade_no":"A","qr_code":"https:\/\/qr.alipay.com\/bavh4wjlxf12tper3a"}`))
	if good.Outcome != sale.OutAccepted || good.Code != "https://qr.alipay.com/bavh4wjlxf12tper3a" {
		t.Errorf("good: %+v", good)
	}
	for _, code := range []string{"", "http://qr.alipay.com/x", "https://qr.alipay.com/a b", "https://" + strings.Repeat("x", 600)} {
		if o := readOffer(200, []byte(`{"code":"10000","out_trade_no":"A","qr_code":"`+code+`"}`)); o.Outcome != sale.OutUnknown || o.Code != "" || o.Cause == "" {
			t.Errorf("code %.40q: %+v", code, o)
		}
	}
}

// What an answer says was paid to another account is not ours; without an account in the
// settings none is compared.
func TestAnotherSellerIsForeign(t *testing.T) {
	inner := []byte(`{"code":"10000","out_trade_no":"` + attempt.ID + `","total_amount":"12.80","seller_id":"2088000000000009"}`)
	a := attempt
	a.Contract.SubMerchant = "2088102147948060"
	if ev := a.Judge(sale.OpPay, testClient(t).bound(read(sale.OpPay, 200, inner))); ev != sale.EvForeign {
		t.Errorf("paid to another account is worth %q", ev)
	}
	a.Contract.SubMerchant = ""
	c := newClient(t, "", Settings{AppID: "2021000000000001"})
	if ev := a.Judge(sale.OpPay, c.bound(read(sale.OpPay, 200, inner))); ev != sale.EvPaid {
		t.Errorf("paid, with no account in the settings, is worth %q", ev)
	}
}

func TestLifeOfAnOffer(t *testing.T) {
	c := testClient(t)
	for life, want := range map[time.Duration]string{
		time.Second:      `"time_expire":"2026-11-22 18:00:01","qr_code_timeout_express":"1m"`,
		time.Minute:      `"time_expire":"2026-11-22 18:01:00","qr_code_timeout_express":"1m"`,
		90 * time.Second: `"time_expire":"2026-11-22 18:01:30","qr_code_timeout_express":"2m"`,
		2 * time.Minute:  `"time_expire":"2026-11-22 18:02:00","qr_code_timeout_express":"2m"`,
	} {
		a := attempt
		a.OfferLife = life
		if got := string(c.offerBiz(a)); !strings.Contains(got, want) {
			t.Errorf("a life of %s: %s", life, got)
		}
	}
	a := attempt
	for _, life := range []time.Duration{0, -1, 2*time.Minute + 1} {
		a.OfferLife = life
		if _, err := c.Offer(t.Context(), a); err == nil {
			t.Errorf("offered for %s", life)
		}
	}
}

func TestForeignSumsAreNotGivenBack(t *testing.T) {
	c := testClient(t)
	for _, amount := range []sale.Amount{
		{Minor: 100, Currency: "JPY"}, {Minor: 0, Currency: "CNY", Exponent: 2}, {Minor: 1281, Currency: "CNY", Exponent: 2},
	} {
		if _, err := c.Refund(t.Context(), attempt, sale.Refund{ID: "R", Amount: amount}); err == nil {
			t.Errorf("%s was asked for", amount)
		}
	}
}
