package wallettest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// stand is a server that keeps requests and answers with what it is told.
type stand struct {
	requests []withHeader
	header   http.Header
	answer   string
}

// withHeader is a request with its header, where that is signed.
type withHeader struct {
	captured
	Header http.Header `json:"header"`
}

func (s *stand) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.requests = append(s.requests, withHeader{captured{r.Method, r.RequestURI, r.Header.Get("Authorization"), string(body)}, r.Header})
	for name, values := range s.header {
		rw.Header()[name] = values
	}
	io.WriteString(rw, s.answer)
}

// newStand is a till that talks to a stand in a wallet's place.
func newStand(t *testing.T, w *wallettest.World, name string) (*stand, *till) {
	t.Helper()
	s := &stand{}
	server := httptest.NewTLSServer(s)
	t.Cleanup(server.Close)
	return s, newTill(t, w, name, server.URL, func(c *wallet.Config) {
		c.Roots = w.Roots().Clone()
		c.Roots.AddCert(server.Certificate())
		c.Terminal.StoreName = "街角 & 便利店 \"A/B\"+"
	})
}

// alipayAnswers is an answer to every method, and what it means to the till.
func alipayAnswers(l *till, a sale.Attempt) []struct {
	method, inner string
	ask           func() (outcome string)
	want          string
} {
	order := fmt.Sprintf(`"code":"10000","msg":"Success","out_trade_no":"%s"`, a.ID)
	r := refundOf(a, 280, 0)
	of := func(ans sale.Answer) string { return string(ans.Outcome) }
	return []struct {
		method, inner string
		ask           func() string
		want          string
	}{
		{"alipay.trade.pay", `{` + order + `,"total_amount":"12.80","buyer_logon_id":"a\/b}***"}`, func() string { return of(l.pay(a)) }, "paid"},
		{"alipay.trade.query", `{` + order + `,"total_amount":"12.80","trade_status":"TRADE_SUCCESS"}`, func() string { return of(l.query(a)) }, "paid"},
		{"alipay.trade.cancel", `{` + order + `,"retry_flag":"N","action":"refund"}`, func() string { return of(l.reverse(a)) }, "accepted"},
		{"alipay.trade.precreate", `{` + order + `,"qr_code":"https:\/\/qr.alipay.com\/bavh4wjlxf12tper3a"}`, func() string {
			shown := a
			shown.OfferLife = 90 * time.Second
			return l.offer(shown).Code
		}, "https://qr.alipay.com/bavh4wjlxf12tper3a"},
		{"alipay.trade.close", `{` + order + `}`, func() string { return of(l.close(a)) }, "accepted"},
		{"alipay.trade.refund", `{` + order + `,"fund_change":"Y","refund_fee":"2.80"}`, func() string { return string(l.refund(a, r).Outcome) }, "done"},
		{"alipay.trade.fastpay.refund.query", `{` + order + `,"out_request_no":"` + r.ID + `","refund_amount":"2.80","refund_status":"REFUND_SUCCESS"}`,
			func() string { return string(l.queryRefund(a, r).Outcome) }, "done"},
	}
}

func TestAlipaySDK(t *testing.T) {
	for name, o := range map[string]wallettest.Options{"direct": {ClockScale: 1}, "provider": {ClockScale: 1, SubMerchant: true}} {
		t.Run(name, func(t *testing.T) { alipaySDK(t, newWorld(t, o)) })
	}
}

func alipaySDK(t *testing.T, w *wallettest.World) {
	list, err := w.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	gatewayKey, err := os.ReadFile("keys/alipay-platform.pem")
	if err != nil {
		t.Fatal(err)
	}
	contract := list[1]
	l := newTill(t, w, wallettest.Alipay, "", nil)
	stand, ours := newStand(t, w, wallettest.Alipay)
	attempt := ours.attempt()
	answers := []map[string]string{}
	for _, c := range alipayAnswers(ours, attempt) {
		if got := c.ask(); got != "" {
			t.Errorf("%s: a server without the gateway's key is believed: %s", c.method, got)
		}
		answers = append(answers, map[string]string{"method": c.method, "inner": c.inner})
	}

	order, reversed, shown := l.attempt(), l.attempt(), l.attempt()
	var out struct {
		Pay, Query, Refund, Again, RefundQuery, OtherRefund, Pay2, Cancel, Precreate, Close map[string]any
		Ours, Changed                                                                       []bool
		Signed                                                                              []string
	}
	// The library writes the machine's local time where the gateway wants Shanghai's.
	env := []string{"TZ=Asia/Shanghai", "NODE_EXTRA_CA_CERTS=" + contract.CAFile}
	talk(t, "testdata/alipay.js", map[string]any{
		"appId": contract.Settings["app_id"], "privateKey": string(contract.KeyPEM), "publicKey": string(contract.WalletKeyPEM),
		"endpoint": contract.Endpoint, "order": order.ID, "code": w.NewCode(wallettest.Alipay),
		"order2": reversed.ID, "code2": w.NewCode(wallettest.Alipay), "offer": shown.ID,
		"expire": time.Now().Add(time.Minute).In(time.FixedZone("", 8*3600)).Format(time.DateTime),
		"token":  strings.TrimSpace(string(contract.Files["secret_file"])),
		"seller": contract.Settings["seller_id"], "provider": contract.Settings["sys_service_provider_id"],
		"merchantPublicKey": merchantPublicKey(t, w, wallettest.Alipay), "gatewayKey": string(gatewayKey),
		"requests": stand.requests, "answers": answers,
	}, env, &out)
	for _, c := range []struct {
		what      string
		got       map[string]any
		key, want string
	}{
		{"pay", out.Pay, "total_amount", "12.80"}, {"query", out.Query, "trade_status", "TRADE_SUCCESS"},
		{"refund", out.Refund, "fund_change", "Y"}, {"the same refund", out.Again, "fund_change", "N"},
		{"query of the refund", out.RefundQuery, "refund_status", "REFUND_SUCCESS"},
		{"query of another refund", out.OtherRefund, "msg", "Success"},
		{"pay", out.Pay2, "code", "10000"}, {"cancel", out.Cancel, "action", "refund"},
		{"precreate", out.Precreate, "code", "10000"}, {"close of an order that nobody scanned", out.Close, "sub_code", "ACQ.TRADE_NOT_EXIST"},
	} {
		if c.got[c.key] != c.want {
			t.Errorf("%s: %v", c.what, c.got)
		}
	}
	if out.OtherRefund["refund_status"] != nil {
		t.Errorf("query of another refund: %v", out.OtherRefund)
	}
	if e := l.entry(order); e.RefundedMinor != 280 {
		t.Errorf("ledger: %+v", e)
	}
	if e := l.entry(reversed); e.State != wallettest.StateRefunded {
		t.Errorf("ledger: %+v", e)
	}
	noViolations(t, w)
	if len(out.Ours) != len(answers) || len(out.Changed) != len(answers) || len(out.Signed) != len(answers) {
		t.Fatalf("the library looked at %d requests and %d changed ones, and signed %d answers", len(out.Ours), len(out.Changed), len(out.Signed))
	}
	for i, c := range alipayAnswers(ours, attempt) {
		if !out.Ours[i] || out.Changed[i] {
			t.Errorf("%s: our request verifies %t, and with one letter changed %t", c.method, out.Ours[i], out.Changed[i])
		}
		stand.answer = out.Signed[i]
		if got := c.ask(); got != c.want {
			t.Errorf("%s: an answer that the library signed is worth %q, want %q", c.method, got, c.want)
		}
		stand.answer = strings.Replace(out.Signed[i], `"code"`, `"cod" `, 1)
		if got := c.ask(); got != "" {
			t.Errorf("%s: a changed answer is worth %q", c.method, got)
		}
	}
}
