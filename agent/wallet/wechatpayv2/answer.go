package wechatpayv2

import (
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// values are the fields of a verified answer. What is read of them is named one by one;
// everything else, the payer's openid first of all, is dropped.
type values map[string]string

// amount reads a sum in fen.
func (v values) amount(name, currency string) (sale.Amount, bool) {
	minor, err := strconv.ParseInt(v[name], 10, 64)
	if err != nil || minor < 0 {
		return sale.Amount{}, false
	}
	code := sale.Currency(wallet.CleanCode(v[currency]))
	if code == "" {
		code = "CNY" // the documented default
	}
	exponent, _ := code.Exponent()
	return sale.Amount{Minor: minor, Currency: code, Exponent: exponent}, true
}

// states says what a trade_state is worth.
var states = map[string]sale.Outcome{
	"SUCCESS":    sale.OutPaid,
	"REFUND":     sale.OutRefunded,
	"NOTPAY":     sale.OutPaying,
	"USERPAYING": sale.OutPaying,
	"CLOSED":     sale.OutClosed,
	"REVOKED":    sale.OutClosed,
	"PAYERROR":   sale.OutFailed,
}

// codes are the closed lists of error codes. Those of a payment are the ones that the
// documents call "payment confirmed to have failed"; SYSTEMERROR, BANKERROR, TRADE_ERROR and
// every other code are unknown there: the query decides.
var codes = map[sale.Op]map[string]sale.Outcome{
	sale.OpPay: {
		"AUTH_CODE_INVALID": sale.OutBadCode,
		"AUTH_CODE_ERROR":   sale.OutBadCode,
		"AUTHCODEEXPIRE":    sale.OutBadCode,

		"NOTENOUGH":             sale.OutDeclined,
		"NOTSUPORTCARD":         sale.OutDeclined,
		"NOAUTH":                sale.OutDeclined,
		"PARAM_ERROR":           sale.OutDeclined,
		"LACK_PARAMS":           sale.OutDeclined,
		"SIGNERROR":             sale.OutDeclined,
		"APPID_NOT_EXIST":       sale.OutDeclined,
		"MCHID_NOT_EXIST":       sale.OutDeclined,
		"APPID_MCHID_NOT_MATCH": sale.OutDeclined,

		"USERPAYING": sale.OutPaying,

		// The number belongs to another payer's order, or to one that ended.
		"BUYER_MISMATCH":    sale.OutDuplicate,
		"ORDERPAID":         sale.OutDuplicate,
		"OUT_TRADE_NO_USED": sale.OutDuplicate,
		"ORDERCLOSED":       sale.OutDuplicate,
		"ORDERREVERSED":     sale.OutDuplicate,
	},
	sale.OpQuery:   {"ORDERNOTEXIST": sale.OutNotFound},
	sale.OpReverse: {"ORDERNOTEXIST": sale.OutNotFound, "USERPAYING": sale.OutRetry, "SYSTEMERROR": sale.OutRetry},
	sale.OpOffer: {
		"NOAUTH":                sale.OutDeclined,
		"PARAM_ERROR":           sale.OutDeclined,
		"LACK_PARAMS":           sale.OutDeclined,
		"SIGNERROR":             sale.OutDeclined,
		"APPID_NOT_EXIST":       sale.OutDeclined,
		"MCHID_NOT_EXIST":       sale.OutDeclined,
		"APPID_MCHID_NOT_MATCH": sale.OutDeclined,

		"ORDERPAID":         sale.OutDuplicate,
		"OUT_TRADE_NO_USED": sale.OutDuplicate,
		"ORDERCLOSED":       sale.OutDuplicate,
	},
	// ORDERPAID settles nothing in a close: the query says what was paid.
	sale.OpClose: {"ORDERNOTEXIST": sale.OutNotFound, "ORDERCLOSED": sale.OutAccepted, "ORDERREVERSED": sale.OutAccepted},
}

// judge verifies an answer and reads it.
func (c *Client) judge(op sale.Op, r wallet.Reply) sale.Answer {
	if r.Cause != "" {
		return sale.Answer{NotSent: r.NotSent, Cause: r.Cause}
	}
	in, err := c.open(r)
	if err != nil {
		return sale.Answer{Cause: err.Error()}
	}
	ans := read(op, in)
	if ans.Outcome == sale.OutPaid && c.set.SubMerchantID != "" && ans.SubMerchant == "" {
		ans.Outcome, ans.Cause = sale.OutUnknown, "the answer names no sub-merchant"
	}
	return ans
}

// read makes an answer of the fields of a verified reply.
func read(op sale.Op, in values) sale.Answer {
	ans := sale.Answer{Signed: true, Order: in["out_trade_no"], Merchant: in["mch_id"], SubMerchant: in["sub_mch_id"],
		WalletTransaction: wallet.CleanID(in["transaction_id"]), PaidAt: wallet.CleanID(in["time_end"])}
	ans.Total, ans.HasTotal = in.amount("total_fee", "fee_type")
	switch {
	case in["result_code"] == "FAIL":
		refuse(&ans, op, in)
	case in["result_code"] != "SUCCESS":
		ans.Cause = "result code " + wallet.CleanCode(in["result_code"]) + " settles nothing"
	case in["recall"] == "Y":
		ans.Outcome, ans.Code = sale.OutRetry, "recall"
	case op == sale.OpReverse || op == sale.OpClose:
		ans.Outcome = sale.OutAccepted
	case op == sale.OpOffer && !showable(in["code_url"]):
		ans.Cause = "the answer holds no code that could be shown"
	case op == sale.OpOffer:
		ans.Outcome = sale.OutAccepted
	default:
		stated(&ans, op, in)
	}
	return ans
}

func refuse(ans *sale.Answer, op sale.Op, in values) {
	ans.Code, ans.Text = wallet.CleanCode(in["err_code"]), wallet.CleanText(in["err_code_des"])
	outcome := codes[op][in["err_code"]]
	if op == sale.OpReverse && in["recall"] == "Y" {
		outcome = sale.OutRetry
	}
	if outcome == sale.OutUnknown {
		ans.Cause = "error code " + ans.Code + " settles nothing"
	}
	ans.Outcome = outcome
}

// stated reads the answer to a payment, which is paid unless it says otherwise, or a query.
func stated(ans *sale.Answer, op sale.Op, in values) {
	state := in["trade_state"]
	if op == sale.OpPay && state == "" {
		state = "SUCCESS"
	}
	ans.Code, ans.Text = wallet.CleanCode(state), wallet.CleanText(in["trade_state_desc"])
	outcome, ok := states[state]
	switch {
	case !ok || op != sale.OpPay && op != sale.OpQuery:
		ans.Cause = "trade state " + ans.Code + " settles nothing"
	case ans.Order == "" || ans.Merchant == "":
		ans.Cause = "the answer names no order or no merchant"
	default:
		ans.Outcome = outcome
	}
}
