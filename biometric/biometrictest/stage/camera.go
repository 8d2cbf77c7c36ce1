package stage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

// waiting is how many frames wait for somebody to take them.
const waiting = 4

// unity is the gain, in the camera's units, that the lamps are set for.
const unity = 16

// camera implements sense.Camera. Frames are drawn by whoever takes them.
type camera struct {
	set  *Set
	film *Film

	drawing sync.Mutex // the film; held while a frame is drawn

	mu       sync.Mutex
	closed   bool
	stopped  context.CancelCauseFunc // ends Next; nil while there is no stream
	stream   context.Context
	mode     sense.Mode
	began    sense.Time // of frame 0
	next     uint64     // the frame that Next returns at the earliest
	exposure time.Duration
	gain     int
	buffers  [][]byte
}

// Camera is a camera with this sensor that sees the set.
func (s *Set) Camera(sensor Sensor) sense.Camera {
	f := NewFilm(sensor)
	return &camera{set: s, film: f, exposure: f.Exposure, gain: unity}
}

func (c *camera) String() string { return "simulated camera" }

func (c *camera) fail(op string, err error) error {
	return &drivers.Error{Op: op, Subject: c.String(), Err: err}
}

func (c *camera) Modes(context.Context) ([]sense.Mode, error) {
	m := sense.Mode{Pixel: sense.GREY, Width: c.film.Width, Height: c.film.Height, Interval: c.film.Interval}
	y := m
	y.Pixel = sense.YUYV
	return []sense.Mode{m, y}, nil
}

func (c *camera) Start(ctx context.Context, m sense.Mode) (sense.Mode, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return m, c.fail("start", drivers.ErrClosed)
	}
	if c.stopped != nil {
		return m, c.fail("start", drivers.ErrBusy)
	}
	if m.Width != c.film.Width || m.Height != c.film.Height || m.Pixel != sense.GREY && m.Pixel != sense.YUYV {
		return m, c.fail("start", fmt.Errorf("no mode %v %dx%d", m.Pixel, m.Width, m.Height))
	}
	m.Interval = c.film.Interval
	c.mode, c.next = m, 0
	c.began = c.set.clock.Now().Add(c.film.Interval)
	c.stream, c.stopped = context.WithCancelCause(context.Background())
	return m, nil
}

// Next implements sense.Camera. A frame is there when its last row was read out.
func (c *camera) Next(ctx context.Context) (*sense.Frame, error) {
	c.mu.Lock()
	if c.closed || c.stopped == nil {
		c.mu.Unlock()
		return nil, c.fail("take a frame", drivers.ErrClosed)
	}
	stream, mode := c.stream, c.mode
	after := c.film.Readout + c.film.Latency + c.exposure // of a frame's beginning
	from := c.next
	if late := c.set.clock.Now().Sub(c.began.Add(after)); late > 0 {
		if newest := uint64(late / mode.Interval); newest >= from+waiting {
			c.next = newest - waiting + 1
		}
	}
	n := c.next
	c.next = n + 1
	at := c.began.Add(time.Duration(n) * mode.Interval)
	c.mu.Unlock()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(stream, func() { cancel(context.Cause(stream)) })()
	if err := c.set.clock.Until(ctx, at.Add(after)); err != nil {
		c.giveUp(n)
		return nil, c.fail("take a frame", why(ctx))
	}
	return c.take(mode, n, n-from, at), nil
}

// giveUp leaves a frame that nobody waited for to the next who asks.
func (c *camera) giveUp(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = min(c.next, n)
}

func why(ctx context.Context) error {
	switch err := context.Cause(ctx); {
	case errors.Is(err, context.DeadlineExceeded):
		return drivers.ErrTimeout
	default:
		return err
	}
}

func (c *camera) take(mode sense.Mode, n, lost uint64, at sense.Time) *sense.Frame {
	size := mode.Width * mode.Height
	stride := mode.Pixel.Row(mode.Width)
	buf := c.buffer(stride * mode.Height)
	c.drawing.Lock()
	c.set.expose(c.film, buf[:size], at)
	c.drawing.Unlock()
	if mode.Pixel == sense.YUYV {
		for i := size - 1; i >= 0; i-- {
			buf[2*i], buf[2*i+1] = buf[i], 128
		}
	}
	return sense.NewFrame(sense.Header{Stream: "palm", Seq: n, Lost: lost, At: at, Timed: true,
		Pixel: mode.Pixel, Width: mode.Width, Height: mode.Height, Stride: stride}, buf, c.giveBack)
}

func (c *camera) buffer(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := len(c.buffers); k > 0 {
		b := c.buffers[k-1]
		c.buffers = c.buffers[:k-1]
		if len(b) == n {
			return b
		}
	}
	return make([]byte, n)
}

func (c *camera) giveBack(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.buffers) < 2*waiting {
		c.buffers = append(c.buffers, b)
	}
}

// Lock implements sense.Camera: exposure and gain are as asked, and change the brightness.
func (c *camera) Lock(ctx context.Context, want sense.Exposure) (sense.Held, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return sense.Held{}, c.fail("lock", drivers.ErrClosed)
	}
	if want.Time > 0 {
		c.exposure = min(want.Time, c.film.Interval-c.film.Readout)
	}
	if want.Gain.Set {
		c.gain = max(min(want.Gain.Value, 8*unity), 1)
	}
	exposure, gain := c.exposure, c.gain
	c.mu.Unlock()

	c.drawing.Lock()
	c.film.setting(exposure, float64(gain)/unity)
	c.drawing.Unlock()
	return sense.Held{Time: exposure, Gain: gain, TimeFixed: true, GainFixed: true, RateFixed: true, White: true, Mains: true}, nil
}

func (c *camera) Stop(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped != nil {
		c.stopped(drivers.ErrClosed)
		c.stopped = nil
	}
	return nil
}

func (c *camera) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.Stop(context.Background())
}
