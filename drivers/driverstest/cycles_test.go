package driverstest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/drivers/serialport"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

// TestThousandPlugs pulls the plugs of forty scanners in the middle of a code and puts them
// back, a thousand times in all, under a different terminal each time. Every code that was
// complete arrives once, none that was not, and nothing is left open.
func TestThousandPlugs(t *testing.T) {
	const scanners = 40
	cycles := 25
	if testing.Short() {
		cycles = 2
	}
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	var all sync.WaitGroup
	for n := range scanners {
		p, err := newPlugged(t, n)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if err := p.live(t.Context(), cycles); err != nil {
				t.Errorf("scanner %d: %v", n, err)
			}
		})
	}
	all.Wait()
	limit := time.Now().Add(patience)
	for openFiles(t) > files || runtime.NumGoroutine() > goroutines {
		if time.Now().After(limit) {
			t.Fatalf("%d files and %d goroutines more than before", openFiles(t)-files, runtime.NumGoroutine()-goroutines)
		}
		runtime.Gosched()
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// patience is for a machine that has much else to do.
const patience = 30 * time.Second

// plugged is a scanner on a terminal, and a hub that has it alone.
type plugged struct {
	pty              *driverstest.Pty
	hub              *scanner.Hub
	wake, open, lost chan struct{}
	r                *rand.Rand
}

func newPlugged(t *testing.T, n int) (*plugged, error) {
	dir := t.TempDir()
	pty, err := driverstest.OpenPty(filepath.Join(dir, "scanner"))
	if err != nil {
		return nil, err
	}
	codec, err := line.New(line.Config{Terminator: line.CR, AIM: true})
	if err != nil {
		return nil, err
	}
	p := &plugged{pty: pty, wake: make(chan struct{}, 1), open: make(chan struct{}, 1), lost: make(chan struct{}, 1), r: rand.New(rand.NewPCG(uint64(n), 1))}
	p.hub = scanner.NewHub(scanner.NewReader(scanner.Config{Name: "scanner", Codec: codec, Wake: p.wake, Report: p.report,
		Open: func(ctx context.Context) (drivers.Transport, error) {
			port, err := serialport.Open(ctx, serialport.Config{Path: pty.Path(), LockDir: dir})
			if err != nil { // a nil pointer must not become a Transport
				return nil, err
			}
			return port, nil
		}}))
	return p, nil
}

func (p *plugged) report(s drivers.Status) {
	switch s.State {
	case drivers.Open:
		signal(p.open)
	case drivers.Absent, drivers.Failed:
		signal(p.lost)
	}
}

// signal makes sure that c has something to receive.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// live is the scanner's life, at the end of which everything is closed.
func (p *plugged) live(ctx context.Context, cycles int) error {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- p.hub.Run(ctx) }()
	defer func() { stop(); <-done; p.pty.Close() }()
	for i := range cycles {
		if err := p.cycle(ctx, i); err != nil {
			return fmt.Errorf("cycle %d: %w: %+v", i, err, p.hub.Devices()[0])
		}
	}
	if s := p.hub.Devices()[0]; s.Scans != cycles {
		return fmt.Errorf("%d scans, want %d", s.Scans, cycles)
	}
	return nil
}

// cycle is one time that it is plugged in: a whole code, and a part of one.
func (p *plugged) cycle(ctx context.Context, i int) error {
	if err := await(p.open, "it to be open"); err != nil {
		return err
	}
	if err := p.hub.Arm(ctx); err != nil {
		return err
	}
	code := fmt.Sprintf("%016d", i)
	if _, err := p.pty.Write([]byte("]Q1" + code + "\r")); err != nil {
		return err
	}
	select {
	case s := <-p.hub.Scans():
		if got := string(s.Text.Reveal()); got != code {
			return fmt.Errorf("%q arrived, want %q", got, code)
		}
	case <-time.After(patience):
		return fmt.Errorf("%q did not arrive", code)
	}
	half := "]Q1" + code + "half\r"
	if _, err := p.pty.Write([]byte(half[:1+p.r.IntN(len(half)-1)])); err != nil {
		return err
	}
	select {
	case <-p.lost: // of a try in vain before it was back
	default:
	}
	if err := p.pty.Hangup(); err != nil {
		return err
	}
	if err := await(p.lost, "it to be noticed gone"); err != nil {
		return err
	}
	select {
	case s := <-p.hub.Scans():
		return fmt.Errorf("%q arrived of a code that was never complete", s.Text.Reveal())
	default:
	}
	err := p.pty.Replug()
	signal(p.wake)
	return err
}

func await(c <-chan struct{}, what string) error {
	select {
	case <-c:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("waited %s for %s", patience, what)
	}
}
