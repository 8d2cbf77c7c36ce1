package uevent

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tilld/tilld/drivers"
)

// maxNodes bounds the list, whatever is plugged in.
const maxNodes = 1024

// classes are where sysfs lists the nodes of interest, and the names of those.
var classes = []struct{ dir, subsystem, prefix string }{
	{"class/tty", "tty", "tty"},
	{"class/hidraw", "hidraw", "hidraw"},
	{"class/input", "input", "event"},
	{"class/video4linux", "video4linux", "video"},
	{"bus/gpio/devices", "gpio", "gpiochip"},
	{"class/i2c-dev", "i2c-dev", "i2c-"},
	{"class/tpm", "tpm", "tpm"},
	{"class/tpmrm", "tpmrm", "tpmrm"},
}

// device is a node and where sysfs keeps it.
type device struct {
	drivers.Node
	devPath  string // "/devices/..."
	physical string // the directory of the thing that is plugged in, or devPath
	inode    uint64 // of devPath's directory: a device that came again has another
}

// Scan lists the device nodes of interest of this machine, by subsystem and path: serial
// lines, raw HID devices, input devices, cameras, GPIO chips, I2C buses, TPMs. Root is where
// sysfs is mounted: "/sys". It needs no rights. What disappears during the walk is left out;
// an error says that there is no sysfs at root.
func Scan(root string) ([]drivers.Node, error) {
	list, err := scan(root)
	if err != nil {
		return nil, err
	}
	return nodes(list), nil
}

func nodes(list []device) []drivers.Node {
	out := make([]drivers.Node, len(list))
	for i := range list {
		out[i] = list[i].Node
	}
	return out
}

func scan(root string) ([]device, error) {
	if _, err := os.Stat(filepath.Join(root, "class")); err != nil {
		return nil, &drivers.Error{Op: "list", Subject: "devices in " + root, Err: err,
			Hint: "mount sysfs: mount -t sysfs sysfs /sys"}
	}
	var list []device
	for _, c := range classes {
		entries, err := os.ReadDir(filepath.Join(root, c.dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a class without devices may be absent
			return nil, &drivers.Error{Op: "list", Subject: "devices in " + root, Err: err}
		}
		for _, e := range entries {
			if len(list) == maxNodes {
				break
			}
			link, err := os.Readlink(filepath.Join(root, c.dir, e.Name()))
			if err != nil {
				continue
			}
			devPath := path.Join("/", c.dir, link)
			if !ours(c.subsystem, devPath) {
				continue
			}
			if d, ok := describe(root, devPath, c.subsystem); ok {
				list = append(list, d)
			}
		}
	}
	order(list, func(d *device) *device { return d })
	return list, nil
}

// ours reports whether a node is of interest, by where sysfs has it. Virtual consoles are
// most of the class tty, and none is a device.
func ours(subsystem, devPath string) bool {
	for _, c := range classes {
		if c.subsystem == subsystem {
			return strings.HasPrefix(path.Base(devPath), c.prefix) &&
				!(subsystem == "tty" && strings.HasPrefix(devPath, "/devices/virtual/"))
		}
	}
	return false
}

// order sorts a list and finds out which serial numbers tell devices apart.
func order[E any](list []E, of func(*E) *device) {
	slices.SortFunc(list, func(x, y E) int {
		a, b := of(&x), of(&y)
		if c := strings.Compare(a.Subsystem, b.Subsystem); c != 0 {
			return c
		}
		// event9 before event10
		if len(a.Path) != len(b.Path) {
			return len(a.Path) - len(b.Path)
		}
		return strings.Compare(a.Path, b.Path)
	})
	for i := range list {
		d := of(&list[i])
		d.Unique = !hollow(d.ID.Serial) && !slices.ContainsFunc(list, func(x E) bool {
			o := of(&x)
			return o.physical != d.physical && o.ID.Vendor == d.ID.Vendor && o.ID.Product == d.ID.Product && o.ID.Serial == d.ID.Serial
		})
	}
}

// hollow reports a serial number that a maker gave to all of its devices, or to none:
// "", "0001", "000000000000", "123456", "ffffffff". Two such devices would be one.
func hollow(serial string) bool {
	s := strings.ToLower(strings.TrimLeft(serial, "0"))
	return len(s) <= 1 || strings.HasPrefix("1234567890abcdef", s) || strings.HasPrefix("123456789abcdef", s) ||
		strings.Trim(s, s[:1]) == ""
}
