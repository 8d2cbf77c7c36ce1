package deskcam_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/deskcam"
	"github.com/tilld/tilld/drivers/deskcam/deskcamtest"
	"github.com/tilld/tilld/drivers/sense"
)

// player is a camera that makes a frame whenever one is taken, lit as the lamps are.
type player struct {
	mu      sync.Mutex
	running bool
	seq     uint64
	lit     map[sense.Channel]bool
	pace    chan struct{}
	locked  sense.Exposure
}

func newPlayer() *player {
	return &player{lit: map[sense.Channel]bool{}, pace: make(chan struct{}, 100)}
}

func (p *player) Modes(context.Context) ([]sense.Mode, error) {
	return []sense.Mode{{Pixel: sense.GREY, Width: 8, Height: 4, Interval: time.Second / 30}}, nil
}

func (p *player) Start(_ context.Context, m sense.Mode) (sense.Mode, error) {
	if m.Width != 8 {
		return m, errors.New("no such mode")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = true
	return m, nil
}

func (p *player) Next(ctx context.Context) (*sense.Frame, error) {
	select {
	case <-p.pace:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	level := byte(10)
	if p.lit["nir850"] {
		level = 200
	}
	return sense.NewFrame(sense.Header{Seq: p.seq, At: sense.Now(), Timed: true, Pixel: sense.GREY, Width: 8, Height: 4, Stride: 8},
		bytes.Repeat([]byte{level}, 32), nil), nil
}

func (p *player) Lock(_ context.Context, want sense.Exposure) (sense.Held, error) {
	p.locked = want
	return sense.Held{Time: want.Time, Gain: want.Gain.Value, TimeFixed: true, GainFixed: true, White: true}, nil
}

func (p *player) Stop(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = false
	return nil
}

func (p *player) Close() error              { return nil }
func (p *player) String() string            { return "player" }
func (p *player) Channels() []sense.Channel { return []sense.Channel{"nir850", "white"} }

func (p *player) Switch(_ context.Context, c sense.Channel, on bool) (sense.Step, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lit[c] = on
	return sense.Step{Channel: c, On: on, At: sense.Now()}, nil
}

func (p *player) state() (running, lit bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running, p.lit["nir850"]
}

func open(t *testing.T) (*deskcam.Device, *player) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cam")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlayer()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- deskcamtest.Serve(ctx, ln, p, p) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	d, err := deskcam.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, p
}

func TestFramesShowTheLamps(t *testing.T) {
	d, p := open(t)
	ctx := t.Context()
	modes, err := d.Modes(ctx)
	if err != nil || len(modes) != 1 || modes[0].Width != 8 {
		t.Fatalf("%v %v", modes, err)
	}
	if _, err := d.Start(ctx, sense.Mode{Width: 9}); err == nil {
		t.Error("a mode that is not there was granted")
	}
	if m, err := d.Start(ctx, modes[0]); err != nil || m != modes[0] {
		t.Fatalf("%v %v", m, err)
	}
	held, err := d.Lock(ctx, sense.Exposure{Time: 8 * time.Millisecond, Gain: sense.Gain{Set: true, Value: 3}, Mains: 50})
	if err != nil || !held.TimeFixed || held.Gain != 3 || p.locked.Mains != 50 || p.locked.Time != 8*time.Millisecond {
		t.Fatalf("%+v %v", held, err)
	}
	for _, on := range []bool{false, true, false} {
		before := sense.Now()
		step, err := d.Switch(ctx, "nir850", on)
		if err != nil || step.On != on || step.At < before {
			t.Fatalf("%+v %v", step, err)
		}
		p.pace <- struct{}{}
		f, err := d.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := byte(10)
		if on {
			want = 200
		}
		if f.At < step.At || f.Damaged || len(f.Data()) != 32 || f.Data()[31] != want {
			t.Errorf("lamp %t: %+v, %d bytes", on, f.Header, len(f.Data()))
		}
		data := f.Data()
		f.Release()
		if !bytes.Equal(data, make([]byte, 32)) {
			t.Error("a released frame is still there")
		}
	}
	if err := d.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestFramesThatNobodyTakesAreCounted(t *testing.T) {
	d, p := open(t)
	if _, err := d.Start(t.Context(), sense.Mode{Pixel: sense.GREY, Width: 8, Height: 4}); err != nil {
		t.Fatal(err)
	}
	const made = 40
	for range made {
		p.pace <- struct{}{}
	}
	var last uint64
	for last < made {
		f, err := d.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Seq != last+f.Lost+1 {
			t.Fatalf("after %d comes %d, and says that %d are lost", last, f.Seq, f.Lost)
		}
		last = f.Seq
		f.Release()
	}
}

func TestTimeoutAndClose(t *testing.T) {
	d, p := open(t)
	if _, err := d.Start(t.Context(), sense.Mode{Pixel: sense.GREY, Width: 8, Height: 4}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Switch(t.Context(), "nir850", true); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := d.Next(ctx); !errors.Is(err, drivers.ErrTimeout) {
		t.Errorf("no frame: %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := d.Next(t.Context())
		waiting <- err
	}()
	d.Close()
	d.Close()
	if err := <-waiting; !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := d.Switch(t.Context(), "nir850", true); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("switch after closing: %v", err)
	}
	for {
		if running, lit := p.state(); !running && !lit {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("camera or lamp stay on")
		}
		runtime.Gosched()
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(append([]byte{'M', 0, 0, 0, 24}, make([]byte, 24)...))
	f.Add(append(append([]byte{'M', 0, 0, 0, 0, 'F', 0, 0, 0, 50}, make([]byte, 50)...), 'R', 0, 0, 0, 1, 'x'))
	f.Fuzz(func(t *testing.T, said []byte) {
		ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "cam"))
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		go func() {
			if conn, err := ln.Accept(); err == nil {
				conn.Write(said)
				conn.Close()
			}
		}()
		d, err := deskcam.Open(t.Context(), ln.Addr().String())
		if err != nil {
			return
		}
		for {
			fr, err := d.Next(t.Context())
			if err != nil {
				break
			}
			if !fr.Damaged {
				if _, err := fr.Luma(make([]byte, fr.Width*fr.Height)); errors.Is(err, sense.ErrShort) {
					t.Error("a frame that is too short counts as whole")
				}
			}
			fr.Release()
		}
		d.Close()
	})
}
