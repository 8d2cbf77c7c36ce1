//go:build linux

package main

import (
	"context"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/board/usb"
)

// keyboardWedge is a scanner that pretends to be a USB keyboard.
func keyboardWedge(ctx context.Context, name string, port int) gadget {
	hid := usb.NewHID(device.KeyboardDescriptor())
	hid.Subclass, hid.Protocol = 1, 1
	var saw sight
	hid.Output = func(report []byte) { saw.told(report) } // its lamps
	p := &plugged{ctx: ctx, port: port, inside: func() {}, outside: func() {},
		about: hands.Device{Name: name, Class: "wedge", Protocol: "wedge", Subsystem: "input", ID: "0c2e:0b61 if=0",
			Deeds: []hands.Deed{hands.Scan, hands.Raw, hands.Saw}},
		dev: &usb.Device{Vendor: 0x0C2E, Product: 0x0B61, Release: 0x0100, Manufacturer: "Virtual", Name: "Keyboard scanner",
			Functions: []usb.Function{hid}}}
	send := func(o hands.Order, reports [][]byte) error {
		for i, r := range reports {
			if o.Cut > 0 && i == o.Cut {
				p.out()
				return nil
			}
			if !hid.Report(r) {
				return errAbsent
			}
		}
		return nil
	}
	p.act = func(ctx context.Context, o hands.Order) (hands.Answer, error) {
		switch o.Do {
		case hands.Scan:
			events, err := device.Typist{}.Type(o.Text)
			if err != nil {
				return hands.Answer{}, err
			}
			reports, err := device.BootReports(events)
			if err != nil {
				return hands.Answer{}, err
			}
			err = o.Repeat(ctx, func() error { return send(o, reports) })
			if err == nil && o.Cut == 0 {
				saw.scanned(max(o.Times, 1))
			}
			return hands.Answer{At: hands.Now()}, err
		case hands.Raw:
			return hands.Answer{}, o.Repeat(ctx, func() error { return send(o, [][]byte{o.Bytes}) })
		case hands.Saw:
			s := saw.take()
			return hands.Answer{Saw: &s}, nil
		}
		return hands.Answer{}, cannot(o)
	}
	return p
}
