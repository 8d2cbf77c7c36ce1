package main

import (
	"fmt"
	"slices"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/scanner"
)

func driverNames() (rows []config.ScannerDriver) {
	for _, d := range scannerDrivers() {
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
		r := scanner.Config{Name: c.Name, Codec: codec, Trigger: c.Trigger, Feedback: c.Feedback, Wake: tree.Wake(), Report: report}
		if c.Device != "" {
			r.Open = tree.Open(c.Match(), driver.subsystem, driver.open(c, codec))
		} else {
			r.Open = tree.OpenPath(c.Port, driver.open(c, codec))
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
