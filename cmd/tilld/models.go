package main

import (
	"slices"

	"github.com/tilld/tilld/drivers"
)

// model is a row of the table of known devices. A new device is a row, not code.
type model struct {
	vendor   uint16
	products []uint16 // none: whatever else this vendor number stands for
	name     string
	is       string // what it is: "scanner", "bridge", "palm reader"
	protocol string // of a scanner's serial mode; empty: line
	remark   string // for whoever configures it
}

const (
	isScanner = "scanner"
	// A bridge turns USB into a serial line, whatever is behind it: no scanner is told by it.
	isBridge = "bridge"
	isPalm   = "palm reader"
)

// models is the table. Product numbers are those that makers and users have published for
// serial mode; HID POS and wedge modes are known by what the device says of itself.
func models() []model {
	return []model{
		{0x0c2e, []uint16{0x0206, 0x0720, 0x0901, 0x0b01, 0x0ca1, 0x0caa, 0x0ccf, 0x0cd4, 0x1014}, "Honeywell", isScanner, "honeywell", ""},
		{0x0c2e, nil, "Honeywell", isScanner, "honeywell", ""},
		{0x23d0, []uint16{0x0c82}, "Youjie", isScanner, "honeywell", ""},
		{0x05e0, []uint16{0x1701}, "Zebra", isScanner, "", `in mode "SSI over USB CDC" write protocol = "ssi"`},
		{0x05e0, nil, "Zebra", isScanner, "", ""},
		{0x05f9, []uint16{0x4204}, "Datalogic", isScanner, "", `protocol = "datalogic" lets it beep and be triggered, if host commands are on`},
		{0x05f9, nil, "Datalogic", isScanner, "", ""},
		{0x1eab, []uint16{0x0c06, 0x1d06, 0x8306}, "Newland", isScanner, "newland", ""},
		{0x1eab, nil, "Newland", isScanner, "newland", ""},
		{0x1fbb, []uint16{0x3850}, "Cino", isScanner, "", ""},
		{0x2745, []uint16{0x300a}, "Unitech", isScanner, "", ""},
		{0x27dd, []uint16{0x0002}, "Mindeo", isScanner, "", ""},
		{0x2dd6, []uint16{0x0261, 0x21ca, 0x228a, 0x2a6a}, "Mertech", isScanner, "", ""},
		{0x1f3a, []uint16{0x1009}, "Atol", isScanner, "", ""},
		{0x7985, []uint16{0x1001}, "PVM310", isPalm, "", "works with its maker's own program only"},

		{0x1a86, nil, "WCH", isBridge, "", ""},
		{0x28e9, nil, "GigaDevice", isBridge, "", "some cheap scanners use its number, and many other things"},
		{0x0416, nil, "Winbond", isBridge, "", "some cheap scanners use its number, and many other things"},
		{0x0403, nil, "FTDI", isBridge, "", ""},
		{0x10c4, nil, "Silicon Labs", isBridge, "", ""},
		{0x067b, nil, "Prolific", isBridge, "", ""},
	}
}

// modelOf is the row of a device; the zero value when there is none.
func modelOf(id drivers.ID) model {
	var whole model
	for _, m := range models() {
		if m.vendor != id.Vendor {
			continue
		}
		if slices.Contains(m.products, id.Product) {
			return m
		}
		if m.products == nil {
			whole = m
		}
	}
	return whole
}
