package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/counter"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/drivers/driverstest"
)

type runCmd struct {
	Tilld   string `placeholder:"PATH" help:"The daemon's program. Default: tilld beside this one."`
	Dir     string `placeholder:"DIR" help:"Where keys, configuration, state and log go; emptied at the start. Default: a temporary folder, removed at the end."`
	Scale   int    `default:"1" help:"Divide all clock tables by this."`
	Listen  string `default:"127.0.0.1:8080" help:"Address of the counter's page. A taken port means the next free one."`
	POS     string `name:"pos" default:"127.0.0.1:8443" help:"Wanted address of the nexo interface."`
	Display string `default:"127.0.0.1:8090" help:"Wanted address of the customer's screen."`
}

func (runCmd) Help() string {
	return `Starts simulated wallets, a scanner on a pseudo-terminal and tilld between them, and serves
a page to play cashier and customer at. Ctrl-C stops it. If tilld dies it is started again:
try kill -9.

  tillsim run
  tillsim run --dir build/till --scale 10`
}

// serial is the number of the simulated terminal.
const serial = "000158000000001"

func (c runCmd) Run(ctx context.Context, s streams) (err error) {
	tilld, err := findTilld(c.Tilld)
	if err != nil {
		return err
	}
	dir, made, err := workDir(c.Dir)
	if err != nil {
		return err
	}
	if made {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	ln, err := rig.Listen(c.Listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	r, err := rig.Start(ctx, rig.Options{Tilld: tilld, Dir: filepath.Join(dir, "till"), Scale: c.Scale, Serial: serial, POS: c.POS,
		Display: c.Display, Boxes: true, Palm: true, Also: wallettest.Further(), Notify: func(line string) { fmt.Fprintln(s.errs, "tillsim:", line) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	rc, err := rig.NewCounter(r)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, `counter            http://%s/
customer's screen  %s/
operator's page    %s/console
nexo               %s   (SaleID COUNTER, POIID %s, authority %s)
scanner            %s
tilld              process %d, configuration %s, log %s
stop with Ctrl-C
`, ln.Addr(), r.DisplayURL(), r.DisplayURL(), r.NexoURL(), r.POIID(), r.Authority(), r.Scanner(), r.PID(), r.Config(), r.Log())
	return counter.New(counter.Options{Rig: rc}).Serve(ctx, ln)
}

type walletsCmd struct {
	Dir   string `arg:"" help:"Where keys and certificates are written."`
	Scale int    `default:"1" help:"Divide the wallets' times by this."`
}

func (walletsCmd) Help() string {
	return `Serves the three wallets until Ctrl-C, writes what a contract needs into DIR, and prints
every request.

  tillsim wallets build/wallets`
}

func (c walletsCmd) Run(ctx context.Context, s streams) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	world, err := wallettest.NewWorld(wallettest.Options{ClockScale: c.Scale, BillsAtOnce: true})
	if err != nil {
		return err
	}
	contracts, err := world.Write(c.Dir)
	if err != nil {
		return errors.Join(err, world.Close())
	}
	for _, k := range contracts {
		fmt.Fprintf(s.out, "%-10s %s   key %s, ca_file %s, wallet_keys %s\n", k.Wallet, k.Endpoint, k.KeyFile, k.CAFile, k.WalletKeyFile)
	}
	events := make(chan wallettest.Event, 256)
	off := world.OnEvent(func(e wallettest.Event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	})
	defer off()
	for {
		select {
		case e := <-events:
			fmt.Fprintf(s.out, "%s %s %s %s %s %s\n", e.At.Format("15:04:05.000"), e.Wallet, e.Op, e.Order, e.Phase, e.Outcome)
		case <-ctx.Done():
			return world.Close()
		}
	}
}

type scannerCmd struct {
	Link string `arg:"" help:"The link under which the daemon finds the scanner: port of a [[scanner]]."`
}

func (scannerCmd) Help() string {
	return `Opens a pseudo-terminal under LINK. Each line of standard input is sent as one scan.

  tillsim scanner build/scanner`
}

func (c scannerCmd) Run(ctx context.Context, s streams) error {
	pty, err := driverstest.OpenPty(c.Link)
	if err != nil {
		return err
	}
	defer pty.Close()
	lines := make(chan string)
	failed := make(chan error, 1)
	go func() { // ends with standard input, or with the program
		in := bufio.NewScanner(s.in)
		for in.Scan() {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
		failed <- in.Err()
	}()
	fmt.Fprintln(s.out, "scanner at", pty.Path())
	for {
		select {
		case line := <-lines:
			if _, err := pty.Write([]byte(line + "\r\n")); err != nil {
				return fmt.Errorf("scan: %w", err)
			}
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}
