// Package deskcam is a camera and its lamps that another program plays, over a Unix socket:
// for a till on a desk without either. It is for the test environment alone; whoever can
// write into the socket decides what the till sees.
package deskcam

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
	"github.com/tilld/tilld/internal/secret"
)

// alive is how many frames may wait, or be in somebody's hands.
const alive = 8

// Device is both the camera and the lamps. It is safe for concurrent use.
type Device struct {
	path  string
	conn  net.Conn
	modes []sense.Mode

	asking  sync.Mutex // one request at a time
	replies chan reply
	frames  chan *sense.Frame
	buffers chan []byte
	done    chan struct{} // the reader is over
	err     error         // why, to be read after done
	closing sync.Once
	seq     atomic.Uint64 // of the frame that was taken last
}

type reply struct {
	kind byte
	body []byte
}

var (
	_ sense.Camera = (*Device)(nil)
	_ sense.Lamp   = (*Device)(nil)
)

// Open connects to whoever plays the camera.
func Open(ctx context.Context, path string) (*Device, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, &drivers.Error{Op: "open", Subject: "camera " + path, Err: err, Hint: "start the program that plays the camera first"}
	}
	d := &Device{path: path, conn: conn, replies: make(chan reply, 1), frames: make(chan *sense.Frame, alive),
		buffers: make(chan []byte, alive), done: make(chan struct{})}
	r := io.Reader(conn) // no buffer in between: it would keep pieces of frames
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	kind, n, err := ReadHead(r)
	body := make([]byte, n)
	if err == nil {
		_, err = io.ReadFull(r, body)
	}
	if err == nil && kind != KindModes {
		err = errForm
	}
	if err == nil {
		d.modes, err = ParseModes(body)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, d.fail("open", err)
	}
	go d.read(r)
	return d, nil
}

func (d *Device) fail(op string, err error) error {
	return &drivers.Error{Op: op, Subject: "camera " + d.path, Err: err}
}

// read passes on what comes, until the connection ends.
func (d *Device) read(r io.Reader) {
	defer close(d.done)
	for {
		kind, n, err := ReadHead(r)
		if err == nil && kind == KindFrame {
			err = d.readFrame(r, n)
		} else if err == nil {
			body := make([]byte, n)
			if _, err = io.ReadFull(r, body); err == nil {
				select {
				case d.replies <- reply{kind, body}:
				default:
					err = fmt.Errorf("%w: an answer that nobody asked for", errForm)
				}
			}
		}
		if err != nil {
			d.err = drivers.ErrGone
			if errors.Is(err, net.ErrClosed) {
				d.err = drivers.ErrClosed
			}
			d.conn.Close()
			d.drop()
			return
		}
	}
}

func (d *Device) readFrame(r io.Reader, n int) error {
	buf := d.buffer(n)
	if _, err := io.ReadFull(r, buf); err != nil {
		secret.Zero(buf)
		return err
	}
	h, picture, err := parseFrame(buf)
	if err != nil {
		return err
	}
	h.Stream = d.path
	f := sense.NewFrame(h, picture, func([]byte) { d.giveBack(buf) })
	for {
		select {
		case d.frames <- f:
			return nil
		default:
		}
		select { // nobody takes frames: the oldest one goes
		case old := <-d.frames:
			old.Release()
		default:
		}
	}
}

func (d *Device) buffer(n int) []byte {
	select {
	case b := <-d.buffers:
		if cap(b) >= n {
			return b[:n]
		}
	default:
	}
	return make([]byte, n)
}

func (d *Device) giveBack(b []byte) {
	select {
	case d.buffers <- b:
	default:
	}
}

func (d *Device) drop() {
	for {
		select {
		case f := <-d.frames:
			f.Release()
		default:
			return
		}
	}
}

// ask sends a request and waits for its answer.
func (d *Device) ask(ctx context.Context, op string, kind byte, body []byte, want byte) ([]byte, error) {
	d.asking.Lock()
	defer d.asking.Unlock()
	d.conn.SetWriteDeadline(time.Now().Add(time.Second)) // fails for a closed connection alone, as the write does
	if err := WriteMessage(d.conn, kind, body); err != nil {
		select {
		case <-d.done:
			return nil, d.fail(op, d.err)
		default:
			return nil, d.fail(op, drivers.ErrGone)
		}
	}
	select {
	case r := <-d.replies:
		switch r.kind {
		case want:
			return r.body, nil
		case KindRefused:
			return nil, d.fail(op, errors.New(string(r.body)))
		}
		return nil, d.fail(op, errForm)
	case <-d.done:
		return nil, d.fail(op, d.err)
	case <-ctx.Done():
		// The answer will come, and would be taken for another's.
		d.conn.Close()
		return nil, d.fail(op, ctx.Err())
	}
}

// Modes implements sense.Camera.
func (d *Device) Modes(context.Context) ([]sense.Mode, error) {
	return append([]sense.Mode(nil), d.modes...), nil
}

// Start implements sense.Camera.
func (d *Device) Start(ctx context.Context, m sense.Mode) (sense.Mode, error) {
	d.drop()
	d.seq.Store(0)
	body, err := d.ask(ctx, "start", KindStart, AppendMode(nil, m), KindGranted)
	if err != nil {
		return sense.Mode{}, err
	}
	list, err := ParseModes(body)
	if err != nil || len(list) != 1 {
		return sense.Mode{}, d.fail("start", errForm)
	}
	return list[0], nil
}

// Next implements sense.Camera.
func (d *Device) Next(ctx context.Context) (*sense.Frame, error) {
	select {
	case f := <-d.frames:
		return d.counted(f), nil
	default:
	}
	select {
	case f := <-d.frames:
		return d.counted(f), nil
	case <-d.done:
		return nil, d.fail("take a frame", d.err)
	case <-ctx.Done():
		err := ctx.Err()
		if errors.Is(err, context.DeadlineExceeded) {
			err = drivers.ErrTimeout
		}
		return nil, d.fail("take a frame", err)
	}
}

// counted says how many frames are missing before f.
func (d *Device) counted(f *sense.Frame) *sense.Frame {
	if last := d.seq.Swap(f.Seq); f.Seq > last {
		f.Lost = f.Seq - last - 1
	}
	return f
}

// Lock implements sense.Camera.
func (d *Device) Lock(ctx context.Context, want sense.Exposure) (sense.Held, error) {
	body, err := d.ask(ctx, "lock exposure", KindLock, appendExposure(nil, want), KindHeld)
	if err != nil {
		return sense.Held{}, err
	}
	held, err := parseHeld(body)
	if err != nil {
		return sense.Held{}, d.fail("lock exposure", err)
	}
	return held, nil
}

// Stop implements sense.Camera.
func (d *Device) Stop(ctx context.Context) error {
	_, err := d.ask(ctx, "stop", KindStop, nil, KindDone)
	d.drop()
	return err
}

// Channels implements sense.Lamp.
func (d *Device) Channels() []sense.Channel { return []sense.Channel{"nir850", "white"} }

// Switch implements sense.Lamp.
func (d *Device) Switch(ctx context.Context, c sense.Channel, on bool) (sense.Step, error) {
	body, err := d.ask(ctx, "switch a lamp", KindSwitch, append([]byte{byte(flag(on, 1))}, c...), KindSwitched)
	if err != nil {
		return sense.Step{}, err
	}
	if len(body) != 8 {
		return sense.Step{}, d.fail("switch a lamp", errForm)
	}
	return sense.Step{Channel: c, On: on, At: sense.Time(binary.BigEndian.Uint64(body))}, nil
}

// Close implements both.
func (d *Device) Close() error {
	d.closing.Do(func() {
		d.conn.Close()
		<-d.done
		for len(d.buffers) > 0 {
			secret.Zero(<-d.buffers)
		}
	})
	return nil
}

// String names the device.
func (d *Device) String() string { return d.path }
