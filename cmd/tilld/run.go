package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/internal/harden"
)

type runCmd struct{}

func (runCmd) Help() string {
	return `Prints one line that begins with "ready" once it listens, with its addresses; with --json the
line is an object. Logs go to standard error. The first SIGTERM or Ctrl-C stops it in order:
payments in flight stay in the journal and go on at the next start. A second one ends it at
once. Exit code 3: the journal failed; start it again.

Under systemd: Type=notify, StateDirectory=tilld, RuntimeDirectory=tilld, Restart=always,
WatchdogSec=30.

Examples:
  tilld run -config /etc/tilld/tilld.toml
  tilld run -config till.toml --json`
}

func (runCmd) Run(e *env) error {
	cfg, err := e.startable()
	if err != nil {
		return err
	}
	harden.Private()
	log := newLog(cfg.Log, e.stderr)
	if err := harden.NoCore(); err != nil {
		log.Warn("core dumps are possible", "err", err)
	}
	if !cfg.Test() {
		if err := harden.NoTrace(); err != nil {
			log.Warn("other processes may read this one", "err", err)
		}
		if err := harden.NoSwap(); err != nil {
			log.Warn("memory may be swapped out", "err", err)
		}
	}
	limitMemory()
	useProcessors()
	d, err := newDaemon(e.ctx, cfg, log)
	if err != nil {
		return err
	}
	d.reread = e.startable
	return d.run(e.ctx, func(a addresses) { e.ready(a) })
}

// startable reads a configuration and refuses one with mistakes: all of them are printed,
// as "tilld check" prints them.
func (e *env) startable() (*config.Config, error) {
	cfg, problems, err := e.examineFiles()
	if err != nil {
		return nil, err
	}
	n := problems.Count(config.Mistake)
	if n == 0 {
		return cfg, nil
	}
	for _, p := range problems {
		if p.Level == config.Mistake {
			fmt.Fprintf(e.stderr, "%s:%d: %s\n", e.config, p.Line, p)
		}
	}
	return nil, fail("start", e.config, fmt.Errorf("the configuration has %s", count(n, "mistake"))).
		withHint("tilld check -config %s says what to do about each", e.config)
}

// spareProcs is how many system calls may block (a scanner's read, a flush) while all
// processors go on: the runtime notices a blocked one only after a while.
const spareProcs = 4

// useProcessors keeps a payment's signature and its commit from waiting for each other
// behind a blocked read, unless the environment says otherwise.
func useProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + spareProcs)
	}
}

// limitMemory sets what suits a board of 512 MB, unless the environment says otherwise.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(64 << 20)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// addresses is where a daemon listens, as it is: a port 0 of the configuration is resolved.
type addresses struct {
	POS     string `json:"pos"`
	Display string `json:"display"`
	Control string `json:"control"`
}

// ready prints the one line that others wait for.
func (e *env) ready(a addresses) {
	if e.json {
		j, _ := json.Marshal(struct {
			Event string `json:"event"`
			addresses
		}{"ready", a})
		e.printf("%s\n", j)
		return
	}
	e.printf("ready pos=%s display=%s control=%s\n", a.POS, a.Display, a.Control)
}

// stopError is a journal that failed while the daemon ran.
func stopError(err error) error {
	f := fail("run", "", err).withHint("start it again: the journal goes on from its last durable record; if it fails again, check the disk")
	f.code = exitJournal
	return f
}

var errInUse = errors.New("address already in use")

func listenHint(section, address string) string {
	_, port, _ := strings.Cut(address, ":")
	return fmt.Sprintf("another program, or another tilld, has it (ss -ltnp 'sport = :%s' tells); stop it, or choose another port in [%s] listen", port, section)
}
