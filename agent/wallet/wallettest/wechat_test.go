package wallettest_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
	"github.com/tilld/tilld/internal/secret"
)

// eachWeChat runs a subtest with both versions of the interface, for a merchant's own contract
// and for a service provider's, and with both signatures of the older one.
func eachWeChat(t *testing.T, f func(t *testing.T, l *till)) {
	v2 := []string{wallettest.WeChatPayV2}
	for _, c := range []struct {
		name, wallet string
		o            wallettest.Options
	}{
		{"v3", wallettest.WeChatPay, wallettest.Options{}},
		{"v3 provider", wallettest.WeChatPay, wallettest.Options{SubMerchant: true}},
		{"v2", wallettest.WeChatPayV2, wallettest.Options{Also: v2}},
		{"v2 provider, MD5", wallettest.WeChatPayV2, wallettest.Options{Also: v2, SubMerchant: true, MD5: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.o)
			f(t, newTill(t, w, c.wallet, "", nil))
			noViolations(t, w)
		})
	}
}

// v2 reports the older version, which tells how much of an order was given back, and of a
// refund first only that it was taken.
func (l *till) v2() bool { return l.name == wallettest.WeChatPayV2 }

// show offers the order and returns the code.
func (l *till) show(a sale.Attempt) string {
	l.t.Helper()
	got := l.offer(a)
	if a.Judge(sale.OpOffer, got.Answer) != sale.EvAccepted || got.Code == "" {
		l.t.Fatalf("offer: %s code %q", describe(got.Answer), got.Code)
	}
	return got.Code
}

func TestWeChatOffers(t *testing.T) {
	eachWeChat(t, func(t *testing.T, l *till) {
		a := l.offered(90 * time.Second)
		code := l.show(a)
		if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvPaying {
			t.Errorf("query of a shown code is worth %q", ev)
		}
		if err := l.w.Scan(code); err != nil {
			t.Fatal(err)
		}
		if ans := l.query(a); a.Judge(sale.OpQuery, ans) != sale.EvPaid || ans.WalletTransaction == "" {
			t.Errorf("query after the scan: %s", describe(ans))
		}
		// A close gives no money back, and says nothing of a paid order.
		if ans := l.close(a); ans.Outcome != sale.OutUnknown || ans.Cause == "" {
			t.Errorf("close of a paid order: %s", describe(ans))
		}
		// A reverse does give it back.
		if ev := a.Judge(sale.OpReverse, l.reverse(a)); ev != sale.EvAccepted {
			t.Errorf("reverse is worth %q", ev)
		}
		if ev := a.Judge(sale.OpQuery, l.query(asked(a))); ev != sale.EvRefunded {
			t.Errorf("query after the reverse is worth %q", ev)
		}
		if ev := a.Judge(sale.OpReverse, l.reverse(a)); ev != sale.EvAccepted {
			t.Errorf("a second reverse is worth %q", ev)
		}
		if e := l.entry(a); e.ChargedMinor != 1280 || e.RefundedMinor != 1280 || len(e.Refunds) != 1 {
			t.Errorf("ledger: %+v", e)
		}

		b := l.offered(90 * time.Second)
		code = l.show(b)
		if ans := l.close(b); b.Judge(sale.OpClose, ans) != sale.EvAccepted {
			t.Errorf("close: %s", describe(ans))
		}
		if ev := b.Judge(sale.OpQuery, l.query(b)); ev != sale.EvClosed {
			t.Errorf("query after the close is worth %q", ev)
		}
		if l.w.Scan(code) == nil {
			t.Error("a closed order was paid")
		}
		// A second close and a reverse of a closed order are accepted as well.
		if ans := l.close(b); ans.Outcome != sale.OutAccepted {
			t.Errorf("second close: %s", describe(ans))
		}
		if ans := l.reverse(b); ans.Outcome != sale.OutAccepted {
			t.Errorf("reverse of a closed order: %s", describe(ans))
		}

		none := l.offered(90 * time.Second)
		if ans := l.close(none); none.Judge(sale.OpClose, ans) != sale.EvNotFound {
			t.Errorf("close of no order: %s", describe(ans))
		}
	})
}

func TestAnExpiredCodeGoesOnWaitingUnpaid(t *testing.T) {
	w := newWorld(t, wallettest.Options{ClockScale: 600})
	l := newTill(t, w, wallettest.WeChatPay, "", nil)
	a := l.offered(100 * time.Millisecond)
	code := l.show(a)
	until(t, "the code's end", func() bool { return len(w.Offered()) == 0 })
	if w.Scan(code) == nil {
		t.Error("paid after its time")
	}
	if ev := a.Judge(sale.OpQuery, l.query(a)); ev != sale.EvPaying {
		t.Errorf("query after its time is worth %q", ev)
	}
	noViolations(t, w)
}

func TestFaultsOfAWeChatOffer(t *testing.T) {
	eachWeChat(t, func(t *testing.T, l *till) {
		for kind, want := range map[wallettest.Kind]sale.Event{
			wallettest.Declined: sale.EvDeclined, wallettest.NumberUsed: sale.EvCollision, wallettest.SystemError: sale.EvNoAnswer,
			wallettest.BadSignature: sale.EvNoAnswer, wallettest.NoSignature: sale.EvNoAnswer, wallettest.DropAnswer: sale.EvNoAnswer,
			wallettest.HTML200: sale.EvNoAnswer, wallettest.TooMany: sale.EvNoAnswer,
		} {
			l.w.Inject(l.name, wallettest.Fault{Kind: kind, On: sale.OpOffer}, 1)
			a := l.offered(90 * time.Second)
			got := l.offer(a)
			if a.Judge(sale.OpOffer, got.Answer) != want || got.Code != "" {
				t.Errorf("%s: %s code %q", kind, describe(got.Answer), got.Code)
			}
		}
		// A code that is paid late, and a refund that takes its time or gets stuck.
		for kind, want := range map[wallettest.Kind]sale.Event{"": sale.EvRefunded, wallettest.RefundStuck: sale.EvNoAnswer, wallettest.RefundProcessing: sale.EvNoAnswer} {
			if kind != "" {
				l.w.Inject(l.name, wallettest.Fault{Kind: kind, Delay: time.Hour}, 1)
			}
			a := l.offered(90 * time.Second)
			if err := l.w.Scan(l.show(a)); err != nil {
				t.Fatal(err)
			}
			ans := l.reverse(a)
			if ev := a.Judge(sale.OpReverse, ans); (ev == sale.EvAccepted) != (l.v2() || kind != wallettest.RefundStuck) {
				t.Errorf("%s: reverse is worth %q: %s", kind, ev, describe(ans))
			}
			if ans := l.query(asked(a)); a.Judge(sale.OpQuery, ans) != want || want == sale.EvNoAnswer && ans.Cause == "" {
				t.Errorf("%s: query after the reverse: %s", kind, describe(ans))
			}
		}
		// The wallet refuses the refund: nothing is accepted, nothing was given back.
		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.RefundRefused}, 1)
		a := l.offered(90 * time.Second)
		if err := l.w.Scan(l.show(a)); err != nil {
			t.Fatal(err)
		}
		if ans := l.reverse(a); ans.Outcome != sale.OutUnknown || ans.Cause == "" {
			t.Errorf("reverse that is refused: %s", describe(ans))
		}
		if ev := a.Judge(sale.OpQuery, l.query(asked(a))); ev != sale.EvPaid {
			t.Errorf("query after it is worth %q", ev)
		}
		// Known to be paid: the order is not closed first.
		a.WasPaid = true
		if ans := l.reverse(a); ans.Outcome != sale.OutAccepted {
			t.Errorf("reverse of an order known paid: %s", describe(ans))
		}
	})
}

func TestWeChatRefunds(t *testing.T) {
	eachWeChat(t, func(t *testing.T, l *till) {
		refund := func(a sale.Attempt, r sale.Refund) sale.RefundState {
			t.Helper()
			ans := l.refund(a, r)
			state, counts := r.JudgeRefund(&a, ans)
			if !counts && ans.Outcome == sale.RefOutUnknown && ans.Cause == "" {
				t.Errorf("an answer that does not count has no cause: %+v", ans)
			}
			return state
		}
		done := sale.RefundDone
		if l.v2() {
			done = sale.RefundPending
		}
		a := l.attempt()
		l.pay(a)
		first, second := refundOf(a, 300, 0), refundOf(a, 980, 0)
		for range 2 { // the second time is the same refund
			if got := refund(a, first); got != done {
				t.Errorf("refund of a part: %s", got)
			}
		}
		if state, counts := first.JudgeRefund(&a, l.queryRefund(a, first)); !counts || state != sale.RefundDone {
			t.Errorf("query of a refund: %s %t", state, counts)
		}
		if e := l.entry(a); e.RefundedMinor != 300 {
			t.Errorf("ledger after a part: %+v", e)
		}
		// The trade state is REFUND now, which is not told as given back in full.
		for _, as := range []sale.Attempt{a, asked(a)} {
			if ans := l.query(as); ans.Outcome != sale.OutUnknown || ans.Cause == "" {
				if l.v2() || as.State != sale.Reversing {
					t.Errorf("query after a part: %s", describe(ans))
				}
			}
		}
		if got := refund(a, refundOf(a, 981, 0)); got != sale.RefundRefused {
			t.Errorf("refund above what is left: %s", got)
		}
		if got := refund(a, second); got != done {
			t.Errorf("refund of the rest: %s", got)
		}
		if got := refund(a, refundOf(a, 1, 0)); got != sale.RefundRefused {
			t.Errorf("refund of nothing left: %s", got)
		}
		if e := l.entry(a); e.State != wallettest.StateRefunded || e.RefundedMinor != 1280 {
			t.Errorf("ledger: %+v", e)
		}
		if ans := l.query(a); l.v2() != (a.Judge(sale.OpQuery, ans) == sale.EvRefunded) {
			t.Errorf("query after the whole: %s", describe(ans))
		}

		for kind, want := range map[wallettest.Kind]sale.RefundState{
			wallettest.RefundProcessing: sale.RefundPending, wallettest.RefundStuck: sale.RefundAbnormal,
			wallettest.RefundRefused: sale.RefundRefused,
			wallettest.SystemError:   sale.RefundUnknown, wallettest.DropAnswer: sale.RefundUnknown, wallettest.OtherOrder: sale.RefundUnknown,
			wallettest.BadSignature: sale.RefundUnknown, wallettest.NoSignature: sale.RefundUnknown, wallettest.NotFoundOnQuery: sale.RefundUnknown,
		} {
			b := l.attempt()
			l.pay(b)
			l.w.Inject(l.name, wallettest.Fault{Kind: kind, On: sale.OpRefund, Delay: 20 * time.Millisecond}, 1)
			r := refundOf(b, 5, 0)
			got := refund(b, r)
			if l.v2() && kind == wallettest.RefundStuck {
				got, _ = r.JudgeRefund(&b, l.queryRefund(b, r))
			}
			if got != want {
				t.Errorf("%s: %s, want %s", kind, got, want)
			}
			if kind == wallettest.RefundProcessing {
				until(t, "the refund", func() bool {
					ans := l.queryRefund(b, r)
					state, counts := r.JudgeRefund(&b, ans)
					return counts && state == sale.RefundDone && ans.WalletRefund != ""
				})
			}
		}
		if none := l.queryRefund(a, refundOf(a, 7, 7)); none.Outcome != sale.RefOutNotFound {
			t.Errorf("query of no refund: %+v", none)
		}
	})
}

func TestWeChatFinds(t *testing.T) {
	eachWeChat(t, func(t *testing.T, l *till) {
		a := l.attempt()
		paid := l.pay(a)
		for _, number := range []string{a.ID, paid.WalletTransaction} {
			ans := l.find(number)
			if ans.Outcome != sale.OutPaid || ans.Order != a.ID || ans.Total != a.Amount || ans.WalletTransaction != paid.WalletTransaction {
				t.Errorf("find: %+v", ans)
			}
		}
		l.refund(a, refundOf(a, 300, 0))
		if ans := l.find(a.ID); ans.Outcome != sale.OutPaid || ans.Code != "REFUND" {
			t.Errorf("find after a part was given back: %+v", ans)
		}
		l.refund(a, refundOf(a, 980, 0))
		if ans := l.find(paid.WalletTransaction); l.v2() != (ans.Outcome == sale.OutRefunded) || ans.Total != a.Amount || ans.Order != a.ID {
			t.Errorf("find after the whole was given back: %+v", ans)
		}
		unpaid := l.offered(90 * time.Second)
		l.show(unpaid)
		for _, number := range []string{l.attempt().ID, unpaid.ID, "4200001361307220321004860688", "a/b", "1234567?", "no number of WeChat Pay at all"} {
			if ans := l.find(number); ans.Outcome != sale.OutNotFound {
				t.Errorf("find %q: %+v", number, ans)
			}
		}
		l.w.Inject(l.name, wallettest.Fault{Kind: wallettest.OtherOrder, On: sale.OpQuery}, 1)
		b := l.attempt()
		l.pay(b)
		if ans := l.find(b.ID); ans.Outcome != sale.OutUnknown || ans.Cause == "" {
			t.Errorf("an answer about another order: %+v", ans)
		}
	})
}

func TestWeChatCertificates(t *testing.T) {
	w := newWorld(t, wallettest.Options{})
	l := newTill(t, w, wallettest.WeChatPay, "", nil)
	c := l.client.(*wechatpay.Client)
	list := func(c *wechatpay.Client) []wallet.WalletKey {
		t.Helper()
		keys, err := c.Certificates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	if keys := list(c); len(keys) != 1 {
		t.Errorf("%d keys, want 1", len(keys))
	}
	serial, err := w.AnnounceKey()
	if err != nil {
		t.Fatal(err)
	}
	// Announced: both are in the list, the old one signs.
	keys := list(c)
	if len(keys) != 2 || keys[1].ID != serial {
		t.Errorf("keys: %v", keys)
	}
	w.UseAnnouncedKey()
	// Who slept meanwhile is told by the new one alone: what the APIv3 key sealed is believed.
	if keys := list(c); len(keys) != 1 || keys[0].ID != serial {
		t.Errorf("keys: %v", keys)
	}
	if ans := l.pay(l.attempt()); ans.Signed {
		t.Error("an answer signed with a key that we do not hold is believed")
	}
	renewed := newTill(t, w, wallettest.WeChatPay, "", withKeys(func(k *wallet.Keys) { k.Wallet = keys }))
	if ans := renewed.pay(l.attempt()); ans.Outcome != sale.OutPaid {
		t.Errorf("pay with the new keys: %s", describe(ans))
	}
	for name, adjust := range map[string]func(*wallet.Keys){
		"no APIv3 key":      func(k *wallet.Keys) { k.Secret = nil },
		"another APIv3 key": func(k *wallet.Keys) { k.Secret = secret.New([]byte("simulated-APIv3-key-of-32-byteZ.")) },
	} {
		other := newTill(t, w, wallettest.WeChatPay, "", withKeys(adjust)).client.(*wechatpay.Client)
		if keys, err := other.Certificates(t.Context()); err == nil {
			t.Errorf("%s: %v", name, keys)
		}
	}
	noViolations(t, w)
}

// withKeys changes the keys of a client to be made.
func withKeys(change func(*wallet.Keys)) func(*wallet.Config) {
	return func(c *wallet.Config) {
		k := *c.Ring.Keys()
		change(&k)
		c.Ring = wallet.NewRing(k)
	}
}
