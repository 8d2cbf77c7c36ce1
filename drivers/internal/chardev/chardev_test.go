package chardev

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
)

var _ drivers.Transport = (*File)(nil)

// pair is a file and the device's end of it. Records are kept whole, as HID reports are.
func pair(t testing.TB) (f *File, device *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	device = os.NewFile(uintptr(fds[1]), "device")
	if f, err = New(os.NewFile(uintptr(fds[0]), "host"), "/dev/model0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); device.Close() })
	return f, device
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func send(t testing.TB, device io.Writer, s string) {
	t.Helper()
	if _, err := device.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func next(t testing.TB, f *File) (string, error) {
	b := make([]byte, 64)
	n, err := f.Read(within(t, 10*time.Second), b)
	return string(b[:n]), err
}

// is checks an error's kind, and that it is dressed as package drivers wants it.
func is(t testing.TB, err, want error) {
	t.Helper()
	var e *drivers.Error
	if !errors.Is(err, want) || !errors.As(err, &e) || errors.Is(err, io.EOF) {
		t.Errorf("%v, want %v", err, want)
	}
}

func TestRecordsStayWhole(t *testing.T) {
	f, device := pair(t)
	send(t, device, "one")
	send(t, device, "two")
	for _, want := range []string{"one", "two"} {
		if s, err := next(t, f); s != want || err != nil {
			t.Errorf("%q %v, want %q", s, err, want)
		}
	}
	if n, err := f.Write(t.Context(), []byte("back")); n != 4 || err != nil {
		t.Error(n, err)
	}
	b := make([]byte, 8)
	if n, err := device.Read(b); string(b[:n]) != "back" || err != nil {
		t.Errorf("%q %v", b[:n], err)
	}
}

func TestReadEnds(t *testing.T) {
	f, device := pair(t)
	_, err := f.Read(within(t, time.Millisecond), make([]byte, 8))
	is(t, err, drivers.ErrTimeout)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.Read(ctx, make([]byte, 8))
	is(t, err, context.Canceled)
	// A read that ended leaves nothing behind that ends the next.
	for range 200 {
		_, err = f.Read(within(t, time.Microsecond), make([]byte, 8))
		is(t, err, drivers.ErrTimeout)
		send(t, device, "x")
		if s, err := next(t, f); s != "x" || err != nil {
			t.Fatalf("%q %v", s, err)
		}
	}
}

// TestReadFindsWhatIsThere although its time is over before it began.
func TestReadFindsWhatIsThere(t *testing.T) {
	f, device := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		send(t, device, "x")
		if n, err := f.Read(ctx, make([]byte, 8)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		_, err := f.Read(ctx, make([]byte, 8))
		is(t, err, context.Canceled)
	}
	device.Close()
	_, err := f.Read(ctx, make([]byte, 8))
	is(t, err, drivers.ErrGone)
}

func TestGone(t *testing.T) {
	f, device := pair(t)
	done := make(chan error, 1)
	go func() {
		_, err := f.Read(context.Background(), make([]byte, 8))
		done <- err
	}()
	device.Close()
	is(t, <-done, drivers.ErrGone)
	is(t, f.Flush(), drivers.ErrGone)
	// Of a HID device this is a command that it refuses.
	_, err := f.Write(t.Context(), []byte("x"))
	is(t, err, unix.EPIPE)
}

func TestClose(t *testing.T) {
	f, _ := pair(t)
	done := make(chan error, 2)
	go func() {
		_, err := f.Read(context.Background(), make([]byte, 8))
		done <- err
	}()
	go func() { done <- f.Close() }()
	for range 2 {
		if err := <-done; err != nil {
			is(t, err, drivers.ErrClosed)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	_, err := f.Read(t.Context(), make([]byte, 8))
	is(t, err, drivers.ErrClosed)
	_, err = f.Write(t.Context(), []byte("x"))
	is(t, err, drivers.ErrClosed)
	is(t, f.Flush(), drivers.ErrClosed)
}

// TestWriteToADeafDevice: it takes nothing, and holds up neither the writer nor Close.
func TestWriteToADeafDevice(t *testing.T) {
	f, _ := pair(t)
	var err error
	for err == nil {
		_, err = f.Write(within(t, 50*time.Millisecond), make([]byte, 4096))
	}
	is(t, err, drivers.ErrTimeout)
	// The one before is still under way.
	_, err = f.Write(within(t, time.Millisecond), []byte("x"))
	is(t, err, drivers.ErrTimeout)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestStuckCall: a call that the kernel does not give back keeps Close for its limit only.
func TestStuckCall(t *testing.T) {
	f, device := pair(t)
	release, stuck := make(chan struct{}), make(chan error, 1)
	entered := make(chan struct{})
	go func() {
		stuck <- f.Slow(context.Background(), "ask", func() error {
			return f.Control("ask", func(int) error { close(entered); <-release; return nil })
		})
	}()
	<-entered
	began := time.Now()
	is(t, f.Close(), drivers.ErrTimeout)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	is(t, <-stuck, drivers.ErrClosed)
	close(release)
	if _, err := device.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

func TestFlush(t *testing.T) {
	f, device := pair(t)
	if !f.LastByte().IsZero() {
		t.Error("heard before anything came")
	}
	for range 10 {
		send(t, device, "old")
	}
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	if f.LastByte().IsZero() || f.Burst() != 0 {
		t.Error("nothing was flushed")
	}
	send(t, device, "new")
	if s, err := next(t, f); s != "new" || err != nil {
		t.Errorf("%q %v", s, err)
	}
}

// TestFlushBesideRead: the reader waits in another goroutine.
func TestFlushBesideRead(t *testing.T) {
	f, device := pair(t)
	done := make(chan string, 1)
	go func() {
		b := make([]byte, 8)
		n, _ := f.Read(context.Background(), b)
		done <- string(b[:n])
	}()
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	send(t, device, "x")
	if s := <-done; s != "x" {
		t.Errorf("%q", s)
	}
}

func TestBurst(t *testing.T) {
	f, device := pair(t)
	for i := range 5 {
		for range i {
			send(t, device, "x")
		}
		for range i {
			if _, err := next(t, f); err != nil {
				t.Fatal(err)
			}
		}
		if f.Burst() != i {
			t.Errorf("%d reads in a row, want %d", f.Burst(), i)
		}
		go func() { device.Write([]byte("waited for")) }()
		_, err := f.Read(within(t, 10*time.Second), make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	pty, err := driverstest.OpenPty(filepath.Join(dir, "node"))
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	c := Config{Path: pty.Path(), LockDir: dir, Write: true}
	f, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if f.String() != c.Path {
		t.Error(f)
	}
	_, err = Open(t.Context(), c)
	is(t, err, drivers.ErrBusy)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := pty.Hangup(); err != nil {
		t.Fatal(err)
	}
	_, err = next(t, f)
	is(t, err, drivers.ErrGone)
	f.Close()
}

// TestOpenWaitsForTheNode: udev makes it after the kernel has told of the device.
func TestOpenWaitsForTheNode(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "late")
	pty, err := driverstest.OpenPty("")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	timer := time.AfterFunc(120*time.Millisecond, func() { os.Symlink(pty.Path(), link) })
	defer timer.Stop()
	f, err := Open(t.Context(), Config{Path: link, LockDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestOpenSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "hidraw9"): fs.ErrNotExist,
		file:                          errNoDevice,
		"/dev/null":                   errNoDevice,
	} {
		_, err := Open(within(t, 100*time.Millisecond), Config{Path: path, LockDir: dir})
		is(t, err, want)
	}
	for _, err := range []error{fs.ErrNotExist, unix.EACCES, drivers.ErrBusy} {
		if hint("/dev/hidraw0", err) == "" {
			t.Errorf("%v: no hint", err)
		}
	}
}

// TestNothingLeaks closes at random moments.
func TestNothingLeaks(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 300
	}
	fds := func() int {
		l, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(l)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	cycle := func() {
		fd, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		device := os.NewFile(uintptr(fd[1]), "device")
		f, err := New(os.NewFile(uintptr(fd[0]), "host"), "/dev/model0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b := make([]byte, 64)
			for {
				if _, err := f.Read(context.Background(), b); err != nil {
					return
				}
			}
		}()
		for range rng.IntN(4) {
			switch rng.IntN(4) {
			case 0:
				device.Write(bytes.Repeat([]byte("x"), 64))
			case 1:
				f.Flush()
			case 2:
				f.Write(context.Background(), []byte("x"))
			case 3:
				device.Close()
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		<-done
		device.Close()
	}
	cycle()
	beforeFds, beforeGo := fds(), runtime.NumGoroutine()
	for range n {
		cycle()
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > beforeGo || fds() > beforeFds; {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines of %d, %d files of %d", runtime.NumGoroutine(), beforeGo, fds(), beforeFds)
		}
		runtime.Gosched()
	}
}
