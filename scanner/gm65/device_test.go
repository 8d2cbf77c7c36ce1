package gm65

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

// cable joins a codec and a module, and may harm what passes through it.
type cable struct {
	toHost, toDevice chan []byte
	done             chan struct{}
	rest             []byte
	harm             func([]byte) []byte
}

// Read is the module's.
func (c *cable) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		select {
		case c.rest = <-c.toDevice:
		case <-c.done:
			return 0, io.EOF
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write is the module's.
func (c *cable) Write(p []byte) (int, error) {
	b := append([]byte(nil), p...)
	if c.harm != nil {
		b = c.harm(b)
	}
	if len(b) > 0 {
		c.toHost <- b
	}
	return len(p), nil
}

// host is the part of a Reader that a codec sees.
type host struct {
	c     *Codec
	cable *cable
	scans []out
	told  []string
	fault error
}

func (h *host) emit(r scanner.Result) {
	if len(r.Reply) > 0 {
		h.cable.toDevice <- append([]byte(nil), r.Reply...)
	}
	if len(r.Text) > 0 {
		h.scans = append(h.scans, out{Text: string(r.Text), AIM: r.AIM, Symbology: r.Symbology})
	}
	if r.Event != nil {
		h.told = append(h.told, fmt.Sprint(r.Event.Fields()))
	}
	if r.Fault != nil {
		h.fault = r.Fault
	}
}

// run serves the line for d, or until done.
func (h *host) run(d time.Duration, done func() bool) {
	end := time.Now().Add(d)
	for time.Now().Before(end) && !(done != nil && done()) {
		wait := time.Until(end)
		if h.c.Pending() {
			wait = min(wait, 10*time.Millisecond)
		}
		if due := h.c.Due(); !due.IsZero() {
			wait = min(wait, max(time.Millisecond, time.Until(due)))
		}
		timer := time.NewTimer(wait)
		select {
		case b := <-h.cable.toHost:
			h.c.Feed(b, time.Now(), h.emit)
		case <-timer.C:
			h.c.Tick(time.Now(), h.emit)
		}
		timer.Stop()
		synctest.Wait()
	}
}

func connect(t *testing.T, m *device.GM65, c Config) *host {
	h := &host{cable: &cable{toHost: make(chan []byte, 1000), toDevice: make(chan []byte, 1000), done: make(chan struct{})}}
	var err error
	if h.c, err = New(c); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- m.Serve(context.Background(), h.cable) }()
	synctest.Wait()
	t.Cleanup(func() {
		close(h.cable.done)
		<-served
	})
	return h
}

func (h *host) setUp(t *testing.T) {
	t.Helper()
	h.c.Restart()
	h.c.Reset()
	h.run(time.Minute, func() bool { return h.c.talk.ready || h.fault != nil })
	if h.fault != nil {
		t.Fatal(h.fault)
	}
}

func present(t *testing.T, m *device.GM65, symbology, text string) {
	t.Helper()
	if err := m.Scan(symbology, text); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestSetUp(t *testing.T) {
	for name, c := range map[string]struct {
		module device.GM65Config
		codec  Config
	}{
		"gm65":          {device.GM65Config{}, Config{Mode: ModeContinuous}},
		"gm812, silent": {device.GM65Config{TailZone: ZoneTailGM812, Silent: true}, Config{Model: GM812, Mode: ModeInduction}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := device.NewGM65(c.module)
				h := connect(t, m, c.codec)
				present(t, m, "program", "0060=21")
				present(t, m, "qr", "plain")
				h.setUp(t)
				present(t, m, "program", "0060=21")
				present(t, m, "qr", code)
				h.run(time.Second, nil)
				if len(h.scans) != 1 || h.scans[0] != want[0] {
					t.Errorf("scans %+v", h.scans)
				}
				n := m.Counts()
				if n.Programmed != 1 || n.Resisted != 1 || n.FlashWrites != 0 || n.Unchecked != 0 || n.WrongCRC != 0 || len(m.Faults()) > 0 {
					t.Errorf("%+v, faults %q", n, m.Faults())
				}
				if len(h.told) == 0 || h.told[0] != "map[data:6469 reply:ok]" {
					t.Errorf("the version is not told first: %q", h.told)
				}
				// Its power fails for a moment: the next scan comes without identifier, and tells.
				m.Restart()
				h.run(RecheckAfter, nil)
				present(t, m, "qr", code)
				h.run(time.Second, nil)
				present(t, m, "qr", code)
				h.run(time.Second, nil)
				if len(h.scans) != 2 || m.Zone(ZoneSettingCodes)&2 == 0 {
					t.Errorf("after a dip: %+v, setting codes %02X", h.scans, m.Zone(ZoneSettingCodes))
				}
				// Once more, and nobody scans.
				m.Restart()
				h.run(2*RecheckEvery, nil)
				if m.Zone(ZoneSettingCodes)&2 == 0 || h.fault != nil {
					t.Errorf("setting codes %02X, fault %v", m.Zone(ZoneSettingCodes), h.fault)
				}
			})
		})
	}
}

func TestTriggerAndAim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := device.NewGM65(device.GM65Config{})
		h := connect(t, m, Config{Mode: ModeCommand})
		h.setUp(t)
		if h.c.Do(scanner.BeepGood) || !h.c.Do(scanner.AimOn) || !h.c.Do(scanner.AimOff) || !h.c.Do(scanner.AimOn) {
			t.Error("cues")
		}
		present(t, m, "qr", code)
		h.run(time.Second, nil)
		h.c.Do(scanner.Untrigger)
		h.c.Do(scanner.Trigger)
		h.run(time.Second, nil)
		present(t, m, "qr", code)
		present(t, m, "qr", code)
		h.run(time.Second, nil)
		n := m.Counts()
		if len(h.scans) != 1 || n.Unread != 2 || n.Triggers != 1 || m.Zone(ZoneMode) != 0xD6&^0x33|0x21 {
			t.Errorf("%+v, mode %02X, scans %+v", n, m.Zone(ZoneMode), h.scans)
		}
		// Of two that overtake each other the later one stands.
		h.c.Do(scanner.Trigger)
		h.c.Tick(time.Now(), h.emit)
		h.c.Do(scanner.Untrigger)
		h.run(time.Second, nil)
		if m.Zone(ZoneTrigger) != 0 || h.fault != nil {
			t.Errorf("trigger %02X, fault %v", m.Zone(ZoneTrigger), h.fault)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := device.NewGM65(device.GM65Config{})
		h := connect(t, m, Config{})
		h.setUp(t)
		h.run(10*time.Minute, nil)
		if n := m.Counts().Heartbeats; n < 40 || n > 60 || h.fault != nil {
			t.Errorf("%d heartbeats in ten minutes, fault %v", n, h.fault)
		}
		m.Deafen(2)
		h.run(time.Minute, nil)
		if h.fault != nil {
			t.Error(h.fault)
		}
		m.Deafen(1000)
		began := time.Now()
		h.run(10*time.Minute, func() bool { return h.fault != nil })
		if took := time.Since(began); h.fault == nil || took > time.Minute || !h.c.Due().IsZero() {
			t.Errorf("fault %v after %v", h.fault, took)
		}
		if _, err := New(Config{}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestModuleWithoutAIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := device.NewGM65(device.GM65Config{NoAIM: true})
		h := connect(t, m, Config{})
		h.c.Restart()
		h.run(time.Minute, func() bool { return h.fault != nil })
		if h.fault == nil {
			t.Error("a module without identifiers was taken for one with")
		}
		if h.c.scanned(scanner.Result{Text: []byte("x")}); len(h.scans) > 0 {
			t.Error("delivered after a fault")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m := device.NewGM65(device.GM65Config{NoAIM: true})
		h := connect(t, m, Config{NoAIM: true})
		h.setUp(t)
		present(t, m, "qr", code)
		h.run(time.Second, nil)
		if len(h.scans) != 1 || h.scans[0].Text != code {
			t.Errorf("%+v", h.scans)
		}
	})
}

// TestOnePresentationOneScan: whatever happens to replies, scans come once and whole; a scan
// that was harmed itself is lost, for this wire has no check for it.
func TestOnePresentationOneScan(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds = 1000
	}
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 9))
		m := device.NewGM65(device.GM65Config{})
		h := connect(t, m, Config{Mode: ModeCommand})
		h.setUp(t)
		faults := 0
		h.cable.harm = func(b []byte) []byte {
			if b[0] == ']' || faults == 0 || rng.IntN(2) == 0 {
				return b
			}
			faults--
			switch at := rng.IntN(len(b)); rng.IntN(4) {
			case 0:
				return nil
			case 1:
				b[at] ^= 1 << rng.IntN(8)
			case 2:
				b = b[:at]
			case 3:
				b = append(b, b[at:]...)
			}
			return b
		}
		for i := range rounds {
			text := fmt.Sprintf("%018d", rng.Uint64()%1e18)
			faults = rng.IntN(3)
			h.scans = nil
			h.c.Do(scanner.Trigger)
			h.run(3*time.Second, nil)
			faults = 0
			h.run(2*time.Second, nil)
			present(t, m, "qr", text)
			h.run(2*time.Second, nil)
			if h.fault != nil || len(h.scans) != 1 || h.scans[0].Text != text {
				t.Fatalf("round %d: %q came as %+v, fault %v, %+v", i, text, h.scans, h.fault, m.Counts())
			}
		}
		if n := m.Counts(); n.FlashWrites+n.Unchecked+n.WrongCRC > 0 || len(m.Faults()) > 0 {
			t.Errorf("%+v, %q", n, m.Faults())
		}
	})
}
