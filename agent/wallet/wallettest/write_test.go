package wallettest_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

func TestWrittenFilesServeAConfiguration(t *testing.T) {
	w := newWorld(t, wallettest.Options{})
	list, err := w.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 {
		t.Fatalf("%d contracts, want 3", len(list))
	}
	for _, c := range list {
		key, err := os.ReadFile(c.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wallet.ParseSigner(key); err != nil {
			t.Errorf("%s: %v", c.Wallet, err)
		}
		if info, err := os.Stat(c.KeyFile); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", c.KeyFile, info.Mode(), err)
		}
		public, err := os.ReadFile(c.WalletKeyFile)
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := wallet.ParseWalletKeys(public); err != nil || len(keys) != 1 {
			t.Errorf("%s: %d keys, %v", c.Wallet, len(keys), err)
		}
		if ca, err := os.ReadFile(c.CAFile); err != nil || len(ca) == 0 {
			t.Errorf("%s: %v", c.CAFile, err)
		}
	}
}

func TestCodesAreWellFormed(t *testing.T) {
	w := newWorld(t, wallettest.Options{})
	forms := map[string]*regexp.Regexp{
		wallettest.WeChatPay: regexp.MustCompile(`^1[0-5]\d{16}$`),
		wallettest.Alipay:    regexp.MustCompile(`^(2[5-9]|30)\d{14,22}$`),
		wallettest.UnionPay:  regexp.MustCompile(`^62\d{17}$`),
	}
	for name, form := range forms {
		if a, b := w.NewCode(name), w.NewCode(name); !form.MatchString(a) || a == b {
			t.Errorf("%s: not a fresh well-formed code", name)
		}
	}
}

func TestUnknownNamesAreErrors(t *testing.T) {
	w := newWorld(t, wallettest.Options{})
	if w.Inject("paypal", wallettest.Fault{Kind: wallettest.Down}, 1) == nil || w.Inject(wallettest.Alipay, wallettest.Fault{Kind: "x"}, 1) == nil {
		t.Error("an unknown wallet or fault is accepted")
	}
	if w.Clear("paypal") == nil || w.Confirm("nobody's") == nil {
		t.Error("an unknown wallet or order is accepted")
	}
}
