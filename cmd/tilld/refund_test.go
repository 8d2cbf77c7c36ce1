package main

import (
	"strings"
	"testing"
)

// TestPartsEndToEnd gives parts back over the real wires, by id and by the customer's bill.
func TestPartsEndToEnd(t *testing.T) {
	s := newShop(t)
	r := s.start()
	for _, wallet := range []string{"wechatpay", "alipay"} {
		_, out, errs := s.sell(r, "12.80", func() { s.scan(wallet) })
		if out.Payment == nil {
			t.Fatalf("%s\n%s", errs, r.log)
		}
		id, order := out.Payment.ID, out.Payment.Attempts[0].Order
		code, text, errs := s.tilld("refund", id, "--amount", "2.80")
		if code != 0 || !strings.Contains(text, "refunded 2.80 CNY (REFUNDED)") {
			t.Fatalf("%s: exit %d\n%s%s\n%s", wallet, code, text, errs, r.log)
		}
		if code, text, _ := s.tilld("refund", id, "--amount", "10.01"); code != 1 || !strings.Contains(text, "10.00 CNY of this payment can be given back") {
			t.Errorf("%s: exit %d\n%s", wallet, code, text)
		}
		code, text, errs = s.refundBill(r, func() { s.scanText("]Q1" + order) }, "--amount", "1.00")
		if code != 0 || !strings.Contains(text, `"state": "REFUNDED"`) {
			t.Fatalf("%s: exit %d\n%s%s\n%s", wallet, code, text, errs, r.log)
		}
		if code, text, errs := s.tilld("refund", order); code != 0 || !strings.Contains(text, "refunded 9.00 CNY") {
			t.Errorf("%s: the rest: exit %d\n%s%s", wallet, code, text, errs)
		}
		if code, text, _ := s.tilld("queue", "show", id); code != 0 || strings.Count(text, "REFUNDED") != 3 || !strings.Contains(text, "refund 3") {
			t.Errorf("queue show: exit %d\n%s", code, text)
		}
	}
	for _, e := range s.world.Ledger() {
		if e.ChargedMinor != 1280 || e.RefundedMinor != 1280 || len(e.Refunds) != 3 {
			t.Errorf("ledger: %+v", e)
		}
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}

// TestBillOfAnotherTill gives an order back at a till that never saw it: its journal is a new
// one, as that of another terminal of the shop is.
func TestBillOfAnotherTill(t *testing.T) {
	s := newShop(t)
	r := s.start()
	orders := map[string]string{}
	for _, wallet := range []string{"wechatpay", "alipay"} {
		_, out, errs := s.sell(r, "5.00", func() { s.scan(wallet) })
		if out.Payment == nil {
			t.Fatalf("%s\n%s", errs, r.log)
		}
		orders[wallet] = out.Payment.Attempts[0].Order
	}
	if code := r.stop(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, r.log)
	}
	s.write(strings.Replace(s.text, "/state\"", "/another\"", 1))
	r = s.start()
	for wallet, order := range orders {
		if code, text, _ := s.tilld("queue", "show", order); code == 0 {
			t.Fatalf("%s: the other till has it on record:\n%s", wallet, text)
		}
		code, text, errs := s.refundBill(r, func() { s.scanText("]Q1" + order) }, "--amount", "2.00")
		if code != 0 || !strings.Contains(text, `"state": "REFUNDED"`) || !strings.Contains(text, `"found": true`) {
			t.Fatalf("%s: exit %d\n%s%s\n%s", wallet, code, text, errs, r.log)
		}
		if code, text, errs := s.tilld("refund", order); code != 0 || !strings.Contains(text, "refunded 3.00 CNY") {
			t.Errorf("%s: the rest: exit %d\n%s%s", wallet, code, text, errs)
		}
	}
	for _, e := range s.world.Ledger() {
		if e.ChargedMinor != 500 || e.RefundedMinor != 500 || len(e.Refunds) != 2 {
			t.Errorf("ledger: %+v", e)
		}
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}

// refundBill runs tilld refund --scan and shows a bill once the scanner is armed.
func (s *shop) refundBill(r *running, scan func(), args ...string) (code int, out, stderr string) {
	s.t.Helper()
	return s.whenArmed(r, scan, append([]string{"refund", "--scan", "--json"}, args...)...)
}

// whenArmed runs a command and scans once the scanner is armed.
func (s *shop) whenArmed(r *running, scan func(), args ...string) (code int, out, stderr string) {
	s.t.Helper()
	armed := func() int { return strings.Count(r.log.String(), `"msg":"armed"`) }
	before := armed()
	type end struct {
		code        int
		out, stderr string
	}
	done := make(chan end, 1)
	go func() {
		code, out, stderr := s.tilld(args...)
		done <- end{code, out, stderr}
	}()
	eventually(s.t, "the scanner is armed", func() bool { return armed() > before })
	scan()
	e := <-done
	return e.code, e.out, e.stderr
}

func TestSelfTestEndToEnd(t *testing.T) {
	s := newShop(t)
	r := s.start()
	for wallet, contract := range map[string]string{"wechatpay": s.contract("wechatpay"), "alipay": s.contract("alipay")} {
		code, out, errs := s.whenArmed(r, func() { s.scan(wallet) }, "sale", "--self-test", "--contract", contract)
		if code != 0 {
			t.Fatalf("%s: exit %d\n%s%s\n%s", wallet, code, out, errs, r.log)
		}
		rest := out
		for _, want := range []string{"armed", "code-read      scheme " + wallet, "sent           to " + contract, "paid", "refund-asked", "refunded", "done"} {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%s: no %q, or out of order:\n%s", wallet, want, out)
				break
			}
			rest = after
		}
	}
	// A code of another wallet: nothing is charged, and it is said what to do.
	code, out, errs := s.whenArmed(r, func() { s.scan("alipay") }, "sale", "--self-test", "--contract", s.contract("wechatpay"))
	if code != 1 || !strings.Contains(out, "FAILED: not-paid") || !strings.Contains(errs, "\nhint: show a code of the wallet") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	for _, e := range s.world.Ledger() {
		if e.ChargedMinor != 1 || e.RefundedMinor != 1 || len(e.Refunds) != 1 {
			t.Errorf("ledger: %+v", e)
		}
	}
	if st := s.askStatus(); len(st.Doubt)+len(st.Manual)+len(st.Undelivered)+len(st.Refunding)+len(st.BrokenRefunds) != 0 {
		t.Errorf("left over: %+v", st)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}

// contract is the name of the contract at a wallet.
func (s *shop) contract(wallet string) string {
	s.t.Helper()
	for _, c := range s.askStatus().Contracts {
		if c.Wallet == wallet {
			return c.Name
		}
	}
	s.t.Fatalf("no contract at %s", wallet)
	return ""
}
