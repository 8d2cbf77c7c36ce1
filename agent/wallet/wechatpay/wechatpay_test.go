package wechatpay

import (
	"bytes"
	"crypto"
	"flag"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/internal/vectors"
	"github.com/tilld/tilld/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files")

func load(t testing.TB) vectors.Set { return vectors.Load(t, "../testdata/signatures.json") }

func TestRequestVectors(t *testing.T) {
	n := 0
	for _, v := range load(t).Vectors {
		if v.Input.Kind != "wechat-v3-request" {
			continue
		}
		n++
		got := appendSigned(nil, v.Input.Method, v.Input.URL, v.Input.Timestamp, v.Input.Nonce, []byte(v.Input.Body))
		if string(got) != v.Expect.String {
			t.Errorf("%s: signs %q", v.Name, got)
		}
	}
	if n != 4 {
		t.Errorf("%d vectors, want 4", n)
	}
}

func TestResponseVectors(t *testing.T) {
	set := load(t)
	n := 0
	for _, v := range set.Vectors {
		if v.Input.Kind != "wechat-v3-response" {
			continue
		}
		n++
		header := http.Header{}
		for k, value := range v.Input.Headers {
			header.Set(k, value)
		}
		now, err := v.Input.Now.Int64()
		if err != nil {
			t.Fatal(err)
		}
		keys := []wallet.WalletKey{{ID: v.Input.KnownSerial, Public: set.Key.Public()}}
		err = verify(keys, header, []byte(v.Input.Body), time.Unix(now, 0))
		if (err == nil) != v.Expect.OK {
			t.Errorf("%s: %v", v.Name, err)
		}
		if v.Expect.OK && verify(keys, header, []byte(v.Input.Body), time.Unix(now+301, 0)) == nil {
			t.Errorf("%s: still good five minutes later", v.Name)
		}
	}
	if n != 6 {
		t.Errorf("%d vectors, want 6", n)
	}
}

func testClient(t testing.TB, s Settings) *Client {
	t.Helper()
	set := load(t)
	c, err := New(wallet.Config{
		Ref:  sale.ContractRef{Name: "test", Endpoint: "https://api.mch.weixin.qq.com"},
		Ring: wallet.NewRing(wallet.Keys{Signer: crypto.Signer(set.Key), ID: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", Wallet: []wallet.WalletKey{{Public: set.Key.Public()}}}),
		Terminal: terminal.Info{DeviceType: "10", Serial: "000158000000000", AppVersion: "1.0.0", NetworkLicense: "P3100",
			Location: "+31.23/+121.47", DeviceIP: "192.0.2.7", StoreID: "S-1", StoreName: `街角"便利店"`},
		Clock: Clock(),
		Now:   func() time.Time { return time.Unix(1554208460, 0) },
		Nonce: func() string { return "593BEC0C930BF1AFEB40B4A08C8FB242" },
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	direct  = Settings{AppID: "wxd678efh567hg6787", MerchantID: "1900000001", NotifyURL: "https://pay.example/notify"}
	attempt = sale.Attempt{ID: "7Z4M2K9QABC123000000421015", Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}, SentAt: time.Unix(1554208460, 0)}
	refund  = sale.Refund{ID: attempt.ID + "R0123456789AB", Amount: sale.Amount{Minor: 300, Currency: "CNY", Exponent: 2}}

	offeredAttempt = func() sale.Attempt { a := attempt; a.OfferLife = 90 * time.Second; return a }()
)

func credential() sale.Credential {
	return sale.Credential{Code: secret.New([]byte("130061098828009406")), Factor: secret.New([]byte("009406"))}
}

func TestGoldenRequests(t *testing.T) {
	partner := direct
	partner.SubMerchantID = "1900000109"
	for name, s := range map[string]Settings{"direct": direct, "partner": partner} {
		c := testClient(t, s)
		pay, err := c.payRequest(attempt, credential())
		if err != nil {
			t.Fatal(err)
		}
		query, err := c.request("GET", c.orderPath+attempt.ID+c.queryTail, nil)
		if err != nil {
			t.Fatal(err)
		}
		reverse, err := c.request("POST", c.orderPath+attempt.ID+"/reverse", c.reverse)
		if err != nil {
			t.Fatal(err)
		}
		offer, err := c.offerBody(offeredAttempt)
		if err != nil {
			t.Fatal(err)
		}
		for op, r := range map[string]struct {
			method, target string
			body           []byte
		}{
			"offer":        {"POST", c.offerTarget, offer},
			"close":        {"POST", c.orderPath + attempt.ID + "/close", c.closing},
			"refund":       {"POST", refundPath, c.refundBody(attempt.ID, refund, attempt.Amount)},
			"query-refund": {"GET", refundPath + "/" + refund.ID + c.refundTail, nil},
			"find":         {"GET", c.findPath + "4200001361307220321004860688" + c.queryTail, nil},
		} {
			got, err := c.request(r.method, r.target, r.body)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+"-"+op+".http", got)
		}
		for op, got := range map[string][]byte{"pay": pay, "query": query, "reverse": reverse} {
			golden(t, "testdata/"+name+"-"+op+".http", got)
		}
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs (%v):\n%s", path, err, got)
	}
}

func TestClosedLists(t *testing.T) {
	order := `"out_trade_no":"A","mchid":"1",`
	for _, c := range []struct {
		op     sale.Op
		status int
		body   string
		want   sale.Outcome
	}{
		{sale.OpPay, 200, `{` + order + `"trade_state":"SUCCESS","amount":{"total":1,"payer_total":0,"currency":"CNY"}}`, sale.OutPaid},
		{sale.OpPay, 200, `{"trade_state":"SUCCESS","amount":{"total":1}}`, sale.OutUnknown}, // no echo
		{sale.OpPay, 202, `{` + order + `"trade_state":"SUCCESS"}`, sale.OutUnknown},
		{sale.OpPay, 202, `{"code":"USERPAYING"}`, sale.OutPaying},
		{sale.OpPay, 400, `{"code":"AUTH_CODE_INVALID"}`, sale.OutBadCode},
		{sale.OpPay, 500, `{"code":"AUTH_CODE_INVALID"}`, sale.OutUnknown}, // the status is not on the list
		{sale.OpPay, 403, `{"code":"NOT_ENOUGH"}`, sale.OutDeclined},
		{sale.OpPay, 429, `{"code":"NOT_ENOUGH"}`, sale.OutUnknown},
		{sale.OpPay, 500, `{"code":"SYSTEM_ERROR"}`, sale.OutUnknown},
		{sale.OpPay, 400, `{"code":"NEVER_HEARD_OF"}`, sale.OutUnknown},
		{sale.OpPay, 400, `{"code":"ORDERPAID"}`, sale.OutDuplicate},
		{sale.OpPay, 404, `{"code":"ORDER_NOT_EXIST"}`, sale.OutUnknown}, // on a query's list alone
		{sale.OpPay, 200, `<html>`, sale.OutUnknown},
		{sale.OpPay, 200, ``, sale.OutUnknown},
		{sale.OpQuery, 200, `{` + order + `"trade_state":"NOTPAY"}`, sale.OutPaying},
		{sale.OpQuery, 200, `{` + order + `"trade_state":"USERPAYING"}`, sale.OutPaying},
		{sale.OpQuery, 200, `{` + order + `"trade_state":"CLOSED"}`, sale.OutClosed},
		{sale.OpQuery, 200, `{` + order + `"trade_state":"REVOKED"}`, sale.OutClosed},
		{sale.OpQuery, 200, `{` + order + `"trade_state":"REFUND"}`, sale.OutRefunded},
		{sale.OpQuery, 200, `{` + order + `"trade_state":"PAYERROR"}`, sale.OutFailed},
		{sale.OpQuery, 200, `{` + order + `"trade_state":"ACCEPT"}`, sale.OutUnknown},
		{sale.OpQuery, 404, `{"code":"ORDER_NOT_EXIST"}`, sale.OutNotFound},
		{sale.OpQuery, 403, `{"code":"NOT_ENOUGH"}`, sale.OutUnknown},
		{sale.OpReverse, 200, `{` + order + `"appid":"x"}`, sale.OutAccepted},
		{sale.OpReverse, 200, `{}`, sale.OutUnknown},
		{sale.OpReverse, 204, ``, sale.OutAccepted},
		{sale.OpReverse, 200, `{` + order + `"recall":"Y"}`, sale.OutRetry},
		{sale.OpReverse, 500, `{"code":"SYSTEM_ERROR"}`, sale.OutRetry},
		{sale.OpOffer, 200, `{"code_url":"weixin://wxpay/bizpayurl?pr=1"}`, sale.OutAccepted},
		{sale.OpOffer, 200, `{"code_url":"https://elsewhere.example/1"}`, sale.OutUnknown},
		{sale.OpOffer, 200, `{}`, sale.OutUnknown},
		{sale.OpOffer, 204, ``, sale.OutUnknown},
		{sale.OpOffer, 403, `{"code":"NO_AUTH"}`, sale.OutDeclined},
		{sale.OpOffer, 403, `{"code":"OUT_TRADE_NO_USED"}`, sale.OutDuplicate},
		{sale.OpOffer, 500, `{"code":"SYSTEM_ERROR"}`, sale.OutUnknown},
		{sale.OpOffer, 400, `{"code":"INVALID_REQUEST"}`, sale.OutUnknown},
		{sale.OpClose, 204, ``, sale.OutAccepted},
		{sale.OpClose, 200, `{` + order + `"trade_state":"CLOSED"}`, sale.OutUnknown},
		{sale.OpClose, 400, `{"code":"ORDERPAID"}`, sale.OutUnknown},
		{sale.OpClose, 400, `{"code":"ORDER_CLOSED"}`, sale.OutAccepted},
		{sale.OpClose, 404, `{"code":"ORDER_NOT_EXIST"}`, sale.OutNotFound},
		{sale.OpClose, 500, `{"code":"ORDER_CLOSED"}`, sale.OutUnknown},
	} {
		got := read(c.op, c.status, []byte(c.body))
		if got.Outcome != c.want || !got.Signed || got.Outcome == sale.OutUnknown && got.Cause == "" {
			t.Errorf("%s %d %s: %q %q, want %q", c.op, c.status, c.body, got.Outcome, got.Cause, c.want)
		}
	}
}

func TestClosedListOfRefunds(t *testing.T) {
	names := `"out_trade_no":"A","out_refund_no":"B",`
	sum := `"amount":{"refund":1,"total":5,"payer_refund":0,"currency":"CNY"}`
	for _, c := range []struct {
		op     sale.Op
		status int
		body   string
		want   sale.RefundOutcome
	}{
		{sale.OpRefund, 200, `{` + names + `"status":"SUCCESS",` + sum + `}`, sale.RefOutDone},
		{sale.OpRefund, 200, `{` + names + `"status":"PROCESSING",` + sum + `}`, sale.RefOutPending},
		{sale.OpRefund, 200, `{` + names + `"status":"SUCCESS"}`, sale.RefOutUnknown}, // no amount
		{sale.OpRefund, 200, `{"status":"SUCCESS",` + sum + `}`, sale.RefOutUnknown},  // no echo
		{sale.OpRefund, 202, `{` + names + `"status":"SUCCESS",` + sum + `}`, sale.RefOutUnknown},
		{sale.OpRefund, 403, `{"code":"NOT_ENOUGH"}`, sale.RefOutRefused},
		{sale.OpRefund, 400, `{"code":"NOT_ENOUGH"}`, sale.RefOutUnknown}, // the status is not on the list
		{sale.OpRefund, 403, `{"code":"USER_ACCOUNT_ABNORMAL"}`, sale.RefOutRefused},
		{sale.OpRefund, 400, `{"code":"INVALID_REQUEST"}`, sale.RefOutRefused},
		{sale.OpRefund, 404, `{"code":"RESOURCE_NOT_EXISTS"}`, sale.RefOutUnknown},
		{sale.OpRefund, 429, `{"code":"FREQUENCY_LIMITED"}`, sale.RefOutUnknown},
		{sale.OpRefund, 500, `{"code":"SYSTEM_ERROR"}`, sale.RefOutUnknown},
		{sale.OpRefund, 204, ``, sale.RefOutUnknown},
		{sale.OpQueryRefund, 200, `{` + names + `"status":"CLOSED",` + sum + `}`, sale.RefOutRefused},
		{sale.OpQueryRefund, 200, `{` + names + `"status":"ABNORMAL",` + sum + `}`, sale.RefOutAbnormal},
		{sale.OpQueryRefund, 200, `{` + names + `"status":"CHANGE",` + sum + `}`, sale.RefOutUnknown},
		{sale.OpQueryRefund, 404, `{"code":"RESOURCE_NOT_EXISTS"}`, sale.RefOutNotFound},
		{sale.OpQueryRefund, 403, `{"code":"NOT_ENOUGH"}`, sale.RefOutUnknown}, // on a refund's list alone
		{sale.OpQueryRefund, 200, `<html>`, sale.RefOutUnknown},
	} {
		got := readRefund(c.op, c.status, []byte(c.body))
		if got.Outcome != c.want || !got.Signed || got.Outcome == sale.RefOutUnknown && got.Cause == "" {
			t.Errorf("%s %d %s: %q %q, want %q", c.op, c.status, c.body, got.Outcome, got.Cause, c.want)
		}
	}
}

func TestARefundIsOfTheOrdersCurrencyAndNotAboveIt(t *testing.T) {
	c := testClient(t, direct)
	for _, bad := range []sale.Amount{{Minor: 1281, Currency: "CNY", Exponent: 2}, {Currency: "CNY", Exponent: 2}, {Minor: -1, Currency: "CNY"}, {Minor: 1, Currency: "HKD"}} {
		r := refund
		r.Amount = bad
		if _, err := c.Refund(t.Context(), attempt, r); err == nil {
			t.Errorf("a refund of %s was sent", bad)
		}
	}
}

func TestExpiryIsAWholeSecondWithinTheLife(t *testing.T) {
	now := time.Unix(1554208460, 700_000_000)
	for life, want := range map[time.Duration]string{90 * time.Second: "2019-04-02T20:35:50+08:00", 250 * time.Millisecond: "2019-04-02T20:34:21+08:00"} {
		if got := expiry(now, life).Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", life, got, want)
		}
	}
}

func TestAnOfferNeedsAnAddressForNotices(t *testing.T) {
	s := direct
	s.NotifyURL = ""
	if _, err := testClient(t, s).Offer(t.Context(), offeredAttempt); err == nil {
		t.Error("an offer without notify_url was sent")
	}
}

func TestSealedVectors(t *testing.T) {
	n := 0
	for _, v := range load(t).Vectors {
		if v.Input.Kind != "aes-256-gcm" {
			continue
		}
		n++
		got, err := open([]byte(v.Input.Key), v.Input.Nonce, v.Input.AAD, v.Input.Ciphertext)
		if (err == nil) != v.Expect.OK || string(got) != v.Expect.Plaintext {
			t.Errorf("%s: %q %v", v.Name, got, err)
		}
		if _, err := open([]byte(v.Input.Key)[:16], v.Input.Nonce, v.Input.AAD, v.Input.Ciphertext); err == nil {
			t.Errorf("%s: opens with a short key", v.Name)
		}
		if _, err := open([]byte(v.Input.Key), v.Input.Nonce+"x", v.Input.AAD, v.Input.Ciphertext); err == nil {
			t.Errorf("%s: opens with a long nonce", v.Name)
		}
	}
	if n != 5 {
		t.Errorf("%d vectors, want 5", n)
	}
}

func TestSettings(t *testing.T) {
	if faults := (Settings{}).Check(); len(faults) != 2 || faults[0].Key != "app_id" || faults[1].Key != "merchant_id" {
		t.Errorf("empty: %v", faults)
	}
	if faults := direct.Check(); len(faults) != 0 {
		t.Errorf("good: %v", faults)
	}
	for url, good := range map[string]bool{"https://a.example/b": true, "http://a.example/b": false, "https://a.example/b?c=1": false, "https://": false, "https://a b": false} {
		s := direct
		s.NotifyURL = url
		if faults := s.Check(); (len(faults) == 0) != good {
			t.Errorf("%s: %v", url, faults)
		}
	}
	if faults := (Settings{AppID: "wx1", MerchantID: "19000", SubMerchantID: "a b"}).Check(); len(faults) != 1 || faults[0].Key != "sub_merchant_id" {
		t.Errorf("bad sub-merchant: %v", faults)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("pay", 200, []byte(`{"out_trade_no":"A","mchid":"1","trade_state":"SUCCESS","amount":{"total":1,"currency":"CNY"}}`))
	f.Add("query", 404, []byte(`{"code":"ORDER_NOT_EXIST","message":"x"}`))
	f.Add("reverse", 204, []byte(``))
	f.Fuzz(func(t *testing.T, op string, status int, body []byte) {
		ans := read(sale.Op(op), status, body)
		if ans.Outcome == sale.OutPaid && (status != 200 || ans.Order == "" || ans.Merchant == "") {
			t.Errorf("paid by %d %q", status, body)
		}
		if ans.Outcome == sale.OutUnknown && ans.Cause == "" {
			t.Errorf("unknown without a cause: %d %q", status, body)
		}
	})
}

func FuzzReadRefund(f *testing.F) {
	f.Add("refund", 200, []byte(`{"out_trade_no":"A","out_refund_no":"B","status":"SUCCESS","amount":{"refund":1,"currency":"CNY"}}`))
	f.Add("query-refund", 404, []byte(`{"code":"RESOURCE_NOT_EXISTS","message":"x"}`))
	f.Fuzz(func(t *testing.T, op string, status int, body []byte) {
		ans := readRefund(sale.Op(op), status, body)
		if ans.Outcome == sale.RefOutDone && (status != 200 || ans.Order == "" || ans.ID == "" || !ans.HasAmount) {
			t.Errorf("given back by %d %q", status, body)
		}
		if ans.Outcome == sale.RefOutUnknown && ans.Cause == "" {
			t.Errorf("unknown without a cause: %d %q", status, body)
		}
	})
}

func FuzzReadCertificates(f *testing.F) {
	f.Add([]byte(`{"data":[{"serial_no":"5157F09E","encrypt_certificate":{"algorithm":"AEAD_AES_256_GCM","nonce":"61f9c719728a","associated_data":"certificate","ciphertext":"AAAA"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if keys, err := readCertificates([]byte("0123456789abcdef0123456789abcdef"), body); err == nil {
			t.Errorf("%d keys of a list that nobody sealed", len(keys))
		}
	})
}

// BenchmarkPayRequest is all that stands between a code and the first byte; the RSA
// signature in it is BenchmarkSignature.
func BenchmarkPayRequest(b *testing.B) {
	c := testClient(b, direct)
	code := credential()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.payRequest(attempt, code); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignature(b *testing.B) {
	key := load(b).Key
	message := []byte(strconv.Itoa(1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wallet.AppendSignature(nil, key, message); err != nil {
			b.Fatal(err)
		}
	}
}
