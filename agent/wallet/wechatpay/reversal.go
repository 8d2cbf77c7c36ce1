package wechatpay

import (
	"context"

	"github.com/tilld/tilld/agent/sale"
)

// takeBack reverses an order whose code we showed. WeChat Pay's own reverse is for code
// payments alone: such an order is closed, and one that turns out paid is refunded in full.
func (c *Client) takeBack(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	if !a.WasPaid {
		ans, err := c.Close(ctx, a)
		if err != nil || !paidAlready(ans) {
			return ans, err
		}
	}
	// The total that the wallet has on record is what must be given back.
	ans, err := c.query(ctx, a)
	if err != nil {
		return ans, err
	}
	switch a.Judge(sale.OpQuery, ans) {
	case sale.EvPaid, sale.EvWrongTotal, sale.EvRefunded:
	default:
		return sale.Answer{Signed: ans.Signed, Order: ans.Order, Merchant: ans.Merchant, SubMerchant: ans.SubMerchant, Code: ans.Code,
			Cause: "the order could not be closed, and is not known to be paid"}, nil
	}
	total := totalOf(a, ans)
	r := fullRefund(a, total)
	back, err := c.refund(ctx, a.ID, r, total)
	if err != nil {
		return sale.Answer{}, err
	}
	out := sale.Answer{Signed: back.Signed, Order: back.Order, Merchant: ans.Merchant, SubMerchant: ans.SubMerchant,
		Code: back.Code, Text: back.Text, NotSent: back.NotSent, Cause: back.Cause}
	switch state, counts := r.JudgeRefund(&a, back); {
	case !counts && out.Cause == "":
		out.Cause = "the answer is not about this refund"
	case counts && (state == sale.RefundDone || state == sale.RefundPending):
		out.Outcome = sale.OutAccepted
	case counts:
		out.Cause = "the full refund is " + state.String()
	}
	return out, nil
}

// fullRefund is the one refund that takes a whole order back, however often it is asked for.
func fullRefund(a sale.Attempt, total sale.Amount) sale.Refund {
	return sale.Refund{ID: sale.RefundID(a.ID, "reverse", "", total, 0), Amount: total}
}

func totalOf(a sale.Attempt, ans sale.Answer) sale.Amount {
	if ans.HasTotal {
		return ans.Total
	}
	return a.Amount
}

// givenBack finds out what the trade state REFUND means: it stands for a refund of a part as
// well, and the answer does not say how much. An order whose code we showed was given back by
// the one refund that takes the whole of it back, once that is done. A code payment that is
// being reversed was given back by that reverse: it gives the whole back, and the till never
// reverses what it refunded in part. Anything else is unknown.
func (c *Client) givenBack(ctx context.Context, a sale.Attempt, ans sale.Answer) (sale.Answer, error) {
	if !a.Offered() {
		if a.State != sale.Reversing {
			ans.Outcome, ans.Cause = sale.OutUnknown, "given back, wholly or in part: the answer does not say"
		}
		return ans, nil
	}
	r := fullRefund(a, totalOf(a, ans))
	back, err := c.QueryRefund(ctx, a, r)
	if err != nil {
		return sale.Answer{}, err
	}
	if state, counts := r.JudgeRefund(&a, back); !counts || state != sale.RefundDone {
		ans.Outcome, ans.Cause = sale.OutUnknown, "given back, wholly or in part: the full refund is not known to be done"
	}
	return ans, nil
}
