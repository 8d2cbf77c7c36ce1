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
		newPOSScanner(ctx, "pos1", 1, ""),
		newPOSScanner(ctx, "pos2", 2, ""),
		newPOSScanner(ctx, "pos3", 3, "T0003"),
		// Clones with the same serial number.
		serialScanner(ctx, "cdc1", 4, "0001"),
		serialScanner(ctx, "cdc2", 5, "0001"),
		keyboardWedge(ctx, "wedge", 8),
		camera(ctx, "camera", 6),
		bridge(ctx, "bridge", 7),
		palmCamera(ctx, "palm", 6),
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
