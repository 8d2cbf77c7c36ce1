package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// sold sells 12.80 with a code of the wallet and returns the order and the day of its bill.
func (s *shop) sold(r *running, wallet string) (order, day string) {
	s.t.Helper()
	code, out, errs := s.sell(r, "12.80", func() { s.scan(wallet) })
	if code != 0 {
		s.t.Fatalf("sale: exit %d\n%s", code, errs)
	}
	for _, e := range s.world.Ledger() {
		if e.Order == out.Payment.Attempts[0].Order {
			return e.Order, bill.DayOf(e.PaidAt).String()
		}
	}
	s.t.Fatal("the wallet has no such order")
	return "", ""
}

// patient gives the wallets' answers ten times the time: a bill is fetched once, and nobody
// asks again for what a busy machine did not answer in 50 ms.
func (s *shop) patient() *shop {
	s.t.Helper()
	s.text = strings.Replace(s.text, "clock_scale = 100\n", "clock_scale = 10\n", 1)
	s.write(s.text)
	return s
}

// reconcile runs the command with --json.
func (s *shop) reconcile(args ...string) (code int, r bill.Report, stderr string) {
	s.t.Helper()
	code, out, stderr := s.tilld(append([]string{"reconcile", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		s.t.Fatalf("reconcile: %v\n%s%s", err, out, stderr)
	}
	return code, r, stderr
}

func TestReconcileEndToEnd(t *testing.T) {
	s := newShop(t).patient()
	r := s.start()
	for _, wallet := range []string{"wechatpay", "alipay"} {
		order, day := s.sold(r, wallet)
		code, _, errs := s.reconcile("--wallet", wallet, "--date", day)
		if code != 1 || !strings.Contains(errs, "hint: a day's bill is there at 10:00") {
			t.Errorf("%s: before the day is over: exit %d\n%s", wallet, code, errs)
		}
		s.world.CloseBooks(wallet)
		code, report, errs := s.reconcile("--wallet", wallet, "--date", day)
		if code != 0 || report.Matched != 1 || report.Contract != wallet+"-main" || report.Paid != 1280 {
			t.Errorf("%s: exit %d %+v\n%s", wallet, code, report, errs)
		}

		// The same from a file, with a sale that the till knows nothing of.
		s.world.Post(wallet, s.foreign(order, sale.TerminalCode(testSerial)))
		file := s.path(wallet + ".bill")
		if err := os.WriteFile(file, s.world.Bill(wallet, day), 0o600); err != nil {
			t.Fatal(err)
		}
		code, report, errs = s.reconcile("--date", day, "--file", file)
		if code != 1 || report.Matched != 1 || report.Counts[bill.MissingHere] != 1 || errs != "" {
			t.Errorf("%s: from a file: exit %d %+v\n%s", wallet, code, report, errs)
		}
		code, text, _ := s.tilld("reconcile", "--date", day, "--file", file)
		if code != 1 || !strings.Contains(text, "missing-here: 1") || !strings.Contains(text, "hint: ") || strings.Contains(text, "\r") {
			t.Errorf("%s: table: exit %d\n%s", wallet, code, text)
		}
		_, text, _ = s.tilld("reconcile", "--date", day, "--file", file, "--csv")
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || len(rows) != 2 || rows[1][0] != "missing-here" || rows[1][7] != "9.90" {
			t.Errorf("%s: CSV: %v\n%s", wallet, err, text)
		}
		if st := s.askStatus(); len(st.Health) == 0 || !strings.Contains(st.Health[0].Text, "differs on 1 orders") {
			t.Errorf("%s: no alarm: %+v", wallet, st.Health)
		}

		// Damaged files are refused with the line, and nothing is compared.
		for fault, words := range map[wallettest.BillFault]string{wallettest.BillCut: "line ", wallettest.BillColumn: "is not known", wallettest.BillRowChanged: "missing or changed", wallettest.BillElsewhere: "not one of its own"} {
			s.world.SpoilBill(wallet, fault)
			code, out, errs := s.tilld("reconcile", "--wallet", wallet, "--date", day)
			if code != 1 || out != "" || !strings.Contains(errs, words) {
				t.Errorf("%s, %s: exit %d\n%s%s", wallet, fault, code, out, errs)
			}
		}
		s.world.SpoilBill(wallet, "")
	}
	if log := r.log.String(); strings.Contains(log, "oUpF8uMuAJO") || strings.Contains(log, "137****") {
		t.Error("a payer's account is in the log")
	}
	s.nowhere("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "137****2600")
	for _, v := range s.world.Violations() {
		t.Errorf("rule broken: %s", v)
	}
}

// foreign is an order of a terminal, paid now.
func (s *shop) foreign(like, code string) wallettest.Entry {
	slot := int(like[24]-'0') + 10*int(like[23]-'0')
	now := time.Now()
	id := sale.OrderID(sale.PaymentID(code, "DEAD01", uint64(len(s.world.Ledger()))), 1, slot)
	return wallettest.Entry{Order: id, Currency: "CNY", TotalMinor: 990, Charges: 1, ChargedMinor: 990, State: wallettest.StatePaid, At: now, PaidAt: now}
}

// nowhere looks for words in everything that the till has written.
func (s *shop) nowhere(words ...string) {
	s.t.Helper()
	err := filepath.WalkDir(s.path("state"), func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range words {
			if strings.Contains(string(b), w) {
				s.t.Errorf("%s is in %s", w, path)
			}
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestAdoptEndToEnd(t *testing.T) {
	s := newShop(t).patient()
	r := s.start()
	const dead = "000158000000099"
	order, day := s.sold(r, "wechatpay")
	one := s.foreign(order, sale.TerminalCode(dead))
	s.world.Post("wechatpay", one)
	two := s.foreign(order, sale.TerminalCode(dead))
	s.world.Post("wechatpay", two)
	file := s.path("bill.csv")
	if err := os.WriteFile(file, s.world.Bill("wechatpay", day), 0o600); err != nil {
		t.Fatal(err)
	}
	code, text, errs := s.tilld("adopt", "--terminal", testSerial, "--bill", file)
	if code != 1 || !strings.Contains(errs, "this terminal itself") {
		t.Errorf("its own: exit %d\n%s%s", code, text, errs)
	}
	code, text, _ = s.tilld("adopt", "--terminal", "000158000000055", "--bill", file)
	if code != 1 || !strings.Contains(text, "2 orders of terminal "+sale.TerminalCode(dead)) {
		t.Errorf("none of it: exit %d\n%s", code, text)
	}
	code, text, errs = s.tilld("adopt", "--terminal", dead, "--bill", file)
	if code != 1 || !strings.Contains(text, "2 paid payments, 2 of them taken on record now") || !strings.Contains(text, one.Order[:22]) {
		t.Fatalf("exit %d\n%s%s", code, text, errs)
	}
	if st := s.askStatus(); len(st.Undelivered) != 2 || st.Undelivered[0].From != dead {
		t.Errorf("%+v", st.Undelivered)
	}
	if _, text, _ = s.tilld("status"); !strings.HasPrefix(text, "UNDELIVERED") || !strings.Contains(text, "of terminal "+dead) {
		t.Errorf("status:\n%s", text)
	}
	told := s.path("paid.txt")
	unknown := sale.TerminalCode(dead) + "DEAD0199999999"
	if err := os.WriteFile(told, []byte("# from the back office\n"+one.Order[:22]+"\n\n"+unknown+"\n"+order+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, text, _ = s.tilld("adopt", "--terminal", dead, "--bill", file, "--told", told)
	if code != 1 || !strings.Contains(text, unknown) || strings.Contains(text, one.Order[:22]) || !strings.Contains(text, two.Order[:22]) || !strings.Contains(text, "tilld refund") {
		t.Errorf("exit %d\n%s", code, text)
	}
	// The customer of the other one gets the money back, here.
	code, text, errs = s.tilld("refund", two.Order, "--json")
	if code != 0 || !strings.Contains(text, `"ending": "reversed"`) {
		t.Errorf("refund: exit %d\n%s%s", code, text, errs)
	}
	for _, e := range s.world.Ledger() {
		if want := map[string]int64{two.Order: 990}[e.Order]; e.RefundedMinor != want {
			t.Errorf("%s: %d given back, want %d", e.Order, e.RefundedMinor, want)
		}
	}
	// Over a restart.
	r.stop()
	s.start()
	var out adopted
	code, text, _ = s.tilld("adopt", "--terminal", dead, "--bill", file, "--json")
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	if code != 0 || len(out.Left) != 0 || out.Paid[0].New || !out.Paid[0].Told {
		t.Errorf("exit %d %+v", code, out)
	}
}

func TestReconcileUsage(t *testing.T) {
	s := newShop(t).patient()
	code, _, errs := s.tilld("reconcile", "--date", "yesterday")
	if code != 1 || !strings.Contains(errs, "hint: write the day as 2026-11-21") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	code, _, errs = s.tilld("reconcile", "--date", "2026-11-21", "--file", s.path("none"))
	if code != 1 || !strings.Contains(errs, "none") || !strings.Contains(errs, "hint: ") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	file := s.path("some.csv")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs = s.tilld("reconcile", "--date", "2026-11-21", "--file", file)
	if code != 1 || !strings.Contains(errs, "no daemon is running") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	if err := os.WriteFile(file, []byte("a b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs = s.tilld("adopt", "--terminal", "X", "--bill", file, "--told", file)
	if code != 1 || !strings.Contains(errs, "line 1 is no payment or order id") {
		t.Errorf("exit %d\n%s", code, errs)
	}
}
