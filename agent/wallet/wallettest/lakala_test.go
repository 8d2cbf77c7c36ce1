package wallettest_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

func newAggregatorTill(t *testing.T) *till {
	t.Helper()
	w := newWorld(t, wallettest.Options{Also: []string{wallettest.Aggregator}})
	t.Cleanup(func() { noViolations(t, w) })
	return newTill(t, w, wallettest.Aggregator, "", nil)
}

func TestAggregatorPays(t *testing.T) {
	l := newAggregatorTill(t)
	a := l.attempt()
	ans := l.pay(a)
	if a.Judge(sale.OpPay, ans) != sale.EvPaid || ans.PaidBy != "ecny" {
		t.Fatalf("%s, paid by %q", describe(ans), ans.PaidBy)
	}
	if ans := l.query(a); a.Judge(sale.OpQuery, ans) != sale.EvPaid || ans.PaidBy != "ecny" || ans.WalletTransaction == "" {
		t.Errorf("query: %s, paid by %q", describe(ans), ans.PaidBy)
	}
	if ans := l.find(l.entry(a).Transaction); ans.Outcome != sale.OutPaid || ans.Order != a.ID {
		t.Errorf("find: %s", describe(ans))
	}
	if ans := l.find("70000000000000000001"); ans.Outcome != sale.OutNotFound {
		t.Errorf("find what is not there: %s", describe(ans))
	}
	if ans := l.reverse(a); a.Judge(sale.OpReverse, ans) != sale.EvAccepted {
		t.Errorf("reverse: %s", describe(ans))
	}
	if ans := l.query(a); a.Judge(sale.OpQuery, ans) != sale.EvRefunded {
		t.Errorf("query after the reverse: %s", describe(ans))
	}
}

func TestAggregatorRefusals(t *testing.T) {
	l := newAggregatorTill(t)
	for kind, want := range map[wallettest.Kind]sale.Event{
		wallettest.Declined: sale.EvFailed, wallettest.CodeExpired: sale.EvFailed, wallettest.Confirm: sale.EvPaying,
		wallettest.SystemError: sale.EvFailed, wallettest.BadSignature: sale.EvNoAnswer, wallettest.NoSignature: sale.EvNoAnswer,
		wallettest.OtherOrder: sale.EvForeign, wallettest.WrongTotal: sale.EvWrongTotal, wallettest.HTML200: sale.EvNoAnswer,
	} {
		l.w.Inject(l.name, wallettest.Fault{Kind: kind}, 1)
		a := l.attempt()
		if ev := a.Judge(sale.OpPay, l.pay(a)); ev != want {
			t.Errorf("%s: %q, want %q", kind, ev, want)
		}
	}
	a := l.attempt()
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvNotFound {
		t.Errorf("an order nobody made: %q", ev)
	}
}

func TestAggregatorRefunds(t *testing.T) {
	l := newAggregatorTill(t)
	a := l.attempt()
	l.pay(a)
	part, rest := refundOf(a, 300, 0), refundOf(a, 980, 1)
	judge := func(what string, r sale.Refund, ans sale.RefundAnswer, state sale.RefundState) {
		t.Helper()
		if got, ok := r.JudgeRefund(&a, ans); got != state || !ok {
			t.Errorf("%s: worth %s %t, want %s: %+v", what, got, ok, state, ans)
		}
	}
	if ans := l.queryRefund(a, part); ans.Outcome != sale.RefOutNotFound {
		t.Errorf("before: %+v", ans)
	}
	judge("part", part, l.refund(a, part), sale.RefundDone)
	judge("part again", part, l.refund(a, part), sale.RefundDone)
	judge("query of the part", part, l.queryRefund(a, part), sale.RefundDone)
	if ans := l.query(a); ans.Outcome != sale.OutUnknown {
		t.Errorf("a partly refunded order: %s", describe(ans))
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.RefundProcessing, Delay: 20 * time.Millisecond}, 1)
	judge("rest", rest, l.refund(a, rest), sale.RefundPending)
	until(t, "the refund", func() bool { return l.queryRefund(a, rest).Outcome == sale.RefOutDone })
	if e := l.entry(a); e.RefundedMinor != 1280 || len(e.Refunds) != 2 {
		t.Errorf("ledger: %+v", e)
	}
	b := l.attempt()
	l.pay(b)
	stuck := refundOf(b, 5, 0)
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.RefundStuck}, 1)
	l.refund(b, stuck)
	if ans := l.queryRefund(b, stuck); ans.Outcome != sale.RefOutAbnormal {
		t.Errorf("stuck: %+v", ans)
	}
}

func TestAggregatorOffers(t *testing.T) {
	l := newAggregatorTill(t)
	a := l.offered(time.Minute)
	o := l.offer(a)
	if a.Judge(sale.OpOffer, o.Answer) != sale.EvAccepted || o.Code == "" {
		t.Fatalf("offer: %+v", o)
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvPaying {
		t.Errorf("before the scan: %q", ev)
	}
	if err := l.w.Scan(o.Code); err != nil {
		t.Fatal(err)
	}
	if ans := l.close(a); a.Judge(sale.OpClose, ans) != sale.EvNoAnswer {
		t.Errorf("close of a paid one: %s", describe(ans))
	}
	if ans := l.query(a); a.Judge(sale.OpQuery, ans) != sale.EvPaid || ans.PaidBy != "alipay-cn" {
		t.Errorf("after the scan: %s, paid by %q", describe(ans), ans.PaidBy)
	}
	if ans := l.reverse(a); a.Judge(sale.OpReverse, ans) != sale.EvAccepted {
		t.Errorf("reverse of a paid one: %s", describe(ans))
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvRefunded {
		t.Errorf("after the reverse: %q", ev)
	}

	b := l.offered(time.Minute)
	o = l.offer(b)
	if ans := l.close(b); b.Judge(sale.OpClose, ans) != sale.EvAccepted {
		t.Errorf("close: %s", describe(ans))
	}
	if ev := b.Judge(sale.OpQuery, l.query(b)); ev != sale.EvClosed {
		t.Errorf("after the close: %q", ev)
	}
	if l.w.Scan(o.Code) == nil {
		t.Error("a closed code was paid")
	}
}

// TestAggregatorTakesBackWhatItCharged: another total than ours was charged and the revoke is
// refused. A refund of our total would leave the rest with the platform for good.
func TestAggregatorTakesBackWhatItCharged(t *testing.T) {
	l := newAggregatorTill(t)
	a := l.attempt()
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.WrongTotal}, 1)
	if ev := a.Judge(sale.OpPay, l.pay(a)); ev != sale.EvWrongTotal {
		t.Fatalf("paid: %q", ev)
	}
	// A revoke that is answered with an error may still be carried out: no refund beside it.
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.ReverseFails}, 2)
	if ans := l.reverse(a); ans.Outcome != sale.OutRetry {
		t.Errorf("reverse at once: %s", describe(ans))
	}
	if e := l.entry(a); e.RefundedMinor != 0 {
		t.Errorf("given back %d beside a revoke that lingers", e.RefundedMinor)
	}
	a.SentAt = a.SentAt.Add(-time.Hour)
	if ans := l.reverse(a); a.Judge(sale.OpReverse, ans) != sale.EvAccepted {
		t.Errorf("reverse later: %s", describe(ans))
	}
	if e := l.entry(a); e.ChargedMinor != 1281 || e.RefundedMinor != 1281 {
		t.Errorf("charged %d, given back %d", e.ChargedMinor, e.RefundedMinor)
	}
}
