package wallettest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// wechatStates names the ledger's states.
var wechatStates = map[string]string{StatePaying: "USERPAYING", StatePaid: "SUCCESS", StateFailed: "PAYERROR",
	StateClosed: "REVOKED", StateRefunded: "REFUND", StateOffered: "NOTPAY"}

// wechatState is the state of an order. That only a part of it was given back is not said.
func wechatState(e Entry) string {
	switch {
	case e.State == StatePaid && e.RefundedMinor > 0:
		return "REFUND"
	case e.State == StateClosed && e.Code != "":
		return "CLOSED"
	}
	return wechatStates[e.State]
}

var wechatRefundStates = map[string]string{RefundPending: "PROCESSING", RefundDone: "SUCCESS", RefundAbnormal: "ABNORMAL"}

type wechatRefusal struct {
	status        int
	code, message string
}

var wechatRefusals = map[verdict]wechatRefusal{
	vBadCode:     {400, "AUTH_CODE_INVALID", "付款码已过期，请刷新再试"},
	vDeclined:    {403, "NOT_ENOUGH", "用户账号余额不足"},
	vUsed:        {400, "ORDERPAID", "订单已支付"},
	vPaid:        {400, "ORDERPAID", "订单已支付"},
	vClosed:      {400, "ORDER_REVERSED", "订单已撤销"},
	vNotFound:    {404, "ORDER_NOT_EXIST", "订单不存在"},
	vSystemError: {500, "SYSTEM_ERROR", "系统异常，请稍后重试"},
	vBadRequest:  {400, "PARAM_ERROR", "参数错误"},
}

// wechatOther holds the words that differ from those above for one kind of request.
var wechatOther = map[sale.Op]map[verdict]wechatRefusal{
	sale.OpOffer: {
		vDeclined: {403, "NO_AUTH", "商户无权限"},
		vUsed:     {403, "OUT_TRADE_NO_USED", "商户订单号重复"},
	},
	sale.OpRefund: {
		vNotFound: {404, "RESOURCE_NOT_EXISTS", "订单不存在"},
		vClosed:   {400, "INVALID_REQUEST", "订单未支付或已全额退款"},
		vTooMuch:  {400, "INVALID_REQUEST", "申请退款金额大于可退金额"},
	},
	sale.OpQueryRefund: {vNotFound: {404, "RESOURCE_NOT_EXISTS", "退款单不存在"}},
}

func (d *wechat) answer(o order, e Entry, v verdict, how signature) (int, http.Header, []byte) {
	refused, no := wechatOther[o.op][v]
	if !no {
		refused, no = wechatRefusals[v]
	}
	var out map[string]any
	switch {
	case no:
		return d.write(refused.status, map[string]any{"code": refused.code, "message": refused.message}, how)
	case o.op == sale.OpClose:
		return 204, d.sign(nil, how), nil
	case o.op == sale.OpOffer:
		out = map[string]any{"code_url": e.Code}
	case o.op == sale.OpRefund, o.op == sale.OpQueryRefund:
		out = wechatGivenBack(e, o.refund)
	case o.op == sale.OpReverse:
		out = d.echo(e)
	default:
		out = d.order(e)
	}
	return d.write(200, out, how)
}

func (d *wechat) write(status int, out map[string]any, how signature) (int, http.Header, []byte) {
	body, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return status, d.sign(body, how), body
}

func (d *wechat) order(e Entry) map[string]any {
	out := d.echo(e)
	kind := "MICROPAY"
	if e.Code != "" {
		kind = "NATIVE"
	}
	state := wechatState(e)
	out["trade_type"], out["trade_state"], out["trade_state_desc"] = kind, state, state
	if e.State != StateOffered {
		out["transaction_id"] = e.Transaction
	}
	// What the payer paid is less than the order's total, as with a coupon: a client that
	// compares the wrong one is found out.
	out["amount"] = map[string]any{"total": e.TotalMinor, "currency": e.Currency, "payer_total": e.TotalMinor - 1, "payer_currency": e.Currency}
	out["payer"] = map[string]any{"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
	if !e.PaidAt.IsZero() {
		out["success_time"] = e.PaidAt.Format(time.RFC3339)
	}
	return out
}

// wechatGivenBack is the answer about one refund. As with orders, the payer gets less than is
// given back.
func wechatGivenBack(e Entry, id string) map[string]any {
	r := e.Refund(id)
	if r == nil {
		r = &Refund{ID: id, State: RefundPending} // a fault had it told what is not so
	}
	out := map[string]any{
		"refund_id": r.Number, "out_refund_no": r.ID, "transaction_id": e.Transaction, "out_trade_no": e.Order,
		"channel": "ORIGINAL", "user_received_account": "支付用户零钱", "create_time": r.At.Format(time.RFC3339),
		"status": wechatRefundStates[r.State], "funds_account": "AVAILABLE",
		"amount": map[string]any{"total": e.TotalMinor, "refund": r.Minor, "payer_total": e.TotalMinor - 1, "payer_refund": r.Minor - 1,
			"settlement_refund": r.Minor - 1, "settlement_total": e.TotalMinor - 1, "discount_refund": 1, "currency": e.Currency},
	}
	if r.State == RefundDone {
		out["success_time"] = r.At.Format(time.RFC3339)
	}
	return out
}

func (d *wechat) echo(e Entry) map[string]any {
	if d.sub != "" {
		return map[string]any{"sp_appid": d.app, "sp_mchid": e.Merchant, "sub_mchid": e.SubMerchant, "out_trade_no": e.Order}
	}
	return map[string]any{"appid": d.app, "mchid": e.Merchant, "out_trade_no": e.Order}
}

func (d *wechat) sign(body []byte, how signature) http.Header {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	if how == missing {
		return h
	}
	timestamp, nonce := strconv.FormatInt(time.Now().Unix(), 10), digits(20)
	d.mu.Lock()
	by := d.platforms[d.signing]
	d.mu.Unlock()
	sig := sign(by.key, timestamp+"\n"+nonce+"\n"+string(body)+"\n")
	if how == forged {
		sig = "WECHATPAY/SIGNTEST/" + sig[19:]
	}
	h.Set("Wechatpay-Timestamp", timestamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", by.serial)
	h.Set("Wechatpay-Signature", sig)
	h.Set("Request-Id", digits(16))
	return h
}
