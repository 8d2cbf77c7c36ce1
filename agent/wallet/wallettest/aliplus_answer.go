package wallettest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

var plusRefusals = map[verdict][2]string{
	vBadCode:     {"F", "EXPIRED_CODE"},
	vDeclined:    {"F", "USER_BALANCE_NOT_ENOUGH"},
	vUsed:        {"F", "REPEAT_REQ_INCONSISTENT"},
	vClosed:      {"F", "ORDER_IS_CLOSED"},
	vTooMuch:     {"F", "REFUND_AMOUNT_EXCEED"},
	vTooLate:     {"F", "CANCEL_WINDOW_EXCEED"},
	vNotFound:    {"F", "ORDER_NOT_EXIST"},
	vSystemError: {"U", "UNKNOWN_EXCEPTION"},
	vBadRequest:  {"F", "PARAM_ILLEGAL"},
}

// plusPath is where each request goes: the answer's signature names it.
func plusPath(op sale.Op) string {
	for path, o := range plusOps {
		if o == op {
			return path
		}
	}
	return "/"
}

func plusResult(status, code string) map[string]string {
	return map[string]string{"resultStatus": status, "resultCode": code, "resultMessage": "simulated: " + code}
}

func (d *aliplus) answer(o order, e Entry, v verdict, how signature) (int, http.Header, []byte) {
	out := map[string]any{"result": plusResult("S", "SUCCESS"), "acquirerId": d.acquirer, "pspId": "1022172000000000001"}
	refused, no := plusRefusals[v]
	if o.op == sale.OpRefund && v == vDeclined {
		refused[1] = "REFUND_WINDOW_EXCEED"
	}
	switch {
	case no:
		out = map[string]any{"result": plusResult(refused[0], refused[1])}
	case o.op == sale.OpPay:
		d.paid(out, e)
		if e.State == StatePaying {
			out["result"] = plusResult("U", "PAYMENT_IN_PROCESS")
		}
	case o.op == sale.OpQuery:
		d.stated(out, e)
	case o.op == sale.OpRefund:
		d.refunded(out, o, e)
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	at := time.Now().In(shanghai).Format(plusTimeForm)
	header := http.Header{"Content-Type": {"application/json;charset=UTF-8"}, "Client-Id": {d.client}, "Response-Time": {at}}
	text := fmt.Sprintf("POST %s\n%s.%s.%s", plusPath(o.op), d.client, at, body)
	if how == forged {
		text += " "
	}
	if how != missing {
		header.Set("Signature", "algorithm=RSA256, keyVersion=1, signature="+url.QueryEscape(sign(d.keys.platform, text)))
	}
	return 200, header, body
}

func plusMoney(minor int64, currency string) plusAmount {
	return plusAmount{currency, fmt.Sprint(minor)}
}

// paid is what an answer says of a payment. It does not name our order: the documents of pay
// list no such field.
func (d *aliplus) paid(out map[string]any, e Entry) {
	out["paymentId"] = e.Transaction
	if e.PaidAt.IsZero() {
		return
	}
	out["paymentTime"] = e.PaidAt.In(shanghai).Format(plusTimeForm)
	out["paymentAmount"] = plusMoney(e.TotalMinor, e.Currency)
	out["walletBrandName"], out["customerId"] = "AlipayHK", "2188120000190001"
	// What the payer paid and what is settled are in other currencies: a client that reads
	// the wrong one is found out.
	out["settlementAmount"] = plusMoney(1, "USD")
}

func (d *aliplus) stated(out map[string]any, e Entry) {
	d.paid(out, e)
	out["paymentRequestId"] = e.Order
	result := plusResult("S", "SUCCESS")
	switch {
	case e.State == StatePaying:
		result = plusResult("U", "PAYMENT_IN_PROCESS")
	case e.State == StateFailed:
		result = plusResult("F", "USER_BALANCE_NOT_ENOUGH")
	case e.State == StateClosed, e.State == StateRefunded && len(e.Refunds) == 0: // cancelled, paid or not
		result = plusResult("F", "ORDER_IS_CLOSED")
	}
	out["paymentResult"] = result
	list := []map[string]any{}
	for _, r := range e.Refunds {
		status := map[string]string{RefundDone: "S", RefundPending: "U", RefundAbnormal: "U"}[r.State]
		list = append(list, map[string]any{"transactionType": "REFUND", "transactionRequestId": r.ID, "transactionId": r.Number,
			"transactionAmount": plusMoney(r.Minor, e.Currency), "transactionResult": plusResult(status, "SUCCESS")})
	}
	if len(list) > 0 {
		out["transactions"] = list
	}
}

// refunded does not name the refund either.
func (d *aliplus) refunded(out map[string]any, o order, e Entry) {
	r := e.Refund(o.refund)
	if r.State != RefundDone {
		out["result"] = plusResult("U", "UNKNOWN_EXCEPTION")
		return
	}
	out["refundId"], out["refundTime"] = r.Number, r.At.In(shanghai).Format(plusTimeForm)
	out["refundAmount"] = plusMoney(r.Minor, e.Currency)
}
