package lakala

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// refunding are the codes that say that a refund was taken and is being done (secondary).
var refunding = map[string]bool{codePaying: true, "BBS11112": true, "BPS10034": true, "BBS00100": true, "BBS00101": true}

// short makes a number of at most 32 characters of a longer one: the same for the same.
func short(id, what string) string {
	sum := sha256.Sum256([]byte("tilld " + what + "\x00" + id))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20])
}

// Refund implements agent.Refunder.
func (c *Client) Refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	if r.Amount.Currency != currency || r.Amount.Minor <= 0 || r.Amount.Minor > a.Amount.Minor {
		return sale.RefundAnswer{}, fmt.Errorf("%s %s at %s: amount %s of %s cannot be given back", sale.OpRefund, r.ID, c.cfg.Ref.Name, r.Amount, a.Amount)
	}
	b := append(c.body(), `,"out_trade_no":"`+short(r.ID, "refund")+`","refund_amount":"`...)
	b = strconv.AppendInt(b, r.Amount.Minor, 10)
	// The cashier page's order was paid by a trade of its own: only its number is known there.
	if a.Offered() && a.WalletTransaction != "" {
		b = wallet.AppendJSON(append(b, `","origin_trade_no":`...), a.WalletTransaction)
	} else {
		b = append(b, `","origin_out_trade_no":"`+a.ID+`"`...)
	}
	got, err := c.ask(ctx, sale.OpRefund, r.ID, pathRefund, append(b, c.place...))
	if err != nil {
		return sale.RefundAnswer{}, err
	}
	ans, in, ok := c.refundAnswer(got, a, r)
	switch {
	case !ok:
	case in.Code == codeDone:
		ans.Outcome = sale.RefOutDone
		ans.HasAmount, ans.Amount = in.Data.Refunded.there, yuan(in.Data.Refunded.value)
	case refunding[in.Code]:
		ans.Outcome = sale.RefOutPending
	default:
		ans.Cause = "code " + ans.Code + " settles nothing" // no list of refusals is published
	}
	return ans, nil
}

// QueryRefund implements agent.Refunder. A refund is asked for like a trade, by its number.
func (c *Client) QueryRefund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	got, err := c.ask(ctx, sale.OpQueryRefund, r.ID, pathQuery, append(c.body(), `,"out_trade_no":"`+short(r.ID, "refund")+`"`...))
	if err != nil {
		return sale.RefundAnswer{}, err
	}
	ans, in, ok := c.refundAnswer(got, a, r)
	switch {
	case !ok:
	case c.set.notFound(in.Code):
		ans.Outcome = sale.RefOutNotFound
	case in.Code != codeDone:
		ans.Cause = "code " + ans.Code + " settles nothing"
	default:
		refundStated(&ans, in)
	}
	return ans, nil
}

func refundStated(ans *sale.RefundAnswer, in reply) {
	ans.Code = wallet.CleanCode(in.Data.TradeState)
	switch in.Data.TradeState {
	case "SUCCESS":
		ans.Outcome = sale.RefOutDone
		ans.HasAmount, ans.Amount = in.Data.Total.there, yuan(in.Data.Total.value)
	case "INIT", "CREATE", "DEAL", "UNKNOWN":
		ans.Outcome = sale.RefOutPending
	case "FAIL":
		ans.Outcome = sale.RefOutAbnormal // taken and not done: asking again with the same number is no use
	default:
		ans.Cause = "trade state " + ans.Code + " settles nothing"
	}
}

// refundAnswer is what every answer about a refund has. Its number is turned back into ours.
func (c *Client) refundAnswer(got wallet.Reply, a sale.Attempt, r sale.Refund) (ans sale.RefundAnswer, in reply, ok bool) {
	in, cause := c.open(got)
	if cause != "" {
		return sale.RefundAnswer{NotSent: got.NotSent, Cause: cause}, in, false
	}
	d := &in.Data
	ans = sale.RefundAnswer{Signed: true, Merchant: d.MerchantNo, ID: d.OutTradeNo, Code: wallet.CleanCode(in.Code), Text: wallet.CleanText(in.Msg),
		WalletRefund: wallet.CleanID(d.TradeNo)}
	if ans.ID == short(r.ID, "refund") {
		ans.ID = r.ID
	}
	if d.OriginNo != "" {
		ans.Order = d.OriginNo
	}
	return ans, in, true
}
