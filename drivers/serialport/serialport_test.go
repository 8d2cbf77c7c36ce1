package serialport

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
)

var _ drivers.Transport = (*Port)(nil)

func openPty(t testing.TB) (*driverstest.Pty, Config) {
	t.Helper()
	dir := t.TempDir()
	pty, err := driverstest.OpenPty(filepath.Join(dir, "scanner"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pty.Close() })
	return pty, Config{Path: pty.Path(), LockDir: dir}
}

func open(t testing.TB, c Config) *Port {
	t.Helper()
	p, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func read(t testing.TB, p *Port, patience time.Duration) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := make([]byte, 256)
	n, err := p.Read(ctx, b)
	return string(b[:n]), err
}

func send(t testing.TB, pty *driverstest.Pty, s string) {
	t.Helper()
	if _, err := pty.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

// until polls a condition; the real world has no virtual clock.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestTimeoutIsNotAHangUp(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	for range 3 {
		if _, err := read(t, p, 250*time.Millisecond); !errors.Is(err, drivers.ErrTimeout) {
			t.Fatalf("silent line: %v", err)
		}
	}
	send(t, pty, "still here")
	if s, err := read(t, p, 5*time.Second); err != nil || s != "still here" {
		t.Fatalf("%q %v", s, err)
	}
	if err := pty.Hangup(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := read(t, p, 5*time.Second); !errors.Is(err, drivers.ErrGone) {
		t.Fatalf("after the plug was pulled: %v", err)
	}
	t.Logf("hang-up seen after %v", time.Since(began))
	if took := time.Since(began); took > time.Second {
		t.Errorf("hang-up seen only after %v", took)
	}
	if _, err := read(t, p, time.Second); !errors.Is(err, drivers.ErrGone) {
		t.Fatalf("a gone device stays gone: %v", err)
	}
}

func TestWhatArrivedBeforeTheHangUpIsStillRead(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	send(t, pty, "last words")
	until(t, "bytes", func() bool { return !p.LastByte().IsZero() })
	if err := pty.Hangup(); err != nil {
		t.Fatal(err)
	}
	<-p.readDone
	if s, err := read(t, p, time.Second); err != nil || s != "last words" {
		t.Fatalf("%q %v", s, err)
	}
}

func TestCloseWhileReadIsBlocked(t *testing.T) {
	_, c := openPty(t)
	p := open(t, c)
	got := make(chan error, 1)
	go func() {
		_, err := p.Read(context.Background(), make([]byte, 8))
		got <- err
	}()
	until(t, "a read", func() bool { return p.reads.Load() > 0 })
	began := time.Now()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 250*time.Millisecond {
		t.Errorf("Close took %v", took)
	}
	if err := <-got; !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("blocked Read: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := read(t, p, time.Second); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if _, err := p.Write(t.Context(), []byte("x")); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if err := p.Flush(); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("Flush after Close: %v", err)
	}
}

func TestCancelledReadReturnsAtOnce(t *testing.T) {
	_, c := openPty(t)
	p := open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() {
		_, err := p.Read(ctx, make([]byte, 8))
		got <- err
	}()
	began := time.Now()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) || errors.Is(err, drivers.ErrTimeout) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 50*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestSecondOwnerIsRefused(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	other := c
	other.Path = filepath.Join(t.TempDir(), "another-name")
	real, err := filepath.EvalSymlinks(pty.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, other.Path); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Config{c, other} {
		var e *drivers.Error
		if _, err := Open(t.Context(), c); !errors.Is(err, drivers.ErrBusy) || !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("second open of %s: %v", c.Path, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, c)
}

func TestSlowBytesAndWrites(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	want := "]Q1134567890123456789\r"
	go func() {
		tick := time.NewTicker(7 * time.Millisecond)
		defer tick.Stop()
		for i := range want {
			<-tick.C
			if _, err := pty.Write([]byte{want[i]}); err != nil {
				return
			}
		}
	}()
	got := ""
	for len(got) < len(want) {
		s, err := read(t, p, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got += s
	}
	if got != want {
		t.Fatalf("got %q", got)
	}
	if n, err := p.Write(t.Context(), []byte("\x16T\r")); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	b := make([]byte, 8)
	if err := pty.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := pty.Read(b); err != nil || string(b[:n]) != "\x16T\r" {
		t.Fatalf("device got %q %v", b[:n], err)
	}
}

// TestWriteDeadline: a device that takes nothing blocks neither the writer for longer than
// its deadline nor Close for longer than 250 ms.
func TestWriteDeadline(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := p.Write(ctx, make([]byte, 1<<20))
	if !errors.Is(err, drivers.ErrTimeout) || time.Since(began) > time.Second {
		t.Fatalf("%v after %v", err, time.Since(began))
	}
	began = time.Now()
	err = p.Close()
	if took := time.Since(began); took > 300*time.Millisecond {
		t.Errorf("Close took %v: %v", took, err)
	}
	if err := pty.Hangup(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.writeDone:
	case <-time.After(5 * time.Second):
		t.Error("the writer outlives the device")
	}
}

// TestFlushDropsAllThatCameBefore sends a code, flushes, sends another: of the first no byte
// is read, whatever stage it had reached.
func TestFlushDropsAllThatCameBefore(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	slow := 0
	for i := range 40 {
		send(t, pty, "OLD-OLD-OLD")
		if i%2 == 0 {
			runtime.Gosched()
		}
		if i%4 == 1 {
			if s, err := read(t, p, 5*time.Second); err != nil || !strings.HasPrefix("OLD-OLD-OLD", s) {
				t.Fatalf("%q %v", s, err)
			}
		}
		began := time.Now()
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 250*time.Millisecond {
			slow++
			t.Logf("Flush took %v", took)
		}
		send(t, pty, "NEW")
		got := ""
		for len(got) < 3 {
			s, err := read(t, p, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			got += s
		}
		if got != "NEW" {
			t.Fatalf("round %d: read %q", i, got)
		}
	}
	if slow > 4 { // a read lasts 100 ms; the rest is a busy machine
		t.Errorf("%d of 40 Flushes took more than 250 ms", slow)
	}
}

func TestOpenDropsWhatWaited(t *testing.T) {
	pty, c := openPty(t)
	send(t, pty, "scanned before anyone listened")
	p := open(t, c)
	if s, err := read(t, p, 150*time.Millisecond); !errors.Is(err, drivers.ErrTimeout) {
		t.Fatalf("%q %v", s, err)
	}
}

func TestNothingSpins(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	count := func(d time.Duration) int64 {
		before := p.reads.Load()
		<-time.After(d)
		return p.reads.Load() - before
	}
	if n := count(time.Second); n > 12 {
		t.Errorf("%d reads in an idle second", n)
	}
	if err := pty.Hangup(); err != nil {
		t.Fatal(err)
	}
	before := p.reads.Load()
	<-p.readDone
	if n := p.reads.Load() - before; n > 5 {
		t.Errorf("%d reads to notice a hang-up", n)
	}
	if n := count(100 * time.Millisecond); n != 0 {
		t.Errorf("%d reads of a dead line", n)
	}
}

func TestDeviceReplacedUnderItsLink(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	other, err := driverstest.OpenPty("")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	// The link moves while the old device lives on.
	if err := errors.Join(os.Remove(pty.Path()), os.Symlink(other.Path(), pty.Path())); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, p, 5*time.Second); !errors.Is(err, drivers.ErrGone) {
		t.Fatalf("%v", err)
	}
}

func TestNothingLeaks(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 40
	}
	pty, c := openPty(t)
	fds := func() int {
		l, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(l)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	slow := 0
	cycle := func(i int) {
		p, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if i%8 == 0 {
			<-time.After(time.Duration(1+rng.IntN(20)) * time.Millisecond) // well into a read
		}
		switch rng.IntN(4) {
		case 0:
			send(t, pty, "half a co")
		case 1:
			go p.Read(context.Background(), make([]byte, 8))
		case 2:
			if i%20 == 0 {
				if err := pty.Replug(); err != nil {
					t.Fatal(err)
				}
			}
		}
		began := time.Now()
		err = p.Close()
		if err != nil && !errors.Is(err, drivers.ErrTimeout) {
			t.Fatal(err)
		}
		// It gives up waiting after its time, and lets go a little later: on a machine that is
		// busy with other things that happens, but not often.
		if took := time.Since(began); err != nil || took > 250*time.Millisecond {
			slow++
			t.Logf("Close took %v", took)
		}
	}
	cycle(0)
	beforeFds, beforeGo := fds(), runtime.NumGoroutine()
	for i := range n {
		cycle(i)
	}
	// Close is bounded by a timer; what is above it is a machine too busy to wake us.
	if slow > n/20 {
		t.Errorf("%d of %d Closes took more than 250 ms", slow, n)
	}
	until(t, "goroutines and files to end", func() bool {
		return runtime.NumGoroutine() <= beforeGo && fds() <= beforeFds
	})
}

func TestOpenSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want error
	}{
		{filepath.Join(dir, "ttyACM9"), fs.ErrNotExist},
		{file, errNoDevice},
		{"/dev/null", unix.ENOTTY},
	} {
		_, err := Open(t.Context(), Config{Path: c.path, LockDir: dir})
		var e *drivers.Error
		if !errors.Is(err, c.want) || !errors.As(err, &e) || e.Hint == "" || e.Subject != c.path {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

func TestBauds(t *testing.T) {
	_, c := openPty(t)
	for _, baud := range append(slices.Clone(bauds), 0) {
		c.Baud = baud
		p, err := Open(t.Context(), c)
		if err != nil {
			t.Errorf("%d: %v", baud, err)
			continue
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, baud := range []int{-1, 1, 14400, 28800, 128000, 250000, 256000, 5000000} {
		c.Baud = baud
		var e *drivers.Error
		if _, err := Open(t.Context(), c); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%d: %v", baud, err)
		}
	}
}

// script is a device that answers reads from a list, and then with end.
type script struct {
	steps []step
	end   step
	reads atomic.Int32
}

type step struct {
	data string
	err  error
	wait time.Duration
}

func (s *script) Read(b []byte) (int, error) {
	next := s.end
	if n := int(s.reads.Add(1)); n <= len(s.steps) {
		next = s.steps[n-1]
	}
	<-time.After(next.wait)
	return copy(b, next.data), next.err
}
func (s *script) Write(b []byte) (int, error) { return 0, unix.EIO }
func (s *script) Flush() error                { return nil }
func (s *script) Close() error                { return nil }
