package main

import (
	"os"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// apiV2 is a shop whose contract with WeChat Pay has API v2 alone.
func apiV2(t *testing.T) *shop {
	t.Helper()
	s := newShop(t, wallettest.WeChatPayV2)
	var keep []wallettest.Contract
	contracts, err := s.world.Write(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		if c.Wallet == wallettest.WeChatPayV2 {
			keep = append(keep, c)
		}
	}
	s.text = shopText(s.dir, 100, keep)
	s.write(s.text)
	return s
}

func TestCheckOfAPIV2(t *testing.T) {
	s := apiV2(t)
	if code, out, errs := s.tilld("check"); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	short := s.path("short.key")
	if err := os.WriteFile(short, []byte("192006250b4c09247ec02edce69f6a2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret, cert := s.path("wechatpay-v2-secret_file"), s.path("wechatpay-v2-cert_file")
	foreign := s.path("wechatpay-platform.pem")
	for _, c := range []struct{ name, old, new, want string }{
		{"no secret", `secret_file = "` + secret + `"`, "", "secret_file: is missing"},
		{"no certificate", `cert_file = "` + cert + `"`, "", "cert_file: is missing"},
		{"another's certificate", cert, foreign, "is not the certificate of key_file"},
		{"short secret", secret, short, "has 31 characters; wechatpay-v2 has keys of 32"},
		{"sign type", `sign_type = "HMAC-SHA256"`, `sign_type = "SHA1"`, `sign_type: "SHA1" is not right`},
		{"no offer, no address", "offer = true", "offer = false", ""},
		{"notify_url", `notify_url = "https://notify.example/wechatpay"`, `notify_url = "http://notify.example"`, "notify_url: "},
	} {
		text := strings.Replace(s.text, c.old, c.new, 1)
		if text == s.text {
			t.Fatalf("%s: the file is unchanged:\n%s", c.name, text)
		}
		s.write(text)
		code, out, errs := s.tilld("check")
		if wrong := c.want != ""; (code != 0) != wrong || !strings.Contains(out, c.want) || wrong && !strings.Contains(out, "hint: ") {
			t.Errorf("%s: exit %d, want %q\n%s%s", c.name, code, c.want, out, errs)
		}
		if strings.Contains(out, "192006250b4c") {
			t.Errorf("%s: the key is printed", c.name)
		}
	}
	s.write(strings.Replace(s.text, `notify_url = "https://notify.example/wechatpay"`, `notify_url = ""`, 1))
	if code, out, _ := s.tilld("check"); code == 0 || !strings.Contains(out, "shows no code without it") {
		t.Errorf("an offer without notify_url: exit %d\n%s", code, out)
	}
}

func TestSaleAndReversalOverAPIV2(t *testing.T) {
	s := apiV2(t)
	r := s.start()
	code, out, errs := s.sell(r, "12.80", func() { s.scan(wallettest.WeChatPayV2) })
	if code != 0 || out.Ending != "paid" || out.Payment == nil {
		t.Fatalf("exit %d, %+v\n%s\n%s", code, out, errs, r.log)
	}
	code, text, errs := s.tilld("refund", out.Payment.ID, "--json")
	if code != 0 {
		t.Fatalf("refund: exit %d\n%s%s", code, text, errs)
	}
	for _, e := range s.world.Ledger() {
		if e.ChargedMinor != 1280 || e.RefundedMinor != 1280 {
			t.Errorf("ledger: %+v", e)
		}
	}
	if v := s.world.Violations(); len(v) > 0 || len(s.world.Ledger()) != 1 {
		t.Errorf("violations %q, ledger %v", v, s.world.Ledger())
	}
}
