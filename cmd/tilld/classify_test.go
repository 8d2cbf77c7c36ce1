package main

import (
	"strings"
	"testing"
)

// TestDaemonCountsTheShopsRows: a wallet that the shop switched off is not charged, though a
// contract takes it; the customer is asked for another code, and that one pays.
func TestDaemonCountsTheShopsRows(t *testing.T) {
	s := newShop(t)
	s.write(s.text + "[[code_rule]]\nscheme = \"wechatpay\"\ndisable = true\n")
	r := s.start()
	armed := func() int { return strings.Count(r.log.String(), `"msg":"armed"`) }
	code, out, errs := s.sell(r, "12.80", func() {
		before := armed()
		s.scan("wechatpay")
		// By chance its digits have the form of a card number: that is refused as well.
		eventually(t, "the code is refused", func() bool { return strings.Contains(r.log.String(), `"msg":"refused"`) })
		eventually(t, "the scanner is armed again", func() bool { return armed() > before })
		s.scan("alipay")
	})
	if code != 0 || out.Ending != "paid" {
		t.Errorf("another wallet's code: exit %d, %+v\n%s\n%s", code, out, errs, r.log)
	}
	if l := s.world.Ledger(); len(l) != 1 {
		t.Errorf("%d orders at the wallets, want the one that was paid: %+v", len(l), l)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}
