package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

const palmSection = `
[palm]
camera = "desk:cam.sock"
provider = "palm.example"
endpoint = "https://127.0.0.1:1"
root_keys = ["palm-root.pem"]
merchant = "M-1"
key_file = "palm.key"
`

// A terminal is registered before its first start: its keys are made, once, and stay.
func TestPalmRegister(t *testing.T) {
	s := newShop(t)
	if code, _, errs := s.tilld("palm", "register"); code == 0 || !strings.Contains(errs, "there is no [palm] section") {
		t.Fatalf("without [palm]: exit %d\n%s", code, errs)
	}
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("palm-root.pem"), publicPEM(t, &root.PublicKey), 0o600); err != nil {
		t.Fatal(err)
	}
	s.write(s.text + palmSection)
	if code, out, _ := s.tilld("check"); code == 0 || !strings.Contains(out, `"tilld palm register" makes it`) {
		t.Errorf("check before registering: exit %d\n%s", code, out)
	}
	var first, again registration
	for _, r := range []*registration{&first, &again} {
		code, out, errs := s.tilld("palm", "register", "--json")
		if code != 0 || json.Unmarshal([]byte(out), r) != nil {
			t.Fatalf("register: exit %d\n%s%s", code, out, errs)
		}
	}
	if first.Terminal != testSerial || first.Level != biometric.LevelFile || len(first.SealKey) != 1216 || first.Key != again.Key || string(first.SealKey) != string(again.SealKey) {
		t.Errorf("%+v\n%+v", first, again)
	}
	if info, err := os.Stat(s.path("palm.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if code, out, _ := s.tilld("check"); code != 0 {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	// Without its camera and its provider the till sells by code.
	r := s.start()
	if code, out, errs := s.sell(r, "12.80", func() { s.scan("wechatpay") }); code != 0 || out.Ending != "paid" {
		t.Errorf("exit %d, %+v\n%s", code, out, errs)
	}
}

func TestPalmExplain(t *testing.T) {
	s := newShop(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("terminal.pem"), publicPEM(t, &key.PublicKey), 0o600); err != nil {
		t.Fatal(err)
	}
	ch := biometric.Challenge{Binding: biometric.Binding{Purpose: biometric.Pay, Modality: biometric.Palm, Provider: "palm.example", Merchant: "M-1",
		Terminal: testSerial, Payment: "P-1", Minor: 1280, Currency: "CNY", Nonce: make([]byte, 16)},
		Transform: biometric.Transform{Epoch: 1, Key: secret.New(make([]byte, 32)), Salt: make([]byte, 16), Profile: biometric.Standard}}
	record, err := biometric.SignVerdict(ch, biometric.Verdict{Decision: biometric.Attack, Reason: "vein-contrast", Modality: biometric.Palm, Level: biometric.LevelFile,
		At: time.Now(), Build: "b", Cues: []biometric.Cue{{Name: "vein-contrast", Version: 1, Score: 0.2, Low: 1, High: 20, DoubtLow: 0.6, DoubtHigh: 30, Decision: biometric.Attack}}}, key)
	if err != nil {
		t.Fatal(err)
	}
	explain := func(r biometric.Record) (int, string) {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		code := run(t.Context(), []string{"palm", "explain", "--key", s.path("terminal.pem")},
			strings.NewReader(base64.StdEncoding.EncodeToString(text)+"\n"), &out, &out)
		return code, out.String()
	}
	code, out := explain(record)
	if code != 0 || !strings.Contains(out, "decided by vein-contrast") || !strings.Contains(out, "0.6 to 30") || !strings.HasSuffix(out, "signed by this terminal\n") || strings.Contains(out, "NOT") {
		t.Errorf("exit %d\n%s", code, out)
	}
	record.Binding.Minor++
	if code, out := explain(record); code == 0 || !strings.Contains(out, "NOT signed by this terminal") {
		t.Errorf("another amount: exit %d\n%s", code, out)
	}
	var errs strings.Builder
	if code := run(t.Context(), []string{"palm", "explain", "--key", s.path("terminal.pem")}, strings.NewReader("nonsense"), &errs, &errs); code == 0 || !strings.Contains(errs.String(), "hint:") {
		t.Errorf("nonsense: exit %d\n%s", code, errs.String())
	}
}

func publicPEM(t *testing.T, key *ecdsa.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
