package demo

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

const (
	paidJSON   = `{"SaleToPOIResponse":{"PaymentResponse":{"Response":{"Result":"Success"},"PaymentResult":{"AmountsResp":{"Currency":"CNY","AuthorizedAmount":12.8}}}}}`
	statusJSON = `{"SaleToPOIResponse":{"TransactionStatusResponse":{"RepeatedMessageResponse":{"RepeatedResponseMessageBody":{"PaymentResponse":{"PaymentResult":{"AmountsResp":{"Currency":"CNY","AuthorizedAmount":12.80}}}}}}}}`
	brokenJSON = `{"SaleToPOIResponse":{"PaymentResponse":{"PaymentResult":{"AmountsResp":{"Currency":"CNY","AuthorizedAmount":12.805}}}}}`
)

func TestTold(t *testing.T) {
	c := &cashier{saleID: "POS1", poiID: "TILLD-1"}
	b := basket{scenario: "s", id: "B1", amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}}
	base := verdict.Told{Scenario: "s", Kind: verdict.KindPayment, SaleID: "POS1", POIID: "TILLD-1", ServiceID: "1", TransactionID: "B1", Amount: b.amount}
	with := func(f func(*verdict.Told)) verdict.Told { v := base; f(&v); return v }
	tests := []struct {
		name string
		r    request
		want verdict.Told
	}{
		{"success", request{kind: verdict.KindPayment, answer: posclient.Answer{Result: "Success", POITransactionID: "P1", Raw: []byte(paidJSON)}},
			with(func(v *verdict.Told) { v.Result, v.Payment, v.Authorized = "Success", "P1", &b.amount })},
		{"failure", request{kind: verdict.KindPayment, answer: posclient.Answer{Result: "Failure", ErrorCondition: "Refusal", POITransactionID: "P1", Raw: []byte(`{}`)}},
			with(func(v *verdict.Told) { v.Result, v.Condition, v.Payment = "Failure", "Refusal", "P1" })},
		{"no connection", request{kind: verdict.KindPayment, err: errors.New("reset"), answer: posclient.Answer{Result: "Success"}}, base},
		{"an answer without a result", request{kind: verdict.KindPayment, answer: posclient.Answer{HTTP: 400}}, base},
		{"status with the stored answer", request{kind: verdict.KindStatus, status: true, answer: posclient.Answer{Result: "Success", Raw: []byte(statusJSON),
			Repeated: &posclient.Answer{Result: "Success", POITransactionID: "P1"}}},
			with(func(v *verdict.Told) {
				v.Kind, v.Result, v.Payment, v.Authorized = verdict.KindStatus, "Success", "P1", &b.amount
			})},
		{"status with a stored failure", request{kind: verdict.KindStatus, status: true, answer: posclient.Answer{Result: "Success", Raw: []byte(statusJSON),
			Repeated: &posclient.Answer{Result: "Failure", ErrorCondition: "Cancel", POITransactionID: "P1"}}},
			with(func(v *verdict.Told) {
				v.Kind, v.Result, v.Condition, v.Payment = verdict.KindStatus, "Failure", "Cancel", "P1"
			})},
		{"status in progress", request{kind: verdict.KindStatus, status: true, answer: posclient.Answer{Result: "Failure", ErrorCondition: "InProgress", Raw: []byte(`{}`)}},
			with(func(v *verdict.Told) { v.Kind, v.Result, v.Condition = verdict.KindStatus, "Failure", "InProgress" })},
		{"reversal names the original", request{kind: verdict.KindReversal, payment: "P1", answer: posclient.Answer{Result: "Success", POITransactionID: "R9", Raw: []byte(`{}`)}},
			with(func(v *verdict.Told) { v.Kind, v.Result, v.Payment = verdict.KindReversal, "Success", "P1" })},
		{"status of a reversal", request{kind: verdict.KindReversal, status: true, payment: "P1", answer: posclient.Answer{Result: "Success", Raw: []byte(`{}`),
			Repeated: &posclient.Answer{Result: "Success", POITransactionID: "P1"}}},
			with(func(v *verdict.Told) { v.Kind, v.Result, v.Payment = verdict.KindReversal, "Success", "P1" })},
		{"a part given back", request{kind: verdict.KindRefund, payment: "P1", answer: posclient.Answer{Result: "Success", POITransactionID: "P1", Raw: []byte(paidJSON), AdditionalResponse: "refundId=R7&x=y"}},
			with(func(v *verdict.Told) {
				v.Kind, v.Result, v.Payment, v.Refund, v.Authorized = verdict.KindRefund, "Success", "P1", "R7", &b.amount
			})},
		{"a bill that was found", request{kind: verdict.KindRefund, answer: posclient.Answer{Result: "Success", POITransactionID: "P2", Raw: []byte(paidJSON), AdditionalResponse: "refundId=R7"}},
			with(func(v *verdict.Told) {
				v.Kind, v.Result, v.Payment, v.Refund, v.Authorized = verdict.KindRefund, "Success", "P2", "R7", &b.amount
			})},
		{"a part reversed", request{kind: verdict.KindRefund, reverse: true, payment: "P1", answer: posclient.Answer{Result: "Success", Raw: []byte(`{"SaleToPOIResponse":{"ReversalResponse":{"ReversedAmount":12.80}}}`), AdditionalResponse: "refundId=R7"}},
			with(func(v *verdict.Told) {
				v.Kind, v.Result, v.Payment, v.Refund, v.Authorized = verdict.KindRefund, "Success", "P1", "R7", &b.amount
			})},
		{"status of a refund", request{kind: verdict.KindRefund, status: true, payment: "P1", answer: posclient.Answer{Result: "Success", Raw: []byte(statusJSON),
			Repeated: &posclient.Answer{Result: "Success", POITransactionID: "P1", AdditionalResponse: "refundId=R7"}}},
			with(func(v *verdict.Told) {
				v.Kind, v.Result, v.Payment, v.Refund, v.Authorized = verdict.KindRefund, "Success", "P1", "R7", &b.amount
			})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.r.basket, tt.r.service = b, "1"
			got, err := c.told(&tt.r)
			if err != nil {
				t.Fatal(err)
			}
			if hasDigest := got.Digest != ""; hasDigest != (got.Result != "" && !tt.r.status) {
				t.Errorf("digest %q for %s", got.Digest, got.Answer())
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(verdict.Told{}, "At", "Digest")); diff != "" {
				t.Errorf("written down (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthorized(t *testing.T) {
	if got, err := authorized([]byte(paidJSON)); err != nil || got == nil || got.String() != "12.80 CNY" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := authorized([]byte(`{"SaleToPOIResponse":{"PaymentResponse":{}}}`)); err != nil || got != nil {
		t.Errorf("no amount: %v, %v", got, err)
	}
	if got, err := authorized([]byte(brokenJSON)); err == nil {
		t.Errorf("half a fen was read as %v", got)
	}
}

func FuzzAuthorized(f *testing.F) {
	for _, s := range []string{paidJSON, statusJSON, brokenJSON, `{`, `{"SaleToPOIResponse":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if a, err := authorized(raw); err == nil && a != nil && a.Minor <= 0 {
			t.Errorf("authorized %v", a)
		}
	})
}

func TestEveryScenarioHasItsOwnName(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range lanes() {
		for _, s := range l.scenarios {
			if seen[s.name] || s.play == nil {
				t.Errorf("scenario %q stands twice, or plays nothing", s.name)
			}
			seen[s.name] = true
		}
	}
	if _, err := withAccident(lanes(), "meteor"); err == nil {
		t.Error("an accident that nobody knows was planted")
	}
}
