package unionpay

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// Refund implements agent.Refunder. An accepted one is not done yet: QueryRefund says that.
func (c *Client) Refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	if r.Amount.Currency != currency || r.Amount.Minor <= 0 || r.Amount.Minor > a.Amount.Minor {
		return sale.RefundAnswer{}, fmt.Errorf("%s %s at %s: amount %s of %s cannot be given back", sale.OpRefund, r.ID, c.cfg.Ref.Name, r.Amount, a.Amount)
	}
	got, err := c.send(ctx, sale.OpRefund, c.against(reqRefund, a, r.ID, r.AskedAt, r.Amount.Minor))
	if err != nil {
		return sale.RefundAnswer{}, err
	}
	ans, in := c.refundAnswer(got, reqRefund, r)
	switch {
	case in == nil:
	case in["respCode"] == respDone:
		ans.Outcome = sale.RefOutPending
	default:
		// What a refusal means is hearsay (see payRefusals): the query decides.
		ans.Cause = "code " + ans.Code + " settles nothing"
	}
	return ans, nil
}

// QueryRefund implements agent.Refunder.
func (c *Client) QueryRefund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	got, err := c.send(ctx, sale.OpQueryRefund, c.named(reqQuery, r.ID, r.AskedAt))
	if err != nil {
		return sale.RefundAnswer{}, err
	}
	ans, in := c.refundAnswer(got, reqQuery, r)
	switch {
	case in == nil:
	case in["respCode"] == respNoOrder:
		ans.Outcome = sale.RefOutNotFound
	case in["respCode"] != respDone:
		ans.Cause = "code " + ans.Code + " settles nothing"
	default:
		refundStated(&ans, in)
	}
	return ans, nil
}

func refundStated(ans *sale.RefundAnswer, in map[string]string) {
	orig := in["origRespCode"]
	ans.Code, ans.Text = wallet.CleanCode(orig), wallet.CleanText(in["origRespMsg"])
	switch origStates[orig] {
	case sale.OutPaid: // done
		ans.Outcome = sale.RefOutDone
	case sale.OutPaying:
		ans.Outcome = sale.RefOutPending
	case sale.OutFailed:
		ans.Outcome = sale.RefOutAbnormal
	default:
		ans.Cause = "code " + ans.Code + " settles nothing"
	}
}

// void gives a paid order back in full. Its number is the order's with a V, so that a repeat
// is the same void. Refused, a refund of the whole does it, unless the void may still be
// carried out or a query does not say that the order is paid: one of them gives the money back,
// not both.
func (c *Client) void(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	got, err := c.send(ctx, sale.OpReverse, c.against(reqVoid, a, a.ID+"V", a.SentAt, a.Amount.Minor))
	if err != nil {
		return sale.Answer{}, err
	}
	ans, in := c.refundAnswer(got, reqVoid, sale.Refund{ID: a.ID + "V"})
	if in == nil {
		return sale.Answer{NotSent: ans.NotSent, Cause: ans.Cause}, nil
	}
	out := sale.Answer{Signed: true, Merchant: ans.Merchant, Code: ans.Code, Text: ans.Text}
	if in["respCode"] == respDone {
		out.Outcome = sale.OutAccepted
		return out, nil
	}
	out.Outcome, out.Cause = sale.OutRetry, "the void is not done: "+ans.Code
	if undecided[in["respCode"]] {
		return out, nil
	}
	asked, err := c.Query(ctx, a)
	if err != nil {
		return sale.Answer{}, err
	}
	if asked.Outcome != sale.OutPaid || asked.Order != a.ID {
		return out, nil
	}
	back, err := c.Refund(ctx, a, sale.Refund{ID: sale.RefundID(a.ID, "reverse", "", a.Amount, 0), Amount: a.Amount, AskedAt: a.SentAt})
	if err != nil {
		return sale.Answer{}, err
	}
	out.Cause = "neither voided nor refunded: " + ans.Code + " " + back.Code
	if back.Outcome == sale.RefOutPending {
		out.Outcome, out.Cause = sale.OutAccepted, ""
	}
	return out, nil
}

// against holds the fields of a request that gives money of an order back: an order of its own
// that names the first one.
func (c *Client) against(reqType string, a sale.Attempt, number string, at time.Time, minor int64) []pair {
	return append(c.named(reqType, number, at),
		pair{"currencyCode", []byte(yuan)},
		pair{"origOrderNo", []byte(a.ID)},
		pair{"origOrderTime", a.SentAt.In(shanghai).AppendFormat(nil, orderTime)},
		pair{"txnAmt", strconv.AppendInt(nil, minor, 10)},
	)
}

func (c *Client) send(ctx context.Context, op sale.Op, pairs []pair) (wallet.Reply, error) {
	request, err := c.request(pairs)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return wallet.Reply{}, fmt.Errorf("%s at %s: %w", op, c.cfg.Ref.Name, err)
	}
	return c.link.Do(ctx, http.MethodPost, request), nil
}

// refundAnswer verifies an answer about a refund or a void. in is nil where it is none.
func (c *Client) refundAnswer(got wallet.Reply, reqType string, r sale.Refund) (ans sale.RefundAnswer, in map[string]string) {
	if got.Cause != "" {
		return sale.RefundAnswer{NotSent: got.NotSent, Cause: got.Cause}, nil
	}
	in, err := open(c.cfg.Ring.Keys().Wallet, got.Body)
	if err != nil {
		return sale.RefundAnswer{Cause: fmt.Sprintf("status %d: %v", got.Status, err)}, nil
	}
	ans = sale.RefundAnswer{Signed: true, Merchant: in["merId"], ID: in["orderNo"], Code: wallet.CleanCode(in["respCode"]),
		Text: wallet.CleanText(in["respMsg"]), WalletRefund: wallet.CleanID(in["voucherNum"])}
	minor, err := strconv.ParseInt(in["txnAmt"], 10, 64)
	if ans.HasAmount = err == nil; ans.HasAmount {
		ans.Amount = sale.Amount{Minor: minor, Currency: currency, Exponent: 2}
	}
	switch {
	case got.Status != 200:
		ans.Cause = fmt.Sprintf("status %d settles nothing", got.Status)
	case in["reqType"] != reqType:
		ans.Cause = "the answer is to another question"
	case ans.ID != r.ID || ans.Merchant == "":
		ans.Cause = "the answer names another order, or no merchant"
	default:
		return ans, in
	}
	return ans, nil
}
