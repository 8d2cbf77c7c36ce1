package wallettest_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
)

// exchanged is one operation of ours as a foreign library gets it.
type exchanged struct {
	Request captured `json:"request"`
	Answer  string   `json:"answer"`

	between *between
	again   func() said // asks the same once more; edit of between decides on the answer
}

// exchange has a till carry out every operation once, with a server between that keeps what
// went over the wire.
func exchange(t *testing.T, o wallettest.Options, name string) (*wallettest.World, map[string]*exchanged) {
	t.Helper()
	w := newWorld(t, o)
	all := map[string]*exchanged{}
	for what := range operations(newTill(t, w, name, "", nil)) {
		b, l := put(t, w, name)
		l.seq.Store(uint64(100 * (len(all) + 1))) // order numbers of its own
		direct := newTill(t, w, name, "", nil)
		direct.seq.Store(uint64(100*(len(all)+1) + 50))
		row := operations(l)[what]
		a := row.prepare(direct)
		if what == "reverse" {
			<-time.After(beforeReverse)
		}
		if got := row.ask(a); !got.signed || !got.settled {
			t.Fatalf("%s: %+v", what, got)
		}
		all[what] = &exchanged{between: b, again: func() said { return row.ask(a) }, Answer: string(b.answer.body),
			Request: captured{b.request.method, b.request.target, b.request.header.Get("Authorization"), string(b.request.body)}}
	}
	noViolations(t, w)
	return w, all
}

// verdict is what a library found, and what it signed.
type verdict struct {
	Verified, Changed                   bool
	Timestamp, Nonce, Signature, Answer string
}

// header is that of a signed answer of API v3.
func (v verdict) header(serial string) http.Header {
	return http.Header{"Content-Type": {"application/json"}, "Wechatpay-Timestamp": {v.Timestamp}, "Wechatpay-Nonce": {v.Nonce},
		"Wechatpay-Serial": {serial}, "Wechatpay-Signature": {v.Signature}}
}

// believes has the till get another answer, and one with a byte of it changed.
func (e *exchanged) believes(t *testing.T, what string, answer message) {
	t.Helper()
	e.between.edit = func(message) message { return answer }
	if got := e.again(); !got.signed || !got.settled {
		t.Errorf("%s: an answer that the library signed is not believed: %+v\n%s", what, got, answer.body)
	}
	changed := answer
	if i := strings.LastIndexByte(string(answer.body), '1'); i >= 0 {
		changed.body = []byte(string(answer.body[:i]) + "2" + string(answer.body[i+1:]))
	} else {
		changed.header = answer.header.Clone()
		changed.header.Set("Wechatpay-Nonce", "another")
	}
	e.between.edit = func(message) message { return changed }
	if got := e.again(); got.signed || got.settled {
		t.Errorf("%s: a changed answer is believed: %+v", what, got)
	}
}

// Foreign libraries verify every request of both versions of the interface, and our client
// believes what they signed.
func TestWeChatPayLibrariesOnEveryOperation(t *testing.T) {
	w, v3 := exchange(t, wallettest.Options{SubMerchant: true}, wallettest.WeChatPay)
	contract := w.Contract(wallettest.WeChatPay)
	platformKey, err := os.ReadFile("keys/wechatpay-platform.pem")
	if err != nil {
		t.Fatal(err)
	}
	b, l := put(t, w, wallettest.WeChatPay)
	client := l.client.(*wechatpay.Client)
	if _, err := client.Certificates(t.Context()); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Data []struct {
			Encrypt json.RawMessage `json:"encrypt_certificate"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b.answer.body, &list); err != nil || len(list.Data) != 1 {
		t.Fatalf("certificates: %v %s", err, b.answer.body)
	}
	serial := b.answer.header.Get("Wechatpay-Serial")
	var sealed []json.RawMessage
	for _, d := range list.Data {
		sealed = append(sealed, d.Encrypt)
	}
	both := map[string]any{}
	v2 := map[string]map[string]*exchanged{}
	for _, o := range []wallettest.Options{{MD5: true, SubMerchant: true}, {}} {
		o.Also = []string{wallettest.WeChatPayV2}
		w, all := exchange(t, o, wallettest.WeChatPayV2)
		c := w.Contract(wallettest.WeChatPayV2)
		v2[c.Settings["sign_type"]] = all
		both[c.Settings["sign_type"]] = map[string]any{"secret": string(c.Files["secret_file"]), "operations": all}
	}
	var out struct {
		V3 map[string]json.RawMessage
		V2 map[string]map[string]verdict
	}
	talk(t, "testdata/wechat-all.js", map[string]any{
		"v3": map[string]any{"merchant": contract.Merchant, "keyId": contract.KeyID, "merchantKey": string(contract.KeyPEM),
			"merchantPublicKey": merchantPublicKey(t, w, wallettest.WeChatPay), "platformKey": string(platformKey),
			"platformCertificate": string(contract.WalletKeyPEM), "secret": string(contract.Files["secret_file"]),
			"certificates": sealed, "serial": serial, "operations": v3},
		"v2": both,
	}, nil, &out)
	for what, e := range v3 {
		var v verdict
		if err := json.Unmarshal(out.V3[what], &v); err != nil || !v.Verified || v.Changed {
			t.Errorf("v3 %s: %+v %v", what, v, err)
		}
		answer := e.between.answer
		answer.header = v.header(serial)
		e.believes(t, "v3 "+what, answer)
	}
	var theirs verdict
	if err := json.Unmarshal(out.V3["certificates"], &theirs); err != nil {
		t.Fatal(err)
	}
	renewed := message{status: http.StatusOK, header: theirs.header(serial), body: []byte(theirs.Answer)}
	b.edit = func(message) message { return renewed }
	if keys, err := client.Certificates(t.Context()); err != nil || len(keys) != 1 || keys[0].ID != serial {
		t.Errorf("certificates that the library sealed: %v %v", keys, err)
	}
	for _, changed := range changes(renewed, []string{"Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature"}) {
		b.edit = func(message) message { return changed.message }
		if keys, err := client.Certificates(t.Context()); err == nil {
			t.Errorf("certificates with %s changed are believed: %v", changed.where, keys)
		}
	}
	if string(out.V3["opened"]) != "true" {
		t.Error("the libraries do not open the certificates")
	}
	for kind, all := range v2 {
		for what, e := range all {
			v := out.V2[kind][what]
			if !v.Verified || v.Changed {
				t.Errorf("v2 %s %s: %+v", kind, what, v)
			}
			e.believes(t, "v2 "+kind+" "+what, message{status: http.StatusOK, header: http.Header{"Content-Type": {"text/xml"}}, body: []byte(v.Answer)})
		}
	}
	if len(v3) != 7 || len(v2) != 2 || len(v2["MD5"]) != 7 || len(v2["HMAC-SHA256"]) != 7 {
		t.Errorf("%d operations of v3, %d kinds of v2", len(v3), len(v2))
	}
}
