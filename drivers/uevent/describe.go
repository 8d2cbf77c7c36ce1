package uevent

import (
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/scanner/hidpos"
)

// maxAttribute is the longest attribute of sysfs: a page.
const maxAttribute = 4096

// sysfs reads attributes below a root.
type sysfs string

func (s sysfs) file(parts ...string) string {
	return filepath.Join(append([]string{string(s)}, parts...)...)
}

// attribute is a short text, without its line's end; empty when it cannot be read.
func (s sysfs) attribute(parts ...string) string {
	return strings.TrimRight(s.raw(parts...), "\n")
}

func (s sysfs) raw(parts ...string) string {
	f, err := os.Open(s.file(parts...))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, maxAttribute)) // a device that goes meanwhile has nothing to say
	return string(b)
}

func (s sysfs) has(parts ...string) bool {
	_, err := os.Lstat(s.file(parts...))
	return err == nil
}

// pairs reads a file of KEY=VALUE lines.
func (s sysfs) pairs(parts ...string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(s.attribute(parts...)) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			m[key] = value
		}
	}
	return m
}

// describe reads the node at a path below root; false: there is none, or it is none of ours.
func describe(root, devPath, subsystem string) (device, bool) {
	s := sysfs(root)
	info, err := os.Stat(s.file(devPath))
	if err != nil {
		return device{}, false
	}
	node := nodePath(s.pairs(devPath, "uevent")["DEVNAME"])
	if node == "" || subsystem == "tty" && s.attribute(devPath, "type") == "0" {
		return device{}, false // a serial port that no chip is behind
	}
	d := device{Node: drivers.Node{Path: node, Subsystem: subsystem}, devPath: devPath, physical: devPath}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		d.inode = uint64(st.Ino)
	}
	if !s.usb(&d) && !s.hid(&d) && !s.input(&d) {
		d.ID.Port = strings.TrimPrefix(devPath, "/devices/")
	}
	if name := s.name(&d); d.Name == "" || name != "" && subsystem != "tty" && subsystem != "hidraw" {
		d.Name = name
	}
	d.ID.Serial, d.ID.Port, d.Name = flat(d.ID.Serial), flat(d.ID.Port), printable(d.Name)
	d.Kind = s.kind(&d)
	return d, true
}

// climb goes up from a path to the first directory that has a file.
func (s sysfs) climb(from, file string) (dir string, found bool) {
	for dir = from; strings.Count(dir, "/") > 1; dir = path.Dir(dir) {
		if s.has(dir, file) {
			return dir, true
		}
	}
	return "", false
}

// usb finds the USB device and its interface that a node belongs to.
func (s sysfs) usb(d *device) bool {
	dir, found := s.climb(d.devPath, "idVendor")
	if !found {
		return false
	}
	d.physical = dir
	d.ID = drivers.ID{
		Vendor: hex16(s.attribute(dir, "idVendor")), Product: hex16(s.attribute(dir, "idProduct")),
		Serial: s.attribute(dir, "serial"), Port: path.Base(dir),
	}
	if iface, found := s.climb(d.devPath, "bInterfaceNumber"); found {
		n, _ := strconv.ParseUint(s.attribute(iface, "bInterfaceNumber"), 16, 8)
		d.ID.Iface = uint8(n)
	}
	d.Name = strings.TrimSpace(s.attribute(dir, "manufacturer") + " " + s.attribute(dir, "product"))
	return true
}

// hid finds what the kernel's HID layer says of a device on another bus: Bluetooth, I2C, a
// program. The number that the kernel gives it at each connection is no part of its place.
func (s sysfs) hid(d *device) bool {
	for dir := d.devPath; strings.Count(dir, "/") > 1; dir = path.Dir(dir) {
		m := s.pairs(dir, "uevent")
		_, id, ok := strings.Cut(m["HID_ID"], ":")
		if !ok {
			continue
		}
		vendor, product, _ := strings.Cut(id, ":")
		d.physical = dir
		place := strings.TrimPrefix(path.Dir(dir), "/devices/")
		if m["HID_PHYS"] != "" {
			place += "/" + m["HID_PHYS"]
		}
		d.ID = drivers.ID{Vendor: hex16(vendor), Product: hex16(product), Serial: m["HID_UNIQ"], Port: place}
		d.Name = m["HID_NAME"]
		return true
	}
	return false
}

// input finds what the input layer says of a device that is neither.
func (s sysfs) input(d *device) bool {
	if d.Subsystem != "input" {
		return false
	}
	dir := path.Dir(d.devPath)
	d.physical = dir
	place := strings.TrimPrefix(path.Dir(dir), "/devices/")
	if phys := s.attribute(dir, "phys"); phys != "" {
		place += "/" + phys
	} else if name := s.attribute(dir, "name"); name != "" {
		place += "/" + name
	}
	d.ID = drivers.ID{
		Vendor: hex16(s.attribute(dir, "id", "vendor")), Product: hex16(s.attribute(dir, "id", "product")),
		Serial: s.attribute(dir, "uniq"), Port: place,
	}
	return true
}

// name is what a node's own driver calls it.
func (s sysfs) name(d *device) string {
	switch d.Subsystem {
	case "input":
		return s.attribute(path.Dir(d.devPath), "name")
	case "gpio":
		// The chip's label stands in the class of the old interface, beside the chip.
		labels, _ := filepath.Glob(s.file(path.Dir(d.devPath), "gpio", "gpiochip*", "label"))
		for _, l := range labels {
			return s.attribute(strings.TrimPrefix(l, string(s)))
		}
		return ""
	}
	return s.attribute(d.devPath, "name")
}

// kind is what a node turns out to be when one looks closer.
func (s sysfs) kind(d *device) drivers.Kind {
	switch d.Subsystem {
	case "tty":
		if slices.Contains(strings.Fields(s.attribute("class", "tty", "console", "active")), path.Base(d.devPath)) {
			return drivers.Console
		}
	case "hidraw":
		if dir, found := s.climb(d.devPath, "report_descriptor"); found && hidpos.IsScanner([]byte(s.raw(dir, "report_descriptor"))) {
			return drivers.HIDPOS
		}
	case "input":
		if typing(s.attribute(path.Dir(d.devPath), "capabilities", "key")) {
			return drivers.Keyboard
		}
	}
	return ""
}

// typing reports whether a bitmap of keys, as sysfs prints it, has the digits and Enter. The
// lowest word stands last; its width is the kernel's, and 32 bits of it are enough.
func typing(bitmap string) bool {
	words := strings.Fields(bitmap)
	if len(words) == 0 {
		return false
	}
	const keys = 0x3FF<<2 | 1<<28 // KEY_1 to KEY_0, KEY_ENTER
	low, err := strconv.ParseUint(words[len(words)-1], 16, 64)
	return err == nil && low&keys == keys
}

func hex16(text string) uint16 {
	n, _ := strconv.ParseUint(text, 16, 32)
	return uint16(n)
}

// printable keeps a device's text on one line: it is written by whoever made the device.
func printable(s string) string {
	s = flat(s)
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80])
	}
	return strings.Join(strings.Fields(s), " ")
}

// flat drops what could move a cursor or begin a line.
func flat(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 || r == 0x2028 || r == 0x2029 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
