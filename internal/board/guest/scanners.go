//go:build linux

package main

import (
	"context"

	"github.com/tilld/tilld/internal/board/attach"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/board/usb"
)

// usbGadgets are the USB devices that lie ready; none is plugged in.
func usbGadgets(ctx context.Context) []gadget {
	return []gadget{
		// Two that nothing tells apart but their place, and one that has a serial number.
		posScanner(ctx, "pos1", 1, ""),
		posScanner(ctx, "pos2", 2, ""),
		posScanner(ctx, "pos3", 3, "T0003"),
		// Clones with the same serial number.
		serialScanner(ctx, "cdc1", 4, "0001"),
		serialScanner(ctx, "cdc2", 5, "0001"),
		camera(ctx, "camera", 6),
		bridge(ctx, "bridge", 7),
	}
}

// serialScanner sends lines through a USB serial port.
func serialScanner(ctx context.Context, name string, port int, serial string) gadget {
	acm := usb.NewACM()
	s := attach.NewStream(attach.Makes(), "line")
	p := &plugged{ctx: ctx, port: port, act: s.Do,
		about: hands.Device{Name: name, Class: "cdc", Protocol: "line", Subsystem: "tty", ID: "05e0:1701 if=0",
			Speaks: s.Speaks(), Deeds: s.Deeds()},
		dev: &usb.Device{Vendor: 0x05E0, Product: 0x1701, Release: 0x0100, Manufacturer: "Virtual", Name: "Serial scanner",
			Serial: serial, Functions: []usb.Function{acm}}}
	if serial != "" {
		p.about.ID = "05e0:1701 serial=" + serial + " if=0"
	}
	p.inside = func() { s.Attach(ctx, acm) }
	p.outside = s.Detach
	s.Pull = func() { p.out() }
	return p
}

// posScanner is a HID POS scanner.
func posScanner(ctx context.Context, name string, port int, serial string) gadget {
	hid := usb.NewHID(posDescriptor)
	var saw sight
	hid.Output = func(report []byte) { saw.told(report) }
	p := &plugged{ctx: ctx, port: port, inside: func() {}, outside: func() {},
		about: hands.Device{Name: name, Class: "hidpos", Protocol: "hidpos", Subsystem: "hidraw", ID: "0c2e:0901 if=0",
			Deeds: []hands.Deed{hands.Scan, hands.Raw, hands.Saw}},
		dev: &usb.Device{Vendor: 0x0C2E, Product: 0x0901, Release: 0x0100, Manufacturer: "Virtual", Name: "POS scanner",
			Serial: serial, Functions: []usb.Function{hid}}}
	if serial != "" {
		p.about.ID = "0c2e:0901 serial=" + serial + " if=0"
	}
	p.act = func(ctx context.Context, o hands.Order) (hands.Answer, error) {
		send := func(reports [][]byte) error {
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
		switch o.Do {
		case hands.Scan:
			err := o.Repeat(ctx, func() error { return send(posReports(o.Symbology, o.Text)) })
			if err == nil && o.Cut == 0 {
				saw.scanned(max(o.Times, 1))
			}
			return hands.Answer{At: hands.Now()}, err
		case hands.Raw:
			return hands.Answer{}, o.Repeat(ctx, func() error { return send([][]byte{o.Bytes}) })
		case hands.Saw:
			s := saw.take()
			return hands.Answer{Saw: &s}, nil
		}
		return hands.Answer{}, cannot(o)
	}
	return p
}
