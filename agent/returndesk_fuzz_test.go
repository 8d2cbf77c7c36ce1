package agent

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// FuzzReadBill holds whatever is scanned at the return desk to one rule: what may be sent to
// a wallet is no payment code of any wallet there is a row for, no document and no card.
func FuzzReadBill(f *testing.F) {
	for _, s := range []string{"4200001234202311011234567890", "00QNT1PNOTHER10000000710120", "130061098828009406", "2812345678901234567890123",
		"20261122143000123456", "6212345678901234567", "110101199003070003", "6901234567892", "hQVDUFYwMWETTwegAAADMwEBAQ==", "PO-2026-11-22-000017", "\x00"} {
		f.Add(s, "]Q1")
		f.Add(s, "]C0")
		f.Add(s, "")
	}
	codes, err := paycode.New("default")
	if err != nil {
		f.Fatal(err)
	}
	all, err := paycode.New("all")
	if err != nil {
		f.Fatal(err)
	}
	t0 := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	till := &Till{o: Options{Classify: codes, Wall: func() time.Time { return t0 }}}
	f.Fuzz(func(t *testing.T, text, aim string) {
		number, reason := till.readBill(scanner.Scan{Text: secret.Copy([]byte(text)), AIM: aim})
		if (number == "") == (reason == "") {
			t.Fatalf("number %q, reason %q", number, reason)
		}
		if number == "" {
			return
		}
		if number != text || len(number) < 16 || len(number) > 64 {
			t.Fatalf("%q became %q", text, number)
		}
		if _, _, _, err := sale.ParseOrderID(number); err == nil {
			return
		}
		for _, table := range []*paycode.Table{codes, all} {
			if res := table.Classify([]byte(number), aim, t0); res.Decision != paycode.Reject {
				t.Fatalf("%q may be a payment code: %s", number, res)
			}
		}
	})
}
