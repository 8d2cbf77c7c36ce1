package main

import (
	"context"
	"fmt"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/evdev"
	"github.com/tilld/tilld/drivers/hidraw"
	"github.com/tilld/tilld/drivers/serialport"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/bytecmd"
	"github.com/tilld/tilld/scanner/gm65"
	"github.com/tilld/tilld/scanner/hidpos"
	"github.com/tilld/tilld/scanner/line"
	"github.com/tilld/tilld/scanner/menu"
	"github.com/tilld/tilld/scanner/ssi"
	"github.com/tilld/tilld/scanner/wedge"
)

// driverRow opens what a [[scanner]] section names.
type driverRow struct {
	config.ScannerDriver
	subsystem string // of the nodes, as the kernel calls it
	open      func(c config.Scanner, codec scanner.Codec) uevent.Opener
}

// scannerDrivers is the table of scanner drivers. A new one is one package and one row.
func scannerDrivers() []driverRow {
	return []driverRow{
		{config.ScannerDriver{Name: "serial", Keys: []string{"baud"}, Example: "/dev/serial/by-id/usb-...",
			Protocols: []string{"line", "ssi", "gm65", "gm812", "honeywell", "newland", "mindeo", "datalogic", "opticon", "cipherlab"}},
			"tty", func(c config.Scanner, _ scanner.Codec) uevent.Opener {
				return func(ctx context.Context, path string) (drivers.Transport, error) {
					return asTransport(serialport.Open(ctx, serialport.Config{Path: path, Baud: c.Baud}))
				}
			}},
		{config.ScannerDriver{Name: "hidpos", Example: "/dev/hidraw0", Protocols: []string{"hidpos"}},
			"hidraw", func(_ config.Scanner, codec scanner.Codec) uevent.Opener {
				return func(ctx context.Context, path string) (drivers.Transport, error) {
					c, ok := codec.(*hidpos.Codec)
					if !ok {
						return nil, fmt.Errorf("open %s: its reports are not for a %T", path, codec)
					}
					return asTransport(hidraw.OpenScanner(ctx, hidraw.Config{Path: path}, c))
				}
			}},
		{config.ScannerDriver{Name: "wedge", Example: "/dev/input/by-id/usb-...-event-kbd", Protocols: []string{"wedge"}},
			"input", func(config.Scanner, scanner.Codec) uevent.Opener {
				return func(ctx context.Context, path string) (drivers.Transport, error) {
					return asTransport(evdev.Open(ctx, evdev.Config{Path: path}))
				}
			}},
	}
}

// asTransport keeps a nil pointer out of the interface.
func asTransport[T drivers.Transport](t T, err error) (drivers.Transport, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

// protocolRow makes the codec of a wire protocol.
type protocolRow struct {
	config.ScannerProtocol
	make func(c config.Scanner) (scanner.Codec, error)
}

// scannerProtocols is the table of wire protocols.
func scannerProtocols() []protocolRow {
	rows := []protocolRow{
		{config.ScannerProtocol{Name: "line", Keys: framing()}, func(c config.Scanner) (scanner.Codec, error) {
			return asCodec(line.New(lineOf(c)))
		}},
		{config.ScannerProtocol{Name: "ssi", Keys: []string{"aim", "trigger", "feedback", "wake", "programmable"}, Baud: 9600, Told: true},
			func(c config.Scanner) (scanner.Codec, error) {
				return asCodec(ssi.New(ssi.Config{AIM: c.AIM, Triggered: c.Trigger, Wake: c.Wake, Programmable: c.Programmable}))
			}},
		{config.ScannerProtocol{Name: "hidpos", Keys: []string{"dialect", "settings", "trigger", "feedback", "code_ids"}, Told: true,
			Dialects: []string{string(menu.Honeywell), string(menu.Newland), string(menu.Mindeo)}},
			func(c config.Scanner) (scanner.Codec, error) {
				return asCodec(hidpos.New(hidpos.Config{CodeIDs: line.CodeIDs(c.CodeIDs), Dialect: menu.Dialect(c.Dialect),
					Triggered: c.Trigger, Settings: c.Settings}))
			}},
		{config.ScannerProtocol{Name: "wedge", Keys: []string{"layout", "aim", "terminator", "rollover"},
			Layouts: layouts(), Terminators: []string{"enter", "tab"}},
			func(c config.Scanner) (scanner.Codec, error) {
				return asCodec(wedge.New(wedge.Config{Layout: wedge.Layout(c.Layout), AIM: c.AIM, Tab: c.Terminator == "tab", Rollover: c.Rollover}))
			}},
	}
	for _, m := range []gm65.Model{gm65.GM65, gm65.GM812} {
		rows = append(rows, protocolRow{config.ScannerProtocol{Name: string(m), Keys: []string{"aim", "trigger"}, Baud: 9600, AIM: true},
			func(c config.Scanner) (scanner.Codec, error) {
				module := gm65.Config{Model: m, NoAIM: !c.AIM}
				if c.Trigger {
					module.Mode = gm65.ModeCommand
				}
				return asCodec(gm65.New(module))
			}})
	}
	for _, d := range []menu.Dialect{menu.Honeywell, menu.Newland, menu.Mindeo} {
		rows = append(rows, protocolRow{config.ScannerProtocol{Name: string(d), Keys: []string{"settings", "trigger", "feedback"}},
			func(c config.Scanner) (scanner.Codec, error) {
				return asCodec(menu.New(menu.Config{Dialect: d, Triggered: c.Trigger, Settings: c.Settings}))
			}})
	}
	for _, d := range []bytecmd.Dialect{bytecmd.Datalogic, bytecmd.Opticon, bytecmd.CipherLab} {
		rows = append(rows, protocolRow{config.ScannerProtocol{Name: string(d), Keys: append(framing(), "settings", "trigger", "feedback")},
			func(c config.Scanner) (scanner.Codec, error) {
				return asCodec(bytecmd.New(bytecmd.Config{Dialect: d, Line: lineOf(c), Triggered: c.Trigger, Settings: c.Settings}))
			}})
	}
	for i, row := range rows {
		rows[i].CodeIDs = []string{string(line.Honeywell)}
		if row.Terminators == nil {
			rows[i].Terminators = []string{string(line.CRLF), string(line.CR), string(line.LF), string(line.TAB), string(line.None)}
		}
		rows[i].Check = func(c config.Scanner) error {
			_, err := row.make(c)
			return err
		}
	}
	return rows
}

// framing are the keys of line.Config, lineOf what they say.
func framing() []string { return []string{"aim", "terminator", "prefix", "code_ids"} }

func lineOf(c config.Scanner) line.Config {
	return line.Config{Terminator: line.Terminator(c.Terminator), AIM: c.AIM, CodeIDs: line.CodeIDs(c.CodeIDs), Prefix: c.Prefix}
}

// layouts names the layouts of keyboards, that of nearly all scanners first.
func layouts() []string {
	names := []string{string(wedge.US)}
	for _, l := range wedge.Layouts() {
		if l != wedge.US {
			names = append(names, string(l))
		}
	}
	return names
}
