package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/serialport"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/bytecmd"
	"github.com/tilld/tilld/scanner/line"
	"github.com/tilld/tilld/scanner/menu"
)

// driverRow opens what a [[scanner]] section names.
type driverRow struct {
	config.ScannerDriver
	subsystem string // of the nodes, as the kernel calls it
	open      func(c config.Scanner) uevent.Opener
}

// scannerDrivers is the table of scanner drivers. A new one is one package and one row.
func scannerDrivers() []driverRow {
	return []driverRow{
		{config.ScannerDriver{Name: "serial", Keys: []string{"baud"}, Example: "/dev/serial/by-id/usb-...",
			Protocols: []string{"line", "ssi", "gm65", "honeywell", "newland", "mindeo", "datalogic", "opticon", "cipherlab"}},
			"tty", func(c config.Scanner) uevent.Opener {
				return func(ctx context.Context, path string) (drivers.Transport, error) {
					return asTransport(serialport.Open(ctx, serialport.Config{Path: path, Baud: c.Baud}))
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
	framing := []string{"aim", "terminator", "prefix", "code_ids"}
	lineOf := func(c config.Scanner) line.Config {
		return line.Config{Terminator: line.Terminator(c.Terminator), AIM: c.AIM, CodeIDs: line.CodeIDs(c.CodeIDs), Prefix: c.Prefix}
	}
	rows := []protocolRow{
		{config.ScannerProtocol{Name: "line", Keys: framing}, func(c config.Scanner) (scanner.Codec, error) {
			return asCodec(line.New(lineOf(c)))
		}},
	}
	for _, d := range []menu.Dialect{menu.Honeywell, menu.Newland, menu.Mindeo} {
		rows = append(rows, protocolRow{config.ScannerProtocol{Name: string(d), Keys: []string{"settings", "trigger"}},
			func(c config.Scanner) (scanner.Codec, error) {
				return asCodec(menu.New(menu.Config{Dialect: d, Triggered: c.Trigger, Settings: c.Settings}))
			}})
	}
	for _, d := range []bytecmd.Dialect{bytecmd.Datalogic, bytecmd.Opticon, bytecmd.CipherLab} {
		rows = append(rows, protocolRow{config.ScannerProtocol{Name: string(d), Keys: append([]string{"settings", "trigger"}, framing...)},
			func(c config.Scanner) (scanner.Codec, error) {
				return asCodec(bytecmd.New(bytecmd.Config{Dialect: d, Line: lineOf(c), Triggered: c.Trigger, Settings: c.Settings}))
			}})
	}
	for i, row := range rows {
		rows[i].CodeIDs = []string{string(line.Honeywell)}
		rows[i].Check = func(c config.Scanner) error {
			_, err := row.make(c)
			return err
		}
	}
	return rows
}

func driverNames() (rows []config.ScannerDriver) {
	known := protocolNames()
	for _, d := range scannerDrivers() {
		d.Protocols = slices.DeleteFunc(d.Protocols, func(name string) bool {
			return !slices.ContainsFunc(known, func(p config.ScannerProtocol) bool { return p.Name == name })
		})
		rows = append(rows, d.ScannerDriver)
	}
	return rows
}

func protocolNames() (rows []config.ScannerProtocol) {
	for _, p := range scannerProtocols() {
		rows = append(rows, p.ScannerProtocol)
	}
	return rows
}

// scannerRows are the rows of a section that was checked.
func scannerRows(c config.Scanner) (d driverRow, p protocolRow, err error) {
	drivers, protocols := scannerDrivers(), scannerProtocols()
	i := slices.IndexFunc(drivers, func(d driverRow) bool { return d.Name == c.Driver })
	j := slices.IndexFunc(protocols, func(p protocolRow) bool { return p.Name == c.Protocol })
	if i < 0 || j < 0 {
		return d, p, fmt.Errorf("driver %q or protocol %q is not in the tables", c.Driver, c.Protocol)
	}
	return drivers[i], protocols[j], nil
}

// scannerHub joins the scanners of the configuration, which are found in the tree. Report is
// told of every change.
func scannerHub(list []config.Scanner, tree *uevent.Tree, report func(drivers.Status)) (*scanner.Hub, error) {
	var readers []*scanner.Reader
	for _, c := range list {
		driver, protocol, err := scannerRows(c)
		if err != nil {
			return nil, fail("start", "scanner "+c.Name, err)
		}
		codec, err := protocol.make(c)
		if err != nil {
			return nil, fail("start", "scanner "+c.Name, err)
		}
		r := scanner.Config{Name: c.Name, Codec: codec, Trigger: c.Trigger, Wake: tree.Wake(), Report: report}
		if c.Device != "" {
			r.Open = tree.Open(c.Match(), driver.subsystem, driver.open(c))
		} else {
			r.Open = tree.OpenPath(c.Port, driver.open(c))
		}
		readers = append(readers, scanner.NewReader(r))
	}
	return scanner.NewHub(readers...), nil
}

// devicesOf is what the command line is told of the scanners.
func devicesOf(list []config.Scanner, hub *scanner.Hub) []control.Device {
	out := []control.Device{}
	for i, s := range hub.Devices() {
		out = append(out, control.Device{Name: s.Name, Driver: list[i].Driver, Port: list[i].Where(), Node: s.Port,
			Open: s.State == drivers.Open, Why: s.Cause, Hint: s.Hint, Scans: s.Scans, Drops: s.Drops})
	}
	return out
}
