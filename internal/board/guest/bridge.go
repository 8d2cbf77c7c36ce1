//go:build linux

package main

import (
	"context"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/board/usb"
)

// bridge is a CP2112 with a secure element on its I²C bus, and eight GPIO lines.
func bridge(ctx context.Context, name string, port int) gadget {
	part := device.NewATECC(device.ATECCOptions{})
	chip := device.NewCP2112(part)
	hid := usb.NewHID(chip.Descriptor())
	answers := newReporter(hid)
	hid.Output = func(report []byte) { answers.send(chip.Output(report)...) }
	hid.Feature = func(report []byte) { chip.SetFeature(report) } // a mistake is among its faults
	hid.Ask = func(_, number uint8) ([]byte, bool) {
		report, err := chip.Feature(number)
		return report, err == nil
	}
	p := &plugged{ctx: ctx, port: port, inside: func() {}, outside: func() {},
		about: hands.Device{Name: name, Class: "i2c", Subsystem: "i2c-dev", ID: "10c4:ea90 serial=I2C0001 if=0",
			Deeds: []hands.Deed{hands.Level, hands.Lines, hands.Saw}},
		dev: &usb.Device{Vendor: device.CP2112Vendor, Product: device.CP2112Product, Release: 0x0100, Manufacturer: "Virtual",
			Name: "CP2112 HID USB-to-SMBus Bridge", Serial: "I2C0001", Functions: []usb.Function{hid}}}
	p.act = func(_ context.Context, o hands.Order) (hands.Answer, error) {
		switch o.Do {
		case hands.Level:
			chip.SetLine(o.Line, o.High)
			return hands.Answer{}, nil
		case hands.Lines:
			var a hands.Answer
			for n := range 8 {
				if high, driven := chip.Line(n); high && driven {
					a.High |= 1 << n
				}
			}
			return a, nil
		case hands.Saw:
			return hands.Answer{Saw: &hands.Sight{Faults: chip.Faults()}}, nil
		}
		return hands.Answer{}, cannot(o)
	}
	return p
}

// reporter sends reports in their order from a goroutine of its own: a device may not send
// while it is being told something.
type reporter struct{ queue chan []byte }

// newReporter sends through hid as long as the board lives. Reports for a plug that is out are
// lost, as are those beyond 256 that nobody fetches.
func newReporter(hid *usb.HID) *reporter {
	r := &reporter{make(chan []byte, 256)}
	go func() {
		for report := range r.queue {
			hid.Report(report)
		}
	}()
	return r
}

func (r *reporter) send(reports ...[]byte) {
	for _, b := range reports {
		select {
		case r.queue <- b:
		default:
		}
	}
}
