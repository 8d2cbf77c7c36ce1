package wechatpay

import (
	"context"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// takeBack reverses an order whose code we showed.
func (c *Client) takeBack(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return wallet.TakeBack{Close: c.Close, Query: c.query, Refund: c.refund, PaidAlready: paidAlready}.Do(ctx, a)
}

// givenBack finds out what the trade state REFUND means: it stands for a refund of a part as
// well, and the answer does not say how much. An order whose code we showed was given back by
// the one refund that takes the whole of it back, once that is done. A code payment that is
// being reversed was given back by that reverse if it was accepted: another till may have
// refunded a part, and then it is refused. Anything else is unknown.
func (c *Client) givenBack(ctx context.Context, a sale.Attempt, ans sale.Answer) (sale.Answer, error) {
	if !a.Offered() {
		if a.State != sale.Reversing {
			ans.Outcome, ans.Cause = sale.OutUnknown, "given back, wholly or in part: the answer does not say"
		}
		ans.MayBePart = true
		return ans, nil
	}
	r := wallet.FullRefund(a, wallet.TotalOf(a, ans))
	back, err := c.QueryRefund(ctx, a, r)
	if err != nil {
		return sale.Answer{}, err
	}
	if state, counts := r.JudgeRefund(&a, back); !counts || state != sale.RefundDone {
		ans.Outcome, ans.Cause = sale.OutUnknown, "given back, wholly or in part: the full refund is not known to be done"
	}
	return ans, nil
}
