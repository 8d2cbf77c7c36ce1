package wechatpayv2

import (
	"context"
	"regexp"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// maxRefunds is how many refunds of an order one answer lists at most; 10 are documented.
const maxRefunds = 50

// given is what of an order was given back.
type given struct {
	total   sale.Amount // the order's
	sum     int64       // of the refunds that are done
	refunds int         // on record, done or not
	// transaction is the wallet's number of the order.
	transaction string
}

// all reports whether the whole order is back with the payer.
func (g given) all() bool { return g.refunds > 0 && g.sum == g.total.Minor }

// givenOf asks for all refunds of an order; field is out_trade_no or transaction_id. ok is
// false when the answer does not say it, and then cause why. An order without refunds has none
// on record, and ok is true.
func (c *Client) givenOf(ctx context.Context, name, number string) (g given, order, cause string, err error) {
	fields := append(make([]field, 0, 12), field{name, []byte(number)})
	reply, err := c.exchange(ctx, sale.OpQueryRefund, number, queryRefundPath, fields)
	if err != nil {
		return g, "", "", err
	}
	if reply.Cause != "" {
		return g, "", reply.Cause, nil
	}
	in, err := c.open(reply)
	if err != nil {
		return g, "", err.Error(), nil
	}
	g, cause = sumUp(in)
	if in["mch_id"] != c.set.MerchantID || in["sub_mch_id"] != c.set.SubMerchantID {
		cause = "the refunds are another merchant's"
	}
	return g, in["out_trade_no"], cause, nil
}

// sumUp adds up the refunds of an answer that lists them all.
func sumUp(in values) (g given, cause string) {
	if in["result_code"] == "FAIL" && in["err_code"] == "REFUNDNOTEXIST" {
		return g, ""
	}
	total, ok := in.amount("total_fee", "fee_type")
	count, err := strconv.Atoi(in["refund_count"])
	if in["result_code"] != "SUCCESS" || !ok || err != nil || count < 1 || count > maxRefunds {
		return g, "the refunds of the order are not known"
	}
	if all := in["total_refund_count"]; all != "" && all != in["refund_count"] {
		return g, "the answer does not list every refund of the order"
	}
	g = given{total: total, refunds: count, transaction: wallet.CleanID(in["transaction_id"])}
	for n := range count {
		at := "_" + strconv.Itoa(n)
		back, ok := in.amount("refund_fee"+at, "fee_type")
		if !ok {
			return given{}, "a refund of the order has no sum"
		}
		if in["refund_status"+at] == "SUCCESS" {
			g.sum += back.Minor
		}
	}
	return g, ""
}

// givenBack finds out what the trade state REFUND means, which stands for a refund of a part
// as well: given back in full is the order whose refunds, all of them done, make up its total,
// or the one that is being reversed and has no refund at all. That a reverse is not listed among
// the refunds is (unconfirmed); listed, it makes up the total.
func (c *Client) givenBack(ctx context.Context, a sale.Attempt, ans sale.Answer) (sale.Answer, error) {
	g, order, cause, err := c.givenOf(ctx, "out_trade_no", a.ID)
	switch {
	case err != nil:
		return sale.Answer{}, err
	case cause != "":
	case g.refunds == 0 && a.State == sale.Reversing && !a.Offered():
		return ans, nil
	case g.refunds == 0:
		cause = "the wallet names no refund of it"
	case order != a.ID:
		cause = "the refunds are another order's"
	case g.all():
		ans.Total, ans.HasTotal = g.total, true
		return ans, nil
	default:
		cause = sale.Amount{Minor: g.sum, Currency: g.total.Currency, Exponent: g.total.Exponent}.String() + " of " + g.total.String() + " are back with the payer"
	}
	ans.Outcome, ans.Cause = sale.OutUnknown, "given back, wholly or in part: "+cause
	return ans, nil
}

// paidTotal is a query that names the total of an order of which something was given back,
// where the order's own answer does not.
func (c *Client) paidTotal(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	ans, err := c.query(ctx, a)
	if err != nil || ans.Outcome != sale.OutRefunded || ans.HasTotal {
		return ans, err
	}
	g, order, _, err := c.givenOf(ctx, "out_trade_no", a.ID)
	if err == nil && order == a.ID && g.refunds > 0 {
		ans.Total, ans.HasTotal = g.total, true
	}
	return ans, err
}

// Numbers as a bill in WeChat shows them. A transaction's has 28 digits today and 32 at most.
var (
	transactionForm = regexp.MustCompile(`^[0-9]{28,32}$`)
	orderForm       = regexp.MustCompile(`^[0-9A-Za-z_\-|*@]{6,32}$`)
)

// Find implements agent.Finder. An order of which a part was given back is found as paid, with
// the code REFUND; one that was given back in full as refunded.
func (c *Client) Find(ctx context.Context, number string) (sale.Answer, error) {
	name := "out_trade_no"
	switch {
	case transactionForm.MatchString(number):
		name = "transaction_id"
	case !orderForm.MatchString(number):
		return sale.Answer{Outcome: sale.OutNotFound, Cause: "no order of WeChat Pay has such a number"}, nil
	}
	fields := append(make([]field, 0, 12), field{name, []byte(number)})
	ans, err := c.ask(ctx, sale.OpQuery, number, queryPath, fields)
	if err != nil || ans.Outcome == sale.OutUnknown || ans.Outcome == sale.OutNotFound {
		return ans, err
	}
	if ans.Outcome == sale.OutRefunded {
		g, order, cause, err := c.givenOf(ctx, name, number)
		if err != nil {
			return sale.Answer{}, err
		}
		if cause != "" || order != ans.Order || g.refunds == 0 {
			ans.Outcome, ans.Cause = sale.OutUnknown, "given back, wholly or in part: the wallet does not say"
			return ans, nil
		}
		ans.Total, ans.HasTotal, ans.WalletTransaction = g.total, true, g.transaction
		if !g.all() {
			ans.Outcome = sale.OutPaid
		}
	}
	switch {
	case ans.Merchant != c.set.MerchantID || ans.SubMerchant != c.set.SubMerchantID,
		ans.Order != number && ans.WalletTransaction != number:
		ans.Outcome, ans.Cause = sale.OutUnknown, "the answer is about another order or merchant"
	case ans.Outcome != sale.OutPaid && ans.Outcome != sale.OutRefunded:
		ans.Outcome = sale.OutNotFound
	case !ans.HasTotal:
		ans.Outcome, ans.Cause = sale.OutUnknown, "the answer names no total"
	}
	return ans, nil
}
