package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/uevent"
)

// How a node stands.
const (
	nodeUsed    = "used"    // a scanner of the configuration, open or about to be
	nodeFree    = "free"    // could be a scanner, and none is configured there
	nodeSkipped = "skipped" // is not for scanners
	nodeFailed  = "failed"  // configured, and it cannot be used
)

// attached is one device of this machine, with all its nodes.
type attached struct {
	Name   string `json:"name,omitempty"`
	ID     string `json:"id,omitempty"` // vendor and product: "0c2e:0901"
	Serial string `json:"serial,omitempty"`
	Place  string `json:"place"`
	Known  string `json:"known,omitempty"` // the maker, where the table has it
	Is     string `json:"is,omitempty"`
	Remark string `json:"remark,omitempty"`
	Nodes  []node `json:"nodes"`

	id drivers.ID
}

// node is one device node.
type node struct {
	Path      string `json:"path"`
	Subsystem string `json:"subsystem"`
	What      string `json:"what"`
	Device    string `json:"device"` // what a configuration calls it
	Stands    string `json:"stands"`
	Scanner   string `json:"scanner,omitempty"`
	Why       string `json:"why,omitempty"`
	Hint      string `json:"hint,omitempty"`

	of drivers.Node
}

// missing is a scanner of the configuration whose device is not there.
type missing struct {
	Scanner string `json:"scanner"`
	Device  string `json:"device"`
	Why     string `json:"why"`
	Hint    string `json:"hint,omitempty"`
}

// inventory is what is plugged in, seen with the eyes of a configuration.
type inventory struct {
	Attached []*attached `json:"attached"`
	Missing  []missing   `json:"missing"`
	// Notes are what to know of the scanners that are found.
	Notes []string `json:"notes"`
}

// looker says what is known of a node besides its identity. Tests have their own.
type looker struct {
	real   func(path string) (string, error)
	access func(path string) error
	holder func(path string) (who, hint string)
}

// takeInventory sorts the nodes by device and finds the scanners of a configuration among
// them. Running are the daemon's scanners; nil without a daemon.
func takeInventory(nodes []drivers.Node, list []config.Scanner, running []control.Device, look looker) inventory {
	inv := inventory{Attached: []*attached{}, Missing: []missing{}, Notes: []string{}}
	for _, n := range nodes {
		d := inv.device(n)
		m := node{Path: n.Path, Subsystem: n.Subsystem, Device: n.ID.Key(n.Unique), Stands: nodeFree, of: n}
		m.What, m.Why = nature(n)
		if m.Why != "" {
			m.Stands = nodeSkipped
		}
		d.Nodes = append(d.Nodes, m)
	}
	// What a scanner is or could be comes first.
	slices.SortStableFunc(inv.Attached, func(a, b *attached) int { return a.rank() - b.rank() })
	for _, c := range list {
		inv.place(c, nodes, look)
	}
	for _, d := range running {
		inv.running(d)
	}
	return inv
}

// device is the device that a node belongs to.
func (inv *inventory) device(n drivers.Node) *attached {
	id := n.ID
	id.Iface = 0
	i := slices.IndexFunc(inv.Attached, func(a *attached) bool { return a.id == id })
	if i >= 0 {
		return inv.Attached[i]
	}
	m := modelOf(id)
	a := &attached{Name: n.Name, Serial: id.Serial, Place: id.Port, Known: m.name, Is: m.is, Remark: m.remark, id: id}
	if id.Vendor != 0 || id.Product != 0 {
		a.ID = fmt.Sprintf("%04x:%04x", id.Vendor, id.Product)
	}
	inv.Attached = append(inv.Attached, a)
	return a
}

func (a *attached) rank() int {
	if slices.ContainsFunc(a.Nodes, func(n node) bool { return n.Stands != nodeSkipped }) {
		return 0
	}
	return 1
}

// nature says what a node is, and why no scanner can be there.
func nature(n drivers.Node) (what, skipped string) {
	switch n.Subsystem {
	case "tty":
		if n.Kind == drivers.Console {
			return "serial line", "the kernel's console"
		}
		return "serial line", ""
	case "hidraw":
		if n.Kind == drivers.HIDPOS {
			return "HID POS scanner", ""
		}
		return "HID device", "does not describe itself as a bar code scanner"
	case "input":
		if n.Kind == drivers.Keyboard {
			return "keyboard", ""
		}
		return "input device", "has no keys for digits"
	case "video4linux":
		return "camera", "not a scanner"
	case "gpio":
		return "GPIO chip", "not a scanner"
	case "i2c-dev":
		return "I2C bus", "not a scanner"
	case "tpm", "tpmrm":
		return "TPM", "not a scanner"
	}
	return n.Subsystem, "not a scanner"
}

// place finds the node of one scanner of the configuration.
func (inv *inventory) place(c config.Scanner, nodes []drivers.Node, look looker) {
	n, err := nodeOf(c, nodes, look)
	if err != nil {
		m := missing{Scanner: c.Name, Device: c.Where(), Why: oneLine(err)}
		var h hinted
		if errors.As(err, &h) {
			m.Hint = h.HintText()
		}
		inv.Missing = append(inv.Missing, m)
		return
	}
	at := inv.node(n.Path)
	if at == nil {
		return
	}
	at.Stands, at.Scanner, at.Why = nodeUsed, c.Name, ""
	switch err := look.access(n.Path); {
	case errors.Is(err, fs.ErrPermission):
		at.Stands, at.Why = nodeFailed, "this user may not open it"
		at.Hint = "run it as tilld's user, and add that user to the group of the device (ls -l " + n.Path + ")"
	case errors.Is(err, fs.ErrNotExist):
		at.Stands, at.Why, at.Hint = nodeFailed, "the kernel has the device, but there is no such file", "wait for udev, or mount devtmpfs at /dev"
	}
	if c.Driver == "hidpos" && at.Stands == nodeUsed && n.Kind != drivers.HIDPOS {
		at.Stands, at.Why = nodeFailed, "it is in another mode than HID POS"
		at.Hint = "scan the code for USB HID POS in its manual; scanners of Honeywell and Youjie are switched by the daemon"
	}
	inv.twins(c, n, nodes)
}

// nodeOf is the node that a section of the configuration names.
func nodeOf(c config.Scanner, nodes []drivers.Node, look looker) (drivers.Node, error) {
	if c.Device != "" {
		row, _, err := scannerRows(c)
		if err != nil {
			return drivers.Node{}, err
		}
		return uevent.Find(nodes, c.Match(), row.subsystem)
	}
	real, err := look.real(c.Port)
	if err != nil {
		return drivers.Node{}, &drivers.Error{Op: "find", Subject: c.Port, Err: rootPath(err),
			Hint: "plug the device in, or name it by what it is: device = \"...\", see below"}
	}
	for _, n := range nodes {
		if n.Path == real {
			return n, nil
		}
	}
	return drivers.Node{Path: real}, nil // a node that sysfs does not list: a pseudo-terminal
}

func (inv *inventory) node(path string) *node {
	for _, a := range inv.Attached {
		for i := range a.Nodes {
			if a.Nodes[i].Path == path {
				return &a.Nodes[i]
			}
		}
	}
	return nil
}

// twins notes scanners that only their plugs tell apart.
func (inv *inventory) twins(c config.Scanner, n drivers.Node, nodes []drivers.Node) {
	if c.Device == "" || c.Match().ID().Serial != "" {
		return
	}
	for _, o := range nodes {
		if o.Subsystem == n.Subsystem && o.ID.Port != n.ID.Port && o.ID.Vendor == n.ID.Vendor && o.ID.Product == n.ID.Product && n.ID.Vendor != 0 {
			inv.Notes = append(inv.Notes, fmt.Sprintf("scanner %s at %s and the device at %s are told apart by their plugs alone: who swaps the plugs swaps them",
				c.Name, n.ID.Port, o.ID.Port))
			return
		}
	}
}

// running takes over what the daemon says of a scanner that it cannot use.
func (inv *inventory) running(d control.Device) {
	path := d.Node
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	for _, a := range inv.Attached {
		for i := range a.Nodes {
			n := &a.Nodes[i]
			switch {
			case d.Open && n.Path == path:
				n.Stands, n.Scanner, n.Why, n.Hint = nodeUsed, d.Name, "", ""
			case !d.Open && n.Scanner == d.Name && d.Why != "":
				n.Stands, n.Why, n.Hint = nodeFailed, d.Why, d.Hint
			}
		}
	}
}

// held says which other program has a node open, for nodes that nobody of ours uses.
func (inv *inventory) held(look looker) {
	for _, a := range inv.Attached {
		for i := range a.Nodes {
			n := &a.Nodes[i]
			if n.Stands != nodeFree && n.Stands != nodeFailed || n.Subsystem == "input" {
				continue
			}
			if who, hint := look.holder(n.Path); who != "" {
				if n.Why == "" {
					n.Why = "opened by " + who
				} else {
					n.Why += "; opened by " + who
				}
				if n.Hint == "" {
					n.Hint = hint
				}
			}
		}
	}
}
