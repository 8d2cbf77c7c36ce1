package wallettest_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

func newPlusTill(t *testing.T) *till {
	t.Helper()
	w := newWorld(t, wallettest.Options{Also: []string{wallettest.AlipayPlus}})
	t.Cleanup(func() { noViolations(t, w) })
	return newTill(t, w, wallettest.AlipayPlus, "", nil)
}

func TestAlipayPlusPaysInManyCurrencies(t *testing.T) {
	l := newPlusTill(t)
	for _, amount := range []sale.Amount{{Minor: 1280, Currency: "HKD", Exponent: 2}, {Minor: 100, Currency: "JPY"}, yuan(1)} {
		a := l.attempt()
		a.Amount = amount
		ans := l.pay(a)
		if ev := a.Judge(sale.OpPay, ans); ev != sale.EvPaid {
			t.Fatalf("%s: pay is worth %q: %s", amount, ev, describe(ans))
		}
		if ans.PaidBy != "alipay-hk" || ans.WalletTransaction == "" || ans.PaidAt == "" {
			t.Errorf("%s: paid by %q, transaction %q at %q", amount, ans.PaidBy, ans.WalletTransaction, ans.PaidAt)
		}
		if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvPaid {
			t.Errorf("%s: query is worth %q", amount, ev)
		}
	}
}

func TestAlipayPlusCancels(t *testing.T) {
	l := newPlusTill(t)
	a := l.attempt()
	l.pay(a)
	if ans := l.reverse(a); ans.Outcome != sale.OutAccepted {
		t.Errorf("cancel: %s", describe(ans))
	}
	// Paid and cancelled reads as closed.
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvClosed {
		t.Errorf("query after it is worth %q", ev)
	}
	if e := l.entry(a); e.RefundedMinor != 1280 {
		t.Errorf("ledger: %+v", e)
	}

	b := l.attempt()
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	if ans := l.pay(b); ans.Outcome != sale.OutPaying {
		t.Errorf("pay: %s", describe(ans))
	}
	if ans := l.query(b); ans.Outcome != sale.OutPaying {
		t.Errorf("query: %s", describe(ans))
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.ReverseFails}, 1)
	if ans := l.reverse(b); ans.Outcome != sale.OutRetry {
		t.Errorf("failing cancel: %s", describe(ans))
	}
	l.reverse(b)
	if ans := l.query(b); ans.Outcome != sale.OutClosed {
		t.Errorf("query after the cancel: %s", describe(ans))
	}
	if err := l.w.Confirm(b.ID); err == nil {
		t.Error("a cancelled order was paid")
	}

	// Never created: forbidden from then on.
	c := l.attempt()
	l.reverse(c)
	if ans := l.query(c); ans.Outcome != sale.OutNotFound && ans.Outcome != sale.OutClosed {
		t.Errorf("query of an order that never came: %s", describe(ans))
	}
	if ans := l.pay(c); ans.Outcome == sale.OutPaid || l.entry(c).ChargedMinor != 0 {
		t.Errorf("a payment after the cancel: %s", describe(ans))
	}
}

// After midnight cancel is refused, and the reverse gives the whole sum back.
func TestAlipayPlusReversesAfterTheCancelWindow(t *testing.T) {
	l := newPlusTill(t)
	a := l.attempt()
	l.pay(a)
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.CancelTooLate}, -1)
	for range 2 { // a repeat gives nothing back twice
		if ans := l.reverse(a); a.Judge(sale.OpReverse, ans) != sale.EvAccepted {
			t.Errorf("reverse: %s", describe(ans))
		}
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvRefunded {
		t.Errorf("query after it is worth %q", ev)
	}
	if e := l.entry(a); e.RefundedMinor != 1280 || len(e.Refunds) != 1 {
		t.Errorf("ledger: %+v", e)
	}
	// What was charged is given back, also when it is not what we asked for.
	b := l.attempt()
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.WrongTotal}, 1)
	l.pay(b)
	if ans := l.reverse(b); b.Judge(sale.OpReverse, ans) != sale.EvAccepted || l.entry(b).RefundedMinor != 1281 {
		t.Errorf("reverse of another total: %s, ledger %+v", describe(ans), l.entry(b))
	}
	// What is not paid is not given back.
	c := l.attempt()
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	l.pay(c)
	if ans := l.reverse(c); ans.Outcome != sale.OutUnknown || ans.Cause == "" {
		t.Errorf("reverse of an unpaid order: %s", describe(ans))
	}
}

func TestAlipayPlusRefunds(t *testing.T) {
	l := newPlusTill(t)
	a := l.attempt()
	l.pay(a)
	part, rest, more := refundOf(a, 300, 0), refundOf(a, 980, 0), refundOf(a, 1, 0)
	if ans := l.queryRefund(a, part); ans.Outcome != sale.RefOutNotFound {
		t.Errorf("query before the refund: %+v", ans)
	}
	for range 2 {
		ans := l.refund(a, part)
		if state, counts := part.JudgeRefund(&a, ans); state != sale.RefundDone || !counts || ans.ID != part.ID || !ans.Amount.Same(part.Amount) {
			t.Errorf("part: %+v", ans)
		}
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvPaid {
		t.Errorf("a partly refunded order is %q", ev)
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.RefundRefused}, 1)
	if ans := l.refund(a, rest); ans.Outcome != sale.RefOutRefused {
		t.Errorf("refused: %+v", ans)
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.RefundProcessing, Delay: 50 * time.Millisecond}, 1)
	if ans := l.refund(a, rest); ans.Outcome != sale.RefOutUnknown || !ans.Signed {
		t.Errorf("under way: %+v", ans)
	}
	if ans := l.queryRefund(a, rest); ans.Outcome != sale.RefOutPending && ans.Outcome != sale.RefOutDone {
		t.Errorf("query of a refund under way: %+v", ans)
	}
	until(t, "the refund", func() bool { return l.queryRefund(a, rest).Outcome == sale.RefOutDone })
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvRefunded {
		t.Errorf("a fully refunded order is %q", ev)
	}
	if ans := l.refund(a, more); ans.Outcome == sale.RefOutDone {
		t.Errorf("more than was paid: %+v", ans)
	}
	if e := l.entry(a); e.RefundedMinor != 1280 || len(e.Refunds) != 2 {
		t.Errorf("ledger: %+v", e)
	}
}

func TestAlipayPlusFinds(t *testing.T) {
	l := newPlusTill(t)
	a := l.attempt()
	paid := l.pay(a)
	for _, number := range []string{a.ID, paid.WalletTransaction} {
		if ans := l.find(number); ans.Outcome != sale.OutPaid || ans.Order != a.ID || !ans.Total.Same(a.Amount) {
			t.Errorf("find %s: %+v", number, ans)
		}
	}
	for _, number := range []string{l.attempt().ID, "2026112222001419121412730660", "no such number"} {
		if ans := l.find(number); ans.Outcome != sale.OutNotFound {
			t.Errorf("find %s: %s", number, describe(ans))
		}
	}
}
