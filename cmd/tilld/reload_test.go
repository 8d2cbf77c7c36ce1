package main

import (
	"os"
	"strings"
	"testing"
)

// Keys are taken over while a payment is under way: its answer, which the wrong key could not
// verify, is believed once the right one is back.
func TestReload(t *testing.T) {
	s := newShop(t)
	r := s.start()
	reload := func(wantCode int, want string) {
		t.Helper()
		code, out, errs := s.tilld("reload")
		if code != wantCode || !strings.Contains(out+errs, want) {
			t.Fatalf("reload: exit %d, want %d and %q\n%s%s", code, wantCode, want, out, errs)
		}
	}
	reload(0, "nothing changed")

	right := s.path("wechatpay-platform.pem")
	wrong := strings.Replace(s.text, right, s.path("alipay-platform.pem"), 1)
	s.write(wrong)
	reload(0, "new keys: wechatpay-main")
	code, out, errs := s.sell(r, "12.80", func() {
		s.scan("wechatpay")
		eventually(t, "the outcome is in doubt", func() bool { return strings.Contains(r.log.String(), `"msg":"doubt"`) })
		s.write(s.text)
		reload(0, "new keys: wechatpay-main")
	})
	if code != 0 || out.Ending != "paid" {
		t.Fatalf("exit %d, %+v\n%s", code, out, errs)
	}
	s.write(wrong)
	reload(0, "new keys: wechatpay-main")

	s.write(strings.Replace(s.text, `ceiling = "5000.00"`, `ceiling = "1.00"`, 1))
	reload(1, "hint: restart tilld")
	broken := s.path("broken.pem")
	if err := os.WriteFile(broken, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.write(strings.Replace(s.text, right, broken, 1))
	reload(1, "hint: ")
	s.write(wrong)
	reload(0, "nothing changed")
}
