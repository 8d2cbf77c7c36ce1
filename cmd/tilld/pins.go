package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/drivers/gpio"
)

// pins are what hangs on the board's lines: lamps, a buzzer, a door and a tamper switch. A
// part that cannot be opened does not stop the till; it is tried again, and said.
type pins struct {
	indicator    config.Indicator
	door, tamper config.Contact
	lines        lineDriver
	health       *health.Board
	log          *slog.Logger

	mu    sync.Mutex
	parts []control.Device
}

// lineDriver opens lines. It is there for tests.
type lineDriver struct {
	indicator func(gpio.Names) (indicator, error)
	output    func(name string, activeLow bool) (output, error)
	input     func(gpio.InputConfig) (io.Closer, error)
}

type indicator interface {
	Set(gpio.Kind) error
	io.Closer
}

type output interface {
	Set(on bool) error
	io.Closer
}

func boardLines() lineDriver {
	return lineDriver{
		indicator: func(n gpio.Names) (indicator, error) { return gpio.Open(n) },
		output:    func(name string, low bool) (output, error) { return gpio.OpenOutput(name, low) },
		input:     func(c gpio.InputConfig) (io.Closer, error) { return gpio.OpenInput(c) },
	}
}

// Codes of health causes.
const (
	causePins   = "pins"
	causeDoor   = "door"
	causeTamper = "tamper"
)

// startPins finds the chips of the board, where a line is configured.
func (d *daemon) startPins() error {
	d.pins = &pins{indicator: d.cfg.Indicator, door: d.cfg.Door, tamper: d.cfg.Tamper,
		lines: boardLines(), health: d.health, log: d.log}
	if !d.cfg.Indicator.Fitted() && d.cfg.Door.Line == "" && d.cfg.Tamper.Line == "" && d.cfg.Palm.LampNIR == "" {
		return nil
	}
	if err := gpio.Init(); err != nil {
		// Each part says it again, with its line, as long as it lasts.
		f := fail("", "", err)
		d.log.Warn(oneLine(err), "hint", f.hint)
	}
	return nil
}

// reopen is how long to wait before a part that failed is tried again.
const reopen = 30 * time.Second

// watchedTill is what the indicator follows.
type watchedTill interface {
	Watch(ctx context.Context) (<-chan agent.Screen, <-chan agent.Event)
}

// run keeps all parts until ctx ends.
func (p *pins) run(ctx context.Context, till watchedTill) {
	var wg sync.WaitGroup
	keep := func(kind, line string, use func(ctx context.Context, at int) error) {
		if line == "" {
			return
		}
		at := len(p.parts)
		p.parts = append(p.parts, control.Device{Kind: kind, Name: kind, Driver: "gpio", Port: line})
		wg.Go(func() { p.keep(ctx, at, func(ctx context.Context) error { return use(ctx, at) }) })
	}
	p.mu.Lock()
	i := p.indicator
	keep("indicator", joined(i.Lamp, i.Buzzer, i.Ready), func(ctx context.Context, at int) error { return p.indicate(ctx, at, till) })
	keep("door", p.door.Line, func(ctx context.Context, at int) error { return p.watch(ctx, at, p.door, p.doorChanged) })
	keep("tamper", p.tamper.Line, func(ctx context.Context, at int) error { return p.watch(ctx, at, p.tamper, p.tamperChanged) })
	p.mu.Unlock()
	wg.Wait()
}

func joined(names ...string) string {
	var list []string
	for _, n := range names {
		if n != "" {
			list = append(list, n)
		}
	}
	return strings.Join(list, " ")
}

// keep uses a part until ctx ends, and again after it failed.
func (p *pins) keep(ctx context.Context, at int, use func(context.Context) error) {
	for ctx.Err() == nil {
		err := use(ctx)
		if ctx.Err() != nil || err == nil {
			return
		}
		f := fail("", "", err)
		part := p.set(at, func(d *control.Device) { d.Open, d.State, d.Why, d.Hint = false, "", oneLine(err), f.hint })
		severity := health.Warning
		if part.Kind == "tamper" {
			severity = p.tamperSeverity() // who cuts the cable must not be better off
		}
		p.health.Set(health.Cause{Code: causePins, Subject: part.Kind, Severity: severity,
			Text: "the " + part.Kind + " is not watched: " + part.Why, Hint: f.hint})
		timer := time.NewTimer(reopen)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// set changes what is said of a part and returns it.
func (p *pins) set(at int, f func(*control.Device)) control.Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.parts[at])
	return p.parts[at]
}

func (p *pins) opened(at int) {
	part := p.set(at, func(d *control.Device) { d.Open, d.Why, d.Hint = true, "", "" })
	p.health.Clear(causePins, part.Kind)
}

// devices is what the command line is told.
func (p *pins) devices() []control.Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]control.Device(nil), p.parts...)
}

// indicate follows the customer's screen with lamp, buzzer and the ready lamp.
func (p *pins) indicate(ctx context.Context, at int, till watchedTill) (err error) {
	i := p.indicator
	show, err := p.lines.indicator(gpio.Names{Lamp: i.Lamp, Buzzer: i.Buzzer, ActiveLow: i.ActiveLow})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, show.Close()) }()
	var ready output
	if i.Ready != "" {
		if ready, err = p.lines.output(i.Ready, i.ActiveLow); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, ready.Close()) }()
	}
	p.opened(at)
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	screens, _ := till.Watch(ctx)
	shown, of := gpio.Idle, ""
	for s := range screens {
		if ready != nil {
			if err := ready.Set(s.Kind != agent.ScreenStarting && s.Kind != agent.ScreenClosed); err != nil {
				return err
			}
		}
		// The same ending is shown once, and whatever comes after it ends it: a lamp that is
		// still lit must not pay for the next customer.
		kind := kindOf(s.Kind)
		if kind == shown && s.Payment == of {
			continue
		}
		shown, of = kind, s.Payment
		if err := show.Set(kind); err != nil {
			return err
		}
	}
	return nil
}

func kindOf(k agent.ScreenKind) gpio.Kind {
	switch k {
	case agent.ScreenPaid:
		return gpio.Paid
	case agent.ScreenNotPaid:
		return gpio.NotPaid
	}
	return gpio.Idle
}

// watch reports the changes of a contact until the line is lost.
func (p *pins) watch(ctx context.Context, at int, c config.Contact, changed func(open, first bool)) error {
	lost := make(chan error, 1)
	in, err := p.lines.input(gpio.InputConfig{Name: c.Line, ActiveLow: c.ActiveLow, Pull: gpio.Pull(c.Pull), Debounce: c.Debounce,
		Report: func(ch gpio.Change) {
			if ch.Err != nil {
				lost <- ch.Err
				return
			}
			p.set(at, func(d *control.Device) { d.State = map[bool]string{true: "open", false: "closed"}[ch.Active] })
			changed(ch.Active, ch.First)
		}})
	if err != nil {
		return err
	}
	p.opened(at)
	defer in.Close()
	select {
	case err := <-lost:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (p *pins) doorChanged(open, _ bool) {
	if !open {
		p.health.Clear(causeDoor, "")
		return
	}
	p.health.Set(health.Cause{Code: causeDoor, Severity: health.Notice, Text: "the door is open", Hint: "close it"})
}

func (p *pins) tamperSeverity() health.Severity {
	if p.tamper.RefuseSales {
		return health.Closed
	}
	return health.Critical
}

// tamperChanged: what was opened once stays said until tilld starts anew, also when it was
// closed again: someone must look.
func (p *pins) tamperChanged(open, first bool) {
	if !open {
		if !first {
			p.log.Warn("the case was closed again")
		}
		return
	}
	text := "the case was opened at " + time.Now().Format(time.DateTime)
	if first {
		text = "the case is open"
	}
	p.health.Set(health.Cause{Code: causeTamper, Severity: p.tamperSeverity(), Text: text,
		Hint: "look for parts that do not belong there, then close it and start tilld anew"})
}
