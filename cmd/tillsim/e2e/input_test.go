package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// paymentOf writes a Payment whose amount and currency stand as they are.
func (l *till) paymentOf(service, amount, currency string) []byte {
	return fmt.Appendf(nil, `{"SaleToPOIRequest":{"MessageHeader":{"ProtocolVersion":"3.0","MessageClass":"Service","MessageCategory":"Payment",`+
		`"MessageType":"Request","ServiceID":%q,"SaleID":"E2E","POIID":%q},"PaymentRequest":{"SaleData":{"SaleTransactionID":`+
		`{"TransactionID":"basket-%s","TimeStamp":"2026-11-22T10:00:00Z"}},"PaymentTransaction":{"AmountsReq":{"Currency":%q,"RequestedAmount":%s}}}}}`,
		service, l.POIID(), service, currency, amount)
}

// TestBadInput: each mistake gets one clear error, at the point of sale and on the command
// line with a hint, nothing reaches a wallet, and the next sale works.
func TestBadInput(t *testing.T) {
	t.Parallel()
	l := open(t, rig.Options{}, nil)
	for _, bad := range []struct{ amount, currency, pos, cli string }{
		{"0", "CNY", `bad amount "0": must be above zero`, "must be above zero"},
		{"-1", "CNY", `bad amount "-1": must be above zero`, "not a decimal number"},
		{"1e21", "CNY", `bad amount "1e21": too large`, "not a decimal number"},
		{"9223372036854775808", "CNY", "too large", "not a decimal number"},
		{"1e-400000", "CNY", "not a decimal number", "not a decimal number"},
		{"12.345", "CNY", "CNY has 2 decimals", "CNY has 2 decimals"},
		{"0.5", "JPY", "JPY has 0 decimals", "JPY has 0 decimals"},
		{"1", "XQX", `unknown currency "XQX"`, `unknown currency "XQX"`},
		{`"1"`, "CNY", "not a number", "not a decimal number"},
	} {
		id := l.id()
		a, err := l.pos.Send(l.ctx, l.pos.Header("Payment", id), l.paymentOf(id, bad.amount, bad.currency))
		if err != nil || a.Result != "Failure" || a.ErrorCondition != "MessageFormat" || !strings.Contains(a.Additional("message"), bad.pos) {
			t.Errorf("%s %s: told %s/%s %q, %v; want a MessageFormat with %q", bad.amount, bad.currency, a.Result, a.ErrorCondition, a.AdditionalResponse, err, bad.pos)
		}
		out, errs, code := l.command("sale", "--amount="+bad.amount, "--currency", bad.currency, "--wait")
		if code != 2 || out != "" || !strings.Contains(errs, bad.cli) || strings.Count(errs, "tilld: ") != 1 || strings.Count(errs, "hint: ") != 1 {
			t.Errorf("sale --amount=%s --currency %s: exit %d, %s%s", bad.amount, bad.currency, code, out, errs)
		}
	}
	for _, bad := range []struct {
		name, text, want string
		status           int
	}{
		{"NaN", string(l.paymentOf("N", "NaN", "CNY")), "unexpected character", http.StatusBadRequest},
		{"1 MB", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, "larger than 262144 bytes", http.StatusRequestEntityTooLarge},
		{"100,000 lists", strings.Repeat("[", 100_000), "more than 32 levels", http.StatusBadRequest},
		{"10,000 objects", strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), "more than 32 levels", http.StatusBadRequest},
		{"cut short", `{"SaleToPOIRequest":`, "it ends too early", http.StatusBadRequest},
		{"a name twice", `{"SaleToPOIRequest":{"MessageHeader":{},"messageheader":{}}}`, "a name occurs twice", http.StatusBadRequest},
		{"nothing", "", "it ends too early", http.StatusBadRequest},
		{"a list", "[]", "there is no SaleToPOIRequest", http.StatusBadRequest},
	} {
		a, err := l.pos.Send(l.ctx, l.pos.Header("Payment", "X"), []byte(bad.text))
		text := string(a.Raw)
		if err != nil || a.HTTP != bad.status || !strings.Contains(text, bad.want) || strings.Count(text, "hint: ") != 1 {
			t.Errorf("%s: told %d %q, %v", bad.name, a.HTTP, text, err)
		}
	}
	if n := len(l.World.Ledger()); n != 0 {
		t.Errorf("a wallet saw %d orders", n)
	}
	aboveCeiling(t, l)
	l.good("1.00")
}

// aboveCeiling: an operator says no, and nothing is sent.
func aboveCeiling(t *testing.T, l *till) {
	done := l.ask(posclient.PayRequest{Amount: "5000.01"})
	var id string
	l.eventually("the till asks an operator", func() bool {
		out, _, _ := l.command("status", "--json")
		if !strings.Contains(out, `"screen": "operator"`) {
			return false
		}
		_, id, _ = strings.Cut(out, `"id": "`)
		id, _, _ = strings.Cut(id, `"`)
		return id != ""
	})
	if out, errs, code := l.command("confirm", id, "--refuse"); code != 0 {
		t.Fatalf("confirm --refuse: exit %d\n%s%s", code, out, errs)
	}
	a := take(t, "the answer above the ceiling", done)
	if a.answer.Result != "Failure" || a.answer.Additional("message") == "" || len(l.World.Ledger()) != 0 {
		t.Errorf("above the ceiling: told %s %q, %v", a.short(), a.answer.AdditionalResponse, a.err)
	}
}

// TestStateRemovedWhileRunning: no new sale begins without a journal, and the point of sale
// and the operator are told why.
func TestStateRemovedWhileRunning(t *testing.T) {
	t.Parallel()
	l := open(t, rig.Options{}, nil)
	l.good("1.00")
	state := filepath.Join(filepath.Dir(l.Config()), "state")
	if err := os.Rename(state, state+"-away"); err != nil {
		t.Fatal(err)
	}
	a := take(t, "the answer without a journal", l.ask(posclient.PayRequest{Amount: "2.00"}))
	if a.answer.Result != "Failure" || len(l.World.Ledger()) != 1 {
		t.Errorf("without a state directory: told %s %q, %v", a.short(), a.answer.AdditionalResponse, a.err)
	}
	out, errs, code := l.command("status")
	if code != 0 || !strings.Contains(out, "no such file or directory") || !strings.Contains(out, "hint: ") {
		t.Errorf("status: exit %d\n%s%s", code, out, errs)
	}
	l.Kill()
	if err := os.Rename(state+"-away", state); err != nil {
		t.Fatal(err)
	}
	l.restart()
	l.scanner()
	if s, err := l.pos.Status(l.ctx, l.id(), posclient.Reference{ServiceID: "E1"}); err != nil || s.Repeated == nil || s.Repeated.Result != "Success" {
		t.Errorf("after it was put back, the sale before is %+v, %v", s, err)
	}
	l.good("3.00")
}
