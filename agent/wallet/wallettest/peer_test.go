package wallettest_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/internal/peer"
)

// captured is a request of ours as a foreign server gets it.
type captured struct {
	Method        string `json:"method"`
	Target        string `json:"target"`
	Authorization string `json:"authorization"`
	Body          string `json:"body"`
}

// capture has the wallet's client send a payment to a server that only listens.
func capture(t *testing.T, w *wallettest.World, name string) captured {
	t.Helper()
	var got captured
	s := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = captured{r.Method, r.RequestURI, r.Header.Get("Authorization"), string(body)}
	}))
	defer s.Close()
	l := newTill(t, w, name, s.URL, func(c *wallet.Config) {
		c.Roots = x509.NewCertPool()
		c.Roots.AddCert(s.Certificate())
		c.Terminal.StoreName = "街角 & 便利店 \"A/B\"+"
	})
	if ans := l.pay(l.attempt()); ans.Signed || ans.NotSent {
		t.Fatalf("a server without the wallet's key answered: %s", describe(ans))
	}
	return got
}

// merchantPublicKey is the public half of our key, in PEM.
func merchantPublicKey(t *testing.T, w *wallettest.World, name string) string {
	t.Helper()
	signer, err := wallet.ParseSigner(w.Contract(name).KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// talk runs a script with input on its standard input and reads its JSON.
func talk(t *testing.T, script string, input map[string]any, env []string, out any) {
	t.Helper()
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	cmd := peer.Command(t, script)
	cmd.Stdin = bytes.NewReader(text)
	var diag bytes.Buffer
	cmd.Stderr = &diag
	cmd.Env = append(cmd.Env, env...)
	answer, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, diag.Bytes())
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("%s: %v in %s", script, err, answer)
	}
}

func TestWeChatPayLibraries(t *testing.T) {
	w := newWorld(t, wallettest.Options{ClockScale: 1})
	contract := w.Contract(wallettest.WeChatPay)
	keys, err := wallet.ParseWalletKeys(contract.WalletKeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	l := newTill(t, w, wallettest.WeChatPay, "", nil)
	order := l.attempt()
	type answer struct {
		Status   int
		Verified bool
		Body     map[string]any
	}
	var out struct {
		Pay, Query answer
		Ours       bool
	}
	talk(t, "testdata/wechat.js", map[string]any{
		"appId": contract.Settings["app_id"], "merchant": contract.Merchant, "keyId": contract.KeyID, "serial": keys[0].ID,
		"privateKey": string(contract.KeyPEM), "platformCertificate": string(contract.WalletKeyPEM), "ca": string(contract.CAPEM),
		"endpoint": contract.Endpoint, "order": order.ID, "code": w.NewCode(wallettest.WeChatPay),
		"merchantPublicKey": merchantPublicKey(t, w, wallettest.WeChatPay), "request": capture(t, w, wallettest.WeChatPay),
	}, nil, &out)
	for name, a := range map[string]answer{"pay": out.Pay, "query": out.Query} {
		if a.Status != 200 || !a.Verified || a.Body["trade_state"] != "SUCCESS" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if !out.Ours {
		t.Error("our request does not verify with the foreign library")
	}
	if e := l.entry(order); e.State != wallettest.StatePaid {
		t.Errorf("ledger: %+v", e)
	}
	noViolations(t, w)
}
