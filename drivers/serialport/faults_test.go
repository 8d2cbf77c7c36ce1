package serialport

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
)

// TestFaultsBelow runs the reader on made-up answers of the kernel, in virtual time.
func TestFaultsBelow(t *testing.T) {
	timeout := step{err: io.EOF, wait: 100 * time.Millisecond}
	early := step{err: io.EOF, wait: 100 * time.Microsecond}
	for _, c := range []struct {
		name  string
		steps []step
		end   step
		text  string
		want  error
	}{
		{"end-of-file storm of an unplugged device", nil, early, "", drivers.ErrGone},
		{"two early ends are not three", []step{early, early, {data: "a"}, early, early, timeout, early, early, {data: "b"}}, timeout, "ab", drivers.ErrTimeout},
		{"EAGAIN and EINTR", []step{{err: unix.EAGAIN}, {err: unix.EINTR}, {data: "x"}}, timeout, "x", drivers.ErrTimeout},
		{"EIO", []step{{data: "x"}}, step{err: unix.EIO}, "x", drivers.ErrGone},
		{"short reads", []step{{data: "1"}, {data: "2"}, {data: "3"}, timeout, {data: "4"}}, timeout, "1234", drivers.ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dev := &script{steps: c.steps, end: c.end}
				p := newPort("fake", dev)
				p.start()
				defer p.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				got, b := "", make([]byte, 8)
				for {
					n, err := p.Read(ctx, b)
					got += string(b[:n])
					if err != nil {
						if !errors.Is(err, c.want) || errors.Is(err, io.EOF) {
							t.Errorf("ended with %v", err)
						}
						break
					}
				}
				if got != c.text {
					t.Errorf("read %q, want %q", got, c.text)
				}
				if int(dev.reads.Load()) > 110+len(c.steps) {
					t.Errorf("%d reads in ten seconds", dev.reads.Load())
				}
				if _, err := p.Write(t.Context(), []byte("x")); !errors.Is(err, drivers.ErrGone) {
					t.Errorf("write EIO: %v", err)
				}
			})
		})
	}
}

// TestEAGAINForEverDoesNotSpin: someone set the terminal to non-blocking.
func TestEAGAINForEverDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &script{end: step{err: unix.EAGAIN}}
		p := newPort("fake", dev)
		p.start()
		time.Sleep(10 * time.Second)
		p.Close()
		if dev.reads.Load() > 510 {
			t.Errorf("%d reads in ten seconds", dev.reads.Load())
		}
	})
}

// TestGarbageWithoutEndIsBounded: nobody takes the bytes; the device waits, memory does not grow.
func TestGarbageWithoutEndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &script{end: step{data: string(make([]byte, 4096))}}
		p := newPort("fake", dev)
		p.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		p.mu.Lock()
		if len(p.ring) != ringSize || cap(p.ring) != ringSize {
			t.Errorf("%d bytes buffered in %d", len(p.ring), cap(p.ring))
		}
		p.mu.Unlock()
		if dev.reads.Load() > ringSize/4096+1 {
			t.Errorf("%d reads with nobody taking", dev.reads.Load())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// sender is a device that notes when it was written to and flushed.
type sender struct {
	script
	wrote, flushed time.Time
}

func (s *sender) Write(b []byte) (int, error) { s.wrote = time.Now(); return len(b), nil }
func (s *sender) Flush() error                { s.flushed = time.Now(); return nil }

// TestFlushKeepsWhatWasWritten: tarm/serial flushes both directions, and an acknowledgement
// that is still in the kernel's queue would be lost.
func TestFlushKeepsWhatWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &sender{script: script{end: step{err: io.EOF, wait: 100 * time.Millisecond}}}
		p := newPort("fake", dev)
		p.baud = 9600
		p.start()
		defer p.Close()
		if _, err := p.Write(t.Context(), []byte{4, 0xD0, 4, 0, 0xFF, 0x28}); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		if d := dev.flushed.Sub(dev.wrote); d < 6250*time.Microsecond || d > 50*time.Millisecond {
			t.Errorf("flushed %v after six bytes were written at 9600 baud", d)
		}
	})
}
