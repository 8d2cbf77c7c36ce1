package gpio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

// contact is a line whose level a test sets, with the faults of periph's own lines: waits of
// less than zero end at once, of zero never, and a line that is gone answers false and low.
type contact struct {
	t       *testing.T
	noEdges bool

	mu     sync.Mutex
	level  gpio.Level
	edge   chan struct{}
	pulled chan struct{} // closed when the chip is
	closed int
	waits  int
}

func newContact(t *testing.T, level gpio.Level) *contact {
	return &contact{t: t, level: level, edge: make(chan struct{}, 16), pulled: make(chan struct{})}
}

func (c *contact) set(l gpio.Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l != c.level {
		c.level = l
		select {
		case c.edge <- struct{}{}:
		default: // the kernel keeps 16 events
		}
	}
}

func (c *contact) unplug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.level = gpio.Low
	close(c.pulled)
}

func (c *contact) In(_ gpio.Pull, edge gpio.Edge) error {
	if c.noEdges && edge != gpio.NoEdge {
		return errors.New("no interrupt")
	}
	return nil
}

func (c *contact) Read() gpio.Level {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.level
}

func (c *contact) WaitForEdge(d time.Duration) bool {
	if d <= 0 {
		c.t.Errorf("WaitForEdge(%v): periph takes 0 for ever, and less for not at all", d)
	}
	c.mu.Lock()
	c.waits++
	c.mu.Unlock()
	if c.noEdges {
		return false
	}
	select {
	case <-c.pulled:
		return false
	case <-c.edge:
		return true
	case <-time.After(d):
		return false
	}
}

func (c *contact) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
}

// watched is an input and what it reported.
type watched struct {
	*Input
	mu  sync.Mutex
	log []string
}

func watching(t *testing.T, c *contact, cfg InputConfig) *watched {
	t.Helper()
	w := &watched{}
	start := time.Now()
	cfg.Name = "GPIO5"
	cfg.Report = func(ch Change) {
		w.mu.Lock()
		defer w.mu.Unlock()
		s := fmt.Sprintf("%v %v", time.Since(start), ch.Active)
		if ch.First {
			s += " first"
		}
		if ch.Err != nil {
			s += " " + ch.Err.Error()
		}
		w.log = append(w.log, s)
	}
	in, err := watch(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Input = in
	return w
}

func (w *watched) history() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.log, ", ")
}

func TestInput(t *testing.T) {
	for _, c := range []struct {
		name  string
		cfg   InputConfig
		start gpio.Level
		do    func(*contact)
		want  string
	}{
		{"level at the start", InputConfig{}, gpio.High, func(*contact) {}, "0s true first"},
		{"active low", InputConfig{ActiveLow: true}, gpio.High, func(c *contact) { c.set(gpio.Low) }, "0s false first, 1.02s true"},
		{"a pulse longer than the rest", InputConfig{}, gpio.Low, func(c *contact) {
			c.set(gpio.High)
			time.Sleep(50 * time.Millisecond)
			c.set(gpio.Low)
		}, "0s false first, 1.02s true, 1.07s false"},
		{"a pulse shorter than the rest", InputConfig{}, gpio.Low, func(c *contact) {
			c.set(gpio.High)
			time.Sleep(10 * time.Millisecond)
			c.set(gpio.Low)
		}, "0s false first"},
		{"bouncing", InputConfig{}, gpio.Low, func(c *contact) {
			for range 5 {
				c.set(gpio.High)
				time.Sleep(3 * time.Millisecond)
				c.set(gpio.Low)
				time.Sleep(3 * time.Millisecond)
			}
			c.set(gpio.High)
		}, "0s false first, 1.05s true"},
		{"no edges on this chip", InputConfig{}, gpio.Low, func(c *contact) { c.set(gpio.High) }, "0s false first, 1.04s true"},
		{"gone", InputConfig{}, gpio.High, func(c *contact) { c.unplug() }, "0s true first, 1.04s true watch line GPIO5: device is gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line := newContact(t, c.start)
				line.noEdges = strings.HasPrefix(c.name, "no edges")
				w := watching(t, line, c.cfg)
				time.Sleep(time.Second)
				c.do(line)
				time.Sleep(time.Second)
				if got := w.history(); got != c.want {
					t.Errorf("%s\nwant %s", got, c.want)
				}
				began := time.Now()
				for range 2 {
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if d := time.Since(began); d > 250*time.Millisecond {
					t.Errorf("Close took %v", d)
				}
				if line.closed != 1 {
					t.Errorf("the line was closed %d times", line.closed)
				}
				line.set(!line.Read())
				time.Sleep(time.Second)
				if got := w.history(); got != c.want {
					t.Errorf("reported after Close: %s", got)
				}
			})
		})
	}
}

func TestInputThatNeverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newContact(t, gpio.Low)
		w := watching(t, line, InputConfig{})
		stop := make(chan struct{})
		var flap sync.WaitGroup
		flap.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					line.set(!line.Read())
				}
			}
		})
		time.Sleep(10 * time.Second)
		w.mu.Lock()
		n := len(w.log)
		w.mu.Unlock()
		if n > 12 {
			t.Errorf("%d changes in 10 s from a line that bounces", n)
		}
		began := time.Now()
		w.Close()
		if d := time.Since(began); d > 250*time.Millisecond {
			t.Errorf("Close took %v", d)
		}
		close(stop)
		flap.Wait()
	})
}

// A line at rest costs a few looks a second, no more; one that is gone is not asked for ever.
func TestInputDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newContact(t, gpio.Low)
		w := watching(t, line, InputConfig{})
		time.Sleep(10 * time.Second)
		line.mu.Lock()
		if line.waits > 70 {
			t.Errorf("%d waits in 10 s", line.waits)
		}
		line.waits = 0
		line.mu.Unlock()
		line.unplug()
		time.Sleep(10 * time.Second)
		line.mu.Lock()
		if line.waits > 3 {
			t.Errorf("%d waits on a line that is gone", line.waits)
		}
		line.mu.Unlock()
		w.Close()
	})
}

func TestInputRefused(t *testing.T) {
	line := newContact(t, gpio.Low)
	for _, cfg := range []InputConfig{{Pull: "sideways"}, {Debounce: -1}, {Debounce: time.Minute}} {
		var e *drivers.Error
		if _, err := watch(line, cfg); !errors.As(err, &e) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestLamps(t *testing.T) {
	lines := outputs{}
	l, err := openLamps(map[sense.Channel]string{"nir850": "A", "white": "B"}, true, lines.open)
	if err != nil || !slices.Equal(l.Channels(), []sense.Channel{"nir850", "white"}) {
		t.Fatalf("%v, %v", l.Channels(), err)
	}
	before := sense.Now()
	for _, c := range []struct {
		channel sense.Channel
		on      bool
		a, b    bool
	}{{"nir850", true, true, false}, {"white", true, true, true}, {"nir850", false, false, true}} {
		step, err := l.Switch(t.Context(), c.channel, c.on)
		if err != nil || step.Channel != c.channel || step.On != c.on || step.At < before || lines["A"].on != c.a || lines["B"].on != c.b {
			t.Errorf("%s %v: %+v, %v", c.channel, c.on, step, err)
		}
	}
	if _, err := l.Switch(t.Context(), "uv", true); err == nil {
		t.Error("a channel that is not wired")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Switch(over, "nir850", true); !errors.Is(err, context.Canceled) || lines["A"].on {
		t.Errorf("lit after its context: %v", err)
	}
	if _, err := l.Switch(over, "white", false); err != nil || lines["B"].on {
		t.Errorf("not switched off after its context: %v", err)
	}
	if err := l.Close(); err != nil || lines["A"].closed != 1 || lines["B"].closed != 1 {
		t.Errorf("closed: %v", err)
	}
	if _, err := openLamps(map[sense.Channel]string{"a": "A", "b": "GPIO99"}, false, lines.open); !errors.Is(err, drivers.ErrBusy) || lines["A"].closed != 1 {
		t.Errorf("a line that is taken: %v", err)
	}
}

func TestOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := outputs{}
		o, err := lines.open("TRIG", false)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Pulse(t.Context(), 30*time.Millisecond); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := o.Pulse(ctx, time.Minute); err != nil {
			t.Error(err)
		}
		if got, want := lines["TRIG"].history(), "0s on, 30ms off, 30ms on, 40ms off"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if err := errors.Join(o.Close(), o.Close()); err != nil || lines["TRIG"].closed != 1 {
			t.Errorf("closed %d times, %v", lines["TRIG"].closed, err)
		}
		if err := o.Set(true); !errors.Is(err, drivers.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}
