package wallet

import (
	"context"

	"github.com/tilld/tilld/agent/sale"
)

// TakeBack reverses an order whose code we showed, at a wallet whose own reverse is for codes
// of customers alone: the order is closed and, when it turns out paid, refunded in full.
type TakeBack struct {
	Close, Query func(ctx context.Context, a sale.Attempt) (sale.Answer, error)
	// Refund gives r.Amount of an order over total back.
	Refund func(ctx context.Context, a sale.Attempt, r sale.Refund, total sale.Amount) (sale.RefundAnswer, error)
	// PaidAlready reports whether the answer to a close says that the order is paid.
	PaidAlready func(sale.Answer) bool
}

// Do carries it out. Like the answer to any reverse its answer proves nothing; a query does.
func (t TakeBack) Do(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	if !a.WasPaid {
		ans, err := t.Close(ctx, a)
		if err != nil || !t.PaidAlready(ans) {
			return ans, err
		}
	}
	// The total that the wallet has on record is what must be given back.
	ans, err := t.Query(ctx, a)
	if err != nil {
		return ans, err
	}
	switch a.Judge(sale.OpQuery, ans) {
	case sale.EvPaid, sale.EvWrongTotal, sale.EvRefunded:
	default:
		return sale.Answer{Signed: ans.Signed, Order: ans.Order, Merchant: ans.Merchant, SubMerchant: ans.SubMerchant, Code: ans.Code,
			Cause: "the order could not be closed, and is not known to be paid"}, nil
	}
	total := TotalOf(a, ans)
	r := FullRefund(a, total)
	back, err := t.Refund(ctx, a, r, total)
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

// FullRefund is the one refund that takes a whole order back, however often it is asked for.
func FullRefund(a sale.Attempt, total sale.Amount) sale.Refund {
	return sale.Refund{ID: sale.RefundID(a.ID, "reverse", "", total, 0), Amount: total}
}

// TotalOf is the order's total as the wallet names it, or the attempt's where it does not.
func TotalOf(a sale.Attempt, ans sale.Answer) sale.Amount {
	if ans.HasTotal {
		return ans.Total
	}
	return a.Amount
}
