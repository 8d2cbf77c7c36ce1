package wallettest_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// plusAnswers is an answer to every request, and what it means to the till.
func plusAnswers(l *till, a sale.Attempt) []struct {
	target, body string
	ask          func() string
	want         string
} {
	const path = "/aps/api/v1/payments/"
	r := refundOf(a, 280, 0)
	money := func(minor int) string { return fmt.Sprintf(`{"currency":"CNY","value":"%d"}`, minor) }
	order := `"result":{"resultStatus":"S","resultCode":"SUCCESS"},"paymentRequestId":"` + a.ID + `","acquirerId":"` + a.Contract.Merchant + `"`
	paid := order + `,"paymentAmount":` + money(1280) + `,"walletBrandName":"钱包 ☂"`
	result := `{"resultStatus":"S","resultCode":"SUCCESS"}`
	return []struct {
		target, body string
		ask          func() string
		want         string
	}{
		{path + "pay", `{` + paid + `}`, func() string { return string(l.pay(a).Outcome) }, "paid"},
		{path + "inquiryPayment", `{` + paid + `,"paymentResult":` + result + `}`, func() string { return string(l.query(a).Outcome) }, "paid"},
		{path + "cancelPayment", `{` + order + `}`, func() string { return string(l.reverse(a).Outcome) }, "accepted"},
		{path + "refund", `{` + order + `,"refundRequestId":"` + r.ID + `","refundAmount":` + money(280) + `}`,
			func() string { return string(l.refund(a, r).Outcome) }, "done"},
		{path + "inquiryPayment", `{` + paid + `,"paymentResult":` + result + `,"transactions":[{"transactionType":"REFUND","transactionRequestId":"` + r.ID +
			`","transactionAmount":` + money(280) + `,"transactionResult":` + result + `}]}`, func() string { return string(l.queryRefund(a, r).Outcome) }, "done"},
	}
}

// Another implementation of the documents holds our requests for good, and we its answers.
func TestAlipayPlusByAnotherHand(t *testing.T) {
	w := newWorld(t, wallettest.Options{Also: []string{wallettest.AlipayPlus}, ClockScale: 1})
	gatewayKey, err := os.ReadFile("keys/alipay-platform.pem")
	if err != nil {
		t.Fatal(err)
	}
	stand, l := newStand(t, w, wallettest.AlipayPlus)
	a := l.attempt()
	answers := []map[string]string{}
	for _, c := range plusAnswers(l, a) {
		if got := c.ask(); got != "" {
			t.Errorf("%s: a server without the wallet's key is believed: %s", c.target, got)
		}
		answers = append(answers, map[string]string{"target": c.target, "body": c.body})
	}
	client := w.Contract(wallettest.AlipayPlus).Settings["client_id"]
	var out struct {
		Ours, Changed, Strings []bool
		Signed                 []struct{ Time, Signature string }
	}
	talk(t, "testdata/aliplus.js", map[string]any{
		"merchantPublicKey": merchantPublicKey(t, w, wallettest.AlipayPlus), "gatewayKey": string(gatewayKey), "client": client,
		"requests": stand.requests, "answers": answers,
	}, nil, &out)
	if len(out.Ours) != len(answers) || len(out.Signed) != len(answers) {
		t.Fatalf("%d requests were looked at, and %d answers signed", len(out.Ours), len(out.Signed))
	}
	for i, c := range plusAnswers(l, a) {
		if !out.Ours[i] || out.Changed[i] || !out.Strings[i] {
			t.Errorf("%s: our request verifies %t, and with one letter changed %t; its scalars are strings %t", c.target, out.Ours[i], out.Changed[i], out.Strings[i])
		}
		stand.header = http.Header{"Client-Id": {client}, "Response-Time": {out.Signed[i].Time}, "Signature": {out.Signed[i].Signature}}
		stand.answer = c.body
		if got := c.ask(); got != c.want {
			t.Errorf("%s: a signed answer is worth %q, want %q", c.target, got, c.want)
		}
		stand.answer = strings.Replace(c.body, "SUCCESS", "SUCCESR", 1)
		if got := c.ask(); got != "" {
			t.Errorf("%s: a changed answer is worth %q", c.target, got)
		}
	}
}
