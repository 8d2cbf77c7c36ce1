package alipay

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// Refund implements agent.Refunder.
func (c *Client) Refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	if r.Amount.Currency != currency || r.Amount.Minor <= 0 || r.Amount.Minor > a.Amount.Minor {
		return sale.RefundAnswer{}, fmt.Errorf("%s %s at %s: amount %s of %s cannot be given back", sale.OpRefund, r.ID, c.cfg.Ref.Name, r.Amount, a.Amount)
	}
	return c.askRefund(ctx, sale.OpRefund, methodRefund, r, c.refundBiz(a, r))
}

// QueryRefund implements agent.Refunder. The documents advise to leave ten seconds after the
// refund: an earlier query may not find what is then done all the same.
func (c *Client) QueryRefund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	return c.askRefund(ctx, sale.OpQueryRefund, methodRefundQuery, r, refundQueryBiz(a, r))
}

func refundQueryBiz(a sale.Attempt, r sale.Refund) []byte {
	biz := append(orderOf(a), `,"out_request_no":`...)
	return append(wallet.AppendJSON(biz, r.ID), '}')
}

// refundBiz is a refund's biz_content, with the till that gives the money back.
func (c *Client) refundBiz(a sale.Attempt, r sale.Refund) []byte {
	biz := append(orderOf(a), `,"out_request_no":`...)
	biz = wallet.AppendJSON(biz, r.ID)
	biz = append(biz, `,"refund_amount":"`...)
	biz = append(biz, r.Amount.Decimal()...)
	biz = append(biz, '"')
	return append(append(biz, c.place...), '}')
}

func (c *Client) askRefund(ctx context.Context, op sale.Op, method string, r sale.Refund, biz []byte) (sale.RefundAnswer, error) {
	stop := func(err error) (sale.RefundAnswer, error) {
		return sale.RefundAnswer{}, fmt.Errorf("%s %s at %s: %w", op, r.ID, c.cfg.Ref.Name, err)
	}
	request, err := c.request(method, biz)
	if err != nil {
		return stop(err)
	}
	got, err := c.exchange(ctx, method, request)
	if err != nil {
		return stop(err)
	}
	if got.cause != "" {
		return sale.RefundAnswer{NotSent: got.notSent, Cause: got.cause}, nil
	}
	ans := readRefund(op, got.status, got.inner, r.Amount)
	if c.seller == "" {
		ans.SubMerchant = ""
	}
	return ans, nil
}

// refundRefusals is the closed list of sub_codes beside 40004 that say that no money moves
// (opendocs.alipay.com, alipay.trade.refund, business error codes). DISCORDANT_REPEAT_REQUEST
// is not among them: another refund of that number exists. Nor are TRADE_STATUS_ERROR and
// TRADE_NOT_EXIST, which contradict what we know of a paid order.
var refundRefusals = map[string]bool{
	"ACQ.SELLER_BALANCE_NOT_ENOUGH":   true,
	"ACQ.REFUND_AMT_NOT_EQUAL_TOTAL":  true,
	"ACQ.REASON_TRADE_REFUND_FEE_ERR": true,
	"ACQ.TRADE_NOT_ALLOW_REFUND":      true,
	"ACQ.TRADE_HAS_FINISHED":          true,
}

// readRefund makes an answer of the verified inner object; amount is what was asked for.
func readRefund(op sale.Op, status int, inner []byte, amount sale.Amount) sale.RefundAnswer {
	ans := sale.RefundAnswer{Signed: true}
	var in reply
	if err := json.Unmarshal(inner, &in); err != nil {
		ans.Cause = fmt.Sprintf("status %d: the answer's fields are not what they should be", status)
		return ans
	}
	ans.Order, ans.SubMerchant, ans.ID = in.OutTradeNo, wallet.CleanID(in.SellerID), in.OutRequestNo
	ans.Code, ans.Text = in.words()
	switch {
	case status != 200:
		ans.Cause = fmt.Sprintf("status %d settles nothing", status)
	case op == sale.OpRefund:
		refunded(&ans, in, amount)
	default:
		refundStated(&ans, in)
	}
	if ans.Outcome == sale.RefOutUnknown && ans.Cause == "" {
		ans.Cause = "code " + wallet.CleanCode(in.Code) + " " + ans.Code + " settles nothing"
	}
	return ans
}

// refunded reads the answer to a refund. It names the sum of all refunds of the order, not
// this one.
func refunded(ans *sale.RefundAnswer, in reply, amount sale.Amount) {
	switch {
	case in.Code == codeBusiness && refundRefusals[in.SubCode]:
		ans.Outcome = sale.RefOutRefused
	case in.Code != codeDone:
	case in.FundChange == "N":
		ans.Cause = "this request moved no money: the query decides whether an earlier one did"
	case in.FundChange != "Y":
	case in.OutTradeNo == "":
		ans.Cause = "the answer names no order"
	default:
		if sum, err := sale.ParseAmount(in.RefundFee, currency); in.RefundFee != "" && (err != nil || sum.Minor < amount.Minor) {
			ans.Cause = "the answer names less money than was asked for"
			return
		}
		ans.Outcome = sale.RefOutDone
	}
}

// refundStated reads the answer to a query. Without a refund_status the refund was not
// received, or not done: asking again is safe, its number is the same.
func refundStated(ans *sale.RefundAnswer, in reply) {
	if in.Code != codeDone {
		return
	}
	switch in.RefundStatus {
	case "":
		ans.Outcome = sale.RefOutNotFound
	case "REFUND_PROCESSING": // of asynchronous refunds, which a till does not ask for
		ans.Outcome = sale.RefOutPending
	case "REFUND_SUCCESS":
		sum, err := sale.ParseAmount(in.RefundAmount, currency)
		if err != nil || in.OutTradeNo == "" || in.OutRequestNo == "" {
			ans.Cause = "the answer does not name the refund and its amount"
			return
		}
		ans.Amount, ans.HasAmount = sum, true
		ans.Outcome = sale.RefOutDone
	}
}
