package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/drivers/driverstest"
)

const (
	poiModel  = "TILLD"
	poiSerial = "000158000000000"
	saleID    = "BENCH-POS"
	currency  = "CNY"
)

// saleWithin bounds one sale, with room for a lost answer and its queries.
const saleWithin = 100 * time.Second

// shop is everything around one real tilld: three wallets, perhaps behind proxies, a scanner on a
// pseudo-terminal, a point of sale, and an eye on the screen.
type shop struct {
	dir    string // configuration, keys and log; the state is elsewhere if asked for
	state  string
	config string
	world  *wallettest.World
	front  []io.Closer // proxies in front of the wallets

	endpoints map[string]string // what the configuration names, by wallet
	pty       *driverstest.Pty
	posURL    string
	pos       *posclient.Client
	pages     string
	tilld     string

	process *process
	watch   *rig.Watcher
	stop    context.CancelFunc // of the watcher
	watched sync.WaitGroup
	sold    int
}

// shopOptions is what differs between figures.
type shopOptions struct {
	state string // the state directory; empty means one in the shop's own folder
	scale int    // of the wallets' clock tables; 0 means 1
	// front puts something in front of a wallet, that listens at the address it returns; nil
	// leaves the wallets as they are.
	front func(wallet, target string) (io.Closer, string, error)
}

// newShop lays everything out and starts nothing but the wallets.
func newShop(b *Bench, name string, o shopOptions) (s *shop, err error) {
	dir, err := b.sub(name)
	if err != nil {
		return nil, err
	}
	s = &shop{dir: dir, state: o.state, tilld: b.Tilld, endpoints: map[string]string{}, config: filepath.Join(dir, "tilld.toml")}
	if s.state == "" {
		s.state = filepath.Join(dir, "state")
	}
	if err := os.MkdirAll(s.state, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.world, err = wallettest.NewWorld(wallettest.Options{ClockScale: max(o.scale, 1)}); err != nil {
		return nil, err
	}
	if s.pty, err = driverstest.OpenPty(filepath.Join(dir, "scanner")); err != nil {
		return nil, err
	}
	contracts, err := s.world.Write(dir)
	if err != nil {
		return nil, err
	}
	for i, c := range contracts {
		s.endpoints[c.Wallet] = c.Endpoint
		if o.front == nil {
			continue
		}
		proxy, addr, err := o.front(c.Wallet, strings.TrimPrefix(c.Endpoint, "https://"))
		if err != nil {
			return nil, err
		}
		s.front = append(s.front, proxy)
		contracts[i].Endpoint = "https://" + addr
		s.endpoints[c.Wallet] = contracts[i].Endpoint
	}
	return s, s.configure(contracts, max(o.scale, 1))
}

// open starts tilld and waits until it is ready and its screen is seen. It returns the time
// from exec to ready.
func (s *shop) open(ctx context.Context) (time.Duration, error) {
	p, err := startProcess(ctx, filepath.Join(s.dir, "tilld.log"), s.tilld, "run", "--config", s.config)
	if err != nil {
		return 0, err
	}
	s.process = p
	s.watch = rig.NewWatcher(s.pages)
	watching, stop := context.WithCancel(ctx)
	s.stop = stop
	s.watched.Go(func() { s.watch.Run(watching) })
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return p.ready, s.watch.AwaitStream(ctx, 1)
}

// shut stops tilld and leaves the wallets alone.
func (s *shop) shut() error {
	if s.process == nil {
		return nil
	}
	s.stop()
	s.watched.Wait()
	err := s.process.stop()
	s.process = nil
	return err
}

func (s *shop) close() {
	if err := s.shut(); err != nil {
		fmt.Fprintln(os.Stderr, "tillbench:", err)
	}
	for _, p := range s.front {
		p.Close()
	}
	if s.pty != nil {
		s.pty.Close()
	}
	if s.world != nil {
		s.world.Close()
	}
}

// outcome is one sale as the point of sale saw it.
type outcome struct {
	wallet  string
	answer  posclient.Answer
	err     error
	scanned time.Time // when the last byte of the code was written to the terminal
	told    time.Time // when the point of sale had its answer
}

// sell makes one sale: the point of sale asks, the screen shows the amount, the customer
// shows a fresh code. prepare runs between screen and code; nil does nothing.
func (s *shop) sell(ctx context.Context, wallet string, prepare func()) outcome {
	ctx, cancel := context.WithTimeout(ctx, saleWithin)
	defer cancel()
	s.sold++
	out := outcome{wallet: wallet}
	mark := s.watch.Mark()
	done := make(chan struct{})
	number := s.sold
	go func() {
		defer close(done)
		out.answer, out.err = s.pos.Pay(ctx, posclient.PayRequest{
			ServiceID: fmt.Sprintf("S%09d", number), TransactionID: fmt.Sprintf("T%d", number),
			Amount: fmt.Sprintf("%d.%02d", 1+number/100%90, number%100), Currency: currency,
		})
		out.told = time.Now()
		cancel()
	}()
	_, err := s.watch.AwaitEvent(ctx, mark, "armed") // a code scanned before is dropped
	if err == nil {
		if prepare != nil {
			prepare()
		}
		code := s.world.NewCode(wallet)
		out.scanned = time.Now()
		_, err = s.pty.Write([]byte("]Q1" + code + "\r\n"))
	}
	<-done
	if out.err == nil && err != nil && out.answer.Result == "" {
		out.err = err
	}
	return out
}

// good is an error unless the sale succeeded at the point of sale.
func (o outcome) good() error {
	if o.err != nil {
		return fmt.Errorf("sale at %s: %w", o.wallet, o.err)
	}
	if o.answer.Result != "Success" {
		return fmt.Errorf("sale at %s: %s %s %s", o.wallet, o.answer.Result, o.answer.ErrorCondition, o.answer.AdditionalResponse)
	}
	return nil
}

// wallet is the one whose turn it is.
func (s *shop) turn(n int) string { return wallettest.Wallets()[n%len(wallettest.Wallets())] }
