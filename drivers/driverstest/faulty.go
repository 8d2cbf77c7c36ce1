package driverstest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers"
)

// Step is one thing a Faulty device does when it is read.
type Step struct {
	data  []byte
	short int           // at most so many bytes a read; 0 = all
	wait  time.Duration // before every read that gives something
	err   error
}

// Bytes arrive at once, in one read if it has room.
func Bytes(s string) Step { return Step{data: []byte(s)} }

// Short gives at most n bytes a read.
func Short(s string, n int) Step { return Step{data: []byte(s), short: n} }

// Slow gives one byte a read, gap after the one before it.
func Slow(s string, gap time.Duration) Step { return Step{data: []byte(s), short: 1, wait: gap} }

// Garbage is n random bytes, the same for the same seed.
func Garbage(n int, seed uint64) Step {
	rng := rand.New(rand.NewPCG(seed, seed))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return Step{data: b}
}

// Silence lets d pass.
func Silence(d time.Duration) Step { return Step{wait: d} }

// Fail lets one read fail with err, wrapped in a *drivers.Error: unix.EIO, unix.EAGAIN,
// drivers.ErrTimeout. What follows is read as if nothing had happened.
func Fail(err error) Step { return Step{err: err} }

// HangUp pulls the plug: this read and every later one fail with drivers.ErrGone.
func HangUp() Step { return Step{err: drivers.ErrGone} }

// Faulty is a Transport whose device follows a script, and is silent when it is over. Its
// times pass on time's clock, so that testing/synctest can drive it. It is safe for the
// concurrent use that drivers.Transport allows.
type Faulty struct {
	closed chan struct{}

	mu      sync.Mutex
	steps   []Step
	written bytes.Buffer
	flushes int
	gone    bool
	isClose bool
}

var _ drivers.Transport = (*Faulty)(nil)

// NewFaulty makes a device that does the steps in order, one or a part of one a read.
func NewFaulty(steps ...Step) *Faulty {
	return &Faulty{steps: steps, closed: make(chan struct{})}
}

// Read does the next step.
func (f *Faulty) Read(ctx context.Context, p []byte) (int, error) {
	for {
		step, ok, err := f.current()
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, f.wait(ctx, nil)
		}
		if step.wait > 0 {
			timer := time.NewTimer(step.wait)
			err := f.wait(ctx, timer.C)
			timer.Stop()
			if err != nil {
				return 0, err
			}
		}
		if n, err := f.perform(p); n > 0 || err != nil {
			return n, err
		}
	}
}

func (f *Faulty) current() (Step, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.isClose:
		return Step{}, false, f.fail("read", drivers.ErrClosed)
	case f.gone:
		return Step{}, false, f.fail("read", drivers.ErrGone)
	case len(f.steps) == 0:
		return Step{}, false, nil
	}
	return f.steps[0], true, nil
}

// perform does the first step, or a part of it.
func (f *Faulty) perform(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.steps) == 0 {
		return 0, nil
	}
	s := &f.steps[0]
	n := len(s.data)
	if s.short > 0 {
		n = min(n, s.short)
	}
	n = copy(p, s.data[:n])
	s.data = s.data[n:]
	err := s.err
	if len(s.data) == 0 {
		f.steps = f.steps[1:]
	}
	if err == nil {
		return n, nil
	}
	f.gone = errors.Is(err, drivers.ErrGone)
	return n, f.fail("read", err)
}

func (f *Faulty) wait(ctx context.Context, until <-chan time.Time) error {
	select {
	case <-until:
		return nil
	case <-f.closed:
		return f.fail("read", drivers.ErrClosed)
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return f.fail("read", drivers.ErrTimeout)
		}
		return f.fail("read", ctx.Err())
	}
}

func (f *Faulty) fail(op string, err error) error {
	return &drivers.Error{Op: op, Subject: f.String(), Err: err}
}

// Write keeps what was written; see Written.
func (f *Faulty) Write(_ context.Context, p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.isClose:
		return 0, f.fail("write", drivers.ErrClosed)
	case f.gone:
		return 0, f.fail("write", drivers.ErrGone)
	}
	return f.written.Write(p)
}

// Written is everything written so far.
func (f *Faulty) Written() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written.String()
}

// Flush counts itself. No step is dropped: a script's bytes have not arrived before they
// are read.
func (f *Faulty) Flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flushes++
	if f.gone {
		return f.fail("flush", drivers.ErrGone)
	}
	return nil
}

// Flushes is how often Flush was called.
func (f *Faulty) Flushes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.flushes
}

// Close ends a blocked Read.
func (f *Faulty) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.isClose {
		f.isClose = true
		close(f.closed)
	}
	return nil
}

func (f *Faulty) String() string { return "faulty device" }
