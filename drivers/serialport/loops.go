package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/secret"
)

// readLoop is the one goroutine that reads the device, until it is gone or Close was called.
func (p *Port) readLoop() {
	defer close(p.readDone)
	buf := make([]byte, 4096)
	early, idle := 0, 0
	for !p.isClosing() {
		began := time.Now()
		n, err := p.dev.Read(buf)
		took := time.Since(began)
		p.reads.Add(1)
		p.arrived(buf[:n])
		switch {
		case n > 0:
			early, idle = 0, 0
			continue
		case errors.Is(err, io.EOF) && took >= earlyEnd, err == nil:
			early = 0
			idle++
			if idle%lookAgain == 0 && p.replaced() {
				p.end(fmt.Errorf("%w: the path leads to another device now", drivers.ErrGone))
				return
			}
			continue
		case errors.Is(err, io.EOF):
			early++
			if early >= earlyLimit {
				p.end(fmt.Errorf("%w: hung up", drivers.ErrGone))
				return
			}
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			// A signal, or someone set the shared file description to non-blocking.
		default:
			p.end(fmt.Errorf("%w: %w", drivers.ErrGone, err))
			return
		}
		p.pause(earlyPause)
	}
}

func (p *Port) isClosing() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

func (p *Port) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.closing:
	}
}

// arrived puts bytes where Read finds them, and wipes b. When nobody takes them it waits,
// and the kernel's buffer fills: bytes are never dropped from the middle of a stream. It is
// also the sign for Flush that the read which was under way has returned.
func (p *Port) arrived(b []byte) {
	defer secret.Zero(b)
	for first := true; ; first = false {
		p.mu.Lock()
		if first && len(b) > 0 {
			p.lastByte = time.Now()
		}
		if p.discard != nil {
			close(p.discard)
			p.discard = nil
			p.mu.Unlock()
			return
		}
		n := min(len(b), cap(p.ring)-len(p.ring))
		p.ring = append(p.ring, b[:n]...)
		if n > 0 {
			signal(p.ready)
		}
		p.mu.Unlock()
		secret.Zero(b[:n])
		if b = b[n:]; len(b) == 0 {
			return
		}
		select {
		case <-p.space:
		case <-p.closing:
			return
		}
	}
}

// end records why nothing more will come.
func (p *Port) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = p.fail("read", err)
	if p.discard != nil {
		close(p.discard)
		p.discard = nil
	}
	signal(p.ready)
}

// over reports whether nothing more will come.
func (p *Port) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil
}

// replaced reports whether the configured path leads to another device than the open one:
// a link of udev's that was pointed elsewhere, with the old device still alive. A path that
// leads nowhere proves nothing: udev takes links away for a moment.
func (p *Port) replaced() bool {
	if p.lock == nil {
		return false
	}
	real, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		return false
	}
	rdev, err := deviceNumber(real)
	return err == nil && rdev != p.rdev
}

// Flush drops everything that arrived before it returns control: the kernel's queues, what
// waits for Read, and what a read already under way brings back. For that last part it
// waits up to 100 ms. What was written before is on the wire by then: a device that misses
// an acknowledgement would fall silent.
func (p *Port) Flush() error {
	if p.isClosing() {
		return p.fail("flush", drivers.ErrClosed)
	}
	if left := time.Until(time.Unix(0, p.sentBy.Load())); left > 0 {
		p.pause(min(left, sendLimit))
	}
	p.mu.Lock()
	if p.err != nil {
		defer p.mu.Unlock()
		return p.err
	}
	secret.Zero(p.ring)
	p.ring = p.ring[:0]
	signal(p.space)
	if p.discard == nil {
		p.discard = make(chan struct{})
	}
	returned := p.discard
	p.mu.Unlock()
	err := p.flushQueues()
	select {
	case <-returned:
	case <-p.readDone:
	}
	if err != nil {
		return p.fail("flush", fmt.Errorf("%w: %w", drivers.ErrGone, err))
	}
	return nil
}

// flushQueues drops the kernel's queues. It never overlaps with the closing of the file,
// whose number could be another file's by the time of the call.
func (p *Port) flushQueues() error {
	p.file.Lock()
	defer p.file.Unlock()
	if p.isClosing() {
		return nil
	}
	return p.dev.Flush()
}

// Write hands p to the writer goroutine and waits until the kernel has all of it. Its
// deadline is the context's, or one second. After ErrTimeout the write may still happen.
func (p *Port) Write(ctx context.Context, b []byte) (int, error) {
	if p.isClosing() {
		return 0, p.fail("write", drivers.ErrClosed)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultWriteDeadline)
		defer cancel()
	}
	w := &write{data: append([]byte(nil), b...), done: make(chan error, 1)}
	select {
	case p.writes <- w:
	case <-p.closing:
		return 0, p.fail("write", drivers.ErrClosed)
	case <-ctx.Done():
		return 0, p.fail("write", timeoutOr(ctx.Err()))
	}
	select {
	case err := <-w.done:
		if err != nil {
			return 0, p.fail("write", err)
		}
		return len(b), nil
	case <-p.closing:
		return 0, p.fail("write", drivers.ErrClosed)
	case <-ctx.Done():
		return 0, p.fail("write", timeoutOr(ctx.Err()))
	}
}

func timeoutOr(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: the device takes no bytes", drivers.ErrTimeout)
	}
	return err
}

// wireTime is how long n bytes take to leave the kernel's queue, ten bits a byte: tarm/serial
// cannot be asked, and its Flush drops what is still there.
func (p *Port) wireTime(n int) time.Duration {
	return time.Duration(n)*10*time.Second/time.Duration(max(p.baud, 1)) + usbLatency
}

// writeLoop is the one goroutine that writes to the device.
func (p *Port) writeLoop() {
	defer close(p.writeDone)
	for {
		select {
		case <-p.closing:
			return
		case w := <-p.writes:
			_, err := p.dev.Write(w.data)
			p.sentBy.Store(time.Now().Add(p.wireTime(len(w.data))).UnixNano())
			if err != nil {
				err = fmt.Errorf("%w: %w", drivers.ErrGone, err)
			}
			secret.Zero(w.data)
			w.done <- err
		}
	}
}

// Close ends a blocked Read and Write, waits for both goroutines, and closes the file. It
// takes at most 250 ms. A write that the kernel still holds then keeps the file until the
// device takes it or is unplugged; that is reported as drivers.ErrTimeout.
func (p *Port) Close() error {
	p.closeOnce.Do(func() { p.closeErr = p.close() })
	return p.closeErr
}

func (p *Port) close() error {
	close(p.closing)
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	closed := make(chan error, 1)
	go func() {
		<-p.readDone
		// Drops queued output, which frees a writer on most devices.
		p.file.Lock()
		_ = p.dev.Flush()
		p.file.Unlock()
		<-p.writeDone
		if p.lock != nil && !p.over() { // behind the node of a gone device can be the next one
			unclaim(p.real, p.rdev)
		}
		p.file.Lock()
		err := p.dev.Close()
		p.file.Unlock()
		if p.lock != nil {
			err = errors.Join(err, p.lock.Close())
		}
		p.mu.Lock()
		secret.Zero(p.ring[:cap(p.ring)])
		p.ring = p.ring[:0]
		p.mu.Unlock()
		closed <- err
	}()
	select {
	case err := <-closed:
		if err != nil {
			return p.fail("close", err)
		}
		return nil
	case <-limit.C:
		return p.fail("close", drivers.ErrTimeout)
	}
}
