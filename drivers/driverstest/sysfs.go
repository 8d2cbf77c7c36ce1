package driverstest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Sysfs is a directory that looks like /sys, in which a test plugs and unplugs devices. It
// is not safe for concurrent use; a program that reads it meanwhile sees what it would see
// in the kernel: half of a device.
type Sysfs struct{ Root string }

// NewSysfs makes an empty one in a directory.
func NewSysfs(root string) (*Sysfs, error) {
	s := &Sysfs{Root: root}
	for _, dir := range []string{"class", "bus", "devices"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Add makes what a text describes: directories in brackets, and in each of them files
// "name = content" and links "name -> target". Content may hold Go's escapes and gets a line's
// end; one that ends in "\c" gets none.
//
//	[devices/platform/serial8250/tty/ttyS0]
//	uevent = MAJOR=4\nMINOR=64\nDEVNAME=ttyS0
//	[class/tty]
//	ttyS0 -> ../../devices/platform/serial8250/tty/ttyS0
func (s *Sysfs) Add(text io.Reader) error {
	lines := bufio.NewScanner(text)
	dir := ""
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := s.line(&dir, line); err != nil {
			return fmt.Errorf("sysfs line %d: %w", n, err)
		}
	}
	return lines.Err()
}

func (s *Sysfs) line(dir *string, line string) error {
	if name, ok := strings.CutPrefix(line, "["); ok {
		*dir = strings.TrimSuffix(name, "]")
		return os.MkdirAll(filepath.Join(s.Root, *dir), 0o755)
	}
	if name, target, ok := strings.Cut(line, " -> "); ok {
		return os.Symlink(target, filepath.Join(s.Root, *dir, name))
	}
	name, content, ok := strings.Cut(line, " = ")
	if !ok {
		return errors.New("neither a directory nor a file nor a link")
	}
	content, bare := strings.CutSuffix(content, `\c`)
	content, err := strconv.Unquote(`"` + strings.ReplaceAll(content, `"`, `\"`) + `"`)
	if err != nil {
		return err
	}
	if !bare {
		content += "\n"
	}
	file := filepath.Join(s.Root, *dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(content), 0o644)
}

// Remove takes a directory below the root away, and the links of classes and buses into it.
func (s *Sysfs) Remove(dir string) error {
	dir = strings.Trim(dir, "/")
	var links []string
	for _, pattern := range []string{"class/*/*", "bus/*/devices/*"} {
		found, _ := filepath.Glob(filepath.Join(s.Root, pattern))
		links = append(links, found...)
	}
	for _, l := range links {
		target, err := os.Readlink(l)
		if err != nil {
			continue
		}
		rel, err := filepath.Rel(s.Root, filepath.Join(filepath.Dir(l), target))
		if err == nil && strings.HasPrefix(rel+"/", dir+"/") {
			if err := os.Remove(l); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(filepath.Join(s.Root, dir))
}

// Controller is where Plug puts USB devices.
const Controller = "devices/platform/dummy_hcd.0"

// USB is a USB device with its nodes.
type USB struct {
	Port            string // "1-1.2"
	Vendor, Product uint16
	Serial          string // empty: it has none
	Maker, Name     string
	Nodes           []USBNode
}

// USBNode is one node of a USB device.
type USBNode struct {
	Iface     uint8
	Subsystem string // "tty", "hidraw", "input", "video4linux"
	Name      string // "ttyACM0", "hidraw0", "event3", "video0"
	// Descriptor is the report descriptor of a "hidraw".
	Descriptor []byte
	// Keyboard: an "input" has the keys of a keyboard.
	Keyboard bool
}

// Dir is the device's directory below the root.
func (u USB) Dir() string {
	bus, _, _ := strings.Cut(u.Port, "-")
	return path.Join(Controller, "usb"+bus, u.Port)
}

// DevPath is the DEVPATH of a node in the kernel's messages.
func (u USB) DevPath(n USBNode) string {
	iface := path.Join("/", u.Dir(), fmt.Sprintf("%s:1.%d", u.Port, n.Iface))
	hid := fmt.Sprintf("0003:%04X:%04X.%04X", u.Vendor, u.Product, n.Iface+1)
	switch n.Subsystem {
	case "tty":
		if strings.HasPrefix(n.Name, "ttyUSB") {
			return path.Join(iface, n.Name, "tty", n.Name)
		}
	case "hidraw":
		return path.Join(iface, hid, "hidraw", n.Name)
	case "input":
		return path.Join(iface, hid, "input", "input"+strings.TrimPrefix(n.Name, "event"), n.Name)
	}
	return path.Join(iface, n.Subsystem, n.Name)
}

// Plug makes a USB device with all its nodes.
func (s *Sysfs) Plug(u USB) error {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]\nidVendor = %04x\nidProduct = %04x\n", u.Dir(), u.Vendor, u.Product)
	for _, a := range []struct{ name, text string }{{"serial", u.Serial}, {"manufacturer", u.Maker}, {"product", u.Name}} {
		if a.text != "" {
			fmt.Fprintf(&b, "%s = %s\n", a.name, a.text)
		}
	}
	for _, n := range u.Nodes {
		dev := strings.TrimPrefix(u.DevPath(n), "/")
		fmt.Fprintf(&b, "[%s/%s:1.%d]\nbInterfaceNumber = %02x\n", u.Dir(), u.Port, n.Iface, n.Iface)
		devname := n.Name
		switch n.Subsystem {
		case "hidraw":
			fmt.Fprintf(&b, "[%s]\n", path.Dir(path.Dir(dev)))
			b.WriteString("report_descriptor = ")
			for _, c := range n.Descriptor {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
			b.WriteString("\\c\n")
		case "input":
			devname = "input/" + n.Name
			keys := "0"
			if n.Keyboard {
				keys = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
			}
			fmt.Fprintf(&b, "[%s]\nname = %s %s\ncapabilities/key = %s\n", path.Dir(dev), u.Maker, u.Name, keys)
		case "video4linux":
			fmt.Fprintf(&b, "[%s]\nname = %s\n", dev, u.Name)
		}
		fmt.Fprintf(&b, "[%s]\nuevent = DEVNAME=%s\n", dev, devname)
		class := path.Join("class", n.Subsystem)
		fmt.Fprintf(&b, "[%s]\n%s -> ../../%s\n", class, n.Name, dev)
	}
	return s.Add(strings.NewReader(b.String()))
}

// Unplug removes it with all its nodes.
func (s *Sysfs) Unplug(u USB) error { return s.Remove(u.Dir()) }
