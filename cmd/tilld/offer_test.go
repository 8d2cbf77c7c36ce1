package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

// offering starts a sale on the command line and shows our code for it, of the contract named.
// The result arrives on the channel.
func (s *shop) offering(r *running) (shown string, end chan control.Outcome) {
	s.t.Helper()
	end = make(chan control.Outcome, 1)
	before := strings.Count(r.log.String(), `"msg":"armed"`)
	go func() {
		var out control.Outcome
		_, text, errs := s.tilld("sale", "--amount", "12.80", "--currency", "CNY", "--wait", "--json")
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			s.t.Errorf("sale: %v\n%s%s", err, text, errs)
		}
		end <- out
	}()
	eventually(s.t, "the scanner is armed", func() bool { return strings.Count(r.log.String(), `"msg":"armed"`) > before })
	if code, _, errs := s.tilld("offer"); code != 0 {
		s.t.Fatalf("offer: exit %d\n%s\n%s", code, errs, r.log)
	}
	eventually(s.t, "a code is shown", func() bool {
		codes := s.world.Offered()
		if len(codes) == 1 {
			shown = codes[0]
		}
		return len(codes) == 1
	})
	return shown, end
}

// The other direction, with real TLS, signatures and journal: customers scan our code and
// pay, cashiers abort, customers show their own code after all.
func TestOfferEndToEnd(t *testing.T) {
	for contract, scale := range map[string]int{"wechatpay": 10, "alipay": 20} {
		t.Run(contract, func(t *testing.T) {
			s := newShop(t)
			var name string
			for _, c := range s.contracts {
				if c.Offers && strings.HasPrefix(c.Wallet, contract) {
					name = c.Name
					break
				}
			}
			// A life of some seconds: quick, and long enough for a loaded machine.
			s.write(strings.Replace(s.text, "clock_scale = 100\n", fmt.Sprintf("clock_scale = %d\noffer_contract = %q\n", scale, name), 1))
			r := s.start()

			code, end := s.offering(r)
			if err := s.world.Scan(code); err != nil {
				t.Fatal(err)
			}
			out := <-end
			if out.Ending != sale.EndPaid || out.Payment.Attempts[0].Contract != name {
				t.Fatalf("scanned and paid: %+v\n%s", out, r.log)
			}
			if code, text, errs := s.tilld("refund", out.Payment.ID, "--json"); code != 0 {
				t.Fatalf("refund: exit %d\n%s%s", code, text, errs)
			}

			code, end = s.offering(r)
			st := s.askStatus()
			if len(st.Doubt) != 1 || st.Doubt[0].State != sale.Offered.String() {
				t.Fatalf("status: %+v", st.Doubt)
			}
			d := control.NewClient(s.path("tilld.sock"))
			if err := d.Do(t.Context(), "POST", "/v1/abort", control.AbortRequest{ServiceID: st.Doubt[0].ServiceID}, new(control.AbortRequest)); err != nil {
				t.Fatal(err)
			}
			if out := <-end; out.Ending != sale.EndAborted {
				t.Fatalf("aborted: %+v\n%s", out, r.log)
			}
			if s.world.Scan(code) == nil {
				t.Error("a code was paid after the cashier was told that it is closed")
			}

			if contract == "alipay" {
				return // it knows no order before somebody scans the code, and so closes none at once
			}
			code, end = s.offering(r)
			s.scan("wechatpay")
			if out := <-end; out.Ending != sale.EndPaid || len(out.Payment.Attempts) != 2 || out.Payment.Attempts[0].State != sale.Closed.String() {
				t.Fatalf("the customer's own code: %+v\n%s", out, r.log)
			}
			if s.world.Scan(code) == nil {
				t.Error("both codes were paid")
			}
			var charged int64
			for _, e := range s.world.Ledger() {
				charged += e.ChargedMinor - e.RefundedMinor
			}
			if charged != 1280 {
				t.Errorf("the wallets charged %d, want 1280", charged)
			}
			if strings.Contains(r.log.String(), code) || strings.Contains(r.log.String(), "bizpayurl") {
				t.Errorf("a code is in the log:\n%s", r.log)
			}
			if code, _, errs := s.tilld("offer"); code != 1 || !strings.Contains(errs, "hint: ") {
				t.Errorf("nothing waits: exit %d\n%s", code, errs)
			}
		})
	}
}
