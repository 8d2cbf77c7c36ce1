package main

import (
	"strings"
	"testing"
)

// TestDaemonCountsTheShopsRows: a wallet that the shop switched off is not charged, though a
// contract takes it; the others are.
func TestDaemonCountsTheShopsRows(t *testing.T) {
	s := newShop(t)
	text := strings.Replace(s.text, `code_wait = "20s"`, `code_wait = "2s"`, 1)
	if text == s.text {
		t.Fatal("the configuration is unchanged")
	}
	s.write(text + "[[code_rule]]\nscheme = \"wechatpay\"\ndisable = true\n")
	r := s.start()
	if code, out, _ := s.sell(r, "12.80", func() { s.scan("wechatpay") }); code == 0 || out.Ending != "cancelled" {
		t.Errorf("a code that is switched off: exit %d, %+v", code, out)
	}
	if n := len(s.world.Ledger()); n != 0 {
		t.Errorf("%d orders at the wallets", n)
	}
	if code, out, errs := s.sell(r, "12.80", func() { s.scan("alipay") }); code != 0 || out.Ending != "paid" {
		t.Errorf("another wallet's code: exit %d, %+v\n%s", code, out, errs)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}
