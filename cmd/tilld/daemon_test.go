package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/internal/secret"
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

// An accident in the journal ends the daemon with exit code 3, once it has said so.
func TestJournalFailureEndsTheDaemon(t *testing.T) {
	s := newShop(t)
	e := &env{ctx: t.Context(), config: s.config()}
	cfg, _, err := e.load()
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	d, err := newDaemon(t.Context(), cfg, newLog("json", log))
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- d.run(t.Context(), func(addresses) { close(ready) }) }()
	<-ready
	eventually(t, "a scanner is open", func() bool { ok, _ := d.hub.Ready(); return ok })
	if err := d.queue.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := sale.ParseAmount("1.00", "CNY")
	if err != nil {
		t.Fatal(err)
	}
	go d.till.Pay(t.Context(), agent.PayRequest{Asked: sale.Asked{SaleID: "S", POIID: "P", ServiceID: "1"}, Amount: a,
		Code: secret.Copy([]byte(s.world.NewCode("wechatpay")))})
	err = <-ended
	var f *failure
	if !errors.As(err, &f) || f.code != exitJournal || f.hint == "" {
		t.Fatalf("ended with %v\n%s", err, log)
	}
	if n := strings.Count(log.String(), `"msg":"stopped: `); n != 1 {
		t.Errorf("it said so %d times:\n%s", n, log)
	}
	if len(s.world.Ledger()) != 0 {
		t.Errorf("something was sent: %+v", s.world.Ledger())
	}
}

// The daemon ends by itself when it is asked to, whatever it is doing, and goes on later.
func TestStopInTheMiddleOfASale(t *testing.T) {
	s := newShop(t)
	r := s.start()
	done := make(chan string, 1)
	go func() {
		_, _, errs := s.tilld("sale", "--amount", "12.80", "--currency", "CNY", "--wait")
		done <- errs
	}()
	eventually(t, "the scanner is armed", func() bool { return strings.Contains(r.log.String(), `"msg":"armed"`) })
	if code := r.stop(); code != 0 {
		t.Fatalf("exit %d\n%s", code, r.log)
	}
	if errs := <-done; !strings.Contains(errs, "hint: ") {
		t.Errorf("the cashier is told %q", errs)
	}
	s.start()
	if st := s.askStatus(); len(st.Doubt)+len(st.Manual) != 0 {
		t.Errorf("a sale without a code is in doubt: %+v", st)
	}
}

func TestCeilingWaitsForTheOperator(t *testing.T) {
	s := newShop(t)
	r := s.start()
	for _, allow := range []bool{false, true} {
		done := make(chan int, 1)
		go func() {
			code, _, _ := s.tilld("sale", "--amount", "5000.01", "--currency", "CNY", "--wait")
			done <- code
		}()
		eventually(t, "the screen waits for the operator", func() bool { return s.askStatus().Screen == "operator" })
		st := s.askStatus()
		if len(st.Running) != 1 {
			t.Fatalf("%+v", st)
		}
		args := []string{"confirm", st.Running[0].ID}
		if !allow {
			args = append(args, "--refuse")
		}
		if code, out, errs := s.tilld(args...); code != 0 {
			t.Fatalf("confirm: exit %d\n%s%s", code, out, errs)
		}
		if allow {
			eventually(t, "the scanner is armed", func() bool { return strings.Contains(r.log.String(), `"msg":"armed"`) })
			s.scan("wechatpay")
		}
		if code := <-done; (code == 0) != allow {
			t.Errorf("allowed %v: exit %d\n%s", allow, code, r.log)
		}
	}
	if code, _, errs := s.tilld("confirm", "NOSUCHPAYMENT"); code != 1 || !strings.Contains(errs, "hint: ") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	if code, _, errs := s.tilld("queue", "settle", "NOSUCHPAYMENT", "--paid"); code != 1 || !strings.Contains(errs, `no payment "NOSUCHPAYMENT"`) {
		t.Errorf("exit %d\n%s", code, errs)
	}
}

// No code that was ever scanned, and no key, stands in the log, in the state directory or in
// what the command line prints.
func TestCanaries(t *testing.T) {
	s := newShop(t)
	r := s.start()
	var codes []string
	scan := func() {
		code := s.world.NewCode("alipay")
		codes = append(codes, code)
		s.scanText("]Q1" + code)
	}
	s.sell(r, "1.00", scan)
	s.sell(r, "2.00", func() {
		armed := strings.Count(r.log.String(), `"msg":"armed"`)
		s.scanText("]E0" + "6901234567892") // refused, and the customer tries again
		eventually(t, "the scanner is armed again", func() bool { return strings.Count(r.log.String(), `"msg":"armed"`) > armed })
		scan()
	})
	_, status, _ := s.tilld("status")
	_, list, _ := s.tilld("queue", "ls", "--all", "--json")
	if code := r.stop(); code != 0 {
		t.Fatalf("exit %d", code)
	}
	root, err := os.ReadFile(s.path("keys.toml"))
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(string(root), `record = "`)
	everything := r.log.String() + status + list + snapshot(t, s.path("state"))
	for _, secret := range append(codes, key[:64], "PRIVATE KEY") {
		if strings.Contains(everything, secret) {
			t.Errorf("%q is shown or stored", secret)
		}
	}
	if len(codes) != 2 || strings.Count(list, `"ending": "paid"`) != 2 {
		t.Fatalf("not everything was sold: %s", list)
	}
}

// Ctrl-C while waiting takes the payment back, and waits to know that it is.
func TestInterruptedSaleIsTakenBack(t *testing.T) {
	s := newShop(t)
	r := s.start()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out, errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"sale", "--amount", "12.80", "--currency", "CNY", "--wait", "--json", "--config", s.config()},
			strings.NewReader(""), &out, &errs)
	}()
	eventually(t, "the scanner is armed", func() bool { return strings.Contains(r.log.String(), `"msg":"armed"`) })
	interrupt()
	if code := <-done; code != 1 || !strings.Contains(out.String(), `"ending": "aborted"`) || !strings.Contains(errs.String(), "taking the payment back") {
		t.Fatalf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	if len(s.world.Ledger()) != 0 {
		t.Errorf("ledger: %+v", s.world.Ledger())
	}
}
