package lakala

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/internal/secret"
)

var (
	now     = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	attempt = sale.Attempt{ID: "7H3KQ2XA4F9T2C0000001710144", Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}}
)

func testKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testClient(t testing.TB, key *rsa.PrivateKey) *Client {
	t.Helper()
	c, err := New(wallet.Config{
		Ref:      sale.ContractRef{Name: "test", Endpoint: "https://s2.lakala.com"},
		Ring:     wallet.NewRing(wallet.Keys{Signer: key, ID: "00dfba8194c41b84cf", Wallet: []wallet.WalletKey{{Public: key.Public()}}}),
		Terminal: terminal.Info{Serial: "000158000000000", Location: "+31.23/+121.47", DeviceIP: "192.168.1.7", StoreName: "街角 \"小店\""},
		Clock:    Clock(), Now: func() time.Time { return now }, Nonce: func() string { return "nonce1234567" },
	}, Settings{AppID: "OP00000003", MerchantNo: "82229007392000A", TermNo: "D9296400", NotFoundCodes: "X404,Y404"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func credential() sale.Credential {
	return sale.Credential{Scheme: "ecny", Code: secret.Copy([]byte("0134567890123456789")), Factor: secret.Copy([]byte("456789"))}
}

// TestGolden pins the bytes of a payment, with where the terminal stands.
func TestGolden(t *testing.T) {
	want := `{"req_time":"20261122180000","version":"3.0","out_org_code":"OP00000003","req_data":{` +
		`"merchant_no":"82229007392000A","term_no":"D9296400","out_trade_no":"7H3KQ2XA4F9T2C0000001710144",` +
		`"auth_code":"0134567890123456789","total_amount":"1280",` +
		`"location_info":{"request_ip":"192.168.1.7","location":"+31.23,+121.47"},"subject":"街角 \"小店\""}}`
	c := testClient(t, testKey(t))
	if got := string(c.payBody(attempt, credential())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid([]byte(want)) {
		t.Error("not JSON")
	}
	if id := short(attempt.ID, "refund"); len(id) != 32 || id != short(attempt.ID, "refund") || id == short(attempt.ID, "revoke") {
		t.Errorf("short number %s", id)
	}
}

// signed is an answer as the platform signs it.
func signed(t testing.TB, key *rsa.PrivateKey, body string) wallet.Reply {
	t.Helper()
	stamp := strconv.FormatInt(now.Unix(), 10)
	sig, err := wallet.AppendSignature(nil, key, appendSigned(nil, "OP00000003", "SERIAL", stamp, "abc", []byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	return wallet.Reply{Status: 200, Body: []byte(body), Header: http.Header{"Lklapi-Appid": {"OP00000003"}, "Lklapi-Serial": {"SERIAL"},
		"Lklapi-Timestamp": {stamp}, "Lklapi-Nonce": {"abc"}, "Lklapi-Signature": {string(sig)}}}
}

const paidBody = `{"code":"BBS00000","msg":"成功","resp_data":{"merchant_no":"82229007392000A","out_trade_no":"7H3KQ2XA4F9T2C0000001710144",` +
	`"trade_no":"2026112266210002570007","account_type":"DCPAY","total_amount":"1280","payer_amount":"1180","user_id2":"someone"}}`

// TestOneBit flips every bit of a signed request and of a signed answer.
func TestOneBit(t *testing.T) {
	key := testKey(t)
	c := testClient(t, key)
	body := c.payBody(attempt, credential())
	request, err := c.request(pathPay, body)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(request), "\r\n\r\n")
	_, rest, _ := strings.Cut(head, `signature="`)
	signature, _, _ := strings.Cut(rest, `"`)
	message := appendSigned(nil, "OP00000003", "00dfba8194c41b84cf", strconv.FormatInt(now.Unix(), 10), "nonce1234567", body)
	keys := c.cfg.Ring.Keys().Wallet
	if err := wallet.Verify(keys, "", message, signature); err != nil {
		t.Fatal(err)
	}
	for i := range message {
		message[i] ^= 1
		if wallet.Verify(keys, "", message, signature) == nil {
			t.Fatalf("byte %d of the request was changed and it verifies", i)
		}
		message[i] ^= 1
	}
	good := signed(t, key, paidBody)
	if ans := c.paid(good); ans.Outcome != sale.OutPaid || ans.PaidBy != "ecny" || ans.Total.Minor != 1280 {
		t.Fatalf("%+v", ans)
	}
	for i := range good.Body {
		good.Body[i] ^= 1
		if ans := c.paid(good); ans.Signed {
			t.Fatalf("byte %d of the answer was changed and it counts", i)
		}
		good.Body[i] ^= 1
	}
	for _, name := range []string{"Lklapi-Appid", "Lklapi-Timestamp", "Lklapi-Nonce", "Lklapi-Signature"} {
		bad := signed(t, key, paidBody)
		was := bad.Header.Get(name)
		bad.Header.Set(name, was[:1]+string(was[1]^1)+was[2:])
		if ans := c.paid(bad); ans.Signed {
			t.Errorf("%s was changed and it counts", name)
		}
	}
	late := signed(t, key, paidBody)
	c.cfg.Now = func() time.Time { return now.Add(6 * time.Minute) }
	if ans := c.paid(late); ans.Signed {
		t.Error("an answer of six minutes ago counts")
	}
}

// TestAnswers are the words of the platform and what they are worth.
func TestAnswers(t *testing.T) {
	key := testKey(t)
	c := testClient(t, key)
	data := func(state string) string {
		return `"resp_data":{"merchant_no":"82229007392000A","out_trade_no":"` + attempt.ID + `","total_amount":"1280","trade_state":"` + state + `"}`
	}
	for body, want := range map[string]sale.Outcome{
		`{"code":"BBS00000",` + data("SUCCESS") + `}`:                                     sale.OutPaid,
		`{"code":"BBS00000",` + data("DEAL") + `}`:                                        sale.OutPaying,
		`{"code":"BBS00000",` + data("INIT") + `}`:                                        sale.OutPaying,
		`{"code":"BBS00000",` + data("FAIL") + `}`:                                        sale.OutFailed,
		`{"code":"BBS00000",` + data("CLOSE") + `}`:                                       sale.OutClosed,
		`{"code":"BBS00000",` + data("REFUND") + `}`:                                      sale.OutRefunded,
		`{"code":"BBS00000",` + data("PART_REFUND") + `}`:                                 sale.OutUnknown,
		`{"code":"BBS00000",` + data("WHATEVER") + `}`:                                    sale.OutUnknown,
		`{"code":"BBS00000","resp_data":{"trade_state":"SUCCESS","total_amount":"1280"}}`: sale.OutUnknown,
		`{"code":"X404"}`: sale.OutNotFound,
		`{"code":"Y404"}`: sale.OutNotFound,
		`{"code":"Z404"}`: sale.OutUnknown,
		`{"code":""}`:     sale.OutUnknown,
		`[]`:              sale.OutUnknown,
		`{"code":"BBS00000","resp_data":{"total_amount":"12.80"}}`: sale.OutUnknown,
	} {
		if ans := c.found(signed(t, key, body)); ans.Outcome != want {
			t.Errorf("%s: %q, want %q", body, ans.Outcome, want)
		}
	}
	// What is refused without a published list is taken back first.
	if ans := c.paid(signed(t, key, `{"code":"BBS16249","msg":"余额不足"}`)); ans.Outcome != sale.OutFailed || !ans.Signed {
		t.Errorf("refused: %+v", ans)
	}
	if ans := c.paid(signed(t, key, `{"code":"BBS10000"}`)); ans.Outcome != sale.OutPaying {
		t.Errorf("the customer must confirm: %+v", ans)
	}
}

func TestNothingIsSentTwice(t *testing.T) {
	c := testClient(t, testKey(t))
	over, cancel := context.WithCancel(context.Background())
	cancel()
	send, err := c.Prepare(context.Background(), attempt, credential())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := send(over); err == nil {
		t.Error("sent though the context is over")
	}
	yen := attempt
	yen.Amount = sale.Amount{Minor: 5, Currency: "JPY"}
	if _, err := c.Prepare(context.Background(), yen, credential()); err == nil {
		t.Error("yen at a platform of yuan")
	}
	long := attempt
	long.OfferLife = 3 * time.Minute
	if _, err := c.Offer(context.Background(), long); err == nil {
		t.Error("a code that lives three minutes")
	}
}

func TestSettings(t *testing.T) {
	if f := (Settings{NotFoundCodes: "a b"}).Check(); len(f) != 4 {
		t.Errorf("%v", f)
	}
	if f := (Settings{AppID: "OP00000003", MerchantNo: "82229007392000A", TermNo: "D9296400"}).Check(); len(f) != 0 {
		t.Errorf("%v", f)
	}
}

func FuzzAnswers(f *testing.F) {
	key := testKey(f)
	c := testClient(f, key)
	f.Add([]byte(paidBody))
	f.Add([]byte(`{"code":"000000","resp_data":{"out_order_no":"x","order_status":2,"order_trade_info_list":[{"trade_type":"PAY","trade_status":"S","trade_time":20260101}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := signed(t, key, string(body))
		if _, err := base64.StdEncoding.DecodeString(sum.Header.Get("Lklapi-Signature")); err != nil {
			t.Fatal(err)
		}
		for _, ans := range []sale.Answer{c.paid(sum), c.found(sum), c.accepted(sum, codeDone)} {
			if ans.Outcome == sale.OutPaid && (ans.Order == "" || ans.Merchant == "") || ans.Outcome == sale.OutUnknown && ans.Cause == "" {
				t.Errorf("%+v", ans)
			}
		}
		if bytes.Contains([]byte(c.paid(sum).Text), []byte("\n")) {
			t.Error("a text of two lines")
		}
	})
}
