package alipay

import (
	"context"
	"fmt"
	"regexp"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

var numberForm = regexp.MustCompile(`^[0-9A-Za-z_]{8,64}$`)

// Find implements agent.Finder. A number of our own form is an out_trade_no; any other is
// taken for Alipay's trade_no, which a customer's bill shows as well.
func (c *Client) Find(ctx context.Context, number string) (sale.Answer, error) {
	if !numberForm.MatchString(number) {
		return sale.Answer{Outcome: sale.OutNotFound, Cause: "it is not a number that Alipay could know"}, nil
	}
	key := "trade_no"
	if _, _, _, err := sale.ParseOrderID(number); err == nil {
		key = "out_trade_no"
	}
	biz := append(wallet.AppendJSON([]byte(`{"`+key+`":`), number), '}')
	request, err := c.request(methodQuery, biz)
	if err != nil {
		return sale.Answer{}, fmt.Errorf("find an order at %s: %w", c.cfg.Ref.Name, err)
	}
	ans, err := c.send(ctx, sale.OpQuery, methodQuery, sale.Attempt{ID: number}, request)
	if err != nil {
		return sale.Answer{}, err
	}
	switch ans.Outcome {
	case sale.OutPaid, sale.OutRefunded:
		if number != ans.Order && number != ans.WalletTransaction {
			ans.Outcome, ans.Cause = sale.OutUnknown, "the answer is about another order"
		}
	case sale.OutPaying, sale.OutClosed:
		ans.Outcome, ans.Cause = sale.OutNotFound, "the order is not paid"
	}
	return ans, nil
}
