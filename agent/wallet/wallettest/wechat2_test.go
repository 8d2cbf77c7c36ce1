package wallettest_test

import (
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/internal/secret"
)

// newV2Till makes a till at API v2.
func newV2Till(t *testing.T, o wallettest.Options, adjust func(*wallet.Config)) *till {
	t.Helper()
	o.Also = []string{wallettest.WeChatPayV2}
	return newTill(t, newWorld(t, o), wallettest.WeChatPayV2, "", adjust)
}

func TestReverseAndRefundNeedAClientCertificate(t *testing.T) {
	other := newWorld(t, wallettest.Options{Also: []string{wallettest.WeChatPayV2}})
	foreign := newTill(t, other, wallettest.WeChatPayV2, "", nil)
	for name, change := range map[string]func(k *wallet.Keys){
		"none":          func(k *wallet.Keys) { k.Client.Certificate = nil },
		"of a stranger": func(k *wallet.Keys) { k.Client = foreign.keys.Client },
	} {
		// The client insists on a certificate; it is lost afterwards.
		var ring *wallet.Ring
		l := newV2Till(t, wallettest.Options{}, func(c *wallet.Config) { ring = c.Ring })
		a := l.attempt()
		l.pay(a)
		l.client.Disconnect()
		k := *ring.Keys()
		lost := *k.Client
		k.Client = &lost
		change(&k)
		ring.Replace(k)
		l2 := newTill(t, l.w, wallettest.WeChatPayV2, "", func(c *wallet.Config) { c.Ring = ring })
		if ans := l2.reverse(a); ans.Outcome != sale.OutUnknown || ans.Signed || ans.Cause == "" {
			t.Errorf("%s: reverse: %s", name, describe(ans))
		}
		if ans := l2.refund(a, refundOf(a, 1, 0)); ans.Outcome != sale.RefOutUnknown || ans.Signed || ans.Cause == "" {
			t.Errorf("%s: refund: %+v", name, ans)
		}
		if e := l.entry(a); e.State != wallettest.StatePaid || len(e.Refunds) != 0 {
			t.Errorf("%s: ledger: %+v", name, e)
		}
		// A stranger's does not even get through the handshake.
		broken := 0
		for _, v := range l.w.Violations() {
			if strings.Contains(v, "no client certificate") {
				broken++
			} else {
				t.Errorf("%s: rule broken: %s", name, v)
			}
		}
		if want := map[string]int{"none": 2}[name]; broken != want {
			t.Errorf("%s: %d requests without a certificate are on record, want %d", name, broken, want)
		}
	}
}

func TestAnotherSharedKeyIsRefusedOnBothSides(t *testing.T) {
	l := newV2Till(t, wallettest.Options{}, withKeys(func(k *wallet.Keys) { k.Secret = secret.New([]byte("simulated0v2key0of032characters1")) }))
	a := l.attempt()
	if ans := l.pay(a); ans.Outcome != sale.OutUnknown || ans.Signed {
		t.Errorf("pay: %s", describe(ans))
	}
	if v := l.w.Violations(); len(v) != 1 || !strings.Contains(v[0], "sign does not verify") {
		t.Errorf("violations: %q", v)
	}
}
