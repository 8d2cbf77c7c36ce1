package v4l2

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

const (
	closeLimit = 240 * time.Millisecond
	// lookAgain is how long a stream may be silent before the device is asked whether it is
	// still there. The kernel wakes us when it is unplugged; this is for the case it did not.
	lookAgain = 500 * time.Millisecond
	// DefaultBuffers is how many buffers the kernel gets: at 30 frames a second it may be busy
	// elsewhere for 100 ms.
	DefaultBuffers = 4
	// DefaultFrames is how many frames may be alive.
	DefaultFrames = 16
)

// Config names a camera.
type Config struct {
	Path   string // "/dev/video0"
	Stream string // what frames say they are of: "nir"; empty = Path
	// Buffers is how many buffers are asked of the kernel, 2 to 32; 0 = DefaultBuffers.
	Buffers int
	// Frames is how many frames may be alive at once, waiting for Next or not yet released;
	// 0 = DefaultFrames. While all are taken new ones are lost. Half of them may wait.
	Frames int
}

// Counts is what has happened since the camera was opened.
type Counts struct {
	Frames  uint64 // taken from the kernel, whole
	Damaged uint64 // taken from the kernel, not whole
	Gaps    uint64 // that the kernel's sequence numbers leave out
	Dropped uint64 // taken, but nobody came for them or no memory was left for them
}

// Device is an open camera. It implements sense.Camera.
type Device struct {
	path, name string
	buffers    int
	limit      int
	handle              // used by the owner goroutine alone
	layouts    []layout // that the kernel may know
	stream     *stream  // nil: no stream; the owner's
	info       Info

	waking sync.Mutex // serialises use and closing of the waker, whose number could be reused
	waker  int
	deaf   bool // it is closed

	requests  chan func()
	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
	done      chan struct{} // the owner is over
	shutErr   error         // to be read after done

	queue  queue
	counts struct{ frames, damaged, gaps, dropped atomic.Uint64 }
}

var _ sense.Camera = (*Device)(nil)

// Open opens a camera without starting it. The error is a *drivers.Error: fs.ErrNotExist
// where the device is absent, ErrNotCamera where the node is another thing.
func Open(_ context.Context, c Config) (*Device, error) { return open(kernel{}, c) }

func open(s sys, c Config) (*Device, error) {
	if c.Buffers == 0 {
		c.Buffers = DefaultBuffers
	}
	if c.Frames == 0 {
		c.Frames = DefaultFrames
	}
	if c.Buffers < 2 || c.Buffers > 32 || c.Frames < 2 {
		return nil, &drivers.Error{Op: "open", Subject: c.Path, Hint: "2 to 32 buffers and at least 2 frames",
			Err: fmt.Errorf("%d buffers, %d frames", c.Buffers, c.Frames)}
	}
	if c.Stream == "" {
		c.Stream = c.Path
	}
	fd, err := s.open(c.Path)
	if err != nil {
		return nil, fail("open", c.Path, err)
	}
	d := &Device{path: c.Path, name: c.Stream, buffers: c.Buffers, limit: c.Frames, handle: handle{s, fd}, layouts: layouts(wordSize),
		requests: make(chan func(), 4), closing: make(chan struct{}), done: make(chan struct{})}
	d.queue.ready = make(chan struct{}, 1)
	if d.info, err = d.handle.info(); err == nil {
		d.waker, err = s.waker()
	}
	if err != nil {
		return nil, errors.Join(fail("open", c.Path, err), s.close(fd))
	}
	go d.own()
	return d, nil
}

// own is the one goroutine that works with the device, until Close.
func (d *Device) own() {
	defer close(d.done)
	for {
		if d.stream == nil || d.stream.ended {
			select {
			case do := <-d.requests:
				do()
			case <-d.closing:
				d.shut()
				return
			}
			continue
		}
		select {
		case do := <-d.requests:
			do()
			continue
		case <-d.closing:
			d.shut()
			return
		default:
		}
		d.await()
	}
}

// shut is the owner's last act.
func (d *Device) shut() {
	err := d.stop()
	d.waking.Lock()
	defer d.waking.Unlock()
	d.deaf = true
	d.shutErr = errors.Join(err, d.sys.close(d.fd), d.sys.close(d.waker))
}

// nudge gets the owner out of its wait for a frame.
func (d *Device) nudge() error {
	d.waking.Lock()
	defer d.waking.Unlock()
	if d.deaf {
		return nil
	}
	return d.sys.signal(d.waker)
}

// ask has the owner do something, and waits for it. Where ctx ends first it is done all the
// same, later.
func ask[T any](ctx context.Context, d *Device, op string, do func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	back := make(chan answer, 1)
	none := func(err error) (T, error) {
		var zero T
		return zero, fail(op, d.path, err)
	}
	if d.isClosing() {
		return none(drivers.ErrClosed)
	}
	select {
	case d.requests <- func() { v, err := do(); back <- answer{v, err} }:
	case <-d.closing:
		return none(drivers.ErrClosed)
	case <-ctx.Done():
		return none(late(ctx))
	}
	// The owner looks for requests after every signal, so the request must be there first.
	if err := d.nudge(); err != nil {
		return none(err)
	}
	select {
	case a := <-back:
		return a.value, fail(op, d.path, a.err)
	case <-d.closing:
		return none(drivers.ErrClosed)
	case <-ctx.Done():
		return none(late(ctx))
	}
}

// late is why a context ended, in the words of drivers.
func late(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return drivers.ErrTimeout
	}
	return ctx.Err()
}

func (d *Device) isClosing() bool {
	select {
	case <-d.closing:
		return true
	default:
		return false
	}
}

// String is the path that the device was opened by.
func (d *Device) String() string { return d.path }

// Info is what the camera says of itself, without its modes.
func (d *Device) Info() Info { return d.info }

// Counts may be called at any time.
func (d *Device) Counts() Counts {
	c := &d.counts
	return Counts{c.frames.Load(), c.damaged.Load(), c.gaps.Load(), c.dropped.Load()}
}

// Modes lists what Start can be asked for, in the device's order: at most 64 pixel formats, of
// 64 sizes, of 64 intervals each. Of a range of sizes it lists the usual ones.
func (d *Device) Modes(ctx context.Context) ([]sense.Mode, error) {
	return ask(ctx, d, "list modes of", d.handle.modes)
}

// Lock sets exposure, gain, white balance and flicker filter by hand and reads each back; a
// value that reads back as another is an error. Out of range is an error that tells the range.
func (d *Device) Lock(ctx context.Context, want sense.Exposure) (sense.Held, error) {
	return ask(ctx, d, "lock exposure of", func() (sense.Held, error) { return d.handle.lock(d.path, want) })
}

// Start begins a stream of exactly this mode; ErrMode where the camera does another. A stream
// that is under way, or has ended with an error, is stopped first.
func (d *Device) Start(ctx context.Context, m sense.Mode) (sense.Mode, error) {
	return ask(ctx, d, "start", func() (sense.Mode, error) { return d.start(m) })
}

// Stop ends the stream, wipes the kernel's buffers, and releases the frames that wait.
func (d *Device) Stop(ctx context.Context) error {
	_, err := ask(ctx, d, "stop", func() (struct{}, error) { return struct{}{}, d.stop() })
	return err
}

// Next waits for a frame, the oldest first. After the last frame of a stream that has ended it
// says why: drivers.ErrGone after an unplug. Without a stream it waits for one.
func (d *Device) Next(ctx context.Context) (*sense.Frame, error) {
	for {
		if d.isClosing() {
			return nil, fail("read", d.path, drivers.ErrClosed)
		}
		f, err := d.queue.take()
		if f != nil || err != nil {
			return f, fail("read", d.path, err)
		}
		select {
		case <-d.queue.ready:
		case <-d.closing:
		case <-ctx.Done():
			return nil, fail("read", d.path, late(ctx))
		}
	}
}

// Close ends everything and waits for the owner, at most 250 ms. A call that the kernel still
// holds, to a camera that does not answer, then ends by itself later; that is reported as
// drivers.ErrTimeout. Frames that were taken stay good until they are released.
func (d *Device) Close() error {
	d.closeOnce.Do(func() { d.closeErr = fail("close", d.path, d.close()) })
	return d.closeErr
}

func (d *Device) close() error {
	close(d.closing)
	if err := d.nudge(); err != nil {
		return err
	}
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case <-d.done:
		return d.shutErr
	case <-limit.C:
		return drivers.ErrTimeout
	}
}
