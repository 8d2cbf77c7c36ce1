package wechatpay

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

const refundPath = "/v3/refund/domestic/refunds"

// refundReply is what is read of an answer about a refund: the allow-list.
type refundReply struct {
	RefundID    string `json:"refund_id"`
	OutRefundNo string `json:"out_refund_no"`
	OutTradeNo  string `json:"out_trade_no"`
	Status      string `json:"status"`
	Amount      *struct {
		Refund   *int64 `json:"refund"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// refundStates says what a refund's status is worth. CLOSED is one that the merchant's balance
// did not cover for seven days: it will not happen any more.
var refundStates = map[string]sale.RefundOutcome{
	"SUCCESS":    sale.RefOutDone,
	"PROCESSING": sale.RefOutPending,
	"ABNORMAL":   sale.RefOutAbnormal,
	"CLOSED":     sale.RefOutRefused,
}

// refundCodes is the closed list for a refund: what the documents call "the application for
// the refund failed". RESOURCE_NOT_EXISTS is not among them: it is answered for orders that
// exist, and a repeat succeeds (reported by merchants).
var refundCodes = map[string]int{
	"NOT_ENOUGH":            403,
	"USER_ACCOUNT_ABNORMAL": 403,
	"NO_AUTH":               403,
	"INVALID_REQUEST":       400,
	"PARAM_ERROR":           400,
	"SIGN_ERROR":            401,
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
	reply, err := c.exchange(ctx, sale.OpRefund, a.ID, "POST", refundPath, c.refundBody(a.ID, r, total))
	if err != nil {
		return sale.RefundAnswer{}, err
	}
	return c.judgeRefund(sale.OpRefund, reply), nil
}

func (c *Client) refundBody(order string, r sale.Refund, total sale.Amount) []byte {
	body := append([]byte(nil), c.refundHead...)
	body = append(body, order...)
	body = append(body, `","out_refund_no":`...)
	body = wallet.AppendJSON(body, r.ID)
	body = append(body, `,"amount":{"refund":`...)
	body = strconv.AppendInt(body, r.Amount.Minor, 10)
	body = append(body, `,"total":`...)
	body = strconv.AppendInt(body, total.Minor, 10)
	body = append(body, `,"currency":"`...)
	return append(append(body, r.Amount.Currency...), `"}}`...)
}

// QueryRefund implements agent.Refunder.
func (c *Client) QueryRefund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	reply, err := c.exchange(ctx, sale.OpQueryRefund, a.ID, "GET", refundPath+"/"+r.ID+c.refundTail, nil)
	if err != nil {
		return sale.RefundAnswer{}, err
	}
	return c.judgeRefund(sale.OpQueryRefund, reply), nil
}

func (c *Client) judgeRefund(op sale.Op, r wallet.Reply) sale.RefundAnswer {
	if r.Cause != "" {
		return sale.RefundAnswer{NotSent: r.NotSent, Cause: r.Cause}
	}
	if err := verify(c.cfg.Ring.Keys().Wallet, r.Header, r.Body, c.cfg.Time()); err != nil {
		return sale.RefundAnswer{Cause: fmt.Sprintf("status %d: %v", r.Status, err)}
	}
	return readRefund(op, r.Status, r.Body)
}

// readRefund makes an answer of a verified reply. The wire names no merchant here: the order
// and the refund's own number are its echo.
func readRefund(op sale.Op, status int, body []byte) sale.RefundAnswer {
	ans := sale.RefundAnswer{Signed: true}
	var in refundReply
	if err := json.Unmarshal(body, &in); err != nil {
		ans.Cause = fmt.Sprintf("status %d: the answer is not the JSON object it should be", status)
		return ans
	}
	ans.Order, ans.ID = in.OutTradeNo, in.OutRefundNo
	ans.WalletRefund = wallet.CleanID(in.RefundID)
	if in.Amount != nil && in.Amount.Refund != nil {
		ans.HasAmount, ans.Amount = true, amount(*in.Amount.Refund, in.Amount.Currency)
	}
	if status != 200 || in.Code != "" {
		ans.Code, ans.Text = wallet.CleanCode(in.Code), wallet.CleanText(in.Message)
		switch {
		case op == sale.OpRefund && refundCodes[in.Code] == status:
			ans.Outcome = sale.RefOutRefused
		case op == sale.OpQueryRefund && status == 404 && in.Code == "RESOURCE_NOT_EXISTS":
			ans.Outcome = sale.RefOutNotFound
		default:
			ans.Cause = fmt.Sprintf("status %d %s settles nothing", status, ans.Code)
		}
		return ans
	}
	ans.Code = wallet.CleanCode(in.Status)
	outcome, ok := refundStates[in.Status]
	switch {
	case !ok:
		ans.Cause = "refund status " + ans.Code + " settles nothing"
	case ans.Order == "" || ans.ID == "" || !ans.HasAmount:
		ans.Cause = "the answer names no order, no refund or no amount"
	default:
		ans.Outcome = outcome
	}
	return ans
}
