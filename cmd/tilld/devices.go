package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/holder"
	"github.com/tilld/tilld/drivers/uevent"
)

type devicesCmd struct {
	Watch bool `help:"Show devices come and go until interrupted."`
	// Root is where sys, dev and proc are looked for, for tests.
	Root string `hidden:"" default:"/"`
}

func (devicesCmd) Help() string {
	return `Shows what is plugged in: which scanner uses it, what cannot be used and why, and what is no
scanner. For devices that could be scanners and are not configured it proposes the sections
to add to the configuration, ready to paste; what is only perhaps a scanner is commented out.
It opens no device. Without a daemon and without a configuration it shows the devices alone.

With --watch it shows devices come and go, one line each, until it is interrupted.

Examples:
  tilld devices
  tilld devices --json
  tilld devices --watch
  tilld devices --watch --json`
}

// portNames are where serial devices appear, the lasting names first.
var portNames = []string{"/dev/serial/by-id/*", "/dev/ttyACM*", "/dev/ttyUSB*", "/dev/ttyAMA*"}

// port is a serial device of this machine.
type port struct {
	Name string `json:"name"`
	Path string `json:"path"` // what the name leads to
	Used string `json:"used,omitempty"`
}

// devicesView is what devices says.
type devicesView struct {
	Daemon  bool             `json:"daemon"`
	Devices []control.Device `json:"devices"` // of the daemon
	Ports   []port           `json:"ports"`
	inventory
	Proposals []proposal `json:"proposals"`
}

func (c devicesCmd) Run(e *env) error {
	if c.Watch {
		return c.watch(e)
	}
	v := devicesView{Devices: []control.Device{}, Ports: ports(portNames)}
	err := e.ask("devices", "GET", "/v1/devices", nil, &v.Devices)
	v.Daemon = err == nil
	if err != nil && !errors.Is(err, control.ErrNoDaemon) && e.socket != "" {
		return err
	}
	for i, p := range v.Ports {
		for _, d := range v.Devices {
			if d.Port == p.Name || d.Port == p.Path || d.Node == p.Path {
				v.Ports[i].Used = d.Name
			}
		}
	}
	nodes, err := uevent.Scan(filepath.Join(c.Root, "sys"))
	if err != nil {
		return fail("list devices", "", err)
	}
	list := e.scanners()
	look := c.looker()
	v.inventory = takeInventory(nodes, list, v.Devices, look)
	v.held(look)
	v.Proposals = propose(v.Attached, list)
	if e.json {
		e.encode(v)
		return nil
	}
	e.devices(v)
	return nil
}

// scanners are those of the configuration, as far as it can be read.
func (e *env) scanners() []config.Scanner {
	cfg, _, err := e.load()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(cfg.Scanners, func(s config.Scanner) bool {
		_, err := drivers.ParseMatch(s.Device)
		return s.Port == "" && err != nil
	})
}

// looker looks at the nodes below the root.
func (c devicesCmd) looker() looker {
	at := func(path string) string { return filepath.Join(c.Root, path) }
	programs := holder.Look(at("/proc"))
	return looker{
		real: func(path string) (string, error) {
			real, err := filepath.EvalSymlinks(at(path))
			if err != nil {
				return "", err
			}
			root, err := filepath.EvalSymlinks(c.Root)
			return filepath.Join("/", strings.TrimPrefix(real, root)), err
		},
		access: func(path string) error { return holder.Access(at(path)) },
		holder: programs.Reason,
	}
}

func (e *env) devices(v devicesView) {
	if !v.Daemon {
		e.printf("no daemon is running\n")
	}
	for _, d := range v.Devices {
		e.device(d)
	}
	for _, m := range v.Missing {
		if !slices.ContainsFunc(v.Devices, func(d control.Device) bool { return d.Name == m.Scanner }) {
			e.printf("scanner %s (%s): NOT THERE: %s\n", m.Scanner, m.Device, m.Why)
			e.hint(m.Hint)
		}
	}
	for _, n := range v.Notes {
		e.printf("note: %s\n", n)
	}
	if len(v.Attached) == 0 {
		e.printf("no device is plugged in that a till could use\n")
	}
	for _, a := range v.Attached {
		e.attached(a)
	}
	e.proposals(v.Proposals)
}

func (e *env) hint(text string) {
	if text != "" {
		e.printf("  hint: %s\n", text)
	}
}

// attached prints a device and its nodes.
func (e *env) attached(a *attached) {
	head := []string{a.Name}
	if a.Known != "" && !strings.Contains(strings.ToLower(a.Name), strings.ToLower(a.Known)) {
		head = append([]string{a.Known}, head...)
	}
	if a.ID != "" {
		head = append(head, a.ID)
	}
	if a.Serial != "" {
		head = append(head, "serial "+a.Serial)
	}
	e.printf("\n%s\n", strings.TrimSpace(strings.Join(append(head, "at "+a.Place), "  ")))
	for _, n := range a.Nodes {
		stands := n.Stands
		switch n.Stands {
		case nodeUsed:
			stands = "used by scanner " + n.Scanner
		case nodeFailed:
			stands = "FAILED for scanner " + n.Scanner
		}
		if n.Why != "" {
			stands += ": " + n.Why
		}
		e.printf("  %-18s %-15s %s\n", n.Path, n.What, stands)
		if n.Hint != "" {
			e.printf("    hint: %s\n", n.Hint)
		}
	}
}

// proposals prints sections, those that need a person's knowledge commented out.
func (e *env) proposals(list []proposal) {
	for i, p := range list {
		if i == 0 {
			e.printf("\nnot configured; add to the configuration what is to be used:\n")
		}
		e.printf("\n")
		for _, w := range p.Why {
			e.printf("# %s\n", w)
		}
		for line := range strings.Lines(p.TOML) {
			if !p.Sure {
				line = "# " + line
			}
			e.printf("%s", line)
		}
	}
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
