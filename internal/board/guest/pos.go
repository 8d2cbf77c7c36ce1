//go:build linux

package main

import (
	"context"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/board/usb"
)

// patience is how long a presentation may take to be read: a scanner that waits for its
// trigger has read nothing by then.
const patience = 300 * time.Millisecond

// posScanner is a HID POS scanner. Each time it is plugged in it starts afresh, as its own
// memory does.
type posScanner struct {
	plugged
	hid *usb.HID
	saw sight

	mu    sync.Mutex
	model *device.HIDPOS
	stop  context.CancelFunc
	left  int // reports until the plug is pulled; -1 is never
	sent  int
	moved chan struct{} // capacity 1: a report was fetched, or lost
}

func newPOSScanner(ctx context.Context, name string, port int, serial string) *posScanner {
	s := &posScanner{model: device.NewHIDPOS(device.HIDPOSOptions{}), moved: make(chan struct{}, 1), left: -1}
	s.hid = usb.NewHID(s.model.Descriptor())
	s.hid.Output = func(report []byte) {
		s.saw.told(report)
		s.present().Output(report)
	}
	s.hid.Feature = func(report []byte) { s.present().Feature(report) }
	s.plugged = plugged{ctx: ctx, port: port, inside: s.inside, outside: s.outside, act: s.act,
		about: hands.Device{Name: name, Class: "hidpos", Protocol: "hidpos", Subsystem: "hidraw", ID: "0c2e:0901 if=0",
			Deeds: []hands.Deed{hands.Scan, hands.Raw, hands.Saw}},
		dev: &usb.Device{Vendor: 0x0C2E, Product: 0x0901, Release: 0x0100, Manufacturer: "Virtual", Name: "POS scanner",
			Serial: serial, Functions: []usb.Function{s.hid}}}
	if serial != "" {
		s.about.ID = "0c2e:0901 serial=" + serial + " if=0"
	}
	return s
}

func (s *posScanner) present() *device.HIDPOS {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.model
}

func (s *posScanner) inside() {
	ctx, stop := context.WithCancel(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.model, s.stop, s.left = device.NewHIDPOS(device.HIDPOSOptions{}), stop, -1
	go s.pump(ctx, s.model)
}

func (s *posScanner) outside() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

// pump hands the model's reports to the host for the life of one plug.
func (s *posScanner) pump(ctx context.Context, m *device.HIDPOS) {
	for {
		report, err := m.Next(ctx)
		if err != nil {
			return
		}
		s.mu.Lock()
		pull := s.left == 0
		if s.left > 0 {
			s.left--
		}
		s.mu.Unlock()
		if pull {
			s.out()
			s.wake()
			return
		}
		fetched := s.hid.Report(report)
		if fetched {
			s.mu.Lock()
			s.sent++
			s.mu.Unlock()
		}
		s.wake()
		if !fetched {
			return
		}
	}
}

func (s *posScanner) wake() {
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

func (s *posScanner) act(ctx context.Context, o hands.Order) (hands.Answer, error) {
	var a hands.Answer
	m := s.present()
	switch o.Do {
	case hands.Scan:
		n := len(m.Reports(device.AIM(o.Symbology), o.Text))
		err := o.Repeat(ctx, func() error {
			return s.send(ctx, o.Cut, n, &a, func() error { return m.Scan(o.Symbology, o.Text) })
		})
		if err == nil && o.Cut == 0 {
			s.saw.scanned(max(o.Times, 1))
		}
		return a, err
	case hands.Raw:
		err := o.Repeat(ctx, func() error {
			return s.send(ctx, 0, 1, &a, func() error { m.Send(o.Bytes); return nil })
		})
		return a, err
	case hands.Saw:
		saw := s.saw.take()
		saw.Faults = m.Faults()
		return hands.Answer{Saw: &saw}, nil
	}
	return a, cannot(o)
}

// send has the model send n reports and waits until the host has fetched them, the plug is out,
// or patience ends. With cut the plug is pulled after as many.
func (s *posScanner) send(ctx context.Context, cut, n int, a *hands.Answer, do func() error) error {
	if !s.isIn() {
		return errAbsent
	}
	s.mu.Lock()
	if s.left = -1; cut > 0 {
		s.left = cut
	}
	until := s.sent + n
	s.mu.Unlock()
	if err := do(); err != nil {
		return err
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		s.mu.Lock()
		done := s.sent >= until
		s.mu.Unlock()
		if done || !s.isIn() {
			a.At = hands.Now()
			return nil
		}
		select {
		case <-s.moved:
		case <-over.C:
			a.At = hands.Now()
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
