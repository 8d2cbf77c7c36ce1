package drivers

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ID is which device it is: what stays the same when it is plugged in again and the kernel
// gives it another number. USB descriptors and the place in the tree of hubs, as sysfs names
// them.
type ID struct {
	// Vendor and Product are of the USB device descriptor, or what the kernel's HID and input
	// layers say of a device on another bus; 0 where nobody says.
	Vendor, Product uint16
	Serial          string // iSerial; empty where the device has none
	Port            string // the place of the plug: "1-1.2"; for other buses the device path
	Iface           uint8  // bInterfaceNumber
}

// String is the form that ParseID reads, with everything known:
// "0c2e:0901 serial=TILLD0001 port=1-1.2 if=1". A device that is not USB is its place:
// "port=platform/serial8250/tty/ttyS0".
func (id ID) String() string { return id.text(true, true, id.usb()) }

// Key names the device for good: by its serial number where that is unique, else by its
// place. It is what a configuration holds. Two equal scanners without serial numbers are
// told apart by their plugs; who swaps the plugs swaps them.
func (id ID) Key(serialUnique bool) string {
	bySerial := serialUnique && id.Serial != ""
	return id.text(bySerial, !bySerial, id.usb())
}

func (id ID) usb() bool { return id.Vendor != 0 || id.Product != 0 }

func (id ID) text(serial, port, iface bool) string {
	var parts []string
	if id.usb() {
		parts = append(parts, fmt.Sprintf("%04x:%04x", id.Vendor, id.Product))
	}
	if serial && id.Serial != "" {
		parts = append(parts, "serial="+escape(id.Serial))
	}
	if port && id.Port != "" {
		parts = append(parts, "port="+escape(id.Port))
	}
	if iface {
		parts = append(parts, fmt.Sprintf("if=%d", id.Iface))
	}
	return strings.Join(parts, " ")
}

// escape keeps a descriptor's text one word of printable ASCII.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7F || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("a % without two digits")
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", errors.New("a % without two digits")
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), nil
}

// Match is a description of a device, as a configuration gives it. What it leaves out fits
// every device.
type Match struct {
	id    ID
	iface bool
}

// ParseMatch reads words of the form that ID.String writes, in any order, each at most once,
// at least a serial number or a place among them.
func ParseMatch(text string) (Match, error) {
	var m Match
	fail := func(why string) (Match, error) {
		return Match{}, fmt.Errorf("device %q: %s; write it as %q shows it, such as \"0c2e:0901 serial=T0001 if=0\"", clip(text), why, "tilld devices")
	}
	seen := map[string]bool{}
	for _, word := range strings.Fields(text) {
		key, value, named := strings.Cut(word, "=")
		if !named {
			key = "id"
		}
		if seen[key] {
			return fail(key + " is given twice")
		}
		seen[key] = true
		var err error
		switch key {
		case "id":
			v, p, ok := strings.Cut(word, ":")
			a, err1 := strconv.ParseUint(v, 16, 16)
			b, err2 := strconv.ParseUint(p, 16, 16)
			if !ok || len(v) != 4 || len(p) != 4 || err1 != nil || err2 != nil {
				return fail("want vendor and product as four hexadecimal digits each, with a colon between")
			}
			m.id.Vendor, m.id.Product = uint16(a), uint16(b)
		case "serial":
			m.id.Serial, err = unescape(value)
		case "port":
			m.id.Port, err = unescape(value)
		case "if":
			n, bad := strconv.ParseUint(value, 10, 8)
			if bad != nil {
				return fail("if is the number of a USB interface, 0 to 255")
			}
			m.id.Iface, m.iface = uint8(n), true
		default:
			return fail("unknown word " + strconv.Quote(clip(key)))
		}
		if err != nil {
			return fail(err.Error())
		}
	}
	if m.id.Serial == "" && m.id.Port == "" {
		return fail("neither serial nor port: two equal devices could not be told apart")
	}
	return m, nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

// Is reports whether the description fits the device.
func (m Match) Is(id ID) bool {
	return (m.id.Vendor == 0 && m.id.Product == 0 || m.id.Vendor == id.Vendor && m.id.Product == id.Product) &&
		(m.id.Serial == "" || m.id.Serial == id.Serial) &&
		(m.id.Port == "" || m.id.Port == id.Port) &&
		(!m.iface || m.id.Iface == id.Iface)
}

// ID is what the description says; zero where it says nothing.
func (m Match) ID() ID { return m.id }

// String is the description in the words of ParseMatch.
func (m Match) String() string { return m.id.text(true, true, m.iface) }

// Op is what happened to a node.
type Op string

const (
	Added   Op = "added"
	Removed Op = "removed"
	// Resync: events were lost. Who keeps a list of devices reads it anew.
	Resync Op = "resync"
)

// Event is one change of the devices of this machine.
type Event struct {
	At        time.Time
	Op        Op
	ID        ID
	Subsystem string // "tty", "hidraw", "input", "video4linux", "gpio", "i2c-dev"
	Node      string // "/dev/ttyACM0"; empty for Resync
}

// Kind says what a node is good for, where its subsystem alone does not.
type Kind string

const (
	Keyboard Kind = "keyboard" // an input device with the keys of the digits and Enter
	HIDPOS   Kind = "hidpos"   // a raw HID device that describes itself as a bar code scanner
	Console  Kind = "console"  // a serial line that the kernel writes its log to
)

// Node is one device node that is there now.
type Node struct {
	Path      string // "/dev/hidraw0"
	Subsystem string
	ID        ID
	Name      string // what the device calls itself; may be empty
	Kind      Kind   // what it turns out to be; mostly empty
	// Unique: no other device that is plugged in has the same vendor, product, interface and
	// serial number, and there is a serial number.
	Unique bool
}
