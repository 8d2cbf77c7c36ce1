package main

import (
	"context"
	"fmt"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/serialport"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

// driverRow opens what a [[scanner]] section names.
type driverRow struct {
	name string
	open func(c config.Scanner) func(context.Context) (drivers.Transport, error)
}

// scannerDrivers is the table of scanner drivers. A new one is one package and one row.
func scannerDrivers() []driverRow {
	return []driverRow{
		{"serial", func(c config.Scanner) func(context.Context) (drivers.Transport, error) {
			return func(ctx context.Context) (drivers.Transport, error) {
				p, err := serialport.Open(ctx, serialport.Config{Path: c.Port, Baud: c.Baud})
				if err != nil {
					return nil, err // not a nil *Port in an interface
				}
				return p, nil
			}
		}},
	}
}

// protocolRow makes the codec of a wire protocol.
type protocolRow struct {
	name string
	make func(c config.Scanner) (scanner.Codec, error)
}

// scannerProtocols is the table of wire protocols.
func scannerProtocols() []protocolRow {
	return []protocolRow{
		{"line", func(c config.Scanner) (scanner.Codec, error) {
			codec, err := line.New(line.Config{Terminator: line.Terminator(c.Terminator), AIM: c.AIM, Prefix: c.Prefix})
			if err != nil {
				return nil, err
			}
			return codec, nil
		}},
	}
}

func driverNames() (names []string) {
	for _, d := range scannerDrivers() {
		names = append(names, d.name)
	}
	return names
}

func protocolNames() (names []string) {
	for _, p := range scannerProtocols() {
		names = append(names, p.name)
	}
	return names
}

// scannerHub joins the scanners of the configuration. Report is told of every change.
func scannerHub(list []config.Scanner, report func(drivers.Status)) (*scanner.Hub, error) {
	var readers []*scanner.Reader
	for _, c := range list {
		r := scanner.Config{Name: c.Name, Report: report}
		for _, d := range scannerDrivers() {
			if d.name == c.Driver {
				r.Open = d.open(c)
			}
		}
		for _, p := range scannerProtocols() {
			if p.name != c.Protocol {
				continue
			}
			codec, err := p.make(c)
			if err != nil {
				return nil, fail("start", "scanner "+c.Name, err)
			}
			r.Codec = codec
		}
		if r.Open == nil || r.Codec == nil {
			return nil, fail("start", "scanner "+c.Name, fmt.Errorf("driver %q or protocol %q is not in the tables", c.Driver, c.Protocol))
		}
		readers = append(readers, scanner.NewReader(r))
	}
	return scanner.NewHub(readers...), nil
}

// devicesOf is what the command line is told of the scanners.
func devicesOf(list []config.Scanner, hub *scanner.Hub) []control.Device {
	out := []control.Device{}
	for i, s := range hub.Devices() {
		out = append(out, control.Device{Name: s.Name, Driver: list[i].Driver, Port: list[i].Port,
			Open: s.State == drivers.Open, Why: s.Cause, Hint: s.Hint, Scans: s.Scans, Drops: s.Drops})
	}
	return out
}
