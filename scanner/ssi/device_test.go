package ssi

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

// cable joins a codec and a device, and may harm what passes through it.
type cable struct {
	toHost, toDevice chan []byte
	done             chan struct{}
	rest             []byte
	harmIn, harmOut  func([]byte) []byte // nil: nothing happens
}

func newCable() *cable {
	return &cable{toHost: make(chan []byte, 1000), toDevice: make(chan []byte, 1000), done: make(chan struct{})}
}

// Read is the device's.
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

// Write is the device's.
func (c *cable) Write(p []byte) (int, error) {
	b := append([]byte(nil), p...)
	if c.harmIn != nil {
		b = c.harmIn(b)
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
	fault error
	told  []scanner.Told
}

func (h *host) emit(r scanner.Result) {
	if len(r.Reply) > 0 {
		b := append([]byte(nil), r.Reply...)
		if h.cable.harmOut != nil {
			b = h.cable.harmOut(b)
		}
		if len(b) > 0 {
			h.cable.toDevice <- b
		}
	}
	if len(r.Text) > 0 {
		h.scans = append(h.scans, out{Text: string(r.Text), AIM: r.AIM, Symbology: r.Symbology})
	}
	if r.Fault != nil {
		h.fault = r.Fault
	}
	if r.Event != nil {
		h.told = append(h.told, r.Event)
	}
}

// run serves the line until done or for d.
func (h *host) run(d time.Duration, done func() bool) {
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		if done() && !h.c.Pending() && len(h.cable.toHost) == 0 {
			return
		}
		wait := 200 * time.Millisecond
		if h.c.Pending() {
			wait = 10 * time.Millisecond
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

// connect runs a device and a host in the bubble of t.
func connect(t *testing.T, d *device.SSI, c Config) *host {
	h := &host{cable: newCable()}
	var err error
	if h.c, err = New(c); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.Serve(context.Background(), h.cable) }()
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
	h.run(time.Minute, func() bool { return !h.c.talk.settingUp() && h.c.Due().IsZero() || h.fault != nil })
	if h.fault != nil {
		t.Fatal(h.fault)
	}
}

func present(t *testing.T, d *device.SSI, symbology, text string) {
	t.Helper()
	if err := d.Scan(symbology, text); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestSetUpShutsOutProgramming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := device.NewSSI(device.SSIConfig{Status: 0x20})
		h := connect(t, d, Config{})
		present(t, d, "program", "EE=00")
		present(t, d, "qr", "raw")
		h.setUp(t)
		present(t, d, "program", "EE=00")
		present(t, d, "qr", code)
		h.run(time.Minute, d.Idle)
		if len(h.scans) != 1 || h.scans[0].Text != code {
			t.Errorf("scans %+v", h.scans)
		}
		n := d.Counts()
		if n.Programmed != 1 || n.Resisted != 1 || n.FlashWrites != 0 || n.Delivered != 1 || n.Flushes == 0 || len(d.Faults()) > 0 {
			t.Errorf("%+v, faults %q", n, d.Faults())
		}
		if d.Param(paramPacketed) != 1 || d.Param(paramProgramming) != 0 {
			t.Errorf("parameters %v", d.Params())
		}
		// Its power fails: it says so, and is set up anew.
		d.Restart()
		h.run(time.Minute, func() bool { return d.Idle() && !h.c.talk.settingUp() })
		if present(t, d, "program", "EE=00"); d.Counts().Resisted != 2 {
			t.Error("programmed after a loss of power")
		}
	})
}

func TestCuesReachTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := device.NewSSI(device.SSIConfig{Sleepy: true})
		h := connect(t, d, Config{Wake: true, Triggered: true, AIM: true})
		h.setUp(t)
		idle := func() bool { return d.Idle() && h.c.Due().IsZero() }
		present(t, d, "qr", code)
		h.run(time.Minute, idle)
		for _, c := range []scanner.Cue{scanner.Untrigger, scanner.AimOn, scanner.BeepGood, scanner.LEDOn, scanner.Trigger, scanner.LEDOff, scanner.AimOff, scanner.BeepBad} {
			if !h.c.Do(c) {
				t.Errorf("%s is not known", c)
			}
		}
		if h.c.Do("dance") {
			t.Error("it dances")
		}
		h.run(time.Minute, idle)
		present(t, d, "code128", code)
		h.run(time.Minute, idle)
		n := d.Counts()
		if len(h.scans) != 1 || h.scans[0] != (out{Text: code, AIM: "]C0", Symbology: scanner.Code128}) || n.Unread != 1 || n.Triggers != 1 || n.Beeps != 1 {
			t.Errorf("%+v, scans %+v", n, h.scans)
		}
		if h.fault != nil || len(d.Faults()) > 0 {
			t.Errorf("fault %v, the device's %q", h.fault, d.Faults())
		}
	})
}

func TestReducedDecoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := device.NewSSI(device.SSIConfig{Unknown: []uint16{paramNoRead, paramFormat, paramBootEvent}})
		h := connect(t, d, Config{})
		h.setUp(t)
		var refused []string
		for _, e := range h.told {
			if r, ok := e.(Refused); ok {
				refused = append(refused, fmt.Sprint(r.Fields()))
			}
		}
		if len(refused) != 3 || !strings.Contains(refused[0], "DENIED") {
			t.Errorf("refused %q", refused)
		}
	})
}

func TestProgrammingThatCannotBeSwitchedOff(t *testing.T) {
	for _, c := range []Config{{}, {Programmable: true}} {
		synctest.Test(t, func(t *testing.T) {
			d := device.NewSSI(device.SSIConfig{Unknown: []uint16{paramProgramming}})
			h := connect(t, d, c)
			h.c.Restart()
			h.run(time.Minute, func() bool { return !h.c.talk.settingUp() || h.fault != nil })
			present(t, d, "qr", code)
			h.run(time.Minute, d.Idle)
			if (h.fault == nil) != c.Programmable || (len(h.scans) == 1) != c.Programmable {
				t.Errorf("%+v: fault %v, %d scans", c, h.fault, len(h.scans))
			}
		})
	}
}

func TestMuteDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := device.NewSSI(device.SSIConfig{})
		h := connect(t, d, Config{})
		h.setUp(t)
		d.Deafen(1000)
		h.c.Do(scanner.BeepGood)
		began := time.Now()
		h.run(time.Minute, func() bool { return h.fault != nil })
		if took := time.Since(began); h.fault == nil || took > 5*time.Second || !h.c.Due().IsZero() {
			t.Errorf("fault %v after %v", h.fault, took)
		}
	})
}

// TestOnePresentationOneScan: over a bad cable each code arrives once and whole. Two faults are
// as many as two retransmissions make up for.
func TestOnePresentationOneScan(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds = 1500
	}
	for _, c := range []struct {
		name string
		c    device.SSIConfig
	}{{"corded", device.SSIConfig{Part: 100}}, {"cordless", device.SSIConfig{Part: 100, Cordless: true}}, {"grow", device.SSIConfig{Part: 100, Grow: true}}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { presentations(t, c.c, rounds/3) })
		})
	}
}

func presentations(t *testing.T, c device.SSIConfig, rounds int) {
	rng := rand.New(rand.NewPCG(5, 6))
	d := device.NewSSI(c)
	h := connect(t, d, Config{})
	h.setUp(t)
	h.run(time.Second, func() bool { return false }) // as a hub waits for a quiet line
	budget, lost, long := 0, 0, 0
	h.cable.harmIn = func(b []byte) []byte {
		if budget == 0 || rng.IntN(2) == 0 {
			return b
		}
		budget--
		switch rng.IntN(6) {
		case 0:
			return nil
		case 1:
			noise := make([]byte, 1+rng.IntN(64))
			for i := range noise {
				noise[i] = byte(rng.Uint32())
			}
			return append(noise, b...)
		}
		return mutate(rng, b)
	}
	h.cable.harmOut = func(b []byte) []byte {
		if budget == 0 || rng.IntN(2) == 0 {
			return b
		}
		budget--
		if rng.IntN(2) == 0 {
			return nil
		}
		return mutate(rng, b)
	}
	for i := range rounds {
		size := 1 + rng.IntN(100)
		if rng.IntN(4) == 0 {
			size = 1 + rng.IntN(600)
		}
		text := make([]byte, size)
		for i := range text {
			text[i] = byte('0' + rng.IntN(10))
		}
		h.scans, budget = nil, rng.IntN(3)
		present(t, d, "qr", string(text))
		h.run(time.Minute, d.Idle)
		budget = 0
		h.run(time.Second, func() bool { return false })
		switch {
		case h.fault != nil || !d.Idle():
			t.Fatalf("round %d: fault %v", i, h.fault)
		case len(h.scans) > 1 || len(h.scans) == 1 && h.scans[0].Text != string(text):
			t.Fatalf("round %d: %q came as %+v", i, text, h.scans)
		case len(h.scans) == 0 && size <= 100:
			t.Fatalf("round %d: %q was lost; %+v", i, text, d.Counts())
		case len(h.scans) == 0:
			lost++
		}
		if size > 100 {
			long++
		}
		// The next customer comes later, or at once.
		if rng.IntN(2) == 0 {
			h.run(30*time.Second, func() bool { return false })
		}
	}
	t.Logf("%d long codes, %d of them lost; %+v", long, lost, d.Counts())
	// Where an acknowledgement and the retransmission after it are harmed, the last part of a
	// continued code and a next one like it cannot be told apart.
	if lost*10 > long {
		t.Errorf("%d of %d long codes were lost", lost, long)
	}
}

// TestRestOfACodeBeforeArm: the head of a packet was flushed unread when the sale was armed,
// so its retransmission is of a code that was shown before.
func TestRestOfACodeBeforeArm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := device.NewSSI(device.SSIConfig{})
		h := connect(t, d, Config{})
		h.setUp(t)
		never := func() bool { return false }
		h.run(time.Second, never)
		first, err := hex.DecodeString("17f300001c313334353637383930313233343536373839fb22")
		if err != nil {
			t.Fatal(err)
		}
		again, err := hex.DecodeString("17f300011c313334353637383930313233343536373839fb21")
		if err != nil {
			t.Fatal(err)
		}
		h.c.Reset()
		h.run(time.Millisecond, never)
		h.c.Feed(first[9:], time.Now(), h.emit)
		h.run(2*time.Second, never)
		h.c.Feed(again, time.Now(), h.emit)
		h.run(time.Second, never)
		if len(h.scans) != 0 {
			t.Fatalf("delivered %+v", h.scans)
		}
	})
}
