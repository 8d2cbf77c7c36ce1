package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/drivers/atecc608"
	"github.com/tilld/tilld/drivers/tpm/tpmtest"
	"github.com/tilld/tilld/internal/board/device"
)

// withTPM lets the shop's till keep its root key in a TPM; more is for [terminal.tpm].
func (s *shop) withTPM(soft *tpmtest.Soft, more string) {
	s.t.Helper()
	keys := fmt.Sprintf("keys = %q\n", s.path("keys.toml"))
	if !strings.Contains(s.text, keys) || !strings.Contains(s.text, "[pos]\n") {
		s.t.Fatal("the shop's configuration has changed")
	}
	s.text = strings.Replace(s.text, keys, fmt.Sprintf("keys = %q\nkey_store = \"tpm\"\n", s.path("keys.sealed")), 1)
	s.text = strings.Replace(s.text, "[pos]\n", fmt.Sprintf("[terminal.tpm]\ndevice = %q\n%s[pos]\n", soft.Device(), more), 1)
	s.write(s.text)
}

// A till whose root key is in a TPM trades, starts again, and is locked on another board.
func TestTillWithTPM(t *testing.T) {
	soft, s := tpmtest.Start(t, ""), newShop(t)
	s.withTPM(soft, "")
	if code, out, errs := s.tilld("check"); code != 0 || !strings.Contains(out, "the first start makes it, sealed to the TPM") {
		t.Fatalf("check before the first start: exit %d\n%s%s", code, out, errs)
	}
	r := s.start()
	if code, out, errs := s.sell(r, "12.80", func() { s.scan("wechatpay") }); code != 0 || out.Ending != "paid" {
		t.Fatalf("exit %d, %+v\n%s", code, out, errs)
	}
	r.stop()
	text, err := os.ReadFile(s.path("keys.sealed"))
	if err != nil || !bytes.Contains(text, []byte("of no use without it")) {
		t.Fatalf("%s, %v", text, err)
	}
	code, out, errs := s.tilld("check")
	if code != 0 || !strings.Contains(out, "the root key is in the TPM unix:") || !strings.Contains(out, "cannot be taken out") {
		t.Errorf("check: exit %d\n%s%s", code, out, errs)
	}
	soft.Reboot(t)
	r = s.start()
	if code, out, errs := s.sell(r, "1.00", func() { s.scan("alipay") }); code != 0 || out.Ending != "paid" {
		t.Fatalf("after a power cut: exit %d, %+v\n%s", code, out, errs)
	}
	r.stop()
	// The card in another terminal.
	s.write(strings.ReplaceAll(s.text, soft.Device(), tpmtest.Start(t, "").Device()))
	code, out, errs = s.tilld("check")
	if code == 0 || !strings.Contains(out, "another TPM") || !strings.Contains(out, "hint: put the terminal's own TPM back") {
		t.Errorf("another TPM: exit %d\n%s%s", code, out, errs)
	}
	if code, _, errs := s.tilld("run"); code == 0 || !strings.Contains(errs, "another TPM") {
		t.Errorf("another TPM: exit %d\n%s", code, errs)
	}
}

// A till moves its root key from a file to the TPM, bound to approved systems.
func TestKeyCommands(t *testing.T) {
	soft, s := tpmtest.Start(t, ""), newShop(t)
	r := s.start()
	r.stop()
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(authority)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(authority.Public())
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("os.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	put("os.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	put("approvals.json", []byte("[]"))
	must := func(args ...string) string {
		t.Helper()
		code, out, errs := s.tilld(args...)
		if code != 0 {
			t.Fatalf("tilld %v: exit %d\n%s%s", args, code, out, errs)
		}
		return out
	}
	plain := s.text
	s.withTPM(soft, "pcrs = [7, 11]\nauthority = \"os.pub\"\napprovals = \"approvals.json\"\n")
	if code, _, errs := s.tilld("run"); code == 0 || !strings.Contains(errs, "not approved") || !strings.Contains(errs, "tilld key approve") {
		t.Fatalf("a boot that nobody approved: exit %d\n%s", code, errs)
	}
	os.Remove(s.path("keys.sealed"))
	state := strings.TrimSpace(must("key", "state", "--device", soft.Device(), "--pcrs", "7,11"))
	put("approvals.json", []byte(must("key", "approve", "--authority-key", s.path("os.key"), "--pcrs", "7,11", "--policy", state,
		"--note", "release 1", "--add", s.path("approvals.json"))))
	must("key", "seal", "--from", s.path("keys.toml"))
	if code, out, _ := s.tilld("key", "seal", "--from", s.path("keys.toml")); code == 0 {
		t.Errorf("sealed over a sealed key\n%s", out)
	}
	if err := os.Remove(s.path("keys.toml")); err != nil {
		t.Fatal(err)
	}
	r = s.start() // the journal of before
	r.stop()
	s.write(plain)
	if code, _, _ := s.tilld("run"); code == 0 {
		t.Error("the journal opens with a new root key")
	}

	pemText := must("key", "new", "--device", soft.Device(), "--kind", "p-256", "--out", s.path("own.key"), "--csr", "TILLD")
	block, _ := pem.Decode([]byte(pemText))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || request.CheckSignature() != nil || request.Subject.CommonName != "TILLD" {
		t.Errorf("%+v, %v", request, err)
	}
	var out map[string]string
	if err := json.Unmarshal([]byte(must("--json", "key", "new", "--device", soft.Device(), "--out", s.path("rsa.key"))), &out); err != nil ||
		!strings.Contains(out["pem"], "PUBLIC KEY") {
		t.Errorf("%v, %v", out, err)
	}
	if code, _, _ := s.tilld("key", "new", "--device", soft.Device(), "--out", s.path("own.key")); code == 0 {
		t.Error("a key was replaced")
	}
}

// A contract's key may be the TPM's own, and is not extractable then.
func TestTPMSigners(t *testing.T) {
	soft, s := tpmtest.Start(t, ""), newShop(t)
	if code, _, errs := s.tilld("key", "new", "--device", soft.Device(), "--out", s.path("own.key")); code != 0 {
		t.Fatal(errs)
	}
	s.withTPM(soft, "")
	cfg := loaded(t, s)
	cfg.Contracts[0].KeyFile = s.path("own.key")
	keys, err := openKeys(t.Context(), cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.close()
	digest := sha256.Sum256([]byte("pay"))
	for i, extractable := range []bool{false, true} {
		key, _, can, err := keys.Signer(cfg.Contracts[i].Name)
		if err != nil || can != extractable {
			t.Fatalf("%s: extractable %v, %v", cfg.Contracts[i].Name, can, err)
		}
		if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
			t.Error(err)
		}
	}
	if !keys.Made() || keys.extractable {
		t.Errorf("made %v, extractable %v", keys.Made(), keys.extractable)
	}
}

func loaded(t *testing.T, s *shop) *config.Config {
	t.Helper()
	cfg, problems, err := config.Load(s.config(), known())
	if err != nil || problems.Count(config.Mistake) != 0 {
		t.Fatalf("%v, %v", problems, err)
	}
	return cfg
}

func TestSecureElementStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := device.NewATECC(device.ATECCOptions{})
		cfg := &config.Config{Terminal: config.Terminal{KeyStore: "atecc608", ATECC608: config.ATECCKeys{Bus: "x", RootSlot: 9, SignSlot: 2, Counter: 1}}}
		keys, err := ateccStore(t.Context(), atecc608.New(chip, 0), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer keys.close()
		a, err := keys.Derive("journal")
		b, err2 := keys.Derive("codes")
		if err := errors.Join(err, err2); err != nil || len(a) != 32 || bytes.Equal(a, b) {
			t.Errorf("%x, %x, %v", a, b, err)
		}
		key, _, extractable, err := keys.Signer(ownKey)
		if err != nil || extractable || !chip.PublicKey(2).Equal(key.Public()) {
			t.Errorf("own key: %v, extractable %v", err, extractable)
		}
		if _, _, _, err := keys.Signer("none"); err == nil {
			t.Error("an unknown name has a key")
		}
		counter := keys.keyStore.(interface{ Counter() terminal.Counter }).Counter()
		one, err := counter.Increment(t.Context())
		two, err2 := counter.Count(t.Context())
		if one != 1 || two != 1 || errors.Join(err, err2) != nil {
			t.Errorf("counter %d, %d, %v, %v", one, two, err, err2)
		}
		cfg.Terminal.ATECC608.RootSlot = 4
		if _, err := ateccStore(t.Context(), atecc608.New(chip, 0), cfg); err == nil {
			t.Error("an empty slot is a root")
		}
	})
}
