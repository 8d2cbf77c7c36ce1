package providertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
)

// FuzzRequest has a registered terminal send anything to every path. Nothing that it
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
	paths := routes()[1:] // all that have a body
	for i := range paths {
		f.Add(uint8(i), []byte(`{}`))
	}
	f.Add(uint8(0), []byte(`{"purpose":"pay","modality":"palm","merchant":"M","terminal":"T-1","payment":"P","minor":1,"currency":"CNY","claim":"1"}`))
	f.Add(uint8(0), []byte(`{"purpose":"enrol","modality":"palm","merchant":"M","terminal":"T-1","payment":"P","minor":0,"currency":"","claim":"1","consent":{"text":"","version":"1","language":"zh","provider":"palm.example","at":"2026-11-23T00:00:00Z","age_at_least":14,"biometric":true,"transfer":true}}`))
	f.Add(uint8(1), []byte(`{"sealed":{"binding":{}}}`))
	f.Add(uint8(3), []byte(`{"code":"1"}`))
	f.Add(uint8(4), []byte(`{"nonce":"AAAA","payment":"P"}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		to := paths[int(which)%len(paths)]
		answer, err := to.serve(p, t.Context(), p.terminals["T-1"], body)
		if err != nil {
			var r *refusal
			if !errors.As(err, &r) || wire.Statuses[r.code] == 0 {
				t.Errorf("%s: %v", to.path, err)
			}
			return
		}
		if _, err := wire.Encode(answer); err != nil {
			t.Errorf("%s: %v", to.path, err)
		}
		if a, is := answer.(wire.Identified); is && a.Credential != nil {
			t.Errorf("%s: a credential for %q", to.path, body)
		}
	})
}
