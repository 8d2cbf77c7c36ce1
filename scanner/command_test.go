package scanner_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

// chatty is a line codec whose device wants to hear "hello" after each opening, a beat every
// ten seconds, and cues.
type chatty struct {
	line.Codec
	queue []string
	beat  time.Time
	deaf  int // beats until the device is given up
}

func newChatty(t *testing.T) *chatty {
	c, err := line.New(line.Config{AIM: true})
	if err != nil {
		t.Fatal(err)
	}
	return &chatty{Codec: *c, deaf: 1 << 30}
}

func (c *chatty) Restart() {
	c.Codec.Restart()
	c.queue, c.beat = []string{"hello"}, time.Now().Add(10*time.Second)
}

func (c *chatty) Do(cue scanner.Cue) bool {
	c.queue = append(c.queue, string(cue))
	return true
}

func (c *chatty) Due() time.Time {
	if len(c.queue) > 0 {
		return time.Unix(1, 0)
	}
	return c.beat
}

func (c *chatty) Tick(now time.Time, emit func(scanner.Result)) {
	c.Codec.Tick(now, emit)
	for _, s := range c.queue {
		emit(scanner.Result{Reply: []byte(s)})
	}
	c.queue = nil
	if now.Before(c.beat) {
		return
	}
	if c.deaf--; c.deaf == 0 {
		emit(scanner.Result{Fault: errors.New("no heartbeat")})
		return
	}
	c.beat = now.Add(10 * time.Second)
	emit(scanner.Result{Reply: []byte("beat")})
}

// wire is a device in memory.
type wire struct {
	mu     sync.Mutex
	heard  []string
	in     chan string
	closed chan struct{}
	once   sync.Once
}

func (w *wire) Read(ctx context.Context, p []byte) (int, error) {
	select {
	case s := <-w.in:
		return copy(p, s), nil
	case <-w.closed:
		return 0, drivers.ErrClosed
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return 0, drivers.ErrTimeout
		}
		return 0, ctx.Err()
	}
}

func (w *wire) Write(_ context.Context, p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, string(p))
	return len(p), nil
}

func (w *wire) Flush() error   { return nil }
func (w *wire) String() string { return "wire" }
func (w *wire) Close() error   { w.once.Do(func() { close(w.closed) }); return nil }

func (w *wire) said() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	said := slices.Clone(w.heard)
	w.heard = nil
	return said
}

// counter is a hub over one chatty scanner, in simulated time.
type counter struct {
	t     *testing.T
	hub   *scanner.Hub
	codec *chatty
	wires chan *wire
}

func newCounter(t *testing.T, set func(*scanner.Config)) *counter {
	c := &counter{t: t, codec: newChatty(t), wires: make(chan *wire, 16)}
	cfg := scanner.Config{Name: "s", Codec: c.codec, Trigger: true, Feedback: true, Open: func(context.Context) (drivers.Transport, error) {
		w := &wire{in: make(chan string, 4), closed: make(chan struct{})}
		c.wires <- w
		return w, nil
	}}
	if set != nil {
		set(&cfg)
	}
	c.hub = scanner.NewHub(scanner.NewReader(cfg))
	return c
}

func (c *counter) run() (w *wire, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.hub.Run(ctx) }()
	w = <-c.wires
	time.Sleep(time.Second)
	return w, func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	}
}

func (c *counter) arm() {
	if err := c.hub.Arm(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the device heard %q, want %q", got, want)
	}
}

func TestCommandsReachTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, nil)
		w, stop := c.run()
		expect(t, w.said(), "hello")
		c.arm()
		expect(t, w.said(), "trigger")
		w.in <- "]Q1" + code + "\r"
		if s := <-c.hub.Scans(); string(s.Text.Reveal()) != code {
			t.Errorf("scanned %q", s.Text.Reveal())
		}
		c.hub.Cue(scanner.BeepGood)
		c.hub.Disarm()
		c.hub.Disarm()
		expect(t, w.said(), "beep-good", "untrigger")
		time.Sleep(25 * time.Second)
		expect(t, w.said(), "beat", "beat")
		stop()
	})
}

func TestTriggerByAPin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pin []string
		c := newCounter(t, func(cfg *scanner.Config) { cfg.Line = func(c scanner.Cue) { pin = append(pin, string(c)) } })
		w, stop := c.run()
		c.arm()
		c.hub.Disarm()
		expect(t, w.said(), "hello")
		expect(t, pin, "trigger", "untrigger")
		stop()
	})
}

func TestADeviceThatFallsSilentIsOpenedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, nil)
		c.codec.deaf = 3
		w, stop := c.run()
		time.Sleep(35 * time.Second)
		expect(t, w.said(), "hello", "beat", "beat")
		expect(t, (<-c.wires).said(), "hello")
		if s := c.hub.Devices()[0]; s.Opens != 2 {
			t.Errorf("%+v", s)
		}
		stop()
	})
}

func TestGoodsBetweenSales(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, nil)
		var passed []string
		c.hub.PassGoods(func(s scanner.Scan) bool {
			if s.Symbology != scanner.EAN13 {
				return false
			}
			passed = append(passed, string(s.Text.Reveal()))
			s.Text.Wipe()
			return true
		})
		const can = "6901234567892"
		w, stop := c.run()
		present := func(s string) { w.in <- s; synctest.Wait() }
		present("]E0" + can + "\r")
		present("]E0" + can + "\r") // the same presentation
		time.Sleep(time.Second)
		present("]E0" + can + "\r")  // another one
		present("]Q1" + code + "\r") // not goods: dropped
		present("]E0" + can[:6])     // begun before the gate opens, ended after it was shut:
		time.Sleep(time.Millisecond)
		go c.hub.Arm(t.Context()) // neither goods nor a payment
		synctest.Wait()
		present(can[6:] + "\r")
		time.Sleep(time.Second)
		present("]E0" + can + "\r") // armed: it is the sale's
		if s := <-c.hub.Scans(); string(s.Text.Reveal()) != can {
			t.Errorf("scanned %q", s.Text.Reveal())
		}
		present("]E0123")
		time.Sleep(time.Millisecond)
		c.hub.Disarm()
		present("4567890128\r")
		expect(t, passed, can, can)
		if d := c.hub.Devices()[0].Drops; d["disarmed"] != 2 || d["malformed"] != 1 || d["duplicate"] != 1 {
			t.Errorf("drops %v", d)
		}
		stop()
	})
}

// TestTriggeredUntilDisarmed: a read session ends by itself after some seconds, and a device
// that was plugged in again knows nothing of the one before.
func TestTriggeredUntilDisarmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, nil)
		w, stop := c.run()
		c.arm()
		w.said()
		time.Sleep(6 * time.Second)
		expect(t, w.said(), "trigger", "trigger")
		w.Close() // the plug is pulled
		again := <-c.wires
		time.Sleep(time.Second)
		expect(t, again.said(), "hello", "trigger")
		c.hub.Disarm()
		time.Sleep(5 * time.Second)
		expect(t, again.said(), "untrigger")
		stop()
	})
}
