package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

// askStatus reads "tilld status --json".
func (s *shop) askStatus() (st control.Status) {
	s.t.Helper()
	code, out, errs := s.tilld("status", "--json")
	if code != 0 {
		s.t.Fatalf("status: exit %d\n%s", code, errs)
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		s.t.Fatalf("status: %v\n%s", err, out)
	}
	return st
}

// sell starts a sale on the command line and shows a code once the scanner is armed.
func (s *shop) sell(r *running, amount string, scan func(), args ...string) (code int, out control.Outcome, stderr string) {
	s.t.Helper()
	type end struct {
		code        int
		out, stderr string
	}
	armed := func() int { return strings.Count(r.log.String(), `"msg":"armed"`) }
	before := armed()
	done := make(chan end, 1)
	go func() {
		code, out, errs := s.tilld(append([]string{"sale", "--amount", amount, "--currency", "CNY", "--wait", "--json"}, args...)...)
		done <- end{code, out, errs}
	}()
	eventually(s.t, "the scanner is armed", func() bool { return armed() > before })
	scan()
	e := <-done
	if err := json.Unmarshal([]byte(e.out), &out); err != nil {
		s.t.Fatalf("sale: %v\n%s\n%s", err, e.out, e.stderr)
	}
	return e.code, out, e.stderr
}

func TestSaleAndRefundEndToEnd(t *testing.T) {
	s := newShop(t)
	r := s.start()
	for _, wallet := range []string{"wechatpay", "alipay", "unionpay"} {
		code, out, errs := s.sell(r, "12.80", func() { s.scan(wallet) })
		if code != 0 || out.Ending != "paid" || out.Payment == nil || !strings.HasPrefix(out.Payment.Attempts[0].Wallet, wallet) {
			t.Fatalf("%s: exit %d, %+v\n%s\n%s", wallet, code, out, errs, r.log)
		}
		code, text, errs := s.tilld("queue", "show", out.Payment.Attempts[0].Order)
		if code != 0 || !strings.Contains(text, "12.80 CNY") || !strings.Contains(text, "PAID") {
			t.Fatalf("queue show: exit %d\n%s%s", code, text, errs)
		}
		code, text, errs = s.tilld("refund", out.Payment.ID, "--json")
		if code != 0 || !strings.Contains(text, `"ending": "reversed"`) {
			t.Fatalf("refund: exit %d\n%s%s", code, text, errs)
		}
	}
	for _, e := range s.world.Ledger() {
		if e.Charges != 1 || e.ChargedMinor != 1280 || e.RefundedMinor != 1280 {
			t.Errorf("ledger: %+v", e)
		}
	}
	if st := s.askStatus(); len(st.Doubt)+len(st.Manual)+len(st.Undelivered) != 0 || !st.Clock.Trusted || len(st.Contracts) != 3 {
		t.Errorf("status: %+v", st)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
	if _, err := os.Stat(s.path("tilld.sock")); err == nil {
		t.Error("the socket is still there")
	}
}
