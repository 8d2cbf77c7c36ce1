package device

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// HIDPOSOptions are how one HID POS scanner differs from another.
type HIDPOSOptions struct {
	// Shifted puts the AIM identifier and the data one byte later than the manuals say.
	Shifted bool
	// Keyboard: the scanner is a keyboard until a feature report FE 01 makes it a scanner.
	Keyboard bool
	// Mute: it answers no menu command.
	Mute bool
}

// HIDPOS is a USB scanner of usage page 8C: reports of 64 bytes, and Honeywell's menu and
// trigger commands in output report FD. Sources: manuals of Access-IS ATR110 and Honeywell
// N431x; for the commands over HID, reports of what owners saw on the wire. Its methods may be
// called from any goroutine.
type HIDPOS struct {
	o    HIDPOSOptions
	menu *Menu

	mu       sync.Mutex
	keyboard bool
	queue    [][]byte
	ready    chan struct{} // capacity 1: something was queued
	unread   int
	outputs  int
	modeSets int
	faults   []string
}

// NewHIDPOS makes a scanner that has just been plugged in.
func NewHIDPOS(o HIDPOSOptions) *HIDPOS {
	return &HIDPOS{o: o, menu: NewHoneywell(), keyboard: o.Keyboard, ready: make(chan struct{}, 1)}
}

// Menu is the part of the scanner that obeys commands.
func (d *HIDPOS) Menu() *Menu { return d.menu }

// hidposDescriptor describes input report 2, output report FD and feature report FE.
const hidposDescriptor = "\x05\x8c\x09\x02\xa1\x01" + // bar code scanner, application
	"\x85\x02\x09\x12\xa1\x02\x15\x00\x26\xff\x00\x75\x08" + // report 2, scanned data, bytes
	"\x95\x01\x05\x01\x09\x3b\x81\x02" + // length
	"\x05\x8c\x95\x03\x09\xfb\x09\xfc\x09\xfd\x81\x02" + // symbology identifier
	"\x95\x38\x09\xfe\x82\x02\x01" + // 56 bytes of data
	"\x06\x66\xff\x95\x02\x09\x04\x09\x00\x81\x02" + // the maker's symbology, reserved
	"\x05\x8c\x25\x01\x75\x01\x95\x01\x09\xff\x81\x02\x95\x07\x81\x03\xc0" + // continued
	"\x85\xfd\x06\x66\xff\x09\x05\x26\xff\x00\x75\x08\x95\x3f\x91\x02" + // commands
	"\x85\xfe\x09\x06\x95\x01\xb1\x02\xc0" // mode

// keyboardDescriptor is that of a boot keyboard (HID 1.11, appendix B.1).
const keyboardDescriptor = "\x05\x01\x09\x06\xa1\x01\x05\x07\x19\xe0\x29\xe7\x15\x00\x25\x01\x75\x01\x95\x08\x81\x02" +
	"\x95\x01\x75\x08\x81\x01\x95\x05\x75\x01\x05\x08\x19\x01\x29\x05\x91\x02\x95\x01\x75\x03\x91\x01" +
	"\x95\x06\x75\x08\x15\x00\x25\x65\x05\x07\x19\x00\x29\x65\x81\x00\xc0"

// Descriptor is the report descriptor of the present mode.
func (d *HIDPOS) Descriptor() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keyboard {
		return []byte(keyboardDescriptor)
	}
	return []byte(hidposDescriptor)
}

const (
	hidposSize = 64
	hidposData = 56
)

// Reports are the input reports of a text under an AIM identifier.
func (d *HIDPOS) Reports(aim, text string) [][]byte { return d.reports(aim, text, vendorByte(aim)) }

func (d *HIDPOS) reports(aim, text string, vendor byte) (out [][]byte) {
	for {
		part := text[:min(len(text), hidposData)]
		text = text[len(part):]
		r := make([]byte, hidposSize)
		at := 2
		if d.o.Shifted {
			at = 3
		}
		r[0], r[1] = 2, byte(len(part))
		r[61] = vendor
		copy(r[at:], aim+part)
		if len(text) > 0 {
			r[63] = 1
		}
		out = append(out, r)
		if len(text) == 0 {
			return out
		}
	}
}

// vendorByte is Honeywell's letter for a symbology.
func vendorByte(aim string) byte {
	switch aim {
	case "]Q1":
		return 's'
	case "]C0":
		return 'j'
	case "]C1":
		return 'I'
	case "]E0":
		return 'd'
	case "]E4":
		return 'D'
	}
	return '?'
}

// Scan is a person who presents a code. A scanner that is not looking, or is a keyboard, sends
// nothing.
func (d *HIDPOS) Scan(symbology, text string) error {
	reports := d.Reports(AIM(symbology), text)
	looks := d.menu.look()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !looks || d.keyboard {
		d.unread++
		return nil
	}
	d.send(reports...)
	return nil
}

// look reports whether the scanner reads a code that is presented now; that ends a trigger.
func (m *Menu) look() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	looks := m.triggered || m.dialect.looking(m.memory)
	m.triggered = false
	return looks
}

// Send queues reports as they are.
func (d *HIDPOS) Send(reports ...[]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.send(reports...)
}

func (d *HIDPOS) send(reports ...[]byte) {
	d.queue = append(d.queue, reports...)
	if len(d.queue) > 0 {
		select {
		case d.ready <- struct{}{}:
		default:
		}
	}
}

// Next waits for the next input report, as the host's interrupt transfer does. One goroutine
// calls it.
func (d *HIDPOS) Next(ctx context.Context) ([]byte, error) {
	for {
		if r, ok := d.Poll(); ok {
			return r, nil
		}
		select {
		case <-d.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Poll takes the next input report, if there is one.
func (d *HIDPOS) Poll() (report []byte, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		return nil, false
	}
	report, d.queue = d.queue[0], d.queue[1:]
	return report, true
}

// Queued is how many input reports wait for the host.
func (d *HIDPOS) Queued() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.queue)
}

// Feature takes a feature report. It reports whether the scanner has changed into another
// mode: it then unplugs itself and comes back with another descriptor.
func (d *HIDPOS) Feature(report []byte) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(report) != 2 || report[0] != 0xFE || report[1] > 1 {
		d.fault("feature report % x", report)
		return false
	}
	d.modeSets++
	changed = d.keyboard == (report[1] == 1)
	d.keyboard = report[1] == 0
	return changed
}

// Output takes an output report. What the scanner answers is queued: its lines under ]X0, then
// the echo with the status bytes under ]Z6.
func (d *HIDPOS) Output(report []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outputs++
	if len(report) != hidposSize || report[0] != 0xFD || int(report[1]) > hidposSize-2 {
		d.fault("output report of %d bytes beginning % x", len(report), report[:min(2, len(report))])
		return
	}
	command, rest := report[2:2+report[1]], report[2+report[1]:]
	if strings.Trim(string(rest), "\x00") != "" {
		d.fault("bytes after the command")
	}
	reply := d.menu.Command(command)
	if len(reply) == 0 || d.o.Mute {
		return
	}
	if strings.HasPrefix(string(reply), "REVINF") {
		d.send(d.reports("]X0", "Product Name: Model of a scanner\r\nBoot Revision: 1\r\nSoftware Part Number: 1\r\n", '?')...)
	}
	d.send(d.reports("]Z6", string(reply), '6')...)
}

func (d *HIDPOS) fault(format string, args ...any) {
	if len(d.faults) < 64 {
		d.faults = append(d.faults, fmt.Sprintf(format, args...))
	}
}

// Faults are the mistakes found in what the host said.
func (d *HIDPOS) Faults() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append(d.menu.Faults(), d.faults...)
}

// HIDPOSCounts is what became of a scanner.
type HIDPOSCounts struct {
	Outputs  int // output reports
	ModeSets int // feature reports that set the mode
	Unread   int // codes presented while it did not look
}

// Counts is what became of the scanner so far.
func (d *HIDPOS) Counts() HIDPOSCounts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return HIDPOSCounts{d.outputs, d.modeSets, d.unread}
}
