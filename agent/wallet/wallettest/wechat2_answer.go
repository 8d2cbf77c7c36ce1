package wallettest

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
)

var wechat2Refusals = map[verdict]string{
	vBadCode: "AUTH_CODE_INVALID", vDeclined: "NOTENOUGH", vUsed: "ORDERPAID", vPaid: "ORDERPAID", vClosed: "ORDERREVERSED",
	vNotFound: "ORDERNOTEXIST", vSystemError: "SYSTEMERROR", vTooMuch: "INVALID_REQUEST",
}

// wechat2Other holds the words that differ from those above for one kind of request.
var wechat2Other = map[sale.Op]map[verdict]string{
	sale.OpOffer:       {vDeclined: "NOAUTH", vUsed: "OUT_TRADE_NO_USED"},
	sale.OpRefund:      {vClosed: "INVALID_REQUEST"},
	sale.OpQueryRefund: {vNotFound: "REFUNDNOTEXIST"},
}

var wechat2RefundStates = map[string]string{RefundPending: "PROCESSING", RefundDone: "SUCCESS", RefundAbnormal: "CHANGE"}

func (d *wechat2) answer(o order, e Entry, v verdict, how signature) (int, http.Header, []byte) {
	header := http.Header{"Content-Type": {"text/xml; charset=utf-8"}}
	if v == vBadRequest {
		return 200, header, writeFlat(map[string]string{"return_code": "FAIL", "return_msg": "签名失败或参数错误"})
	}
	out := map[string]string{"return_code": "SUCCESS", "return_msg": "OK", "appid": d.app, "mch_id": e.Merchant, "sub_mch_id": e.SubMerchant,
		"nonce_str": digits(20), "result_code": "SUCCESS", "a_field_of_tomorrow": "<&> 咖啡"}
	code := wechat2Other[o.op][v]
	if code == "" {
		code = wechat2Refusals[v]
	}
	switch {
	case code != "":
		out["result_code"], out["err_code"], out["err_code_des"] = "FAIL", code, "业务错误"
		if o.op == sale.OpReverse {
			out["recall"] = "Y"
		}
	case o.op == sale.OpPay && e.State == StatePaying:
		out["result_code"], out["err_code"], out["err_code_des"] = "FAIL", "USERPAYING", "需要用户输入支付密码"
	case o.op == sale.OpPay:
		d.paid(out, e)
	case o.op == sale.OpQuery:
		out["out_trade_no"], out["trade_state"] = e.Order, wechatState(e)
		if out["trade_state"] == "SUCCESS" { // no other order says more of itself
			d.paid(out, e)
		}
	case o.op == sale.OpReverse:
		out["recall"] = "N"
	case o.op == sale.OpOffer:
		out["trade_type"], out["prepay_id"], out["code_url"] = "NATIVE", "wx"+digits(20), e.Code
	case o.op == sale.OpRefund:
		d.taken(out, e, o.refund)
	case o.op == sale.OpQueryRefund:
		d.listed(out, e, o.refund)
	}
	if how != missing {
		kind := o.signType
		if kind == "" {
			kind = d.signTypeOfTheDay
		}
		out["sign"] = flatSign(kind, out, d.key)
		if how == forged {
			out["sign"] = otherOrder(out["sign"])
		}
	}
	return 200, header, writeFlat(out)
}

func fenText(minor int64) string { return strconv.FormatInt(minor, 10) }

// paid says all of a paid order. What the payer paid is less than the order's total, as with a
// coupon: a client that compares the wrong one is found out.
func (d *wechat2) paid(out map[string]string, e Entry) {
	kind := "MICROPAY"
	if e.Code != "" {
		kind = "NATIVE"
	}
	maps.Copy(out, map[string]string{"out_trade_no": e.Order, "transaction_id": e.Transaction, "trade_type": kind, "bank_type": "CMC",
		"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "is_subscribe": "N", "fee_type": e.Currency, "total_fee": fenText(e.TotalMinor),
		"settlement_total_fee": fenText(e.TotalMinor - 1), "cash_fee_type": "CNY", "cash_fee": fenText(e.TotalMinor - 1), "coupon_fee": "1", "attach": "",
		"time_end": e.PaidAt.UTC().Add(8 * 3600e9).Format("20060102150405")})
}

// taken is the answer to a refund, which says only that it was taken.
func (d *wechat2) taken(out map[string]string, e Entry, id string) {
	r := e.Refund(id)
	if r == nil {
		r = &Refund{ID: id} // a fault had it told what is not so
	}
	maps.Copy(out, map[string]string{"out_trade_no": e.Order, "transaction_id": e.Transaction, "out_refund_no": r.ID, "refund_id": r.Number,
		"refund_fee": fenText(r.Minor), "settlement_refund_fee": fenText(r.Minor - 1), "total_fee": fenText(e.TotalMinor), "cash_fee": fenText(e.TotalMinor - 1),
		"cash_refund_fee": fenText(r.Minor - 1), "fee_type": e.Currency})
}

// listed lists the refunds of an order, or one of them.
func (d *wechat2) listed(out map[string]string, e Entry, only string) {
	n := 0
	for _, r := range e.Refunds {
		if only != "" && r.ID != only || n == 10 {
			continue
		}
		at := fmt.Sprintf("_%d", n)
		out["out_refund_no"+at], out["refund_id"+at], out["refund_fee"+at] = r.ID, r.Number, fenText(r.Minor)
		out["refund_channel"+at], out["refund_status"+at] = "ORIGINAL", wechat2RefundStates[r.State]
		n++
	}
	out["out_trade_no"], out["transaction_id"], out["fee_type"] = e.Order, e.Transaction, e.Currency
	out["total_fee"], out["cash_fee"] = fenText(e.TotalMinor), fenText(e.TotalMinor-1)
	out["refund_count"], out["total_refund_count"] = strconv.Itoa(n), strconv.Itoa(len(e.Refunds))
	if only != "" {
		out["total_refund_count"] = "1"
	}
}
