package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/display"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/pos"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/terminal/authority"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/clock"
	"github.com/tilld/tilld/scanner"
)

// daemon is a till with everything around it.
type daemon struct {
	cfg    *config.Config
	log    *slog.Logger
	health *health.Board
	clock  *terminal.Clock
	keys   openedKeys
	pins   *pins
	queue  *queue.Queue
	found  queue.Recovery
	tree   *uevent.Tree
	hub    *scanner.Hub
	till   *agent.Till
	palm   *palmPart    // nil unless [palm]
	goods  *goodsPasser // nil unless [pos] goods
	pos    *pos.Server
	screen *display.Server
	dates  []dateSource
	rings  map[string]*wallet.Ring
	since  time.Time

	// reread reads the configuration file again; nil when there is none. reloading guards
	// current: the configuration whose keys are in use, nil before the first reload.
	reread    func() (*config.Config, error)
	reloading sync.Mutex
	current   *config.Config
	// renewals are the contracts whose wallets are asked for new certificates, and fetched
	// what came of that, guarded by reloading.
	renewals []renewing
	fetched  map[string][]wallet.WalletKey

	posL, screenL, controlL net.Listener
}

// newDaemon opens and wires everything; nothing is served yet. It waits for no network.
func newDaemon(ctx context.Context, cfg *config.Config, log *slog.Logger) (*daemon, error) {
	d := &daemon{cfg: cfg, log: log, health: health.NewBoard(), since: time.Now()}
	d.health.OnChange(d.logCause)
	steps := []func() error{
		d.startPins, // before anything else opens files
		d.listen,
		func() error { return d.openJournal(ctx) },
		d.listenControl,
		d.makeTill,
		d.makeServers,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			d.close(context.WithoutCancel(ctx))
			return nil, err
		}
	}
	return d, nil
}

func (d *daemon) listenControl() (err error) {
	if d.controlL, err = control.Listen(d.cfg.Control.Socket); err != nil {
		return fail("listen for the command line", "", err)
	}
	return nil
}

// listen takes the ports first: a daemon that cannot be reached must not touch the journal.
func (d *daemon) listen() (err error) {
	take := func(section, address string) (net.Listener, error) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			f := fail("listen for ["+section+"]", address, rootCause(err))
			if errors.Is(err, syscall.EADDRINUSE) {
				f.err = errInUse
				f.hint = listenHint(section, address)
			} else {
				f.hint = fmt.Sprintf("choose an address of this machine in [%s] listen", section)
			}
			return nil, f
		}
		return l, nil
	}
	if d.posL, err = take("pos", d.cfg.POS.Listen); err != nil {
		return err
	}
	d.screenL, err = take("display", d.cfg.Display.Listen)
	return err
}

func rootCause(err error) error {
	var se *os.SyscallError
	if errors.As(err, &se) {
		return se.Err
	}
	return err
}

// openJournal gets the keys, the clock and the queue.
func (d *daemon) openJournal(ctx context.Context) (err error) {
	cfg := d.cfg
	if d.keys, err = openKeys(ctx, cfg, true); err != nil {
		return fail("start", "", err)
	}
	switch {
	case d.keys.Made() && !d.keys.extractable:
		d.log.Info("made a record key: it is lost with the device that holds it", "store", d.keys.about)
	case d.keys.Made():
		d.log.Info("made a record key: keep a copy of it off this terminal", "file", cfg.Terminal.Keys)
	}
	board := cfg.Terminal.BoardSerial
	if board == "" {
		if board, err = terminal.BoardSerial(os.DirFS("/")); err != nil {
			board = "terminal:" + cfg.Terminal.Serial
			d.health.Set(health.Cause{Code: "board", Severity: health.Notice, Text: err.Error(),
				Hint: "a copied card cannot be told from the original on this machine"})
		}
	}
	d.clock = terminal.NewClock(terminal.ClockOptions{Source: clock.NewKernel(), Built: released(), SystemOnly: cfg.Terminal.Clock == "system"})
	d.queue, d.found, err = queue.Open(ctx, queue.Options{Dir: cfg.State, Keys: d.keys, Board: board,
		Environment: cfg.Environment, Now: d.clock.Now, Log: d.log})
	if err != nil {
		return journalError(cfg, err)
	}
	for _, n := range d.found.Notes {
		d.log.Warn("journal: " + n)
	}
	if d.found.Fresh && !d.keys.Made() {
		d.health.Set(health.Cause{Code: "fresh-journal", Severity: health.Warning,
			Text: "the journal is new, but this terminal's record key is not: what it traded before is not on record here",
			Hint: "if the state directory was not changed on purpose, stop, put the old one back and start again"})
	}
	if d.found.Quarantined != "" {
		d.health.Set(health.Cause{Code: "quarantine", Severity: health.Warning,
			Text: "a part of the journal could not be opened and was moved to " + d.found.Quarantined,
			Hint: "keep it for whoever looks into it; the wallets are asked about what it held"})
	}
	return nil
}

// makeTill wires the till itself.
func (d *daemon) makeTill() (err error) {
	cfg := d.cfg
	codes, err := tableOf(cfg)
	if err != nil {
		return fail("start", "table of codes", err)
	}
	d.tree = uevent.NewTree(uevent.Config{Report: d.hotplug, Replaced: d.replaced})
	if d.hub, err = scannerHub(cfg.Scanners, d.tree, d.logDevice); err != nil {
		return err
	}
	contracts, err := makeContracts(cfg, d.keys, d.clock.OnDate)
	if err != nil {
		return err
	}
	d.dates, d.rings = contracts.dates, contracts.rings
	d.renewals, d.fetched = renewals(contracts.list, contracts.rings), map[string][]wallet.WalletKey{}
	boot, err := terminal.BootID(os.DirFS("/"))
	if err != nil {
		// Without it every start counts as a boot of its own: waits are then counted in full.
		boot = "start:" + rand.Text()
	}
	if d.palm, err = d.makePalm(); err != nil {
		return err
	}
	d.till, err = agent.New(agent.Options{
		Journal: d.queue, Recovery: d.found, Contracts: contracts.list, Scanner: d.hub, Classify: codes,
		Health: d.health, Log: d.log, Render: pos.Render, RenderReverse: pos.RenderReverse,
		Serial: cfg.Terminal.Serial, Boot: boot, Test: cfg.Test(), TimeTrusted: d.clock.Trusted,
		Ceiling: cfg.Terminal.Ceiling, CodeWait: cfg.Terminal.CodeWait, PerTry: setOf(cfg.POS.PerTry),
		Offer: agent.OfferPolicy(cfg.Terminal.Offer), OfferContract: cfg.Terminal.OfferContract,
		Recognisers: d.palm.recognisers(cfg),
	})
	if err != nil {
		return fail("start", "", err)
	}
	if cfg.POS.Goods {
		if d.goods, err = newGoodsPasser(codes, d.till.Busy); err != nil {
			return fail("start", "[pos] goods", err)
		}
		d.hub.PassGoods(d.goods.take)
	}
	d.clock.NotBefore(lastTrusted(d.till.Payments(false)))
	return nil
}

// lastTrusted is the latest time on record. A sale begins only while the time is trusted,
// so its times are.
func lastTrusted(payments []sale.Payment) (last time.Time) {
	for _, p := range payments {
		if p.Begun.After(last) {
			last = p.Begun
		}
	}
	return last
}

func setOf(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

// makeServers makes the faces to the point of sale and to people.
func (d *daemon) makeServers() (err error) {
	cfg := d.cfg
	cert, err := authority.Open(cfg.POS.Certificate, cfg.POS.Key)
	if err != nil {
		return fail("start", "[pos] certificate", err).withHint(`make one with "tilld cert"`)
	}
	keys, err := nexoKeys(cfg.POS.Keys)
	if err != nil {
		return err
	}
	defer func() {
		for _, k := range keys {
			k.Passphrase.Wipe()
		}
	}()
	var hosts []string
	for _, c := range cfg.Contracts {
		hosts = append(hosts, c.Name)
	}
	d.pos, err = pos.New(pos.Options{Till: d.till, Environment: cfg.Environment, Listen: d.posL.Addr().String(),
		Terminal:       pos.Terminal{POIID: cfg.POIID(), Model: cfg.Terminal.Model, Serial: cfg.Terminal.Serial, Version: version},
		GetCertificate: cert.GetCertificate, Plain: cfg.POS.Plain, SaleIDs: cfg.POS.SaleIDs, Keys: keys,
		Hosts: hosts, Health: d.health, Log: d.log, Goods: d.goods.list()})
	if err != nil {
		return fail("start", "[pos]", err)
	}
	d.screen = display.New(display.Options{Till: d.till, Health: d.health, Language: cfg.Terminal.Language, Test: cfg.Test(), Log: d.log})
	return nil
}

// run serves until ctx ends (nil), the journal fails (exit code 3) or a listener fails.
// Ready is called once everything listens and the till takes payments.
func (d *daemon) run(ctx context.Context, ready func(addresses)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	// Each part ends with ctx; the first that ends with an error ends the others.
	part := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	watch, enough := context.WithCancel(ctx)
	defer enough()
	screens, _ := d.till.Watch(watch)
	part(func() error {
		if err := d.till.Run(ctx); err != nil {
			return stopError(err)
		}
		return nil
	})
	part(func() error { return d.tree.Run(ctx) })
	part(func() error { return d.hub.Run(ctx) })
	part(func() error {
		screens, _ := d.till.Watch(ctx)
		beep(ctx, screens, d.hub.Cue)
		return nil
	})
	if d.palm != nil {
		part(func() error { d.palm.run(ctx); return nil })
	}
	if d.goods != nil {
		part(func() error { d.goods.run(ctx); return nil })
	}
	if begun(ctx, screens) {
		enough()
		part(func() error { return d.pos.Serve(ctx, d.posL) })
		part(func() error { return d.screen.Serve(ctx, d.screenL) })
		part(func() error { return d.serveControl(ctx) })
		part(func() error { d.housekeeping(ctx); return nil })
		part(func() error { d.pins.run(ctx, d.till); return nil })
		part(func() error { d.reloadOnHangup(ctx); return nil })
		part(func() error { d.renewCertificates(ctx, renewEvery, renewAgain); return nil })
		part(func() error { watchdog(ctx, d.tillAnswers, d.journalAnswers); return nil })
		if d.cfg.Terminal.Clock == "ntp" {
			part(func() error { askDates(ctx, d.dates, d.clock.OnDate, d.clock.Trusted); return nil })
		}
		ready(addresses{POS: "https://" + d.posL.Addr().String() + "/nexo",
			Display: "http://" + d.screenL.Addr().String() + "/", Control: d.cfg.Control.Socket})
		notify("READY=1")
	}
	<-ctx.Done()
	notify("STOPPING=1")
	wg.Wait()
	d.close(context.WithoutCancel(ctx))
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		var f *failure
		if !errors.As(err, &f) {
			err = fail("run", "", err)
		}
		d.log.Error("stopped: " + oneLine(err))
		return err
	}
	d.log.Info("stopped in order")
	return nil
}

// begun waits until the till has taken up what was open and accepts requests.
func begun(ctx context.Context, screens <-chan agent.Screen) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case s, ok := <-screens:
			if !ok {
				return false
			}
			if s.Kind != agent.ScreenStarting {
				return true
			}
		}
	}
}

// close lets go of everything that newDaemon opened. The journal comes last.
func (d *daemon) close(ctx context.Context) {
	for _, l := range []net.Listener{d.posL, d.screenL, d.controlL} {
		if l != nil {
			l.Close() // closed already by whoever served it
		}
	}
	if d.keys.close != nil {
		defer d.keys.close()
	}
	if d.queue == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := d.queue.Close(ctx); err != nil {
		d.log.Warn("close the journal: the next start takes a little longer", "err", err)
	}
}

func (d *daemon) logCause(c health.Cause, cleared bool) {
	switch {
	case cleared:
		d.log.Info("cleared: "+c.Text, "code", c.Code, "subject", c.Subject)
	case c.Severity == health.Notice:
		d.log.Info(c.Text, "code", c.Code, "subject", c.Subject, "hint", c.Hint)
	default:
		d.log.Warn(c.Text, "code", c.Code, "subject", c.Subject, "severity", string(c.Severity), "hint", c.Hint)
	}
}

func (d *daemon) logDevice(s drivers.Status) {
	d.log.Info("scanner "+string(s.State), "scanner", s.Name, "cause", s.Cause, "hint", s.Hint)
}

// hotplug is told how plugs are noticed: by the kernel's messages, or why not.
func (d *daemon) hotplug(why error) {
	const code = "hotplug"
	if why == nil {
		d.health.Clear(code, "")
		return
	}
	c := health.Cause{Code: code, Severity: health.Notice,
		Text: "devices are looked for every second, because the kernel does not tell: " + oneLine(why)}
	var h hinted
	if errors.As(why, &h) {
		c.Hint = h.HintText()
	}
	d.health.Set(c)
}

// replaced is told that plugs were swapped, or a device was replaced by one of its kind.
func (d *daemon) replaced(name string, first, now drivers.ID) {
	const code = "device-replaced"
	if first.Vendor == now.Vendor && first.Product == now.Product && first.Serial == now.Serial {
		d.health.Clear(code, name)
		return
	}
	d.health.Set(health.Cause{Code: code, Severity: health.Notice, Subject: name,
		Text: fmt.Sprintf("%s is another device now: %s, at first %s", name, now, first),
		Hint: "if that is not meant, put the plugs back as they were"})
}

// serveControl answers the command line until ctx ends.
func (d *daemon) serveControl(ctx context.Context) error {
	api := &control.Server{Till: d.till, Bills: d.till, Health: d.health, Contracts: d.contractStates,
		Devices: func() []control.Device { return append(devicesOf(d.cfg.Scanners, d.hub), d.pins.devices()...) },
		Clock:   d.clockState, Journal: d.journalState, Reload: d.reload,
		Status: control.Status{POIID: d.cfg.POIID(), Environment: d.cfg.Environment, Version: version, Since: d.since}}
	h := &http.Server{Handler: api.Handler(), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if h.Shutdown(grace) != nil {
			h.Close()
		}
	})
	defer stop()
	if err := h.Serve(d.controlL); !errors.Is(err, http.ErrServerClosed) {
		return fail("serve the command line", d.cfg.Control.Socket, err)
	}
	return nil
}
