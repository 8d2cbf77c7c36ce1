package alipay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
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

// appendSigned is what a request's signature covers, written from the document and not from
// the client, which knows the order of its parameters beforehand: the non-empty parameters without
// sign, sorted by name, unescaped, k=v joined by &.
func appendSigned(dst []byte, params map[string]string) []byte {
	keys := make([]string, 0, len(params))
	for k, v := range params {
		if k != "sign" && v != "" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, k...), '='), params[k]...)
	}
	return dst
}

func TestVectors(t *testing.T) {
	set := load(t)
	requests, responses := 0, 0
	for _, v := range set.Vectors {
		switch v.Input.Kind {
		case "alipay-request":
			requests++
			if got := appendSigned(nil, v.Input.Params); string(got) != v.Expect.String {
				t.Errorf("%s: signs %q", v.Name, got)
			}
		case "alipay-response":
			responses++
			keys := []wallet.WalletKey{{Public: set.Key.Public()}}
			if _, err := open(keys, v.Input.Method, []byte(v.Input.Raw)); (err == nil) != v.Expect.OK {
				t.Errorf("%s: %v", v.Name, err)
			}
		}
	}
	if requests != 1 || responses != 6 {
		t.Errorf("%d requests and %d responses, want 1 and 6", requests, responses)
	}
}

func testClient(t testing.TB) *Client {
	return newClient(t, "", Settings{AppID: "2021000000000001", SellerID: "2088102147948060"})
}

// newClient has a service provider's token where token is not empty.
func newClient(t testing.TB, token string, s Settings) *Client {
	t.Helper()
	set := load(t)
	keys := wallet.Keys{Signer: set.Key, ID: "k", Wallet: []wallet.WalletKey{{Public: set.Key.Public()}}}
	if token != "" {
		keys.Secret = secret.New([]byte(token))
	}
	c, err := New(wallet.Config{
		Ref:  sale.ContractRef{Name: "test", Endpoint: "https://openapi.alipay.com"},
		Ring: wallet.NewRing(keys),
		Terminal: terminal.Info{DeviceType: "10", Serial: "000158000000000", AppVersion: "1.0.0", NetworkLicense: "P3100",
			Location: "+31.23/+121.47", StoreID: "S-1", StoreName: "街角便利店"},
		Clock: Clock(),
		Now:   func() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) },
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var attempt = sale.Attempt{ID: "7Z4M2K9QABC123000000421015", Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}}

func credential() sale.Credential {
	return sale.Credential{Code: secret.New([]byte("287634438256643941")), Factor: secret.New([]byte("643941"))}
}

// requests is the biz_content of every method.
func requests(c *Client) map[string][]byte {
	shown := attempt
	shown.OfferLife = 90 * time.Second
	refund := sale.Refund{ID: attempt.ID + "R0123456789AB", Amount: sale.Amount{Minor: 300, Currency: "CNY", Exponent: 2}}
	return map[string][]byte{
		methodPay:         c.payBiz(attempt, credential()),
		methodQuery:       orderBiz(attempt),
		methodCancel:      orderBiz(attempt),
		methodPrecreate:   c.offerBiz(shown),
		methodClose:       orderBiz(attempt),
		methodRefund:      c.refundBiz(attempt, refund),
		methodRefundQuery: refundQueryBiz(attempt, refund),
	}
}

func TestGoldenRequests(t *testing.T) {
	provider := newClient(t, "202611BB3aa6afb8ed11400f8d22ad5b94ccae36",
		Settings{AppID: "2021000000000001", SellerID: "2088102147948060", ServiceProviderID: "2088511833207846"})
	for prefix, c := range map[string]*Client{"": testClient(t), "provider-": provider} {
		for method, biz := range requests(c) {
			if !json.Valid(biz) {
				t.Errorf("%s: biz_content is no JSON: %s", method, biz)
			}
			got, err := c.request(method, biz)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+prefix+method+".http", got)
		}
	}
}

// The signature of every request covers its parameters as they arrive.
func TestRequestsVerify(t *testing.T) {
	for _, token := range []string{"", "202611BB3aa6afb8ed11400f8d22ad5b94ccae36"} {
		c := newClient(t, token, Settings{AppID: "2021000000000001"})
		for method, biz := range requests(c) {
			wire, err := c.request(method, biz)
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			form, err := url.ParseQuery(string(body))
			if err != nil {
				t.Fatal(err)
			}
			params := map[string]string{"biz_content": form.Get("biz_content")}
			for k, v := range r.URL.Query() {
				params[k] = v[0]
			}
			if params["method"] != method || params["timestamp"] != "2026-11-22 18:00:00" || params["biz_content"] != string(biz) || params["app_auth_token"] != token {
				t.Errorf("%s: parameters %v", method, params)
			}
			if err := wallet.Verify(c.cfg.Ring.Keys().Wallet, "", appendSigned(nil, params), params["sign"]); err != nil {
				t.Errorf("%s: %v", method, err)
			}
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
	for _, c := range []struct {
		op     sale.Op
		status int
		inner  string
		want   sale.Outcome
	}{
		{sale.OpPay, 200, `{"code":"10000","out_trade_no":"A","total_amount":"12.80","receipt_amount":"0.01"}`, sale.OutPaid},
		{sale.OpPay, 200, `{"code":"10000","total_amount":"12.80"}`, sale.OutUnknown}, // no echo
		{sale.OpPay, 502, `{"code":"10000","out_trade_no":"A","total_amount":"12.80"}`, sale.OutUnknown},
		{sale.OpPay, 200, `{"code":"10003","out_trade_no":"A"}`, sale.OutPaying},
		{sale.OpPay, 200, `{"code":"20000","sub_code":"ACQ.SYSTEM_ERROR"}`, sale.OutUnknown},
		{sale.OpPay, 200, `{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"}`, sale.OutUnknown},
		{sale.OpPay, 200, `{"code":"40004","sub_code":"ACQ.PAYMENT_AUTH_CODE_INVALID"}`, sale.OutBadCode},
		{sale.OpPay, 200, `{"code":"20000","sub_code":"ACQ.PAYMENT_AUTH_CODE_INVALID"}`, sale.OutUnknown},
		{sale.OpPay, 200, `{"code":"40004","sub_code":"ACQ.BUYER_BALANCE_NOT_ENOUGH"}`, sale.OutDeclined},
		{sale.OpPay, 200, `{"code":"40004","sub_code":"ACQ.CONTEXT_INCONSISTENT"}`, sale.OutDuplicate},
		{sale.OpPay, 200, `{"code":"40004","sub_code":"ACQ.TRADE_HAS_SUCCESS"}`, sale.OutDuplicate},
		{sale.OpPay, 200, `{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}`, sale.OutUnknown},
		{sale.OpPay, 200, `{"code":"40002","sub_code":"isv.invalid-signature"}`, sale.OutUnknown},
		{sale.OpPay, 200, `{"code":10000}`, sale.OutUnknown},
		{sale.OpQuery, 200, `{"code":"10000","out_trade_no":"A","trade_status":"TRADE_SUCCESS"}`, sale.OutPaid},
		{sale.OpQuery, 200, `{"code":"10000","out_trade_no":"A","trade_status":"TRADE_FINISHED"}`, sale.OutPaid},
		{sale.OpQuery, 200, `{"code":"10000","out_trade_no":"A","trade_status":"WAIT_BUYER_PAY"}`, sale.OutPaying},
		{sale.OpQuery, 200, `{"code":"10000","out_trade_no":"A","trade_status":"TRADE_CLOSED"}`, sale.OutClosed},
		{sale.OpQuery, 200, `{"code":"10000","out_trade_no":"A","trade_status":"TRADE_CLOSED","send_pay_date":"2026-11-22 10:00:00"}`, sale.OutRefunded},
		{sale.OpQuery, 200, `{"code":"10000","out_trade_no":"A","trade_status":"TRADE_NEW"}`, sale.OutUnknown},
		{sale.OpQuery, 200, `{"code":"10000","trade_status":"TRADE_SUCCESS"}`, sale.OutUnknown},
		{sale.OpQuery, 200, `{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}`, sale.OutNotFound},
		{sale.OpQuery, 200, `{"code":"20000","sub_code":"ACQ.TRADE_NOT_EXIST"}`, sale.OutUnknown},
		{sale.OpReverse, 200, `{"code":"10000","out_trade_no":"A","retry_flag":"N","action":"close"}`, sale.OutAccepted},
		{sale.OpReverse, 200, `{"code":"10000","out_trade_no":"A","retry_flag":"N"}`, sale.OutAccepted},
		{sale.OpReverse, 200, `{"code":"10000","out_trade_no":"A","retry_flag":"Y"}`, sale.OutRetry},
		{sale.OpReverse, 200, `{"code":"10000","retry_flag":"N","action":"close"}`, sale.OutUnknown},
		{sale.OpReverse, 200, `{"code":"20000"}`, sale.OutRetry},
		{sale.OpReverse, 200, `{"code":"40004","sub_code":"ACQ.INVALID_PARAMETER"}`, sale.OutUnknown},
		{sale.OpReverse, 200, `{"code":"40004","sub_code":"ACQ.REASON_TRADE_REFUND_FEE_ERR"}`, sale.OutUnknown},
		{sale.OpClose, 200, `{"code":"10000","out_trade_no":"A"}`, sale.OutAccepted},
		{sale.OpClose, 200, `{"code":"10000"}`, sale.OutUnknown},
		{sale.OpClose, 200, `{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}`, sale.OutNotFound},
		{sale.OpClose, 200, `{"code":"40004","sub_code":"ACQ.TRADE_STATUS_ERROR"}`, sale.OutUnknown},
		{sale.OpClose, 200, `{"code":"20000"}`, sale.OutUnknown},
		{sale.OpOffer, 200, `{"code":"10000","out_trade_no":"A"}`, sale.OutAccepted},
		{sale.OpOffer, 200, `{"code":"10000"}`, sale.OutUnknown},
		{sale.OpOffer, 200, `{"code":"20000"}`, sale.OutUnknown},
		{sale.OpOffer, 200, `{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"}`, sale.OutUnknown},
		{sale.OpOffer, 200, `{"code":"40004","sub_code":"ACQ.ACCESS_FORBIDDEN"}`, sale.OutDeclined},
		{sale.OpOffer, 200, `{"code":"40004","sub_code":"ACQ.TRADE_HAS_SUCCESS"}`, sale.OutDuplicate},
	} {
		got := read(c.op, c.status, []byte(c.inner))
		if got.Outcome != c.want || !got.Signed || got.Outcome == sale.OutUnknown && got.Cause == "" {
			t.Errorf("%s %d %s: %q %q, want %q", c.op, c.status, c.inner, got.Outcome, got.Cause, c.want)
		}
	}
}

func TestTotalIsTheOrders(t *testing.T) {
	ans := read(sale.OpPay, 200, []byte(`{"code":"10000","out_trade_no":"A","total_amount":"12.80","receipt_amount":"0.01","buyer_pay_amount":"0.01"}`))
	if !ans.HasTotal || !ans.Total.Same(attempt.Amount) {
		t.Errorf("total %v", ans.Total)
	}
	for _, text := range []string{"", "-1.00", "12.801", "1e9999999", "NaN"} {
		if ans := read(sale.OpPay, 200, []byte(`{"code":"10000","out_trade_no":"A","total_amount":"`+text+`"}`)); ans.HasTotal {
			t.Errorf("total %q is read as %v", text, ans.Total)
		}
	}
}

func TestForeignCurrencyIsNotSent(t *testing.T) {
	a := attempt
	a.Amount = sale.Amount{Minor: 100, Currency: "JPY"}
	if _, err := testClient(t).Pay(context.Background(), a, credential()); err == nil {
		t.Error("yen were sent to a gateway of yuan")
	}
}

func TestSettings(t *testing.T) {
	if faults := (Settings{SellerID: "1"}).Check(); len(faults) != 2 || faults[0].Key != "app_id" || faults[1].Key != "seller_id" {
		t.Errorf("bad: %v", faults)
	}
	if faults := (Settings{AppID: "2021000000000001"}).Check(); len(faults) != 0 {
		t.Errorf("good: %v", faults)
	}
}

func FuzzOpenAndRead(f *testing.F) {
	set := load(f)
	for _, v := range set.Vectors {
		if v.Input.Kind == "alipay-response" {
			f.Add([]byte(v.Input.Raw))
		}
	}
	for _, inner := range refundAnswers {
		f.Add([]byte(inner.inner))
	}
	f.Add([]byte(`{"code":"10000","out_trade_no":"A","qr_code":"https://qr.alipay.com/bavh4wjlxf12tper3a"}`))
	keys := []wallet.WalletKey{{Public: set.Key.Public()}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		inner, err := open(keys, methodPay, raw)
		if err == nil && !bytes.Contains(raw, inner) {
			t.Error("the verified bytes are not those received")
		}
		for _, op := range []sale.Op{sale.OpPay, sale.OpQuery, sale.OpReverse, sale.OpOffer, sale.OpClose} {
			ans := read(op, 200, raw)
			if ans.Outcome == sale.OutPaid && ans.Order == "" || ans.Outcome == sale.OutUnknown && ans.Cause == "" {
				t.Errorf("%s: %+v", op, ans)
			}
		}
		if o := readOffer(200, raw); (o.Code != "") != (o.Outcome == sale.OutAccepted) || o.Outcome == sale.OutUnknown && o.Cause == "" {
			t.Errorf("offer: %+v", o)
		}
		for _, op := range []sale.Op{sale.OpRefund, sale.OpQueryRefund} {
			ans := readRefund(op, 200, raw, attempt.Amount)
			if ans.Outcome == sale.RefOutDone && ans.Order == "" || ans.Outcome == sale.RefOutUnknown && ans.Cause == "" {
				t.Errorf("%s: %+v", op, ans)
			}
		}
	})
}

// BenchmarkPayRequest is all that stands between a code and the first byte.
func BenchmarkPayRequest(b *testing.B) {
	c := testClient(b)
	code := credential()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.request(methodPay, c.payBiz(attempt, code)); err != nil {
			b.Fatal(err)
		}
	}
}
