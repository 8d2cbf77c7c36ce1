package device

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// GM65Config is what kind of module a GM65 is. The zero value is a GM65 as it comes from the
// factory.
type GM65Config struct {
	// TailZone is where it has the terminator; 0 = 0060. The GM812 has it at 000E.
	TailZone uint16
	// Silent modules do not answer a command with a wrong CRC; others answer 01.
	Silent bool
	// NoAIM: it knows no AIM identifiers, and answers 03 for their zone.
	NoAIM bool
}

// GM65Counts is what became of a module.
type GM65Counts struct {
	Commands    int // obeyed
	Heartbeats  int
	WrongCRC    int
	Unchecked   int // commands with AB CD in place of a CRC
	FlashWrites int
	Triggers    int
	Sent        int // scans
	Unread      int // codes presented while it did not look
	Programmed  int // setting codes obeyed
	Resisted    int // setting codes not obeyed
}

// GM65 is a bar code module with zones: GM65, GM66, GM805, GM812 and their like.
type GM65 struct {
	c GM65Config

	wireMu sync.Mutex
	mu     sync.Mutex
	wire   io.Writer
	out    [][]byte
	in     []byte
	heard  time.Time
	zones  [256]byte
	flash  [256]byte
	counts GM65Counts
	faults []string

	corrupt, lose, deaf int
}

// Zones that the module heeds.
const (
	gmMode     = 0x00
	gmTrigger  = 0x02
	gmSettings = 0x03
	gmBaud     = 0x2A
	gmTail     = 0x60
	gmAIM      = 0xD0
	gmReset    = 0xD9
	gmHardware = 0xE1
	gmSoftware = 0xE2
)

// gmSilence is how long after its head a command may take.
const gmSilence = 400 * time.Millisecond

// NewGM65 makes a module with factory settings: continuous mode, setting codes obeyed, no AIM
// identifiers, CR.
func NewGM65(c GM65Config) *GM65 {
	if c.TailZone == 0 {
		c.TailZone = gmTail
	}
	m := &GM65{c: c}
	m.flash = m.factory()
	m.zones = m.flash
	return m
}

func (m *GM65) factory() (z [256]byte) {
	z[gmMode], z[gmSettings], z[gmBaud], z[gmBaud+1] = 0xD6, 0x01, 0x39, 0x01
	z[gmHardware], z[gmSoftware] = 0x64, 0x69
	if m.c.TailZone == gmTail {
		z[gmTail] = 0x01
	}
	return z
}

// Serve answers on a wire until it ends.
func (m *GM65) Serve(ctx context.Context, wire io.ReadWriter) error {
	m.do(func() { m.wire, m.in = wire, nil })
	defer m.do(func() { m.wire = nil })
	for buf := make([]byte, 256); ctx.Err() == nil; {
		n, err := wire.Read(buf)
		if err != nil {
			return err
		}
		m.do(func() { m.receive(buf[:n]) })
	}
	return ctx.Err()
}

// do acts on the module and then writes what it has to say.
func (m *GM65) do(act func()) {
	m.wireMu.Lock()
	defer m.wireMu.Unlock()
	m.mu.Lock()
	act()
	out, wire := m.out, m.wire
	m.out = nil
	m.mu.Unlock()
	for _, b := range out {
		if wire != nil {
			wire.Write(b)
		}
	}
}

// Command takes bytes from the host, in any pieces, and gives what the module answers.
func (m *GM65) Command(b []byte) (reply []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.receive(b)
	for _, o := range m.out {
		reply = append(reply, o...)
	}
	m.out = nil
	return reply
}

// Scan presents a code. The symbology "program" is a setting code: its text is a zone and a
// value in hexadecimal digits, "00D0=00".
func (m *GM65) Scan(symbology, text string) (err error) {
	m.do(func() { err = m.present(symbology, text) })
	return err
}

func (m *GM65) present(symbology, text string) error {
	looks := m.zones[gmMode]&3 != 1 || m.zones[gmTrigger]&1 != 0
	switch {
	case m.wire == nil:
		return errNoWire
	case !looks:
		m.counts.Unread++
		return nil
	case symbology == "program":
		return m.program(text)
	}
	m.zones[gmTrigger] &^= 1
	if m.zones[gmAIM]&0x80 != 0 {
		text = gmAIMOf(symbology) + text
	}
	m.counts.Sent++
	m.out = append(m.out, []byte(text+m.tail()))
	return nil
}

func gmAIMOf(symbology string) string {
	switch symbology {
	case "qr":
		return "]Q1"
	case "code128":
		return "]C0"
	case "gs1-128":
		return "]C1"
	case "ean13":
		return "]E0"
	case "datamatrix":
		return "]d1"
	}
	return "]X0"
}

func (m *GM65) tail() string {
	z := m.zones[m.c.TailZone]
	if m.c.TailZone == gmTail {
		if z&1 == 0 {
			return ""
		}
		z = z >> 5 & 3
	} else if z == 1 { // LF at the GM812
		return "\n"
	} else if z > 1 {
		z--
	}
	return [...]string{"\r", "\r\n", "\t", ""}[min(z, 3)]
}

// program obeys a setting code, unless that is switched off.
func (m *GM65) program(text string) error {
	var zone uint16
	var value byte
	if _, err := fmt.Sscanf(text, "%X=%X", &zone, &value); err != nil {
		return fmt.Errorf("a setting code is a zone and a value: %w", err)
	}
	if m.zones[gmSettings]&2 != 0 {
		m.counts.Resisted++
		return nil
	}
	m.counts.Programmed++
	m.zones[byte(zone)] = value
	return nil
}

// Restart switches the module off and on: its settings are those in flash.
func (m *GM65) Restart() { m.do(func() { m.zones, m.in = m.flash, nil }) }

// Corrupt damages the CRC of the next n replies.
func (m *GM65) Corrupt(n int) { m.do(func() { m.corrupt += n }) }

// Lose keeps the next n replies from the wire.
func (m *GM65) Lose(n int) { m.do(func() { m.lose += n }) }

// Deafen makes it overhear the next n commands.
func (m *GM65) Deafen(n int) { m.do(func() { m.deaf += n }) }

// Zone is the value of a zone.
func (m *GM65) Zone(n byte) byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.zones[n]
}

// Counts is a copy of the counters.
func (m *GM65) Counts() GM65Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// Faults are what the host did wrong.
func (m *GM65) Faults() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.faults...)
}

func (m *GM65) fault(what string, b []byte) {
	if len(m.faults) < maxFaults {
		m.faults = append(m.faults, strings.TrimSpace(what+" "+hex.EncodeToString(b)))
	}
}
