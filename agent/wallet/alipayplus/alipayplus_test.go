package alipayplus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
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

func settings() Settings {
	return Settings{ClientID: "SANDBOX_5YC47N2ZQHJ004124", AcquirerID: "1022188000000000001", MerchantID: "M0000000001",
		MerchantName: "Example Shop", MerchantCategory: "5411"}
}

func testClient(t testing.TB, s Settings) *Client {
	t.Helper()
	set := load(t)
	c, err := New(wallet.Config{
		Ref:  sale.ContractRef{Name: "test", Endpoint: "https://open-sea.alipayplus.com"},
		Ring: wallet.NewRing(wallet.Keys{Signer: set.Key, ID: "1", Wallet: []wallet.WalletKey{{Public: set.Key.Public()}}}),
		Terminal: terminal.Info{DeviceType: "10", Serial: "000158000000000", AppVersion: "1.0.0", NetworkLicense: "P3100",
			Location: "+31.23/+121.47", StoreID: "S-1", StoreName: "街角 \"便利店\""},
		Clock: Clock(),
		Now:   func() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 90e6, time.UTC) },
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var attempt = sale.Attempt{ID: "7Z4M2K9QABC123000000421015", Amount: sale.Amount{Minor: 1280, Currency: "HKD", Exponent: 2}}

func credential() sale.Credential {
	return sale.Credential{Code: secret.New([]byte("281010897274821897274821")), Factor: secret.New([]byte("274821"))}
}

// The text that a signature covers, as the documents build it (api_acq_tile/signature).
func TestSignedTextOfTheDocuments(t *testing.T) {
	body := `{"order":{"orderId":"OrderID_0101010101","orderDescription":"sample_order","orderAmount":{"value":"100","currency":"JPY"}},"paymentAmount":{"value":"100","currency":"JPY"},"paymentFactor":{"isInStorePayment":"true"}}`
	want := "POST /aps/api/v1/payments/pay\nSANDBOX_5YC47N2ZQHJ004124.2025-02-20T08:51:49.09Z." + body
	if got := appendSigned(nil, pathPay, "SANDBOX_5YC47N2ZQHJ004124", "2025-02-20T08:51:49.09Z", []byte(body)); string(got) != want {
		t.Errorf("signs %q", got)
	}
}

func bodies(c *Client) map[string][]byte {
	r := sale.Refund{ID: attempt.ID + "R0123456789AB", Amount: sale.Amount{Minor: 300, Currency: "HKD", Exponent: 2}}
	return map[string][]byte{pathPay: c.payBody(attempt, credential()), pathQuery: orderBody(attempt), pathCancel: orderBody(attempt), pathRefund: refundBody(attempt, r)}
}

func TestGoldenRequests(t *testing.T) {
	settled := settings()
	settled.SettlementCurrency = "USD"
	for prefix, c := range map[string]*Client{"": testClient(t, settings()), "usd-": testClient(t, settled)} {
		for path, body := range bodies(c) {
			if prefix != "" && path != pathPay {
				continue // the same
			}
			var fields map[string]any
			if err := json.Unmarshal(body, &fields); err != nil {
				t.Fatalf("%s: %v in %s", path, err, body)
			}
			onlyStrings(t, path, fields)
			got, err := c.request(path, body)
			if err != nil {
				t.Fatal(err)
			}
			file := "testdata/" + prefix + path[strings.LastIndex(path, "/")+1:] + ".http"
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s differs (%v):\n%s", file, err, got)
			}
		}
	}
}

// onlyStrings holds the rule that every scalar is a string, and none is empty.
func onlyStrings(t *testing.T, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			onlyStrings(t, path+"."+name, inner)
		}
	case string:
		if v == "" {
			t.Errorf("%s is empty", path)
		}
	default:
		t.Errorf("%s is %T", path, v)
	}
}

func TestRequestsVerify(t *testing.T) {
	c := testClient(t, settings())
	keys := c.cfg.Ring.Keys().Wallet
	for path, body := range bodies(c) {
		wire, err := c.request(path, body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		at := r.Header.Get("Request-Time")
		if r.URL.Path != path || at != "2026-11-22T10:00:00.090Z" || !bytes.Equal(got, body) {
			t.Errorf("%s: %s %s %s", path, r.URL.Path, at, got)
		}
		version, signature, err := parseSignature(r.Header.Get("Signature"))
		if err != nil || version != "1" {
			t.Errorf("%s: key %q, %v", path, version, err)
		}
		text := path + "\n" + r.Header.Get("Client-Id") + "." + at + "." + string(got)
		if err := wallet.Verify(keys, version, []byte("POST "+text), signature); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSignaturesOfAnswers(t *testing.T) {
	set := load(t)
	const client, at, body = "C1", "2026-11-22T18:00:00+08:00", `{"result":{"resultStatus":"S"}}`
	sign, err := wallet.AppendSignature(nil, set.Key, appendSigned(nil, pathQuery, client, at, []byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	escaped := string(wallet.AppendEscaped(nil, sign))
	keys := []wallet.WalletKey{{Public: set.Key.Public()}}
	for name, c := range map[string]struct {
		signature, client, at, path, body string
		good                              bool
	}{
		"as documented":          {"algorithm=RSA256, keyVersion=1, signature=" + escaped, client, at, pathQuery, body, true},
		"without spaces":         {"algorithm=RSA256,keyVersion=1,signature=" + escaped, client, at, pathQuery, body, true},
		"signature alone":        {"signature=" + escaped, client, at, pathQuery, body, true},
		"not escaped":            {"algorithm=RSA256,keyVersion=1,signature=" + string(sign), client, at, pathQuery, body, true},
		"with a part of its own": {"algorithm=RSA256,keyVersion=0,clientId=C1,signature=" + escaped, client, at, pathQuery, body, true},
		"client not repeated":    {"signature=" + escaped, "", at, pathQuery, body, true},
		"another client":         {"signature=" + escaped, "C2", at, pathQuery, body, false},
		"another algorithm":      {"algorithm=RSA1,signature=" + escaped, client, at, pathQuery, body, false},
		"another time":           {"signature=" + escaped, client, "2026-11-22T18:00:01+08:00", pathQuery, body, false},
		"no time":                {"signature=" + escaped, client, "", pathQuery, body, false},
		"another question":       {"signature=" + escaped, client, at, pathPay, body, false},
		"another body":           {"signature=" + escaped, client, at, pathQuery, body + " ", false},
		"none":                   {"", client, at, pathQuery, body, false},
		"empty":                  {"algorithm=RSA256,keyVersion=1,signature=", client, at, pathQuery, body, false},
	} {
		h := http.Header{}
		h.Set("Signature", c.signature)
		h.Set("Client-Id", c.client)
		h.Set("Response-Time", c.at)
		if err := open(keys, c.path, client, h, []byte(c.body)); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var orderAnswers = []struct {
	op     sale.Op
	status int
	body   string
	want   sale.Outcome
}{
	{sale.OpPay, 200, `{"result":{"resultStatus":"S","resultCode":"SUCCESS"}}`, sale.OutPaid},
	{sale.OpPay, 200, `{"result":{"resultStatus":"S","resultCode":"OTHER"}}`, sale.OutUnknown},
	{sale.OpPay, 502, `{"result":{"resultStatus":"S","resultCode":"SUCCESS"}}`, sale.OutUnknown},
	{sale.OpPay, 200, `{"result":{"resultStatus":"U","resultCode":"PAYMENT_IN_PROCESS"}}`, sale.OutPaying},
	{sale.OpPay, 200, `{"result":{"resultStatus":"U","resultCode":"UNKNOWN_EXCEPTION"}}`, sale.OutUnknown},
	{sale.OpPay, 200, `{"result":{"resultStatus":"F","resultCode":"USER_BALANCE_NOT_ENOUGH"}}`, sale.OutDeclined},
	{sale.OpPay, 200, `{"result":{"resultStatus":"U","resultCode":"USER_BALANCE_NOT_ENOUGH"}}`, sale.OutUnknown},
	{sale.OpPay, 200, `{"result":{"resultStatus":"F","resultCode":"EXPIRED_CODE"}}`, sale.OutBadCode},
	{sale.OpPay, 200, `{"result":{"resultStatus":"F","resultCode":"PROCESS_FAIL"}}`, sale.OutFailed},
	{sale.OpPay, 200, `{"result":{"resultStatus":"F","resultCode":"REPEAT_REQ_INCONSISTENT"}}`, sale.OutDuplicate},
	{sale.OpPay, 200, `{"result":{"resultStatus":"F","resultCode":"ORDER_IS_CLOSED"}}`, sale.OutClosed},
	{sale.OpPay, 200, `{"result":{"resultStatus":1}}`, sale.OutUnknown},
	{sale.OpPay, 200, `{}`, sale.OutUnknown},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S","resultCode":"SUCCESS"}}`, sale.OutUnknown},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"S","resultCode":"SUCCESS"},"paymentRequestId":"A"}`, sale.OutPaid},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"S","resultCode":"SUCCESS"}}`, sale.OutUnknown},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"U"},"paymentResult":{"resultStatus":"S","resultCode":"SUCCESS"},"paymentRequestId":"A"}`, sale.OutUnknown},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"U","resultCode":"PAYMENT_IN_PROCESS"},"paymentRequestId":"A"}`, sale.OutPaying},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"U","resultCode":"UNKNOWN_EXCEPTION"},"paymentRequestId":"A"}`, sale.OutPaying},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"F","resultCode":"ORDER_IS_CLOSED"},"paymentRequestId":"A"}`, sale.OutClosed},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"F","resultCode":"RISK_REJECT"},"paymentRequestId":"A"}`, sale.OutDeclined},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"F","resultCode":"EXPIRED_CODE"},"paymentRequestId":"A"}`, sale.OutDeclined},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"F","resultCode":"PROCESS_FAIL"},"paymentRequestId":"A"}`, sale.OutFailed},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"F","resultCode":"ORDER_NOT_EXIST"}}`, sale.OutNotFound},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"U","resultCode":"ORDER_NOT_EXIST"}}`, sale.OutUnknown},
	{sale.OpQuery, 200, `{"result":{"resultStatus":"F","resultCode":"PARAM_ILLEGAL"}}`, sale.OutUnknown},
	{sale.OpQuery, 200, paidBut(`{"transactionType":"REFUND","transactionAmount":{"currency":"HKD","value":"1280"},"transactionResult":{"resultStatus":"S"}}`), sale.OutRefunded},
	{sale.OpQuery, 200, paidBut(`{"transactionType":"REFUND","transactionAmount":{"currency":"HKD","value":"1279"},"transactionResult":{"resultStatus":"S"}}`), sale.OutPaid},
	{sale.OpQuery, 200, paidBut(`{"transactionType":"REFUND","transactionAmount":{"currency":"HKD","value":"1280"},"transactionResult":{"resultStatus":"U"}}`), sale.OutPaid},
	{sale.OpQuery, 200, paidBut(`{"transactionType":"REFUND","transactionAmount":{"currency":"CNY","value":"1280"},"transactionResult":{"resultStatus":"S"}}`), sale.OutPaid},
	{sale.OpQuery, 200, paidBut(`{"transactionType":"CAPTURE","transactionAmount":{"currency":"HKD","value":"1280"},"transactionResult":{"resultStatus":"S"}}`), sale.OutPaid},
	{sale.OpReverse, 200, `{"result":{"resultStatus":"S","resultCode":"SUCCESS"}}`, sale.OutAccepted},
	{sale.OpReverse, 200, `{"result":{"resultStatus":"U","resultCode":"UNKNOWN_EXCEPTION"}}`, sale.OutRetry},
	{sale.OpReverse, 200, `{"result":{"resultStatus":"F","resultCode":"ORDER_NOT_EXIST"}}`, sale.OutNotFound},
	{sale.OpReverse, 200, `{"result":{"resultStatus":"F","resultCode":"PROCESS_FAIL"}}`, sale.OutUnknown},
	{sale.OpReverse, 200, `{"result":{"resultStatus":"F","resultCode":"CANCEL_WINDOW_EXCEED"}}`, sale.OutUnknown},
}

// paidBut is the answer about a paid order of 12.80 HKD with what became of it.
func paidBut(transaction string) string {
	return `{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"S","resultCode":"SUCCESS"},"paymentRequestId":"A",` +
		`"paymentAmount":{"currency":"HKD","value":"1280"},"transactions":[` + transaction + `]}`
}

func TestClosedLists(t *testing.T) {
	for _, c := range orderAnswers {
		got := readOrder(c.op, c.status, []byte(c.body))
		if got.Outcome != c.want || !got.Signed || got.Outcome == sale.OutUnknown && got.Cause == "" {
			t.Errorf("%s %d %s: %q %q, want %q", c.op, c.status, c.body, got.Outcome, got.Cause, c.want)
		}
	}
}

var refundAnswers = []struct {
	ask  bool // an inquiry
	body string
	want sale.RefundOutcome
}{
	{false, `{"result":{"resultStatus":"S","resultCode":"SUCCESS"},"refundRequestId":"R"}`, sale.RefOutDone},
	{false, `{"result":{"resultStatus":"U","resultCode":"UNKNOWN_EXCEPTION"}}`, sale.RefOutUnknown},
	{false, `{"result":{"resultStatus":"F","resultCode":"REFUND_WINDOW_EXCEED"}}`, sale.RefOutRefused},
	{false, `{"result":{"resultStatus":"F","resultCode":"PROCESS_FAIL"}}`, sale.RefOutUnknown},
	{false, `{"result":{"resultStatus":"F","resultCode":"REPEAT_REQ_INCONSISTENT"}}`, sale.RefOutUnknown},
	{true, paidBut(`{"transactionType":"REFUND","transactionRequestId":"R","transactionAmount":{"currency":"HKD","value":"300"},"transactionResult":{"resultStatus":"S"}}`), sale.RefOutDone},
	{true, paidBut(`{"transactionType":"REFUND","transactionRequestId":"R","transactionResult":{"resultStatus":"U"}}`), sale.RefOutPending},
	{true, paidBut(`{"transactionType":"REFUND","transactionRequestId":"R","transactionResult":{"resultStatus":"F"}}`), sale.RefOutUnknown},
	{true, paidBut(`{"transactionType":"REFUND","transactionRequestId":"Q","transactionResult":{"resultStatus":"S"}}`), sale.RefOutNotFound},
	{true, paidBut(`{"transactionType":"CAPTURE","transactionRequestId":"R","transactionResult":{"resultStatus":"S"}}`), sale.RefOutNotFound},
	{true, `{"result":{"resultStatus":"U"}}`, sale.RefOutUnknown},
	{true, `{"result":{"resultStatus":"S"}}`, sale.RefOutUnknown},
}

func TestRefundLists(t *testing.T) {
	for _, c := range refundAnswers {
		got := readRefund(200, []byte(c.body))
		if c.ask {
			got = lookUp(200, []byte(c.body), "R")
		}
		if got.Outcome != c.want || !got.Signed || got.Outcome == sale.RefOutUnknown && got.Cause == "" {
			t.Errorf("%s: %q %q, want %q", c.body, got.Outcome, got.Cause, c.want)
		}
	}
	if got := readRefund(502, []byte(refundAnswers[0].body)); got.Outcome != sale.RefOutUnknown || got.Cause == "" {
		t.Errorf("status 502: %+v", got)
	}
}

func TestAmounts(t *testing.T) {
	for value, want := range map[string]int64{"1280": 1280, "1": 1, "999999999999999999": 999999999999999999} {
		if a, ok := (money{"JPY", value}).amount(); !ok || a.Minor != want || a.Exponent != 0 {
			t.Errorf("%q: %v %t", value, a, ok)
		}
	}
	for _, m := range []money{{"HKD", ""}, {"HKD", "0"}, {"HKD", "-1"}, {"HKD", "12.80"}, {"HKD", "1e3"}, {"XXX", "1"}, {"", "1"}, {"HKD", "1000000000000000000"}} {
		if a, ok := m.amount(); ok {
			t.Errorf("%v is read as %v", m, a)
		}
	}
}

func TestWhoPaid(t *testing.T) {
	for in, want := range map[string]string{
		`{"walletBrandName":"AlipayCN","pspId":"1"}`: "alipay-cn", `{"walletBrandName":"AlipayHK"}`: "alipay-hk", `{"walletBrandName":"Alipay HK"}`: "alipay-hk",
		`{"walletBrandName":"KakaoPay","pspId":"1"}`: "KakaoPay", `{"pspId":"1022172000000000001"}`: "1022172000000000001", `{}`: "",
	} {
		var r reply
		if err := json.Unmarshal([]byte(in), &r); err != nil {
			t.Fatal(err)
		}
		if got := brand(r); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestSettings(t *testing.T) {
	if faults := settings().Check(); len(faults) != 0 {
		t.Errorf("good: %v", faults)
	}
	if faults := (Settings{SettlementCurrency: "usd", AcquirerID: "a b"}).Check(); len(faults) != 6 {
		t.Errorf("bad: %v", faults)
	}
	if m, sub := settings().Merchant(); m != "1022188000000000001" || sub != "M0000000001" {
		t.Errorf("merchant %s %s", m, sub)
	}
}

// An acquirer that is not ours is foreign; where none is set, none is compared.
func TestAnotherAcquirerIsForeign(t *testing.T) {
	body := []byte(`{"result":{"resultStatus":"S"},"paymentResult":{"resultStatus":"S","resultCode":"SUCCESS"},"paymentRequestId":"` + attempt.ID +
		`","acquirerId":"9","paymentAmount":{"currency":"HKD","value":"1280"}}`)
	for acquirer, want := range map[string]sale.Event{"1022188000000000001": sale.EvForeign, "9": sale.EvPaid, "": sale.EvPaid} {
		s := settings()
		s.AcquirerID = acquirer
		a := attempt
		a.Contract.Merchant, a.Contract.SubMerchant = s.Merchant()
		if got := a.Judge(sale.OpQuery, testClient(t, s).read(sale.OpQuery, answer{status: 200, body: body})); got != want {
			t.Errorf("acquirer %q: worth %q, want %q", acquirer, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range orderAnswers {
		f.Add([]byte(c.body), "algorithm=RSA256, keyVersion=1, signature=a%2Bb")
	}
	for _, c := range refundAnswers {
		f.Add([]byte(c.body), "signature=")
	}
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		if _, signature, err := parseSignature(header); err == nil && signature == "" {
			t.Error("no signature is one")
		}
		for _, op := range []sale.Op{sale.OpPay, sale.OpQuery, sale.OpReverse} {
			ans := readOrder(op, 200, body)
			if op == sale.OpQuery && ans.Outcome == sale.OutPaid && ans.Order == "" || ans.Outcome == sale.OutUnknown && ans.Cause == "" || ans.HasTotal && ans.Total.Minor <= 0 {
				t.Errorf("%s: %+v", op, ans)
			}
		}
		for _, ans := range []sale.RefundAnswer{readRefund(200, body), lookUp(200, body, "R")} {
			if ans.Outcome == sale.RefOutUnknown && ans.Cause == "" {
				t.Errorf("%+v", ans)
			}
		}
	})
}
