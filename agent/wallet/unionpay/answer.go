package unionpay

import (
	"fmt"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// judge verifies an answer and reads it. Only the fields named below are read; qrNo, accNo
// and the payer's data are dropped.
func (c *Client) judge(op sale.Op, r wallet.Reply) sale.Answer {
	if r.Cause != "" {
		return sale.Answer{NotSent: r.NotSent, Cause: r.Cause}
	}
	fields, err := open(c.cfg.Ring.Keys().Wallet, r.Body)
	if err != nil {
		return sale.Answer{Cause: fmt.Sprintf("status %d: %v", r.Status, err)}
	}
	return read(op, r.Status, fields)
}

// reqTypes is what an answer must name as the question it answers.
var reqTypes = map[sale.Op]string{sale.OpPay: reqPay, sale.OpQuery: reqQuery, sale.OpReverse: reqReversal}

// read makes an answer of verified fields.
func read(op sale.Op, status int, in map[string]string) sale.Answer {
	ans := sale.Answer{
		Signed:            true,
		Order:             in["orderNo"],
		Merchant:          in["merId"],
		Code:              wallet.CleanCode(in["respCode"]),
		Text:              wallet.CleanText(in["respMsg"]),
		WalletTransaction: wallet.CleanID(in["voucherNum"]),
		PaidAt:            wallet.CleanID(in["settleDate"]),
	}
	total(&ans, in)
	switch {
	case status != 200:
		ans.Cause = fmt.Sprintf("status %d settles nothing", status)
	case in["reqType"] != reqTypes[op]:
		ans.Cause = "the answer is to another question"
	case ans.Order == "" || ans.Merchant == "":
		// Every answer echoes both; what lacks them is none of ours.
		ans.Cause = "the answer names no order or no merchant"
	case op == sale.OpPay:
		ans.Outcome = payRefusals[in["respCode"]]
		if in["respCode"] == respDone {
			ans.Outcome = sale.OutPaying
		}
	case op == sale.OpQuery:
		stated(&ans, in)
	case in["respCode"] == respDone:
		ans.Outcome = sale.OutAccepted
	case in["respCode"] == respBusy:
		ans.Outcome = sale.OutRetry
	case in["respCode"] == respNoOrder:
		ans.Outcome = sale.OutNotFound
	}
	if ans.Outcome == sale.OutUnknown && ans.Cause == "" {
		ans.Cause = "code " + ans.Code + " settles nothing"
	}
	return ans
}

// total reads txnAmt, the order's total. Whether a discount lowers it is unconfirmed: until
// then a lowered one differs from ours, and the order is undone.
func total(ans *sale.Answer, in map[string]string) {
	minor, err := strconv.ParseInt(in["txnAmt"], 10, 64)
	if err != nil {
		return
	}
	ans.HasTotal, ans.Total = true, sale.Amount{Minor: minor, Currency: currency, Exponent: 2}
	if code := in["currencyCode"]; code != "" && code != yuan {
		ans.Total.Currency = sale.Currency("ISO-" + wallet.CleanCode(code))
	}
}

func stated(ans *sale.Answer, in map[string]string) {
	switch in["respCode"] {
	case respNoOrder:
		ans.Outcome = sale.OutNotFound
	case respDone:
		orig := in["origRespCode"]
		ans.Code, ans.Text = wallet.CleanCode(orig), wallet.CleanText(in["origRespMsg"])
		ans.Outcome = origStates[orig]
		if ans.Outcome == sale.OutClosed && ans.WalletTransaction != "" {
			ans.Outcome = sale.OutRefunded
		}
	}
}
