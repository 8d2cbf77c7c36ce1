package providertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
)

// FuzzRequest has a registered terminal send anything, signed, to every path. Nothing that it
// sends makes a credential, and every answer is one of the protocol.
func FuzzRequest(f *testing.F) {
	p, err := New(Options{Name: "palm.example", Lock: Lock{Terminal: 1 << 30, Member: 1 << 30}})
	if err != nil {
		f.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	seal, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		f.Fatal(err)
	}
	if err := p.Register(Terminal{Serial: "T-1", Key: &key.PublicKey, Seal: seal.PublicKey(), Level: biometric.LevelFile, Merchants: []string{"M"}}); err != nil {
		f.Fatal(err)
	}
	for i := range routes() {
		f.Add(uint8(i), []byte(`{}`))
	}
	f.Add(uint8(1), []byte(`{"purpose":"pay","modality":"palm","merchant":"M","terminal":"T-1","payment":"P","minor":1,"currency":"CNY","claim":"1"}`))
	f.Add(uint8(1), []byte(`{"purpose":"enrol","modality":"palm","merchant":"M","terminal":"T-1","payment":"P","minor":0,"currency":"","claim":"1","consent":{"text":"","version":"1","language":"zh","provider":"palm.example","at":"2026-11-23T00:00:00Z","age_at_least":14,"biometric":true,"transfer":true}}`))
	f.Add(uint8(2), []byte(`{"sealed":{"binding":{}}}`))
	f.Add(uint8(4), []byte(`{"code":"1"}`))
	f.Add(uint8(5), []byte(`{"nonce":"AAAA","payment":"P"}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		to := routes()[int(which)%len(routes())]
		r := httptest.NewRequest(to.method, "https://palm.example"+to.path, strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		nonce := make([]byte, 16)
		rand.Read(nonce)
		if err := wire.SignRequest(r.Header, wire.Request{Method: to.method, Authority: r.Host, Path: to.path, Body: body}, key, "T-1", p.o.Clock(), nonce); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			if strings.Contains(w.Body.String(), "credential") {
				t.Errorf("%s: %s", to.path, w.Body)
			}
			return
		}
		var problem wire.Problem
		if err := wire.Decode(w.Body.Bytes(), &problem); err != nil || wire.Statuses[problem.Code] != w.Code {
			t.Errorf("%s: %d %s: %v", to.path, w.Code, w.Body, err)
		}
	})
}
