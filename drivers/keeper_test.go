package drivers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a device whose Use ends when lost is closed.
type fake struct {
	lost chan struct{}
	open *atomic.Int32
}

func (f *fake) Read(context.Context, []byte) (int, error)  { return 0, ErrTimeout }
func (f *fake) Write(context.Context, []byte) (int, error) { return 0, ErrTimeout }
func (f *fake) Flush() error                               { return nil }
func (f *fake) String() string                             { return "fake" }
func (f *fake) Close() error                               { f.open.Add(-1); return nil }

// bench is a keeper with a device that the test plugs and unplugs.
type bench struct {
	k    Keeper
	open atomic.Int32

	mu      sync.Mutex
	err     error // what Open answers while unplugged
	dev     *fake // nil while unplugged
	tries   []time.Duration
	states  []State
	last    Status
	maxOpen int32
	start   time.Time
}

func newBench() *bench {
	b := &bench{err: &Error{Op: "open", Subject: "scanner", Err: fs.ErrNotExist}, start: time.Now()}
	b.k = Keeper{
		Name: "counter",
		Open: func(context.Context) (Transport, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.tries = append(b.tries, time.Since(b.start))
			if b.dev == nil {
				return nil, b.err
			}
			b.maxOpen = max(b.maxOpen, b.open.Add(1))
			return b.dev, nil
		},
		Use: func(ctx context.Context, t Transport) error {
			select {
			case <-t.(*fake).lost:
				return &Error{Op: "read", Subject: "scanner", Err: ErrGone}
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Report: func(s Status) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.states, b.last = append(b.states, s.State), s
		},
	}
	return b
}

func (b *bench) plug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dev = &fake{make(chan struct{}), &b.open}
}

func (b *bench) unplug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.dev.lost)
	b.dev = nil
}

// after lets d pass and returns what happened so far.
func (b *bench) after(d time.Duration) (last Status, tries []time.Duration, states []State) {
	time.Sleep(d)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last, slices.Clone(b.tries), slices.Clone(b.states)
}

func (b *bench) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.k.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := b.open.Load(); n != 0 {
			t.Errorf("%d transports left open", n)
		}
	}
}

func TestKeeperFindsADeviceThatComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		stop := b.run(t)
		last, tries, _ := b.after(time.Hour)
		if n := len(tries); n < 1800 || n > 3200 {
			t.Errorf("%d tries in an hour without a device", n)
		}
		for i := 1; i < len(tries); i++ {
			if gap := tries[i] - tries[i-1]; gap < 30*time.Millisecond || gap > MaxWait {
				t.Fatalf("%v between tries", gap)
			}
		}
		if last.State != Absent || last.Hint == "" || last.Cause == "" {
			t.Errorf("%+v", last)
		}
		for range 5 {
			b.plug()
			if last, _, _ := b.after(MaxWait); last.State != Open {
				t.Fatalf("%+v two seconds after the plug was put in", last)
			}
			_, before, _ := b.after(time.Minute)
			b.unplug()
			if last, tries, _ := b.after(10 * time.Millisecond); last.State != Absent || len(tries) != len(before) {
				t.Fatalf("%+v, %d tries after the plug was pulled", last, len(tries)-len(before))
			}
		}
		stop()
		_, _, states := b.after(0)
		if got := fmt.Sprint(states[:6]); got != "[opening absent open absent open absent]" {
			t.Errorf("states %v", got)
		}
		if b.maxOpen != 1 {
			t.Errorf("%d transports open at once", b.maxOpen)
		}
	})
}

func TestKeeperDoesNotSpinOnADeviceThatDiesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.plug()
		close(b.dev.lost)
		stop := b.run(t)
		if _, tries, _ := b.after(time.Minute); len(tries) < 25 || len(tries) > 60 {
			t.Errorf("opened %d times in a minute", len(tries))
		}
		stop()
	})
}

func TestKeeperIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		wake := make(chan struct{}, 1)
		b.k.Wake = wake
		stop := b.run(t)
		b.after(time.Minute)
		b.plug()
		wake <- struct{}{}
		last, before, _ := b.after(50 * time.Millisecond)
		if last.State != Open {
			t.Errorf("%+v 50 ms after the event", last)
		}
		b.unplug()
		close(wake) // a broken watcher must not make it spin
		if _, tries, _ := b.after(time.Second); len(tries)-len(before) > 40 {
			t.Errorf("%d tries in a second", len(tries)-len(before))
		}
		stop()
	})
}

func TestKeeperSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.err = &Error{Op: "open", Subject: "/dev/ttyACM0", Hint: "add tilld to group dialout", Err: fs.ErrPermission}
		stop := b.run(t)
		last, _, states := b.after(10 * time.Second)
		if last.State != Failed || last.Hint != "add tilld to group dialout" || last.Cause != "open /dev/ttyACM0: permission denied" {
			t.Errorf("%+v", last)
		}
		if len(states) != 2 {
			t.Errorf("%d reports of an unchanged state: %v", len(states), states)
		}
		if err := b.k.Run(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("second Run: %v", err)
		}
		stop()
	})
}
