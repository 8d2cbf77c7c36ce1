// Package chardev opens device nodes that a poller can wait for (/dev/hidraw*,
// /dev/input/event*) and does to them what a drivers.Transport does: bounded reads and
// writes, an end to both on Close, one owner.
package chardev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/secret"
)

const (
	// The kernel tells of a device before udev has made its node accessible: so often, and so
	// far apart, is a node tried that is not there or not allowed yet.
	openTries = 20
	openPause = 50 * time.Millisecond
	// writeDeadline bounds what is written without a deadline.
	writeDeadline = time.Second
	closeLimit    = 240 * time.Millisecond
	// drainLimit bounds Flush against a device that never stops sending.
	drainLimit = 1 << 20
)

// Config names a node.
type Config struct {
	Path    string // links are followed
	LockDir string // see drivers.LockNode
	Write   bool   // open it for writing too
}

// File is an open node. One goroutine reads; the other methods may be called from any.
type File struct {
	path string
	file *os.File
	raw  syscall.RawConn
	lock *os.File

	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
	exclusive chan struct{} // capacity 1: held by who writes or makes a slow call

	mu    sync.Mutex // serialises what sets the read deadline
	reads uint64     // Reads so far, so that a late end of one does not end the next

	burst    atomic.Int64 // Reads in a row that found something at once
	lastByte atomic.Int64 // Unix time in nanoseconds; 0: never
}

var (
	errNoDevice = errors.New("not a device that can be waited for")
	errNotOpen  = errors.New("not accessible")
)

// Open opens the node, waiting up to a second for it to appear and for the permission to open
// it. The error is a *drivers.Error with a cause but without a hint for what is special to the
// kind of device.
func Open(ctx context.Context, c Config) (*File, error) {
	var err error
	for try := range openTries {
		if try > 0 && !pause(ctx, openPause) {
			break
		}
		var f *File
		if f, err = open(c); err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotOpen) {
			break
		}
	}
	return nil, &drivers.Error{Op: "open", Subject: c.Path, Hint: hint(c.Path, err), Err: err}
}

func hint(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return "plug the device in, or correct the device in the configuration (tilld devices lists what is there)"
	case errors.Is(err, fs.ErrPermission):
		return "let tilld's user open the device: add a udev rule, or add the user to the group of " + path
	case errors.Is(err, drivers.ErrBusy):
		return "another tilld has this device: stop it, or give each scanner its own section"
	}
	return ""
}

func open(c Config) (*File, error) {
	real, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return nil, err
	}
	lock, err := drivers.LockNode(c.LockDir, real)
	if err != nil {
		return nil, err
	}
	flags := unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY
	if c.Write {
		flags |= unix.O_RDWR
	}
	fd, err := unix.Open(real, flags, 0)
	if err != nil {
		if err == unix.EACCES || err == unix.EPERM {
			err = fmt.Errorf("%w: %w", errNotOpen, err)
		}
		return nil, errors.Join(&fs.PathError{Op: "open", Path: real, Err: err}, lock.Close())
	}
	f, err := New(os.NewFile(uintptr(fd), real), c.Path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	f.lock = lock
	return f, nil
}

// New takes over a file that is in non-blocking mode.
func New(file *os.File, path string) (*File, error) {
	raw, err := file.SyscallConn()
	if err == nil {
		// A file that the poller does not know would block where nothing can end it.
		err = file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errNoDevice, err), file.Close())
	}
	return &File{path: path, file: file, raw: raw, closing: make(chan struct{}), exclusive: make(chan struct{}, 1)}, nil
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Read waits for one read of the node that brings something. See drivers.Transport.
func (f *File) Read(ctx context.Context, p []byte) (int, error) {
	defer f.bound(ctx)()
	n, waited := 0, false
	var err error
	again := f.raw.Read(func(fd uintptr) bool {
		n, err = read(int(fd), p)
		if err == unix.EAGAIN {
			waited = true
			return false
		}
		return true
	})
	if errors.Is(again, os.ErrDeadlineExceeded) {
		// A program that stood still finds the deadline passed and something to read.
		again = f.raw.Control(func(fd uintptr) { n, err = read(int(fd), p) })
		if err == unix.EAGAIN {
			err = os.ErrDeadlineExceeded
		}
	}
	if n > 0 {
		f.arrived(waited)
		return n, nil
	}
	if again != nil {
		err = again
	}
	return 0, f.fail("read", f.cause(ctx, err))
}

func read(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// bound has ctx end the read that begins now, and returns what ends that.
func (f *File) bound(ctx context.Context) func() {
	f.mu.Lock()
	f.reads++
	n := f.reads
	// An error means that the file is closed: the read says so.
	_ = f.file.SetReadDeadline(time.Time{})
	f.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.reads == n {
			_ = f.file.SetReadDeadline(time.Unix(1, 0))
		}
	})
	return func() {
		stop()
		f.mu.Lock()
		f.reads++
		f.mu.Unlock()
	}
}

func (f *File) arrived(waited bool) {
	f.lastByte.Store(time.Now().UnixNano())
	if waited {
		f.burst.Store(0)
	}
	f.burst.Add(1)
}

// cause is an error in the words of package drivers.
func (f *File) cause(ctx context.Context, err error) error {
	switch {
	case f.isClosing() || errors.Is(err, os.ErrClosed):
		return drivers.ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ended(ctx)
	case err == nil, err == io.EOF:
		return fmt.Errorf("%w: hung up", drivers.ErrGone)
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EIO), errors.Is(err, unix.ECONNRESET):
		return fmt.Errorf("%w: %w", drivers.ErrGone, err)
	}
	return err
}

func ended(ctx context.Context) error {
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return drivers.ErrTimeout
}

func (f *File) isClosing() bool {
	select {
	case <-f.closing:
		return true
	default:
		return false
	}
}

func (f *File) fail(op string, err error) error {
	return &drivers.Error{Op: op, Subject: f.path, Err: err}
}

// Write hands all of p to the node. Its deadline is the context's, or one second; after
// ErrTimeout the write may still happen.
func (f *File) Write(ctx context.Context, p []byte) (int, error) {
	data := append([]byte(nil), p...)
	err := f.Slow(ctx, "write", func() error {
		defer secret.Zero(data)
		_, err := f.file.Write(data)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Slow makes a call that may take the kernel seconds, and waits for it as long as ctx allows,
// or one second. One such call is made at a time.
func (f *File) Slow(ctx context.Context, op string, call func() error) error {
	if f.isClosing() {
		return f.fail(op, drivers.ErrClosed)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, writeDeadline)
		defer cancel()
	}
	select {
	case f.exclusive <- struct{}{}:
	case <-f.closing:
		return f.fail(op, drivers.ErrClosed)
	case <-ctx.Done():
		return f.fail(op, ended(ctx))
	}
	done := make(chan error, 1)
	go func() {
		err := call()
		<-f.exclusive
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return f.fail(op, f.cause(ctx, err))
		}
		return nil
	case <-f.closing:
		return f.fail(op, drivers.ErrClosed)
	case <-ctx.Done():
		return f.fail(op, ended(ctx))
	}
}

// Control calls do with the file descriptor, which stays open meanwhile.
func (f *File) Control(op string, do func(fd int) error) error {
	var err error
	if closed := f.raw.Control(func(fd uintptr) { err = do(int(fd)) }); closed != nil {
		err = closed
	}
	if err != nil {
		return f.fail(op, f.cause(context.Background(), err))
	}
	return nil
}

// Flush reads and drops what waits.
func (f *File) Flush() error {
	return f.Control("flush", func(fd int) error {
		b := make([]byte, 4096)
		defer secret.Zero(b)
		for sum := 0; sum < drainLimit; {
			n, err := read(fd, b)
			switch {
			case err == unix.EAGAIN:
				f.burst.Store(0)
				return nil
			case err != nil:
				return err
			case n == 0:
				return io.EOF
			}
			f.lastByte.Store(time.Now().UnixNano())
			sum += n
		}
		return nil
	})
}

// Burst is how many Reads in a row found something without waiting for it; the first of them
// may have waited.
func (f *File) Burst() int { return int(f.burst.Load()) }

// LastByte is when the device last sent something, taken or dropped; zero if never.
func (f *File) LastByte() time.Time {
	if t := f.lastByte.Load(); t != 0 {
		return time.Unix(0, t)
	}
	return time.Time{}
}

// Close ends a blocked Read and closes the node. It takes at most 250 ms: a call that the
// kernel does not give back keeps the node until it does, which is reported as
// drivers.ErrTimeout.
func (f *File) Close() error {
	f.closeOnce.Do(func() { f.closeErr = f.close() })
	return f.closeErr
}

func (f *File) close() error {
	close(f.closing)
	closed := make(chan error, 1)
	go func() {
		err := f.file.Close()
		if f.lock != nil {
			err = errors.Join(err, f.lock.Close())
		}
		closed <- err
	}()
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case err := <-closed:
		if err != nil {
			return f.fail("close", err)
		}
		return nil
	case <-limit.C:
		return f.fail("close", drivers.ErrTimeout)
	}
}

// String is the configured path.
func (f *File) String() string { return f.path }
