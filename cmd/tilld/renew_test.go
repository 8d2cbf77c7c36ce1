package main

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/wallet"
)

// A certificate that WeChat Pay announces is fetched, and answers signed with it are believed
// though no file names it, also after the keys were read again.
func TestNewCertificate(t *testing.T) {
	s := newShop(t)
	serial, err := s.world.AnnounceKey()
	if err != nil {
		t.Fatal(err)
	}
	r := s.start()
	eventually(t, "the new certificate is fetched", func() bool { return strings.Contains(r.log.String(), serial) })
	s.world.UseAnnouncedKey()
	sell := func() {
		t.Helper()
		if code, out, errs := s.sell(r, "12.80", func() { s.scan("wechatpay") }); code != 0 || out.Ending != "paid" {
			t.Fatalf("exit %d, %+v\n%s", code, out, errs)
		}
	}
	sell()
	if code, out, errs := s.tilld("reload"); code != 0 || !strings.Contains(out, "nothing changed") {
		t.Fatalf("reload: exit %d\n%s%s", code, out, errs)
	}
	sell()
}

// certifierFunc answers with what it is told, in the middle of whatever happens meanwhile.
type certifierFunc func() []wallet.WalletKey

func (f certifierFunc) Certificates(context.Context) ([]wallet.WalletKey, error) { return f(), nil }

// A certificate that was asked for before the keys were replaced is not believed after it.
func TestCertificateAskedForWithOldKeys(t *testing.T) {
	old := wallet.WalletKey{ID: "old", Public: ed25519.PublicKey("old key")}
	ring := wallet.NewRing(wallet.Keys{Wallet: []wallet.WalletKey{old}})
	d := &daemon{log: slog.New(slog.DiscardHandler), fetched: map[string][]wallet.WalletKey{}}
	err := d.renew(t.Context(), renewing{"shop", certifierFunc(func() []wallet.WalletKey {
		ring.Replace(wallet.Keys{Wallet: []wallet.WalletKey{{ID: "new", Public: ed25519.PublicKey("new key")}}})
		return []wallet.WalletKey{old}
	}), ring})
	if err == nil || len(ring.Keys().Wallet) != 1 || ring.Keys().Wallet[0].ID != "new" || len(d.fetched) != 0 {
		t.Errorf("%v: %d keys, %d fetched", err, len(ring.Keys().Wallet), len(d.fetched))
	}
}
