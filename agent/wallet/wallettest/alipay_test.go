package wallettest_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/internal/secret"
)

func newAlipayTill(t *testing.T, o wallettest.Options) *till {
	t.Helper()
	w := newWorld(t, o)
	t.Cleanup(func() { noViolations(t, w) })
	return newTill(t, w, wallettest.Alipay, "", nil)
}

func yuan(minor int64) sale.Amount { return sale.Amount{Minor: minor, Currency: "CNY", Exponent: 2} }

func refundOf(a sale.Attempt, minor int64, n int) sale.Refund {
	return sale.Refund{ID: sale.RefundID(a.ID, "POS1", "T1", yuan(minor), n), Amount: yuan(minor)}
}

// offered is an attempt whose code is shown.
func (l *till) offered(life time.Duration) sale.Attempt {
	a := l.attempt()
	a.State, a.OfferLife = sale.Offered, life
	return a
}

func (l *till) offer(a sale.Attempt) sale.Offer {
	l.t.Helper()
	o, err := l.client.(agent.Offerer).Offer(l.t.Context(), a)
	if err != nil {
		l.t.Fatal(err)
	}
	return o
}

func (l *till) close(a sale.Attempt) sale.Answer {
	l.t.Helper()
	ans, err := l.client.(agent.Offerer).Close(l.t.Context(), a)
	if err != nil {
		l.t.Fatal(err)
	}
	return ans
}

func (l *till) refund(a sale.Attempt, r sale.Refund) sale.RefundAnswer {
	l.t.Helper()
	ans, err := l.client.(agent.Refunder).Refund(l.t.Context(), a, r)
	if err != nil {
		l.t.Fatal(err)
	}
	return ans
}

func (l *till) queryRefund(a sale.Attempt, r sale.Refund) sale.RefundAnswer {
	l.t.Helper()
	ans, err := l.client.(agent.Refunder).QueryRefund(l.t.Context(), a, r)
	if err != nil {
		l.t.Fatal(err)
	}
	return ans
}

func (l *till) find(number string) sale.Answer {
	l.t.Helper()
	ans, err := l.client.(agent.Finder).Find(l.t.Context(), number)
	if err != nil {
		l.t.Fatal(err)
	}
	return ans
}

func TestAlipayRefunds(t *testing.T) {
	l := newAlipayTill(t, wallettest.Options{})
	a := l.attempt()
	l.pay(a)
	part, rest, more := refundOf(a, 300, 0), refundOf(a, 980, 0), refundOf(a, 1, 0)
	judge := func(what string, r sale.Refund, ans sale.RefundAnswer, state sale.RefundState, counts bool) {
		t.Helper()
		if got, ok := r.JudgeRefund(&a, ans); got != state || ok != counts {
			t.Errorf("%s: worth %s %t, want %s %t: %+v", what, got, ok, state, counts, ans)
		}
	}
	if ans := l.queryRefund(a, part); ans.Outcome != sale.RefOutNotFound {
		t.Errorf("query before the refund: %+v", ans)
	}
	judge("part", part, l.refund(a, part), sale.RefundDone, true)
	judge("part again", part, l.refund(a, part), sale.RefundUnknown, false)
	ans := l.queryRefund(a, part)
	judge("query of the part", part, ans, sale.RefundDone, true)
	if ans.ID != part.ID || !ans.Amount.Same(part.Amount) {
		t.Errorf("query of the part echoes %q %s", ans.ID, ans.Amount)
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvPaid {
		t.Errorf("a partly refunded order is %q", ev)
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.RefundRefused}, 1)
	judge("rest, refused", rest, l.refund(a, rest), sale.RefundRefused, true)
	judge("rest", rest, l.refund(a, rest), sale.RefundDone, true)
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

func TestAlipayRefundIsDoneLater(t *testing.T) {
	l := newAlipayTill(t, wallettest.Options{})
	a := l.attempt()
	l.pay(a)
	r := refundOf(a, 300, 0)
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.RefundProcessing, Delay: 50 * time.Millisecond}, 1)
	if ans := l.refund(a, r); ans.Outcome != sale.RefOutUnknown || !ans.Signed {
		t.Errorf("%+v", ans)
	}
	until(t, "the refund", func() bool { return l.queryRefund(a, r).Outcome == sale.RefOutDone })

	b := l.attempt()
	l.pay(b)
	r = refundOf(b, 300, 0)
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.DropAnswer, On: sale.OpRefund}, 1)
	if ans := l.refund(b, r); ans.Outcome != sale.RefOutUnknown || ans.Signed || ans.Cause == "" {
		t.Errorf("a lost answer: %+v", ans)
	}
	if ans := l.queryRefund(b, r); ans.Outcome != sale.RefOutDone {
		t.Errorf("query after a lost answer: %+v", ans)
	}
}

func TestAlipayOffers(t *testing.T) {
	l := newAlipayTill(t, wallettest.Options{})
	a := l.offered(time.Minute)
	o := l.offer(a)
	if a.Judge(sale.OpOffer, o.Answer) != sale.EvAccepted || o.Code == "" {
		t.Fatalf("offer: %+v", o)
	}
	// Nobody has scanned it: the order does not exist, and cannot be closed.
	if ans := l.query(a); ans.Outcome != sale.OutNotFound {
		t.Errorf("query before the scan: %s", describe(ans))
	}
	if ans := l.close(a); ans.Outcome != sale.OutNotFound {
		t.Errorf("close before the scan: %s", describe(ans))
	}
	if err := l.w.Scan(o.Code); err != nil {
		t.Fatal(err)
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvPaid {
		t.Errorf("query after the scan is worth %q", ev)
	}
	if ans := l.close(a); ans.Outcome != sale.OutUnknown || !ans.Signed || l.entry(a).RefundedMinor != 0 {
		t.Errorf("close of a paid order: %s, ledger %+v", describe(ans), l.entry(a))
	}
	if ans := l.reverse(a); ans.Outcome != sale.OutAccepted {
		t.Errorf("reverse of a paid order: %s", describe(ans))
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvRefunded {
		t.Errorf("query after the reverse is worth %q", ev)
	}
}

func TestAlipayOfferWaitsForThePassword(t *testing.T) {
	l := newAlipayTill(t, wallettest.Options{})
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Confirm, On: sale.OpOffer}, 1)
	a := l.offered(time.Minute)
	if err := l.w.Scan(l.offer(a).Code); err != nil {
		t.Fatal(err)
	}
	if ans := l.query(a); ans.Outcome != sale.OutPaying {
		t.Errorf("query before the password: %s", describe(ans))
	}
	if ans := l.close(a); ans.Outcome != sale.OutAccepted {
		t.Errorf("close: %s", describe(ans))
	}
	if ans := l.query(a); ans.Outcome != sale.OutClosed {
		t.Errorf("query after it: %s", describe(ans))
	}
	if err := l.w.Confirm(a.ID); err == nil {
		t.Error("a closed order was paid")
	}
}

func TestAlipayOfferEnds(t *testing.T) {
	l := newAlipayTill(t, wallettest.Options{})
	a := l.offered(2 * time.Second)
	code := l.offer(a).Code
	until(t, "its end", func() bool { return len(l.w.Offered()) == 0 })
	if err := l.w.Scan(code); err == nil {
		t.Error("paid after its end")
	}
	if ans := l.query(a); ans.Outcome != sale.OutNotFound {
		t.Errorf("query: %s", describe(ans))
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Declined, On: sale.OpOffer}, 1)
	b := l.offered(time.Minute)
	if o := l.offer(b); b.Judge(sale.OpOffer, o.Answer) != sale.EvDeclined || o.Code != "" {
		t.Errorf("refused: %+v", o)
	}
}

func TestAlipayFinds(t *testing.T) {
	l := newAlipayTill(t, wallettest.Options{})
	a := l.attempt()
	paid := l.pay(a)
	for _, number := range []string{a.ID, paid.WalletTransaction} {
		ans := l.find(number)
		if ans.Outcome != sale.OutPaid || ans.Order != a.ID || !ans.Total.Same(a.Amount) || ans.WalletTransaction != paid.WalletTransaction {
			t.Errorf("find %s: %+v", number, ans)
		}
	}
	for _, number := range []string{l.attempt().ID, "2026112222001419121412730660", "no-such-number"} {
		if ans := l.find(number); ans.Outcome != sale.OutNotFound {
			t.Errorf("find %s: %s", number, describe(ans))
		}
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	b := l.attempt()
	l.pay(b)
	if ans := l.find(b.ID); ans.Outcome != sale.OutNotFound {
		t.Errorf("find an unpaid order: %s", describe(ans))
	}
	l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.OtherOrder, On: sale.OpQuery}, 1)
	if ans := l.find(a.ID); ans.Outcome != sale.OutUnknown {
		t.Errorf("find with an answer about another order: %s", describe(ans))
	}
}

func TestAlipayServiceProvider(t *testing.T) {
	l := newAlipayTill(t, wallettest.Options{SubMerchant: true})
	a := l.attempt()
	if ans := l.pay(a); a.Judge(sale.OpPay, ans) != sale.EvPaid {
		t.Errorf("pay: %s", describe(ans))
	}
	if ans := l.query(a); a.Judge(sale.OpQuery, ans) != sale.EvPaid {
		t.Errorf("query: %s", describe(ans))
	}
	r := refundOf(a, 80, 0)
	if ans := l.refund(a, r); ans.Outcome != sale.RefOutDone {
		t.Errorf("refund: %+v", ans)
	}
	if ans := l.queryRefund(a, r); ans.Outcome != sale.RefOutDone {
		t.Errorf("query of the refund: %+v", ans)
	}
	b := l.offered(time.Minute)
	if o := l.offer(b); o.Outcome != sale.OutAccepted {
		t.Errorf("offer: %+v", o)
	}
	if ans := l.reverse(b); ans.Outcome != sale.OutAccepted {
		t.Errorf("reverse: %s", describe(ans))
	}
}

// Another merchant's permission signs nothing of this one.
func TestAlipayTokenOfAnother(t *testing.T) {
	w := newWorld(t, wallettest.Options{SubMerchant: true})
	l := newTill(t, w, wallettest.Alipay, "", func(c *wallet.Config) {
		keys := *c.Ring.Keys()
		keys.Secret = secret.New([]byte("202611BBother"))
		c.Ring.Replace(keys)
	})
	a := l.attempt()
	if ans := l.pay(a); ans.Outcome != sale.OutUnknown || !ans.Signed {
		t.Errorf("pay: %s", describe(ans))
	}
	if got := w.Violations(); len(got) == 0 || l.entry(a).Order != "" {
		t.Errorf("violations %q, ledger %+v", got, l.entry(a))
	}
}
