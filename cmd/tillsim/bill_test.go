package main

import (
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/wallet/alipay"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
)

func TestBillCommand(t *testing.T) {
	count := func(bill.Row) error { return nil }
	for name, read := range map[string]func(string) (bill.Totals, error){
		"wechatpay": func(s string) (bill.Totals, error) { return wechatpay.ReadBill(strings.NewReader(s), count) },
		"alipay":    func(s string) (bill.Totals, error) { return alipay.ReadBill(strings.NewReader(s), count) },
	} {
		status, out, errs := do(t, "bill", name, "--rows", "25")
		if totals, err := read(out); err != nil || totals.Payments != 25 || totals.Paid != 25*1280 || status != 0 || errs != "" {
			t.Errorf("%s: status %d, %+v %v\n%s", name, status, totals, err, errs)
		}
		for _, how := range billFaults() {
			status, out, errs := do(t, "bill", name, "--spoil", how)
			totals, err := read(out)
			want := map[string]int{"paid-twice": 11, "lacks-one": 9}[how]
			if status != 0 || errs != "" || (err != nil) != (want == 0) || totals.Payments != want {
				t.Errorf("%s, %s: status %d, %+v %v\n%s", name, how, status, totals, err, errs)
			}
		}
	}
	if status, _, errs := do(t, "bill", "alipay", "--spoil", "nicely"); status != 1 || !strings.Contains(errs, "hint: one of cut") {
		t.Errorf("status %d\n%s", status, errs)
	}
}
