package wallettest

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Options of NewWorld. The zero value serves tests.
type Options struct {
	// Listen gives the address of a wallet's server; missing ones get "127.0.0.1:0".
	Listen map[string]string
	// Hosts are further names and addresses for the servers' certificate, beside localhost
	// and 127.0.0.1: of a proxy in front of them, say.
	Hosts []string
	// ClockScale divides the wallets' own times (life of a code, ...), as sale.Clock.Scaled
	// does. Zero means 1.
	ClockScale int
	// BillsAtOnce gives the bill of today at once, and not only at ten o'clock on the next day.
	BillsAtOnce bool
	// Also names wallets of Further that this world has too.
	Also []string
	// SubMerchant makes the contracts with WeChat Pay and Alipay those of a service provider.
	SubMerchant bool
	// MD5 has WeChat Pay's API v2 sign with MD5 and not with HMAC-SHA256.
	MD5 bool
}

// Event is a request seen or answered.
type Event struct {
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
	Wallet string    `json:"wallet"`
	Op     sale.Op   `json:"op"`
	Order  string    `json:"order"`
	// Phase is "seen" (verified, nothing done yet), "done" (carried out, not answered yet) or
	// "answered" (given to the kernel).
	Phase string `json:"phase"`
	// Outcome is the ledger's state or the refusal; empty for "seen".
	Outcome string `json:"outcome,omitempty"`
	Fault   Kind   `json:"fault,omitempty"`
}

// World is the wallets. Its methods are safe for concurrent use.
type World struct {
	o      Options
	ca     *authority
	houses map[string]*house
	ctx    context.Context // ends with Close: hanging answers end
	cancel context.CancelFunc
	timers sync.WaitGroup

	mu         sync.Mutex
	seq        uint64
	watchers   map[int]func(Event)
	nextWatch  int
	violations []string
}

// NewWorld opens the servers.
func NewWorld(o Options) (*World, error) {
	if o.ClockScale < 1 {
		o.ClockScale = 1
	}
	pairs, err := loadKeys()
	if err != nil {
		return nil, err
	}
	ca, err := newAuthority(append([]string{"127.0.0.1", "::1", "localhost"}, o.Hosts...))
	if err != nil {
		return nil, fmt.Errorf("make test authority: %w", err)
	}
	w := &World{o: o, ca: ca, houses: map[string]*house{}, watchers: map[int]func(Event){}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	for _, name := range w.Wallets() {
		h, err := newHouse(w, name, pairs[name])
		if err != nil {
			w.Close()
			return nil, err
		}
		w.houses[name] = h
	}
	return w, nil
}

// Close ends the servers, every hanging answer and every pending charge.
func (w *World) Close() error {
	w.cancel()
	var errs []error
	for _, h := range w.houses {
		errs = append(errs, h.shut())
	}
	w.timers.Wait()
	return errors.Join(errs...)
}

// scaled is a time of the real wallets on this world's clock.
func (w *World) scaled(d time.Duration) time.Duration { return d / time.Duration(w.o.ClockScale) }

// later runs f after d unless the world is closed first.
func (w *World) later(d time.Duration, f func()) {
	w.timers.Go(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			f()
		case <-w.ctx.Done():
		}
	})
}

// violate puts a broken rule on record. The text holds no payment code.
func (w *World) violate(wallet, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, wallet+": "+fmt.Sprintf(format, args...))
}

// Violations lists the rules that requests broke, oldest first.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

// OnEvent has f called for every event, in the goroutine that serves the request, before it
// goes on. The returned function takes f off again.
func (w *World) OnEvent(f func(Event)) (off func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.nextWatch
	w.nextWatch++
	w.watchers[n] = f
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers, n)
	}
}

func (w *World) tell(e Event) {
	w.mu.Lock()
	w.seq++
	e.Seq, e.At = w.seq, time.Now()
	fs := make([]func(Event), 0, len(w.watchers))
	for _, f := range w.watchers {
		fs = append(fs, f)
	}
	w.mu.Unlock()
	for _, f := range fs {
		f(e)
	}
}

// Ledger copies every entry of the ledgers, by wallet and then in order of coming.
func (w *World) Ledger() []Entry {
	all := []Entry{}
	for _, name := range w.Wallets() {
		h := w.houses[name]
		h.mu.Lock()
		h.expire()
		for _, id := range h.order {
			all = append(all, copied(h.orders[id]))
		}
		h.mu.Unlock()
	}
	return all
}

// Inject has the next n requests that f is about go wrong; n < 0: until Clear. Faults of one
// kind of request strike in the order they were planted.
func (w *World) Inject(wallet string, f Fault, n int) error {
	h := w.houses[wallet]
	if h == nil {
		return fmt.Errorf("inject %s: no wallet %q", f.Kind, wallet)
	}
	if !slices.Contains(Kinds(), f.Kind) {
		return fmt.Errorf("inject at %s: no fault %q", wallet, f.Kind)
	}
	if f.Kind == Down {
		return h.down()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, planted{f, n})
	return nil
}

// Clear takes every fault off and opens the listener again.
func (w *World) Clear(wallet string) error {
	h := w.houses[wallet]
	if h == nil {
		return fmt.Errorf("clear faults: no wallet %q", wallet)
	}
	h.mu.Lock()
	h.faults = nil
	h.mu.Unlock()
	return h.up()
}

// Confirm is the customer's password for an order that waits for it.
func (w *World) Confirm(order string) error {
	for _, h := range w.houses {
		h.mu.Lock()
		e := h.orders[order]
		h.mu.Unlock()
		if e != nil {
			return h.confirm(order)
		}
	}
	return fmt.Errorf("confirm order %s: no wallet knows it", order)
}

// Waiting lists the orders that wait for the customer.
func (w *World) Waiting() []string {
	waiting := []string{}
	for _, e := range w.Ledger() {
		if e.State == StatePaying {
			waiting = append(waiting, e.Order)
		}
	}
	return waiting
}

// NewCode is a fresh payment code of the wallet, as a phone shows it: good for a minute and
// for one order. Codes that nobody issued are good too, once, if they are well-formed.
func (w *World) NewCode(wallet string) string {
	h := w.houses[wallet]
	if h == nil {
		return ""
	}
	code := h.part.prefix + digits(h.part.digits-len(h.part.prefix))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.issued[code] = time.Now()
	return code
}

func digits(n int) string {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, most)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%0*s", n, v.String())
}

// Contract is what a configuration needs to trade with one wallet. The paths are set by
// Write.
type Contract struct {
	Wallet      string
	Name        string // "wechatpay-main"
	Schemes     []string
	Currencies  []string
	Endpoint    string
	KeyID       string
	Merchant    string
	SubMerchant string
	// Settings are the keys of [contract.<wallet>], text all of them.
	Settings map[string]string
	// Offers says that it can show a code for the customer to scan.
	Offers bool
	// CodeForm makes the text of a code that the till shows of a random number; "%s" stands
	// for that.
	CodeForm string
	// Files are further files of this contract, by the key in the configuration that names
	// them ("secret_file"). Write puts them beside the others as 0600 and sets FilePaths.
	Files     map[string][]byte
	FilePaths map[string]string

	CAPEM, KeyPEM, WalletKeyPEM    []byte
	CAFile, KeyFile, WalletKeyFile string
}

// Wallets lists the wallets of this world, in a fixed order.
func (w *World) Wallets() []string {
	names := Wallets()
	for _, name := range Further() {
		if slices.Contains(w.o.Also, name) {
			names = append(names, name)
		}
	}
	return names
}

// Contracts lists the contracts, in the order of Wallets.
func (w *World) Contracts() []Contract {
	var list []Contract
	for _, name := range w.Wallets() {
		list = append(list, w.houses[name].contract())
	}
	return list
}

// Contract is the one of a wallet.
func (w *World) Contract(wallet string) Contract { return w.houses[wallet].contract() }

// Roots trusts the test authority alone.
func (w *World) Roots() *x509.CertPool { return w.ca.pool }

// Write puts the keys and certificates into dir, private keys as 0600, and returns the
// contracts with the paths set.
func (w *World) Write(dir string) ([]Contract, error) {
	list := w.Contracts()
	for i := range list {
		c := &list[i]
		c.CAFile = filepath.Join(dir, "wallets-ca.pem")
		c.KeyFile = filepath.Join(dir, c.Wallet+".key")
		c.WalletKeyFile = filepath.Join(dir, c.Wallet+"-platform.pem")
		for _, f := range []struct {
			path string
			text []byte
			mode os.FileMode
		}{{c.CAFile, c.CAPEM, 0o644}, {c.KeyFile, c.KeyPEM, 0o600}, {c.WalletKeyFile, c.WalletKeyPEM, 0o644}} {
			if err := os.WriteFile(f.path, f.text, f.mode); err != nil {
				return nil, fmt.Errorf("write keys of %s: %w", c.Wallet, err)
			}
		}
		for key, text := range c.Files {
			path := filepath.Join(dir, c.Wallet+"-"+key)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return nil, fmt.Errorf("write %s of %s: %w", key, c.Wallet, err)
			}
			if c.FilePaths == nil {
				c.FilePaths = map[string]string{}
			}
			c.FilePaths[key] = path
		}
	}
	return list, nil
}
