package wechatpay

import (
	"context"
	"regexp"

	"github.com/tilld/tilld/agent/sale"
)

// Numbers as a bill in WeChat shows them. A transaction's has 28 digits today and 32 at most.
var (
	transactionForm = regexp.MustCompile(`^[0-9]{28,32}$`)
	orderForm       = regexp.MustCompile(`^[0-9A-Za-z_\-*]{6,32}$`)
)

// Find implements agent.Finder. An order of which something was given back is found as paid
// with the code REFUND: the answer does not say how much of it.
func (c *Client) Find(ctx context.Context, number string) (sale.Answer, error) {
	path := c.orderPath
	switch {
	case transactionForm.MatchString(number):
		path = c.findPath
	case !orderForm.MatchString(number):
		return sale.Answer{Outcome: sale.OutNotFound, Cause: "no order of WeChat Pay has such a number"}, nil
	}
	ans, err := c.ask(ctx, sale.OpQuery, number, "GET", path+number+c.queryTail, nil)
	if err != nil || ans.Outcome == sale.OutUnknown || ans.Outcome == sale.OutNotFound {
		return ans, err
	}
	switch {
	case ans.Merchant != c.set.MerchantID || ans.SubMerchant != c.set.SubMerchantID,
		ans.Order != number && ans.WalletTransaction != number:
		ans.Outcome, ans.Cause = sale.OutUnknown, "the answer is about another order or merchant"
	case ans.Outcome != sale.OutPaid && ans.Outcome != sale.OutRefunded:
		ans.Outcome = sale.OutNotFound
	case !ans.HasTotal:
		ans.Outcome, ans.Cause = sale.OutUnknown, "the answer names no total"
	default:
		ans.Outcome = sale.OutPaid
	}
	return ans, nil
}
