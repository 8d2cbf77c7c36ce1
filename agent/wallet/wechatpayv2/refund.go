package wechatpayv2

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// refundStates says what a refund_status_$n is worth.
var refundStates = map[string]sale.RefundOutcome{
	"SUCCESS":     sale.RefOutDone,
	"PROCESSING":  sale.RefOutPending,
	"CHANGE":      sale.RefOutAbnormal,
	"REFUNDCLOSE": sale.RefOutRefused,
}

// refundCodes is the closed list for a refund: what the documents call "the application for
// the refund failed"; INVALID_REQUEST stands in those of API v3 and is answered by v2 too
// (secondary). ERROR and REFUND_FEE_MISMATCH are not among them: the second says that
// this number was used with another sum.
var refundCodes = map[string]bool{
	"NOTENOUGH":             true,
	"USER_ACCOUNT_ABNORMAL": true,
	"TRADE_OVERDUE":         true,
	"INVALID_REQUEST":       true,
	"PARAM_ERROR":           true,
	"APPID_NOT_EXIST":       true,
	"MCHID_NOT_EXIST":       true,
}

// Refund implements agent.Refunder. WeChat Pay gives the money back once for one r.ID.
func (c *Client) Refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	return c.refund(ctx, a, r, a.Amount)
}

// refund gives r.Amount of an order over total back.
func (c *Client) refund(ctx context.Context, a sale.Attempt, r sale.Refund, total sale.Amount) (sale.RefundAnswer, error) {
	if r.Amount.Minor <= 0 || r.Amount.Minor > total.Minor || r.Amount.Currency != total.Currency {
		return sale.RefundAnswer{}, fmt.Errorf("refund %s of %s at %s: %s of %s cannot be given back", r.ID, a.ID, c.cfg.Ref.Name, r.Amount, total)
	}
	reply, err := c.exchange(ctx, sale.OpRefund, a.ID, refundPath, c.refundFields(a.ID, r, total))
	if err != nil {
		return sale.RefundAnswer{}, err
	}
	return c.judgeRefund(reply, readRefund), nil
}

func (c *Client) refundFields(order string, r sale.Refund, total sale.Amount) []field {
	return c.order(order,
		field{"out_refund_no", []byte(r.ID)},
		field{"total_fee", strconv.AppendInt(nil, total.Minor, 10)},
		field{"refund_fee", strconv.AppendInt(nil, r.Amount.Minor, 10)},
		field{"refund_fee_type", []byte(r.Amount.Currency)})
}

// QueryRefund implements agent.Refunder.
func (c *Client) QueryRefund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	fields := append(make([]field, 0, 12), field{"out_refund_no", []byte(r.ID)})
	reply, err := c.exchange(ctx, sale.OpQueryRefund, a.ID, queryRefundPath, fields)
	if err != nil {
		return sale.RefundAnswer{}, err
	}
	return c.judgeRefund(reply, func(in values) sale.RefundAnswer { return readQueryRefund(in, r.ID) }), nil
}

func (c *Client) judgeRefund(r wallet.Reply, read func(values) sale.RefundAnswer) sale.RefundAnswer {
	if r.Cause != "" {
		return sale.RefundAnswer{NotSent: r.NotSent, Cause: r.Cause}
	}
	in, err := c.open(r)
	if err != nil {
		return sale.RefundAnswer{Cause: err.Error()}
	}
	return read(in)
}

// refundEcho is what both answers have in common.
func refundEcho(in values) sale.RefundAnswer {
	return sale.RefundAnswer{Signed: true, Order: in["out_trade_no"], Merchant: in["mch_id"], SubMerchant: in["sub_mch_id"],
		Code: wallet.CleanCode(in["err_code"]), Text: wallet.CleanText(in["err_code_des"])}
}

// readRefund reads the answer to a refund. That it was taken is all it can say.
func readRefund(in values) sale.RefundAnswer {
	ans := refundEcho(in)
	ans.ID, ans.WalletRefund = in["out_refund_no"], wallet.CleanID(in["refund_id"])
	ans.Amount, ans.HasAmount = in.amount("refund_fee", "refund_fee_type")
	switch {
	case in["result_code"] == "SUCCESS" && ans.Order != "" && ans.ID != "" && ans.HasAmount:
		ans.Outcome = sale.RefOutPending
	case in["result_code"] == "FAIL" && refundCodes[in["err_code"]]:
		ans.Outcome = sale.RefOutRefused
	case in["result_code"] == "SUCCESS":
		ans.Cause = "the answer names no order, no refund or no amount"
	default:
		ans.Cause = "error code " + ans.Code + " settles nothing"
	}
	return ans
}

// readQueryRefund reads the answer to a refund's query, which lists refunds by number.
func readQueryRefund(in values, id string) sale.RefundAnswer {
	ans := refundEcho(in)
	switch {
	case in["result_code"] == "FAIL" && in["err_code"] == "REFUNDNOTEXIST":
		ans.Outcome = sale.RefOutNotFound
		return ans
	case in["result_code"] != "SUCCESS":
		ans.Cause = "error code " + ans.Code + " settles nothing"
		return ans
	}
	for n := range maxRefunds {
		at := "_" + strconv.Itoa(n)
		if in["out_refund_no"+at] != id {
			continue
		}
		ans.ID, ans.WalletRefund = id, wallet.CleanID(in["refund_id"+at])
		ans.Amount, ans.HasAmount = in.amount("refund_fee"+at, "fee_type")
		ans.Code = wallet.CleanCode(in["refund_status"+at])
		if outcome, ok := refundStates[in["refund_status"+at]]; ok && ans.Order != "" && ans.HasAmount {
			ans.Outcome = outcome
			return ans
		}
		ans.Cause = "refund status " + ans.Code + " settles nothing"
		return ans
	}
	ans.Cause = "the answer does not name this refund"
	return ans
}
