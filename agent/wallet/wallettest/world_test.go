package wallettest_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

func TestPaidThenReversed(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		a := l.attempt()
		ans := l.pay(a)
		if ev := a.Judge(sale.OpPay, ans); ev != sale.EvPaid {
			t.Fatalf("pay is worth %q: %s", ev, describe(ans))
		}
		if ans.WalletTransaction == "" || ans.PaidAt == "" {
			t.Errorf("pay names no transaction or time: %+v", ans)
		}
		if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvPaid {
			t.Errorf("query is worth %q", ev)
		}
		<-time.After(beforeReverse)
		if ev := a.Judge(sale.OpReverse, l.reverse(a)); ev != sale.EvAccepted {
			t.Errorf("reverse is worth %q", ev)
		}
		if ev := a.Judge(sale.OpQuery, l.query(asked(a))); ev != sale.EvRefunded {
			t.Errorf("query after the reverse is worth %q", ev)
		}
		e := l.entry(a)
		if e.State != wallettest.StateRefunded || e.Charges != 1 || e.ChargedMinor != 1280 || e.RefundedMinor != 1280 {
			t.Errorf("ledger: %+v", e)
		}
		noViolations(t, l.w)
	})
}

func TestFaultsOfAPayment(t *testing.T) {
	type want struct {
		event   sale.Event // what the answer is worth
		then    sale.Event // what a query says after it
		charged int64
	}
	cases := []struct {
		fault wallettest.Fault
		want  want
		// union differs where the consumption's own answer is never final, plus where it does
		// not name the order.
		union, plus *want
	}{
		{fault: wallettest.Fault{Kind: wallettest.DropRequest}, want: want{sale.EvNoAnswer, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.DropAnswer}, want: want{sale.EvNoAnswer, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.Slow, Delay: 300 * time.Millisecond}, want: want{sale.EvPaid, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.Confirm}, want: want{sale.EvPaying, sale.EvPaying, 0}},
		{fault: wallettest.Fault{Kind: wallettest.Declined}, want: want{sale.EvDeclined, "", 0},
			union: &want{sale.EvFailed, "", 0}},
		{fault: wallettest.Fault{Kind: wallettest.CodeExpired}, want: want{sale.EvBadCode, sale.EvNotFound, 0},
			union: &want{sale.EvFailed, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.SystemError}, want: want{sale.EvNoAnswer, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.SystemError, Paid: true}, want: want{sale.EvNoAnswer, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.WrongTotal}, want: want{sale.EvWrongTotal, sale.EvWrongTotal, 1281}},
		{fault: wallettest.Fault{Kind: wallettest.OtherOrder}, want: want{sale.EvForeign, sale.EvPaid, 1280},
			plus: &want{sale.EvPaid, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.NumberUsed}, want: want{sale.EvCollision, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.HTML200}, want: want{sale.EvNoAnswer, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.HTML200, Paid: true}, want: want{sale.EvNoAnswer, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.Redirect307}, want: want{sale.EvNoAnswer, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.TooMany}, want: want{sale.EvNoAnswer, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.BadGateway}, want: want{sale.EvNoAnswer, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.Huge}, want: want{sale.EvNoAnswer, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.BadSignature}, want: want{sale.EvNoAnswer, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.NoSignature}, want: want{sale.EvNoAnswer, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.LateCharge, Delay: time.Millisecond}, want: want{sale.EvNoAnswer, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.DoubleCharge}, want: want{sale.EvPaid, sale.EvPaid, 2560}},
		{fault: wallettest.Fault{Kind: wallettest.LostSale}, want: want{sale.EvPaid, sale.EvClosed, 0},
			union: &want{sale.EvPaying, sale.EvClosed, 0}, plus: &want{sale.EvPaying, sale.EvClosed, 0}},
		{fault: wallettest.Fault{Kind: wallettest.Silent}, want: want{sale.EvNoAnswer, sale.EvPaid, 1280}},
		{fault: wallettest.Fault{Kind: wallettest.SilentNoOrder}, want: want{sale.EvNoAnswer, sale.EvNotFound, 0}},
		{fault: wallettest.Fault{Kind: wallettest.Trickle, Paid: true}, want: want{sale.EvNoAnswer, sale.EvPaid, 1280}},
	}
	run := func(t *testing.T, l *till) {
		for _, c := range cases {
			if err := l.w.Inject(l.name, c.fault, 1); err != nil {
				t.Fatal(err)
			}
			want := c.want
			if l.name == wallettest.UnionPay && c.union != nil {
				want = *c.union
			}
			if l.name == wallettest.AlipayPlus && c.plus != nil {
				want = *c.plus
			}
			// An answer for another order is foreign at once; UnionPay's goes on to ask.
			a := l.attempt()
			begun := time.Now()
			ans := l.pay(a)
			if ev := a.Judge(sale.OpPay, ans); ev != want.event {
				t.Errorf("%s: pay is worth %q, want %q: %s", c.fault.Kind, ev, want.event, describe(ans))
			}
			if ans.NotSent {
				t.Errorf("%s: a request that was sent is said not to be", c.fault.Kind)
			}
			if ans.Outcome == sale.OutUnknown && ans.Cause == "" {
				t.Errorf("%s: unknown without a cause", c.fault.Kind)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("%s: took %s, the limit is 1s", c.fault.Kind, took)
			}
			if want.then != "" {
				until(t, "the ledger", func() bool { return l.entry(a).ChargedMinor == want.charged })
				if ev := a.Judge(sale.OpQuery, l.query(a)); ev != want.then {
					t.Errorf("%s: the query is worth %q, want %q", c.fault.Kind, ev, want.then)
				}
			}
			if got := l.entry(a).ChargedMinor; got != want.charged {
				t.Errorf("%s: charged %d, want %d", c.fault.Kind, got, want.charged)
			}
		}
		noViolations(t, l.w)
	}
	eachWallet(t, run)
	t.Run(wallettest.AlipayPlus, func(t *testing.T) {
		t.Parallel()
		run(t, newPlusTill(t))
	})
}

func TestDownIsNotSent(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		if err := l.client.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Down}, 1); err != nil {
			t.Fatal(err)
		}
		until(t, "the link to notice", func() bool { return l.client.Warm(t.Context()) != nil })
		a := l.attempt()
		if ans := l.pay(a); !ans.NotSent || a.Judge(sale.OpPay, ans) != sale.EvNotSent {
			t.Errorf("pay while the wallet is down: %s", describe(ans))
		}
		if err := l.w.Clear(l.name); err != nil {
			t.Fatal(err)
		}
		a = l.attempt()
		if ans := l.pay(a); ans.Outcome != sale.OutPaid {
			t.Errorf("pay after the wallet came back: %s", describe(ans))
		}
		noViolations(t, l.w)
	})
}

func TestCustomerConfirms(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Confirm}, 1)
		a := l.attempt()
		l.pay(a)
		if waiting := l.w.Waiting(); len(waiting) != 1 || waiting[0] != a.ID {
			t.Fatalf("waiting: %q", waiting)
		}
		if err := l.w.Confirm(a.ID); err != nil {
			t.Fatal(err)
		}
		if ans := l.query(a); a.Judge(sale.OpQuery, ans) != sale.EvPaid {
			t.Errorf("query after the password: %s", describe(ans))
		}
		if err := l.w.Confirm(a.ID); err == nil {
			t.Error("confirmed twice")
		}

		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.ConfirmAfter, Delay: 50 * time.Millisecond}, 1)
		b := l.attempt()
		l.pay(b)
		until(t, "the customer", func() bool { return l.query(b).Outcome == sale.OutPaid })
	})
}

func TestReverses(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		// Never created: forbidden from then on, and the late payment finds it closed.
		a := l.attempt()
		if ans := l.reverse(a); ans.Outcome != sale.OutAccepted {
			t.Errorf("reverse of an order that never came: %s", describe(ans))
		}
		if ans := l.query(a); ans.Outcome != sale.OutNotFound && ans.Outcome != sale.OutClosed {
			t.Errorf("query after it: %s", describe(ans))
		}
		if ans := l.pay(a); ans.Outcome == sale.OutPaid || l.entry(a).ChargedMinor != 0 {
			t.Errorf("a payment after the reverse: %s, ledger %+v", describe(ans), l.entry(a))
		}

		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.ReverseFails}, 2)
		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.ReverseAnswerLost}, 1)
		b := l.attempt()
		l.pay(b)
		<-time.After(beforeReverse)
		for range 2 {
			if ans := l.reverse(b); ans.Outcome == sale.OutAccepted {
				t.Errorf("failing reverse: %s", describe(ans))
			}
		}
		if l.entry(b).State != wallettest.StatePaid {
			t.Errorf("a failed reverse changed the ledger: %+v", l.entry(b))
		}
		if ans := l.reverse(b); ans.Outcome != sale.OutUnknown {
			t.Errorf("reverse with a lost answer: %s", describe(ans))
		}
		if ans := l.query(asked(b)); ans.Outcome != sale.OutRefunded {
			t.Errorf("query after it: %s", describe(ans))
		}

		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.ReverseLies}, 1)
		c := l.attempt()
		l.pay(c)
		<-time.After(beforeReverse)
		if ans := l.reverse(c); ans.Outcome != sale.OutAccepted {
			t.Errorf("lying reverse: %s", describe(ans))
		}
		if ans := l.query(c); ans.Outcome != sale.OutPaid {
			t.Errorf("query after a lie: %s", describe(ans))
		}
		noViolations(t, l.w)
	})
}

func TestACodePaysOnce(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		code := l.w.NewCode(l.name)
		a, b := l.attempt(), l.attempt()
		if ans, _ := l.client.Pay(t.Context(), a, credential(code)); ans.Outcome != sale.OutPaid {
			t.Fatalf("first: %s", describe(ans))
		}
		refused := sale.OutBadCode
		if l.name == wallettest.UnionPay {
			refused = sale.OutFailed // its refusals are unconfirmed: reversed before they are believed
		}
		if ans, _ := l.client.Pay(t.Context(), b, credential(code)); ans.Outcome != refused {
			t.Errorf("second: %s", describe(ans))
		}
	})
}

func TestTheSecondSendingOfAnOrderIsOnRecord(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		a := l.attempt()
		l.pay(a)
		if ans := l.pay(a); ans.Outcome != sale.OutDuplicate {
			t.Errorf("second sending: %s", describe(ans))
		}
		if got := len(l.w.Violations()); got != 1 {
			t.Errorf("%d violations, want 1: %q", got, l.w.Violations())
		}
		if l.entry(a).Charges != 1 {
			t.Errorf("ledger: %+v", l.entry(a))
		}
	})
}

func TestHoldUntilReleased(t *testing.T) {
	eachWallet(t, func(t *testing.T, l *till) {
		release := make(chan struct{})
		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Hold, Release: release}, 1)
		done := make(chan struct{})
		off := l.w.OnEvent(func(e wallettest.Event) {
			if e.Op == sale.OpPay && e.Phase == "done" {
				close(done)
			}
		})
		defer off()
		a := l.attempt()
		answered := make(chan sale.Answer, 1)
		go func() { answered <- l.pay(a) }()
		<-done
		if l.entry(a).ChargedMinor != 1280 {
			t.Errorf("held before it was carried out: %+v", l.entry(a))
		}
		select {
		case ans := <-answered:
			t.Fatalf("answered while held: %s", describe(ans))
		default:
		}
		close(release)
		if ans := <-answered; ans.Outcome != sale.OutPaid {
			t.Errorf("after the release: %s", describe(ans))
		}
	})
}

func TestServiceProvider(t *testing.T) {
	w := newWorld(t, wallettest.Options{SubMerchant: true})
	l := newTill(t, w, wallettest.WeChatPay, "", nil)
	a := l.attempt()
	ans := l.pay(a)
	if a.Judge(sale.OpPay, ans) != sale.EvPaid || ans.SubMerchant == "" {
		t.Errorf("pay: %s", describe(ans))
	}
	if ans := l.query(a); a.Judge(sale.OpQuery, ans) != sale.EvPaid {
		t.Errorf("query: %s", describe(ans))
	}
	<-time.After(beforeReverse)
	if ans := l.reverse(a); a.Judge(sale.OpReverse, ans) != sale.EvAccepted {
		t.Errorf("reverse: %s", describe(ans))
	}
	noViolations(t, w)
}
