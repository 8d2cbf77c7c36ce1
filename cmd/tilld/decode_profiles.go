package main

import (
	"fmt"
	"strings"

	"github.com/tilld/tilld/drivers/atecc608"
	"github.com/tilld/tilld/drivers/efaa"
	"github.com/tilld/tilld/drivers/rsid"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/bytecmd"
	"github.com/tilld/tilld/scanner/gm65"
	"github.com/tilld/tilld/scanner/hidpos"
	"github.com/tilld/tilld/scanner/line"
	"github.com/tilld/tilld/scanner/menu"
	"github.com/tilld/tilld/scanner/ssi"
	"github.com/tilld/tilld/scanner/wedge"
)

// profileRow is one wire protocol that a dump may be of, with the codec in the state of a
// device that was set up and has nothing under way.
type profileRow struct {
	name, text string
	make       func() (scanner.Codec, error)
}

// decodeProfiles is the table of profiles.
func decodeProfiles() []profileRow {
	return []profileRow{
		{"serial-aim", "serial line, ends on CR, LF or CRLF, AIM prefix on", func() (scanner.Codec, error) {
			return asCodec(line.New(line.Config{AIM: true}))
		}},
		{"serial-plain", "serial line, ends on CR, LF or CRLF, no prefix", func() (scanner.Codec, error) {
			return asCodec(line.New(line.Config{}))
		}},
		{"ssi", "Zebra SSI, packeted, ACK/NAK on", func() (scanner.Codec, error) { return asCodec(ssi.New(ssi.Config{})) }},
		{"gm65", "GM65 command frames", func() (scanner.Codec, error) { return asCodec(gm65.New(gm65.Config{})) }},
		{"honeywell", "Honeywell menu and trigger commands", func() (scanner.Codec, error) {
			return asCodec(menu.New(menu.Config{Dialect: menu.Honeywell}))
		}},
		{"newland", "Newland 7E 01 commands", func() (scanner.Codec, error) {
			return asCodec(menu.New(menu.Config{Dialect: menu.Newland}))
		}},
		{"datalogic", "Datalogic single-byte commands", func() (scanner.Codec, error) {
			return asCodec(bytecmd.New(bytecmd.Config{Dialect: bytecmd.Datalogic}))
		}},
		{"opticon", "Opticon ESC commands", func() (scanner.Codec, error) {
			return asCodec(bytecmd.New(bytecmd.Config{Dialect: bytecmd.Opticon}))
		}},
		{"hidpos", "USB HID POS, 64-byte report 2", func() (scanner.Codec, error) {
			return asCodec(hidpos.New(hidpos.Config{Dialect: menu.Honeywell}))
		}},
		{"evdev-arm64", "keyboard wedge, 64-bit kernel", wedgeOf(wedge.Record64)},
		{"evdev-arm", "keyboard wedge, 32-bit kernel", wedgeOf(wedge.Record32)},
		{"ef-aa-xor", "smart-lock family, u16 size, XOR", func() (scanner.Codec, error) {
			return asCodec(efaa.New(efaa.XOR))
		}},
		{"tx510-sum", "HLK-TX510, u32 size, 8-bit sum", func() (scanner.Codec, error) {
			return asCodec(efaa.New(efaa.Sum))
		}},
		{"rsid", "RealSense ID packets", func() (scanner.Codec, error) { return rsid.New(), nil }},
		{"atecc608", "I2C frames of the secure element", func() (scanner.Codec, error) { return atecc608.NewDecoder(), nil }},
		{"uevent", "kernel uevent datagrams", func() (scanner.Codec, error) { return ueventCodec{}, nil }},
	}
}

func wedgeOf(record int) func() (scanner.Codec, error) {
	return func() (scanner.Codec, error) {
		return asCodec(wedge.New(wedge.Config{Record: record, Watch: true}))
	}
}

// asCodec keeps a nil pointer out of the interface.
func asCodec[C scanner.Codec](c C, err error) (scanner.Codec, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

func profileNamed(name string) (profileRow, error) {
	var names []string
	for _, p := range decodeProfiles() {
		if p.name == name {
			return p, nil
		}
		names = append(names, p.name)
	}
	return profileRow{}, fmt.Errorf("unknown profile %.40q, want one of %s", name, strings.Join(names, ", "))
}
