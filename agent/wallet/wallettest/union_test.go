package wallettest_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

func newUnionTill(t *testing.T) *till {
	t.Helper()
	w := newWorld(t, wallettest.Options{})
	t.Cleanup(func() { noViolations(t, w) })
	return newTill(t, w, wallettest.UnionPay, "", nil)
}

func TestUnionPayVoid(t *testing.T) {
	l := newUnionTill(t)
	a := l.attempt()
	if ev := a.Judge(sale.OpPay, l.pay(a)); ev != sale.EvPaid {
		t.Fatalf("pay: %q", ev)
	}
	a.WasPaid = true
	if ans := l.reverse(a); a.Judge(sale.OpReverse, ans) != sale.EvAccepted {
		t.Fatalf("void: %s", describe(ans))
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvRefunded {
		t.Errorf("after the void: %q", ev)
	}
	if e := l.entry(a); e.RefundedMinor != 1280 {
		t.Errorf("ledger: %+v", e)
	}
}

// A void that may still be carried out is not followed by a refund: both could be.
func TestUnionPayVoidUndecided(t *testing.T) {
	l := newUnionTill(t)
	a := l.attempt()
	l.pay(a)
	a.WasPaid = true
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.ReverseFails}, 1)
	if ans := l.reverse(a); ans.Outcome != sale.OutRetry {
		t.Errorf("busy: %s", describe(ans))
	}
	if e := l.entry(a); e.RefundedMinor != 0 {
		t.Errorf("given back beside the void: %+v", e)
	}
	if ans := l.reverse(a); a.Judge(sale.OpReverse, ans) != sale.EvAccepted {
		t.Errorf("again: %s", describe(ans))
	}
	if e := l.entry(a); e.RefundedMinor != 1280 {
		t.Errorf("ledger: %+v", e)
	}
}

// An order's time is part of its name: without it "no such order" proves nothing.
func TestUnionPayLostTime(t *testing.T) {
	l := newUnionTill(t)
	a := l.attempt()
	for _, lost := range []bool{false, true} {
		a.Lost = lost
		want := sale.EvNotFound
		if lost {
			want = sale.EvNoAnswer
		}
		if ans := l.query(a); a.Judge(sale.OpQuery, ans) != want {
			t.Errorf("lost %t: query: %s", lost, describe(ans))
		}
	}
	if ans := l.reverse(a); a.Judge(sale.OpReverse, ans) == sale.EvNotFound {
		t.Errorf("reverse: %s", describe(ans))
	}
}

func TestUnionPayRefunds(t *testing.T) {
	l := newUnionTill(t)
	a := l.attempt()
	l.pay(a)
	part := refundOf(a, 300, 0)
	part.AskedAt = time.Now()
	if ans := l.queryRefund(a, part); ans.Outcome != sale.RefOutNotFound {
		t.Errorf("before: %+v", ans)
	}
	ans := l.refund(a, part)
	if state, counts := part.JudgeRefund(&a, ans); state != sale.RefundPending || !counts {
		t.Fatalf("refund: %+v", ans)
	}
	if ans = l.refund(a, part); ans.Outcome != sale.RefOutPending {
		t.Errorf("again: %+v", ans)
	}
	ans = l.queryRefund(a, part)
	if state, counts := part.JudgeRefund(&a, ans); state != sale.RefundDone || !counts || !ans.Amount.Same(part.Amount) {
		t.Errorf("query: %+v", ans)
	}
	if e := l.entry(a); e.RefundedMinor != 300 || len(e.Refunds) != 1 {
		t.Errorf("ledger: %+v", e)
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.OtherOrder, On: sale.OpRefund}, 1)
	more := refundOf(a, 5, 1)
	more.AskedAt = time.Now()
	if ans := l.refund(a, more); ans.Outcome != sale.RefOutUnknown {
		t.Errorf("an answer about another refund: %+v", ans)
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.RefundStuck}, 1)
	stuck := refundOf(a, 7, 2)
	stuck.AskedAt = time.Now()
	l.refund(a, stuck)
	if ans := l.queryRefund(a, stuck); ans.Outcome != sale.RefOutAbnormal {
		t.Errorf("stuck: %+v", ans)
	}
}
