package pos

import (
	"encoding/json"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/pos/nexo"
	"github.com/tilld/tilld/agent/sale"
)

// renderRefund writes the answer to a Payment of PaymentType Refund. It is a Success when
// the wallet has given the money back, or has taken the refund with a signature and works on
// it: AdditionalResponse then says refundState=PROCESSING instead of REFUNDED. A Failure
// means that nothing moves.
func renderRefund(asked sale.Asked, e echo, r agent.Reply) []byte {
	out := refundOutcome(r)
	body := paymentResponse{SaleData: e.SaleData, POIData: poiOf(&r.Payment)}
	body.Response = response{Result: nexo.Failure, ErrorCondition: out.condition}
	switch {
	case r.Ending == sale.EndRefunded && r.Refund != nil:
		body.Response.Result = nexo.Success
		body.PaymentResult = resultOf(asked, &r.Payment)
		body.PaymentResult.PaymentType = "Refund"
		body.PaymentResult.AmountsResp = amountsResp{r.Refund.Amount.Currency, json.RawMessage(r.Refund.Amount.Decimal())}
		if r.Refund.WalletRefund != "" {
			body.PaymentResult.PaymentAcquirerData.AcquirerTransactionID = &transactionID{r.Refund.WalletRefund, stamp(r.Refund.EndedAt)}
		}
		body.PaymentReceipt = refundReceipts(e.Test, asked, r, out.receipt)
	case out.condition == "": // an ending that no refund has
		body.Response.ErrorCondition = nexo.UnavailableService
	}
	why := r.Why
	if why == "" {
		why = out.text
	}
	if ref := r.Refund; ref != nil && ref.Asked.ServiceID != "" && ref.Asked.Key() != asked.Key() {
		if why != "" {
			why += "; "
		}
		why += "this refund was asked for under ServiceID " + ref.Asked.ServiceID + "; this is its outcome"
	}
	body.Response.AdditionalResponse = additional(asked, e, r, why)
	return message(answerHeader(asked, e, "Payment"), "PaymentResponse", body)
}

// refundTexts say to people what became of a refund, where the till says no more.
var refundTexts = map[sale.Ending]string{
	sale.EndAborted:     "aborted by the cashier; nothing was given back",
	sale.EndCancelled:   "no bill was shown in time; nothing was given back",
	sale.EndDeclined:    "the wallet refused to give it back",
	sale.EndBadCode:     "what was shown is not a bill; nothing was given back",
	sale.EndUnreachable: "the wallet cannot be reached; nothing was given back",
	sale.EndNoSpace:     "the terminal's storage is full; nothing was given back",
	sale.EndNotFound:    "no such payment; nothing was given back",
	sale.EndBusy:        "something else is being done on this terminal or with this payment; nothing was given back",
}

// refundOutcome is how the ending of a refund is told: the words of a payment that was not
// charged would be wrong.
func refundOutcome(r agent.Reply) outcome {
	out := outcomeOf(r.Ending)
	switch {
	case r.Ending != sale.EndRefunded:
		out.receipt, out.text = "NOT GIVEN BACK", "nothing was given back"
		if text, ok := refundTexts[r.Ending]; ok {
			out.text = text
		}
	case r.Refund != nil && r.Refund.State != sale.RefundDone:
		out.receipt = "REFUND ACCEPTED - THE WALLET IS WORKING ON IT"
	}
	return out
}

// refundReceipts are the receipts of a refund: its own sum and number beside the payment's.
func refundReceipts(test bool, asked sale.Asked, r agent.Reply, verdict string) []receipt {
	p := r.Payment
	p.Amount = r.Refund.Amount
	if !r.Refund.EndedAt.IsZero() {
		p.EndedAt = r.Refund.EndedAt
	}
	out := receipts(test, asked, &p, verdict)
	for i := range out {
		text := &out[i].OutputContent.OutputText
		at := len(*text) - 1 // before the verdict
		if test {
			at--
		}
		line := outputText{"key=refundRef&name=Refund&value=" + percent(r.Refund.ID), "", true}
		*text = append((*text)[:at:at], append([]outputText{line}, (*text)[at:]...)...)
	}
	return out
}
