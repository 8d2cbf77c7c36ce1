package alipayplus

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// Refund implements agent.Refunder. Alipay+ does it once for one r.ID.
func (c *Client) Refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	if r.Amount.Currency != a.Amount.Currency || r.Amount.Minor <= 0 || r.Amount.Minor > a.Amount.Minor {
		return sale.RefundAnswer{}, fmt.Errorf("%s %s at %s: amount %s of %s cannot be given back", sale.OpRefund, r.ID, c.cfg.Ref.Name, r.Amount, a.Amount)
	}
	return c.refund(ctx, a, r)
}

func (c *Client) refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	got, err := c.call(ctx, pathRefund, refundBody(a, r))
	if err != nil {
		return sale.RefundAnswer{}, fmt.Errorf("%s %s at %s: %w", sale.OpRefund, r.ID, c.cfg.Ref.Name, err)
	}
	ans := c.readRefund(got, readRefund)
	if ans.Outcome != sale.RefOutDone || ans.ID != "" || ans.Order != "" {
		return ans, nil
	}
	// Done, but not in whose name: the inquiry says.
	ans.Outcome, ans.Cause = sale.RefOutUnknown, "the answer names no refund"
	if asked, err := c.QueryRefund(ctx, a, r); err == nil && asked.Outcome != sale.RefOutNotFound && asked.Signed {
		return asked, nil
	}
	return ans, nil
}

// QueryRefund implements agent.Refunder: it looks the refund up among what became of the order.
func (c *Client) QueryRefund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	got, err := c.call(ctx, pathQuery, orderBody(a))
	if err != nil {
		return sale.RefundAnswer{}, fmt.Errorf("%s %s at %s: %w", sale.OpQueryRefund, r.ID, c.cfg.Ref.Name, err)
	}
	return c.readRefund(got, func(status int, body []byte) sale.RefundAnswer { return lookUp(status, body, r.ID) }), nil
}

func refundBody(a sale.Attempt, r sale.Refund) []byte {
	b := field(nil, `{"paymentRequestId":`, a.ID)
	b = field(b, `,"refundRequestId":`, r.ID)
	return append(amountText(b, `,"refundAmount":`, r.Amount), '}')
}

func (c *Client) readRefund(got answer, read func(int, []byte) sale.RefundAnswer) sale.RefundAnswer {
	if got.cause != "" {
		return sale.RefundAnswer{NotSent: got.notSent, Cause: got.cause}
	}
	ans := read(got.status, got.body)
	if c.set.AcquirerID == "" {
		ans.Merchant = ""
	}
	return ans
}

// refundRefusals is the closed list of codes beside F for a refund (api_acq/refund: outside
// of the refund window it is declined; the sum of all refunds is at most what was paid).
var refundRefusals = map[string]bool{
	"REFUND_WINDOW_EXCEED": true,
	"REFUND_AMOUNT_EXCEED": true,
}

// readRefund reads the answer to a refund.
func readRefund(status int, body []byte) sale.RefundAnswer {
	ans, in, ok := begin(status, body)
	if !ok {
		return ans
	}
	ans.ID, ans.WalletRefund = in.RefundRequestID, wallet.CleanID(in.RefundID)
	ans.Amount, ans.HasAmount = in.RefundAmount.amount()
	ans.Code, ans.Text = wallet.CleanCode(in.Result.Code), wallet.CleanText(in.Result.Message)
	switch {
	case in.Result.Status == "S" && in.Result.Code == "SUCCESS":
		ans.Outcome = sale.RefOutDone
	case in.Result.Status == "F" && refundRefusals[in.Result.Code]:
		ans.Outcome = sale.RefOutRefused
	default:
		ans.Cause = "result " + wallet.CleanCode(in.Result.Status) + " " + ans.Code + " settles nothing"
	}
	return ans
}

// lookUp reads of an inquiry what became of the refund id. An order without it says that the
// refund was not received, or that refunds are not listed: asking again is safe either way.
func lookUp(status int, body []byte, id string) sale.RefundAnswer {
	ans, in, ok := begin(status, body)
	if !ok {
		return ans
	}
	ans.Code, ans.Text = wallet.CleanCode(in.Result.Code), wallet.CleanText(in.Result.Message)
	if in.Result.Status != "S" || in.PaymentRequestID == "" {
		ans.Cause = "result " + wallet.CleanCode(in.Result.Status) + " " + ans.Code + " settles nothing"
		return ans
	}
	for _, t := range in.Transactions {
		if t.Type != "REFUND" || t.RequestID != id {
			continue
		}
		ans.ID, ans.WalletRefund = t.RequestID, wallet.CleanID(t.ID)
		ans.Amount, ans.HasAmount = t.Amount.amount()
		ans.Code, ans.Text = wallet.CleanCode(t.Result.Code), wallet.CleanText(t.Result.Message)
		switch t.Result.Status {
		case "S":
			ans.Outcome = sale.RefOutDone
		case "U":
			ans.Outcome = sale.RefOutPending
		default:
			ans.Cause = "result " + wallet.CleanCode(t.Result.Status) + " " + ans.Code + " of the refund settles nothing"
		}
		return ans
	}
	ans.Outcome = sale.RefOutNotFound
	return ans
}

// begin reads what both kinds of answers have; ok is false when nothing more is to be read.
func begin(status int, body []byte) (ans sale.RefundAnswer, in reply, ok bool) {
	ans.Signed = true
	if err := json.Unmarshal(body, &in); err != nil {
		ans.Cause = fmt.Sprintf("status %d: the answer's fields are not what they should be", status)
		return ans, in, false
	}
	ans.Order, ans.Merchant = in.PaymentRequestID, wallet.CleanID(in.AcquirerID)
	if status != 200 {
		ans.Cause = fmt.Sprintf("status %d settles nothing", status)
		return ans, in, false
	}
	return ans, in, true
}

var numberForm = regexp.MustCompile(`^[0-9A-Za-z_-]{8,64}$`)

// Find implements agent.Finder. A number of our own form is a paymentRequestId; any other is
// taken for Alipay+'s paymentId.
func (c *Client) Find(ctx context.Context, number string) (sale.Answer, error) {
	if !numberForm.MatchString(number) {
		return sale.Answer{Outcome: sale.OutNotFound, Cause: "it is not a number that Alipay+ could know"}, nil
	}
	name := `{"paymentId":`
	if _, _, _, err := sale.ParseOrderID(number); err == nil {
		name = `{"paymentRequestId":`
	}
	got, err := c.call(ctx, pathQuery, append(field(nil, name, number), '}'))
	if err != nil {
		return sale.Answer{}, fmt.Errorf("find an order at %s: %w", c.cfg.Ref.Name, err)
	}
	ans := c.read(sale.OpQuery, got)
	switch ans.Outcome {
	case sale.OutPaid, sale.OutRefunded:
		if number != ans.Order && number != ans.WalletTransaction {
			ans.Outcome, ans.Cause = sale.OutUnknown, "the answer is about another order"
		}
	case sale.OutPaying, sale.OutClosed, sale.OutFailed, sale.OutDeclined:
		ans.Outcome, ans.Cause = sale.OutNotFound, "the order is not paid"
	}
	return ans, nil
}
