package hw

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/terminal/authority"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/internal/board/hands"
)

// What a till on the board is called, and where its faces are. Nothing else listens there.
const (
	poiModel  = "TILLD"
	poiSerial = "000158000000000"
	saleID    = "BOARD-POS"
	posAt     = "127.0.0.1:8443"
	pagesAt   = "127.0.0.1:8090"
)

// Till is the shipped tilld between simulated wallets and the board's devices.
type Till struct {
	World  *wallettest.World
	Watch  *rig.Watcher
	POS    *posclient.Client
	Config string
	// Process is tilld's number while it runs.
	Process int

	bench *Bench
	dir   string
	stop  context.CancelFunc
	seen  sync.WaitGroup
	sold  int
}

// TillOptions is what differs between tills.
type TillOptions struct {
	Name     string // of its folder below the bench's
	Scanners string // [[scanner]] sections
	Clock    string // "system" or "ntp"
	Goods    bool   // goods codes that are scanned between sales go to the point of sale
}

// NewTill lays everything out and starts the wallets, not tilld.
func (b *Bench) NewTill(o TillOptions) (t *Till, err error) {
	t = &Till{bench: b, dir: filepath.Join(b.Dir, o.Name)}
	if err := os.MkdirAll(filepath.Join(t.dir, "state"), 0o700); err != nil {
		return nil, err
	}
	if t.World, err = wallettest.NewWorld(wallettest.Options{ClockScale: 1}); err != nil {
		return nil, err
	}
	contracts, err := t.World.Write(t.dir)
	if err != nil {
		return nil, errors.Join(err, t.World.Close())
	}
	if err := t.configure(o, contracts); err != nil {
		return nil, errors.Join(err, t.World.Close())
	}
	t.Watch = rig.NewWatcher("http://" + pagesAt)
	return t, nil
}

func (t *Till) path(name string) string { return filepath.Join(t.dir, name) }

// configure writes tilld's configuration, and the point of sale's end of it.
func (t *Till) configure(o TillOptions, contracts []wallettest.Contract) error {
	roots, err := t.certify()
	if err != nil {
		return err
	}
	var c strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&c, format+"\n", args...) }
	line("environment = \"test\"\nstate = %q\nlog = \"text\"", t.path("state"))
	line("[terminal]\nmodel = %q\nserial = %q\nkeys = %q", poiModel, poiSerial, t.path("keys.toml"))
	line("language = \"en\"\nlocation = \"+31.23/+121.47\"\nnetwork_license = \"P3100\"\nstore_id = \"S-1\"\nstore_name = \"Board\"")
	line("clock = %q\nceiling = \"5000.00\"", o.Clock)
	line("[pos]\nlisten = %q\ncertificate = %q\nkey = %q\nplain = true\ngoods = %v", posAt, t.path("pos.crt"), t.path("pos.key"), o.Goods)
	line("[display]\nlisten = %q\n[control]\nsocket = %q", pagesAt, t.path("s"))
	line("%s", o.Scanners)
	for i, w := range contracts {
		line("[[contract]]\nslot = %d\nname = %q\nwallet = %q\nschemes = %s\ncurrencies = %s", i+1, w.Name, w.Wallet, list(w.Schemes), list(w.Currencies))
		line("endpoint = %q\nca_file = %q\nkey_id = %q\nkey_file = %q\nwallet_keys = %s", w.Endpoint, w.CAFile, w.KeyID, w.KeyFile, list([]string{w.WalletKeyFile}))
		line("[contract.%s]", w.Wallet)
		for _, k := range slices.Sorted(maps.Keys(w.Settings)) {
			line("%s = %q", k, w.Settings[k])
		}
	}
	t.Config = t.path("tilld.toml")
	if err := os.WriteFile(t.Config, []byte(c.String()), 0o600); err != nil {
		return err
	}
	pos := posclient.Options{URL: "https://" + posAt + "/nexo", SaleID: saleID, POIID: poiModel + "-" + poiSerial, Roots: roots}
	if o.Clock == "ntp" {
		// A point of sale has a clock of its own. Here it has the board's, by which no
		// certificate is valid.
		pos.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	t.POS, err = posclient.New(pos)
	return err
}

func list(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// certify makes the shop's authority and the till's certificate.
func (t *Till) certify() (*x509.CertPool, error) {
	dir := t.path("authority")
	if err := authority.Create(dir, authority.Options{Shop: "board"}); err != nil {
		return nil, err
	}
	cert, key, err := authority.Issue(dir, authority.Leaf{Model: poiModel, Serial: poiSerial, Environment: "test"})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.WriteFile(t.path("pos.crt"), cert, 0o644), os.WriteFile(t.path("pos.key"), key, 0o600)); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(dir, authority.CertFile))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the shop's authority cannot be read back")
	}
	return roots, nil
}

// Open has tilld started and waits until its screen is seen.
func (t *Till) Open(ctx context.Context) error {
	a, err := t.bench.Do(ctx, hands.Order{Do: hands.Start, Args: []string{"run", "--config", t.Config}})
	if err != nil {
		return err
	}
	t.Process = a.Process
	watching, stop := context.WithCancel(ctx)
	t.stop = stop
	t.seen.Go(func() { t.Watch.Run(watching) })
	return t.Watch.AwaitStream(ctx, 1)
}

// AwaitScanner waits until tilld has a scanner open, and says why not where it does not come.
func (t *Till) AwaitScanner(ctx context.Context, name string) error {
	why := "tilld does not know it"
	err := Await(ctx, 20*time.Second, "scanner "+name+" open", func() bool {
		var list []struct {
			Name, Why string
			Open      bool
		}
		if err := t.ask(ctx, "/v1/devices", &list); err != nil {
			why = err.Error()
			return false
		}
		for _, d := range list {
			if d.Name == name {
				why = d.Why
				return d.Open
			}
		}
		return false
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, why)
	}
	return nil
}

// ask asks the running tilld, as its command line does.
func (t *Till) ask(ctx context.Context, path string, out any) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", t.path("s"))
		}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://tilld"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for %s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// Shut has tilld stopped.
func (t *Till) Shut(ctx context.Context) error {
	_, err := t.bench.Do(ctx, hands.Order{Do: hands.Stop})
	t.stop()
	t.seen.Wait()
	return err
}

// Close ends the wallets.
func (t *Till) Close() error { return t.World.Close() }

// Sold is one sale as the point of sale saw it.
type Sold struct {
	Answer posclient.Answer
	Took   time.Duration // from the code to the answer
	Shown  int           // how often the code was shown: a scanner may drop what came too slowly
}

// A customer whose code was not read shows it again.
const (
	patience  = 12 * time.Second
	mostShown = 3
	mostAsked = 20
)

var errUnread = errors.New("the code was not read")

// Sell makes one sale: the point of sale asks, the till is armed, and show presents a fresh
// code of the wallet. A till that reaches no wallet yet is asked again, as a cashier would: a
// slow board takes a while after its start.
func (t *Till) Sell(ctx context.Context, wallet string, show func(code string) error) (s Sold, err error) {
	for range mostAsked {
		s, err = t.sell(ctx, wallet, show)
		if s.Answer.ErrorCondition != "UnreachableHost" {
			break
		}
		if err := wait(ctx, time.Second); err != nil {
			return s, err
		}
	}
	return s, err
}

func (t *Till) sell(ctx context.Context, wallet string, show func(code string) error) (s Sold, err error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	t.sold++
	mark, number := t.Watch.Mark(), t.sold
	done := make(chan error, 1)
	go func() {
		var err error
		s.Answer, err = t.POS.Pay(ctx, posclient.PayRequest{ServiceID: fmt.Sprintf("S%09d", number),
			TransactionID: fmt.Sprintf("T%d", number), Amount: fmt.Sprintf("%d.%02d", 1+number/100%90, number%100), Currency: "CNY"})
		done <- err
	}()
	armed := make(chan error, 1)
	go func() {
		_, err := t.Watch.AwaitEvent(ctx, mark, "armed")
		armed <- err
	}()
	select {
	case err := <-done: // before anybody could show a code
		if err == nil {
			err = s.refusal()
		}
		return s, err
	case err := <-armed:
		if err != nil {
			return s, err
		}
	}
	begun := time.Now()
	code := t.World.NewCode(wallet)
	for err = errUnread; errors.Is(err, errUnread) && s.Shown < mostShown; {
		s.Shown++
		if err := show(code); err != nil {
			cancel()
			<-done
			return s, err
		}
		select {
		case err = <-done:
		case <-time.After(patience):
		}
	}
	if errors.Is(err, errUnread) {
		err = <-done
	}
	s.Took = time.Since(begun)
	if err == nil && s.Answer.Result != "Success" {
		err = s.refusal()
	}
	return s, err
}

func (s Sold) refusal() error {
	return fmt.Errorf("the point of sale was told %s %s %s", s.Answer.Result, s.Answer.ErrorCondition, s.Answer.AdditionalResponse)
}

// Says waits until the till names a cause with this code, as its operator sees it, and returns
// its text.
func (t *Till) Says(ctx context.Context, code string) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, _, err = t.Watch.Await(ctx, 0, "cause "+code, func(h rig.Happening) bool {
		for _, c := range h.Health {
			if c.Code == code {
				text = c.Text
			}
		}
		return text != ""
	})
	return text, err
}
