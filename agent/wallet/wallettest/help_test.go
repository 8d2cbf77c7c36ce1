package wallettest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/alipay"
	"github.com/tilld/tilld/agent/wallet/alipayplus"
	"github.com/tilld/tilld/agent/wallet/lakala"
	"github.com/tilld/tilld/agent/wallet/unionpay"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
	"github.com/tilld/tilld/agent/wallet/wechatpayv2"
	"github.com/tilld/tilld/internal/secret"
)

type client interface {
	Pay(ctx context.Context, a sale.Attempt, c sale.Credential) (sale.Answer, error)
	Query(ctx context.Context, a sale.Attempt) (sale.Answer, error)
	Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error)
	Warm(ctx context.Context) error
	Disconnect() error
}

var terminalInfo = terminal.Info{
	DeviceType: "10", Serial: "000158000000000", AppVersion: "1.0.0", NetworkLicense: "P3100",
	Location: "+31.23/+121.47", DeviceIP: "192.0.2.7", StoreID: "S-1", StoreName: "Corner shop",
}

// till is what a test pays with: one contract at one wallet of a world.
type till struct {
	t      *testing.T
	w      *wallettest.World
	name   string
	client client
	ref    sale.ContractRef
	keys   wallet.Keys
	seq    atomic.Uint64
}

// scale makes WeChat Pay's 15 s half a second, and a code's minute two.
const scale = 30

const beforeReverse = 600 * time.Millisecond

func newWorld(t *testing.T, o wallettest.Options) *wallettest.World {
	t.Helper()
	if o.ClockScale == 0 {
		o.ClockScale = scale
	}
	w, err := wallettest.NewWorld(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// newTill makes a client; endpoint replaces the wallet's own when it is not empty.
func newTill(t *testing.T, w *wallettest.World, name, endpoint string, adjust func(*wallet.Config)) *till {
	t.Helper()
	c := w.Contract(name)
	if endpoint == "" {
		endpoint = c.Endpoint
	}
	signer, err := wallet.ParseSigner(c.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	var keys []wallet.WalletKey
	if len(c.WalletKeyPEM) > 0 {
		if keys, err = wallet.ParseWalletKeys(c.WalletKeyPEM); err != nil {
			t.Fatal(err)
		}
	}
	ref := sale.ContractRef{Slot: 1, Name: c.Name, Wallet: name, Merchant: c.Merchant, SubMerchant: c.SubMerchant, Endpoint: endpoint, KeyID: c.KeyID}
	held := wallet.Keys{Signer: signer, ID: c.KeyID, Wallet: keys}
	if text := bytes.TrimSpace(c.Files["secret_file"]); len(text) > 0 {
		held.Secret = secret.Copy(text)
	}
	if text := c.Files["cert_file"]; len(text) > 0 {
		block, _ := pem.Decode(text)
		held.Client = &tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: signer}
	}
	cfg := wallet.Config{Ref: ref, Ring: wallet.NewRing(held), Terminal: terminalInfo, Roots: w.Roots()}
	clocks := map[string]sale.Clock{wallettest.WeChatPay: wechatpay.Clock(), wallettest.Alipay: alipay.Clock(), wallettest.UnionPay: unionpay.Clock(),
		wallettest.WeChatPayV2: wechatpayv2.Clock(), wallettest.Aggregator: lakala.Clock(), wallettest.AlipayPlus: alipayplus.Clock()}
	cfg.Clock = clocks[name].Scaled(scale)
	cfg.Clock.Answer = time.Second
	if adjust != nil {
		adjust(&cfg)
	}
	s := c.Settings
	var cl client
	switch name {
	case wallettest.WeChatPay:
		cl, err = wechatpay.New(cfg, wechatpay.Settings{AppID: s["app_id"], MerchantID: s["merchant_id"], SubMerchantID: s["sub_merchant_id"], NotifyURL: s["notify_url"]})
	case wallettest.WeChatPayV2:
		cl, err = wechatpayv2.New(cfg, wechatpayv2.Settings{AppID: s["app_id"], MerchantID: s["merchant_id"], SubMerchantID: s["sub_merchant_id"],
			SubAppID: s["sub_app_id"], SignType: s["sign_type"], NotifyURL: s["notify_url"]})
	case wallettest.Alipay:
		cl, err = alipay.New(cfg, alipay.Settings{AppID: s["app_id"], SellerID: s["seller_id"], ServiceProviderID: s["sys_service_provider_id"]})
	case wallettest.Aggregator:
		cl, err = lakala.New(cfg, lakala.Settings{AppID: s["app_id"], MerchantNo: s["merchant_no"], TermNo: s["term_no"], NotFoundCodes: s["not_found_codes"]})
	case wallettest.AlipayPlus:
		cl, err = alipayplus.New(cfg, alipayplus.Read(s))
	case wallettest.UnionPay:
		cl, err = unionpay.New(cfg, unionpay.Settings{AcquirerCode: s["acquirer_code"], MerchantID: s["merchant_id"],
			MerchantCategory: s["merchant_category"], MerchantName: s["merchant_name"], TerminalID: s["terminal_id"]})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Disconnect() })
	return &till{t: t, w: w, name: name, client: cl, ref: ref, keys: *cfg.Ring.Keys()}
}

func (l *till) attempt() sale.Attempt {
	id := sale.PaymentID(sale.TerminalCode("000158000000000"), "ABC123", l.seq.Add(1))
	return sale.Attempt{ID: sale.OrderID(id, 1, 1), N: 1, Contract: l.ref, Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2},
		State: sale.Sending, SentAt: time.Now()}
}

func credential(code string) sale.Credential {
	return sale.Credential{Code: secret.New([]byte(code)), Factor: secret.New([]byte(code[len(code)-6:]))}
}

func (l *till) pay(a sale.Attempt) sale.Answer {
	l.t.Helper()
	ans, err := l.client.Pay(l.t.Context(), a, credential(l.w.NewCode(l.name)))
	if err != nil {
		l.t.Fatal(err)
	}
	return ans
}

func (l *till) query(a sale.Attempt) sale.Answer {
	l.t.Helper()
	ans, err := l.client.Query(l.t.Context(), a)
	if err != nil {
		l.t.Fatal(err)
	}
	return ans
}

// asked is the attempt as it stands once its reverse was asked for: then "given back" means
// wholly.
func asked(a sale.Attempt) sale.Attempt {
	a.State = sale.Reversing
	return a
}

func (l *till) reverse(a sale.Attempt) sale.Answer {
	l.t.Helper()
	ans, err := l.client.Reverse(l.t.Context(), a)
	if err != nil {
		l.t.Fatal(err)
	}
	return ans
}

// entry is the order's line in the ledger; the zero Entry when there is none.
func (l *till) entry(a sale.Attempt) wallettest.Entry {
	for _, e := range l.w.Ledger() {
		if e.Order == a.ID {
			return e
		}
	}
	return wallettest.Entry{}
}

func noViolations(t *testing.T, w *wallettest.World) {
	t.Helper()
	for _, v := range w.Violations() {
		t.Errorf("rule broken: %s", v)
	}
}

// eachWallet runs a subtest per wallet, each in a world of its own.
func eachWallet(t *testing.T, f func(t *testing.T, l *till)) {
	for _, name := range append(wallettest.Wallets(), wallettest.WeChatPayV2) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallettest.Options{Also: []string{wallettest.WeChatPayV2}})
			f(t, newTill(t, w, name, "", nil))
		})
	}
}

// until polls a condition; real sockets know no other clock.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatal("waited too long for " + what)
		}
	}
}

func describe(a sale.Answer) string {
	return fmt.Sprintf("outcome %q signed %t not sent %t code %q cause %q", a.Outcome, a.Signed, a.NotSent, a.Code, a.Cause)
}
