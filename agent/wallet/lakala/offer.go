package lakala

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// counterForm is the address of the cashier page.
var counterForm = regexp.MustCompile(`^https://[!-~]{4,900}$`)

// Offer implements agent.Offerer: a cashier page that every wallet can open.
func (c *Client) Offer(ctx context.Context, a sale.Attempt) (sale.Offer, error) {
	if err := payable(a); err != nil {
		return sale.Offer{}, fmt.Errorf("%s %s at %s: %w", sale.OpOffer, a.ID, c.cfg.Ref.Name, err)
	}
	if a.OfferLife <= 0 || a.OfferLife > sale.MaxOfferLife {
		return sale.Offer{}, fmt.Errorf("%s %s at %s: a life of %s, want at most %s", sale.OpOffer, a.ID, c.cfg.Ref.Name, a.OfferLife, sale.MaxOfferLife)
	}
	b := c.counter(a)
	b = append(b, `,"total_amount":`...)
	b = strconv.AppendInt(b, a.Amount.Minor, 10)
	b = append(b, `,"order_efficient_time":"`...)
	b = c.cfg.Time().Add(a.OfferLife).In(shanghai).AppendFormat(b, timeForm)
	b = append(b, `","support_refund":1,"support_repeat_pay":0,"order_info":`...)
	b = wallet.AppendJSON(b, subject(c.cfg.Terminal))
	r, err := c.ask(ctx, sale.OpOffer, a.ID, pathOffer, b)
	if err != nil {
		return sale.Offer{}, err
	}
	ans, in, ok := c.answer(r)
	offer := sale.Offer{Answer: ans}
	offer.Order = in.Data.OutOrderNo
	switch {
	case !ok:
	case in.Code != codeCounter:
		offer.Cause = "code " + offer.Answer.Code + " settles nothing"
	case offer.Order != a.ID || !counterForm.MatchString(in.Data.CounterURL):
		offer.Cause = "the answer holds no code of this order that could be shown"
	default:
		offer.Outcome, offer.Code = sale.OutAccepted, in.Data.CounterURL
	}
	return offer, nil
}

// counter begins a body about an order of the cashier page.
func (c *Client) counter(a sale.Attempt) []byte {
	b := c.envelope(make([]byte, 0, 512))
	return append(b, `"out_order_no":"`+a.ID+`","merchant_no":"`+c.set.MerchantNo+`"`...)
}

// Close implements agent.Offerer. An order that is paid refuses it, and stays paid.
func (c *Client) Close(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	r, err := c.ask(ctx, sale.OpClose, a.ID, pathOfferClose, c.counter(a))
	if err != nil {
		return sale.Answer{}, err
	}
	ans := c.accepted(r, codeCounter)
	ans.Order = ""
	return ans, nil
}

// queryOffer asks about an order of the cashier page.
func (c *Client) queryOffer(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	r, err := c.ask(ctx, sale.OpQuery, a.ID, pathOfferQuery, c.counter(a))
	if err != nil {
		return sale.Answer{}, err
	}
	ans, in, ok := c.answer(r)
	switch {
	case !ok:
		return ans, nil
	case c.set.notFound(in.Code):
		ans.Outcome = sale.OutNotFound
		return ans, nil
	case in.Code != codeCounter:
		ans.Cause = "code " + ans.Code + " settles nothing"
		return ans, nil
	}
	ans.Order, ans.WalletTransaction = in.Data.OutOrderNo, ""
	for _, t := range in.Data.Trades {
		if t.Type == "PAY" && t.Status == "S" {
			ans.WalletTransaction, ans.PaidBy, ans.PaidAt = wallet.CleanID(t.TradeNo), paidBy(t.PayMode), wallet.CleanID(string(t.Time))
		}
	}
	ans.Code = wallet.CleanCode(string(in.Data.Status))
	switch in.Data.Status {
	case "0", "1", "3": // a try that failed leaves the page open for another
		ans.Outcome = sale.OutPaying
	case "2":
		ans.Outcome = sale.OutPaid
	case "4", "5":
		ans.Outcome = sale.OutClosed
	case "7":
		ans.Outcome = sale.OutRefunded
	default: // 6, partly given back: paid, and not to be taken for given back
		ans.Cause = "order status " + ans.Code + " settles nothing"
	}
	c.named(&ans)
	return ans, nil
}
