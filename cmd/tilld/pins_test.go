package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/gpio"
)

// fakeLines are lines that note what happens to them.
type fakeLines struct {
	mu     sync.Mutex
	log    []string
	inputs map[string]gpio.InputConfig
	broken map[string]bool
}

func (f *fakeLines) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fakeLines) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.log, ", ")
	f.log = nil
	return s
}

func (f *fakeLines) open(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken[name] {
		return &drivers.Error{Op: "open", Subject: "line " + name, Err: drivers.ErrBusy, Hint: "let go of it"}
	}
	return nil
}

type fakeLine struct {
	f    *fakeLines
	name string
}

func (l fakeLine) Set(on bool) error { l.f.note("%s %v", l.name, on); return nil }
func (l fakeLine) Close() error      { l.f.note("%s let go", l.name); return nil }

type fakeIndicator struct{ fakeLine }

func (l fakeIndicator) Set(k gpio.Kind) error { l.f.note("%s", k); return nil }

func (f *fakeLines) driver() lineDriver {
	return lineDriver{
		indicator: func(n gpio.Names) (indicator, error) { return fakeIndicator{fakeLine{f, n.Lamp}}, f.open(n.Lamp) },
		output:    func(name string, _ bool) (output, error) { return fakeLine{f, name}, f.open(name) },
		input: func(c gpio.InputConfig) (io.Closer, error) {
			f.mu.Lock()
			f.inputs[c.Name] = c
			f.mu.Unlock()
			return fakeLine{f, c.Name}, f.open(c.Name)
		},
	}
}

func (f *fakeLines) change(name string, c gpio.Change) {
	f.mu.Lock()
	in := f.inputs[name]
	f.mu.Unlock()
	in.Report(c)
}

// fakeTill shows what a test says.
type fakeTill struct{ screens chan agent.Screen }

func (f *fakeTill) Watch(ctx context.Context) (<-chan agent.Screen, <-chan agent.Event) {
	out := make(chan agent.Screen)
	go func() {
		defer close(out)
		for {
			select {
			case s := <-f.screens:
				out <- s
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// onBoard runs the pins of a till in time that costs nothing.
func onBoard(t *testing.T, p *pins, f func(t *testing.T, lines *fakeLines, till *fakeTill)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		lines, till := &fakeLines{inputs: map[string]gpio.InputConfig{}, broken: map[string]bool{}}, &fakeTill{make(chan agent.Screen)}
		p.lines, p.health, p.log = lines.driver(), health.NewBoard(), slog.New(slog.DiscardHandler)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.run(ctx, till) }()
		synctest.Wait()
		f(t, lines, till)
		cancel()
		<-done
	})
}

func TestIndicatorFollowsTheScreen(t *testing.T) {
	p := &pins{indicator: config.Indicator{Lamp: "GPIO17", Buzzer: "GPIO27", Ready: "GPIO22"}}
	onBoard(t, p, func(t *testing.T, lines *fakeLines, till *fakeTill) {
		for _, c := range []struct {
			screen agent.Screen
			want   string
		}{
			{agent.Screen{Kind: agent.ScreenStarting}, "GPIO22 false"},
			{agent.Screen{Kind: agent.ScreenIdle}, "GPIO22 true"},
			{agent.Screen{Kind: agent.ScreenPay, Payment: "1"}, "GPIO22 true, idle"},
			{agent.Screen{Kind: agent.ScreenPaid, Payment: "1"}, "GPIO22 true, paid"},
			{agent.Screen{Kind: agent.ScreenPaid, Payment: "1", Scheme: "wechatpay"}, "GPIO22 true"},
			{agent.Screen{Kind: agent.ScreenPaid, Payment: "2"}, "GPIO22 true, paid"},
			{agent.Screen{Kind: agent.ScreenPay, Payment: "3"}, "GPIO22 true, idle"},
			{agent.Screen{Kind: agent.ScreenNotPaid, Payment: "3"}, "GPIO22 true, not-paid"},
			{agent.Screen{Kind: agent.ScreenRefunded, Payment: "3"}, "GPIO22 true, idle"},
			{agent.Screen{Kind: agent.ScreenClosed}, "GPIO22 false, idle"},
		} {
			till.screens <- c.screen
			synctest.Wait()
			if got := lines.take(); got != c.want {
				t.Errorf("%s %s: %s, want %s", c.screen.Kind, c.screen.Payment, got, c.want)
			}
		}
		if d := p.devices(); len(d) != 1 || !d[0].Open || d[0].Kind != "indicator" || d[0].Port != "GPIO17 GPIO27 GPIO22" {
			t.Errorf("%+v", d)
		}
	})
}

func TestDoorAndTamper(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		p := &pins{door: config.Contact{Line: "GPIO5"}, tamper: config.Contact{Line: "GPIO6", Pull: "up", RefuseSales: refuse}}
		want := health.Critical
		if refuse {
			want = health.Closed
		}
		onBoard(t, p, func(t *testing.T, lines *fakeLines, _ *fakeTill) {
			if lines.inputs["GPIO6"].Pull != gpio.PullUp {
				t.Error("the pull was lost on its way")
			}
			lines.change("GPIO5", gpio.Change{First: true})
			lines.change("GPIO6", gpio.Change{First: true})
			if c := p.health.Causes(); len(c) != 0 {
				t.Errorf("at rest: %+v", c)
			}
			lines.change("GPIO5", gpio.Change{Active: true})
			if c := p.health.Causes(); len(c) != 1 || c[0].Code != causeDoor || c[0].Severity != health.Notice {
				t.Errorf("open door: %+v", c)
			}
			lines.change("GPIO5", gpio.Change{})
			lines.change("GPIO6", gpio.Change{Active: true})
			lines.change("GPIO6", gpio.Change{}) // closed again: still to be looked at
			c := p.health.Causes()
			if len(c) != 1 || c[0].Code != causeTamper || c[0].Severity != want || c[0].Hint == "" {
				t.Errorf("tampered: %+v", c)
			}
			if _, closing := p.health.Closing(); closing != refuse {
				t.Errorf("sales refused: %v, want %v", closing, refuse)
			}
			if d := p.devices(); len(d) != 2 || d[0].State != "closed" || d[1].State != "closed" {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestPinsThatFail(t *testing.T) {
	p := &pins{indicator: config.Indicator{Lamp: "GPIO17"}, tamper: config.Contact{Line: "GPIO6", RefuseSales: true}}
	onBoard(t, p, func(t *testing.T, lines *fakeLines, _ *fakeTill) {
		gone := &drivers.Error{Op: "watch", Subject: "line GPIO6", Err: drivers.ErrGone, Hint: "plug it in"}
		lines.mu.Lock()
		lines.broken["GPIO6"] = true
		lines.mu.Unlock()
		lines.change("GPIO6", gpio.Change{Err: gone})
		synctest.Wait()
		c, closing := p.health.Closing()
		if !closing || c.Code != causePins || c.Subject != "tamper" || c.Hint == "" {
			t.Errorf("a tamper switch that is cut off: %+v", p.health.Causes())
		}
		d := p.devices()
		if len(d) != 2 || d[1].Open || !strings.Contains(d[1].Why, "gone") || d[1].Hint != "plug it in" {
			t.Errorf("%+v", d)
		}
		time.Sleep(2 * reopen)
		if !strings.Contains(p.devices()[1].Why, "in use") {
			t.Errorf("not tried again: %+v", p.devices())
		}
		lines.mu.Lock()
		lines.broken["GPIO6"] = false
		lines.mu.Unlock()
		time.Sleep(2 * reopen)
		if _, closing := p.health.Closing(); closing || !p.devices()[1].Open {
			t.Errorf("it is back: %+v", p.health.Causes())
		}
		if !errors.Is(gone, drivers.ErrGone) {
			t.Error("the error lost its cause")
		}
	})
}

func TestNoPins(t *testing.T) {
	p := &pins{}
	onBoard(t, p, func(t *testing.T, lines *fakeLines, _ *fakeTill) {
		if lines.take() != "" || len(p.devices()) != 0 {
			t.Error("something was opened")
		}
	})
}
