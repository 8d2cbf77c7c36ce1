package pos

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/sale"
)

// refundAnswer is what a point of sale reads of the answer to a refund.
type refundAnswer struct {
	SaleToPOIResponse struct {
		PaymentResponse struct {
			Response      struct{ Result, ErrorCondition string }
			PaymentResult struct {
				PaymentType         string
				AmountsResp         struct{ AuthorizedAmount json.Number }
				PaymentAcquirerData struct {
					AcquirerTransactionID struct{ TransactionID string }
				}
			}
			PaymentReceipt []struct {
				OutputContent struct{ OutputText []struct{ Text string } }
			}
		}
	}
}

func TestRefund(t *testing.T) {
	both(t, func(t *testing.T, sealed bool) {
		s := newShop(t).open(nil)
		c := s.client(sealed)
		a := paid(t, s, c, payRequest("1", "T1", "12.80"))
		ask := func(service, transaction, amount, original string) (posclient.Answer, refundAnswer) {
			t.Helper()
			got, err := c.Refund(context.Background(), posclient.RefundRequest{PayRequest: payRequest(service, transaction, amount), POITransactionID: original})
			if err != nil {
				t.Fatal(err)
			}
			var r refundAnswer
			if err := json.Unmarshal(got.Raw, &r); err != nil {
				t.Fatal(err)
			}
			return got, r
		}
		got, r := ask("2", "R1", "0.30", a.POITransactionID)
		p := r.SaleToPOIResponse.PaymentResponse
		if got.Result != "Success" || got.POITransactionID != a.POITransactionID || got.Additional("refundState") != "REFUNDED" || len(got.Additional("refundId")) != 40 {
			t.Errorf("told %s", got.Raw)
		}
		if p.PaymentResult.PaymentType != "Refund" || p.PaymentResult.AmountsResp.AuthorizedAmount != "0.30" ||
			p.PaymentResult.PaymentAcquirerData.AcquirerTransactionID.TransactionID != "5030000001" {
			t.Errorf("result %+v", p.PaymentResult)
		}
		receipt := ""
		for _, line := range p.PaymentReceipt[0].OutputContent.OutputText {
			receipt += line.Text + "\n"
		}
		for _, want := range []string{"name=REFUNDED", "CNY%200.30", "key=refundRef"} {
			if !strings.Contains(receipt, want) {
				t.Errorf("no %s on the receipt:\n%s", want, receipt)
			}
		}
		s.desk.slow = true
		if got, _ := ask("3", "R2", "0.30", a.POITransactionID); got.Result != "Success" || got.Additional("refundState") != "PROCESSING" || !strings.Contains(string(got.Raw), "WORKING") {
			t.Errorf("told %s", got.Raw)
		}
		if got, _ := ask("4", "R3", "12.80", a.POITransactionID); got.Result != "Failure" || got.ErrorCondition != "NotAllowed" || strings.Contains(string(got.Raw), "CHARGED") {
			t.Errorf("told %s", got.Raw)
		}
		if got, _ := ask("5", "R4", "1", "nothing"); got.Result != "Failure" || got.ErrorCondition != "NotFound" {
			t.Errorf("told %s", got.Raw)
		}
		ask("6", "R5", "1", "")
		if last := s.desk.refunds[len(s.desk.refunds)-1]; last.Payment != "" || last.Amount.Minor != 100 {
			t.Errorf("the till was asked for %+v", last)
		}
	})
}

// TestRefundToldAsItStands holds the answer against every ending and state: no Success but
// for a refund that is done or taken, and never the words of a payment.
func TestRefundToldAsItStands(t *testing.T) {
	e := encode(echo{Refund: true})
	for ending := range outcomes {
		for _, ref := range []*sale.Refund{nil, {State: sale.RefundDone, Amount: sale.Amount{Minor: 1, Currency: "CNY", Exponent: 2}}} {
			r := replyOf(sale.Payment{ID: "X"}, ending)
			r.Refund = ref
			raw := string(Render(sale.Asked{SaleID: saleID, ServiceID: "1", Echo: e}, r))
			if want := ending == sale.EndRefunded && ref != nil; strings.Contains(raw, `"Success"`) != want {
				t.Errorf("%s: %s", ending, raw)
			}
			if strings.Contains(raw, "charged") || strings.Contains(raw, "CHARGED") {
				t.Errorf("%s: the words of a payment: %s", ending, raw)
			}
			if !strings.Contains(raw, `"Success"`) && strings.Contains(raw, `"ErrorCondition":""`) {
				t.Errorf("%s: a failure without a condition", ending)
			}
		}
	}
}

func TestReversedPart(t *testing.T) {
	both(t, func(t *testing.T, sealed bool) {
		s := newShop(t).open(nil)
		c := s.client(sealed)
		a := paid(t, s, c, payRequest("1", "T1", "12.80"))
		got, err := c.Reverse(context.Background(), posclient.ReverseRequest{ServiceID: "2", POITransactionID: a.POITransactionID, Amount: "0.3"})
		if err != nil || got.Result != "Success" || !strings.Contains(string(got.Raw), `"ReversedAmount":0.30`) || got.Additional("refundId") != "r" {
			t.Errorf("told %s, %v", got.Raw, err)
		}
	})
}
