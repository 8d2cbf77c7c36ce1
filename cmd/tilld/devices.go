package main

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

type devicesCmd struct{}

func (devicesCmd) Help() string {
	return `Shows the scanners of the running daemon, and the serial ports of this machine with the
names that stay the same when another device is plugged in first. Without a daemon it shows
the ports alone.

Examples:
  tilld devices
  tilld devices --json`
}

// portNames are where serial devices appear, the lasting names first.
var portNames = []string{"/dev/serial/by-id/*", "/dev/ttyACM*", "/dev/ttyUSB*", "/dev/ttyAMA*"}

// port is a serial device of this machine.
type port struct {
	Name string `json:"name"`
	Path string `json:"path"` // what the name leads to
	Used string `json:"used,omitempty"`
}

func (devicesCmd) Run(e *env) error {
	out := struct {
		Daemon  bool             `json:"daemon"`
		Devices []control.Device `json:"devices"`
		Ports   []port           `json:"ports"`
	}{Devices: []control.Device{}, Ports: ports(portNames)}
	err := e.ask("devices", "GET", "/v1/devices", nil, &out.Devices)
	out.Daemon = err == nil
	if err != nil && !errors.Is(err, control.ErrNoDaemon) && e.socket != "" {
		return err
	}
	for i, p := range out.Ports {
		for _, d := range out.Devices {
			if d.Port == p.Name || d.Port == p.Path {
				out.Ports[i].Used = d.Name
			}
		}
	}
	if e.json {
		e.encode(out)
		return nil
	}
	if !out.Daemon {
		e.printf("no daemon is running\n")
	}
	for _, d := range out.Devices {
		e.device(d)
	}
	for _, p := range out.Ports {
		e.printf("port %s", p.Name)
		if p.Path != p.Name {
			e.printf(" -> %s", p.Path)
		}
		if p.Used != "" {
			e.printf("  used by scanner %s", p.Used)
		}
		e.printf("\n")
	}
	if len(out.Ports) == 0 {
		e.printf("no serial port is plugged in\n")
	}
	return nil
}

// ports lists the devices that match, each under its first name.
func ports(patterns []string) []port {
	out := []port{}
	seen := map[string]bool{}
	for _, pattern := range patterns {
		names, _ := filepath.Glob(pattern) // the patterns are well-formed
		slices.Sort(names)
		for _, name := range names {
			path, err := filepath.EvalSymlinks(name)
			if err != nil || seen[path] {
				continue
			}
			seen[path] = true
			out = append(out, port{Name: name, Path: path})
		}
	}
	return out
}
