package device

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"time"
)

// SSIConfig is what kind of decoder an SSI is. The zero value is a corded one as it comes from
// the factory.
type SSIConfig struct {
	// ResponseTimeout is how long it waits for an ACK before it sends a packet again; 0 = 2 s.
	ResponseTimeout time.Duration
	// Part is how many bytes of a code go into one packet; 0 = 250. Longer codes are continued.
	Part int
	// Cordless sends long codes in numbered segments, and puts 01 and a length before others.
	Cordless bool
	// Grow numbers the types of codes in two dimensions as Grow's modules do, and sends codes
	// that are longer than Part in one packet with a length of two bytes.
	Grow bool
	// Sleepy loses the first byte that arrives after a second of silence.
	Sleepy bool
	// Unknown are parameters that it denies.
	Unknown []uint16
	// Status bits are set in all that it sends: real decoders set bits that mean nothing.
	Status byte
}

// SSICounts is what became of a decoder.
type SSICounts struct {
	Commands    int // accepted
	Sent        int // packets, retransmissions counted
	Resent      int
	Delivered   int // codes of which every packet was acknowledged
	Lost        int // codes given up after two retransmissions
	Unread      int // codes presented while it did not look
	Programmed  int // programming codes obeyed
	Resisted    int // programming codes not obeyed
	FlashWrites int
	Flushes     int
	Triggers    int
	Beeps       int
}

// SSI is a decoder that speaks Zebra's Simple Serial Interface.
type SSI struct {
	c SSIConfig

	wireMu sync.Mutex // serialises writes, so that packets are whole
	mu     sync.Mutex
	wire   io.Writer
	out    [][]byte // to be written when mu is released

	in        []byte
	heard     time.Time // of the last byte
	params    map[uint16]uint16
	triggered bool
	disabled  bool
	aiming    bool

	queue  []ssiMessage
	part   int // of the first message: the packet that was sent and not acknowledged
	tries  int // of it; 0 = not sent
	timer  *time.Timer
	round  int // of the timer
	counts SSICounts
	faults []string

	corrupt, lose, deaf int
}

// ssiMessage is what is sent in packets, the last of which completes it.
type ssiMessage struct {
	packets []ssiPacket
	code    bool
}

type ssiPacket struct {
	op, source, status byte
	data               []byte
}

// Opcodes, as the decoder knows them.
const (
	ssiAimOff    = 0xC4
	ssiAimOn     = 0xC5
	ssiParam     = 0xC6
	ssiAskParam  = 0xC7
	ssiACK       = 0xD0
	ssiNAK       = 0xD1
	ssiFlush     = 0xD2
	ssiAskRev    = 0xA3
	ssiRev       = 0xA4
	ssiStart     = 0xE4
	ssiStop      = 0xE5
	ssiBeep      = 0xE6
	ssiLEDOn     = 0xE7
	ssiLEDOff    = 0xE8
	ssiEnable    = 0xE9
	ssiDisable   = 0xEA
	ssiDecode    = 0xF3
	ssiLong      = 0xF4
	ssiEvent     = 0xF6
	ssiSegment   = 0x73
	ssiSegmentOK = 0x74
)

// Parameters that this decoder heeds.
const (
	ssiCodeID      = 0x2D
	ssiTrigger     = 0x8A
	ssiHandshake   = 0x9F
	ssiProgramming = 0xEC
	ssiPacketed    = 0xEE
	ssiBootEvent   = 0x102
)

// ssiTypes are the types of a DECODE_DATA.
var ssiTypes = map[string]byte{
	"qr": 0x1C, "code128": 0x03, "gs1-128": 0x0F, "ean13": 0x0B, "ean8": 0x0A, "upca": 0x08, "upce": 0x09,
	"pdf417": 0x11, "datamatrix": 0x1B, "aztec": 0x2D, "code39": 0x01, "itf": 0x06, "databar": 0x30,
	"codabar": 0x02, "code93": 0x07, "hanxin": 0xB7,
}

// growTypes are the types of Grow's modules that differ.
var growTypes = map[byte]byte{0x11: 0xF0, 0x1C: 0xF1, 0x1B: 0xF2, 0x2D: 0xF3, 0xB7: 0xF7}

// NewSSI makes a decoder with factory settings: packets and acknowledgements on, programming
// by bar code on.
func NewSSI(c SSIConfig) *SSI {
	if c.ResponseTimeout == 0 {
		c.ResponseTimeout = 2 * time.Second
	}
	if c.Part <= 0 || c.Part > 250 {
		c.Part = 250
	}
	return &SSI{c: c, params: ssiFactory()}
}

func ssiFactory() map[uint16]uint16 {
	return map[uint16]uint16{ssiPacketed: 1, ssiHandshake: 1, ssiProgramming: 1}
}

// Serve answers on a wire until it ends.
func (d *SSI) Serve(ctx context.Context, wire io.ReadWriter) error {
	d.do(func() {
		d.wire, d.in = wire, nil
		if d.tries > 0 { // it kept its power, and knows of no acknowledgement
			d.startTimer()
		}
	})
	defer d.do(func() {
		d.wire, d.out = nil, nil
		d.stopTimer()
	})
	for buf := make([]byte, 256); ctx.Err() == nil; {
		n, err := wire.Read(buf)
		if err != nil {
			return err
		}
		d.do(func() { d.receive(buf[:n]) })
	}
	return ctx.Err()
}

// do acts on the decoder and then writes what it has to say.
func (d *SSI) do(act func()) {
	d.wireMu.Lock()
	defer d.wireMu.Unlock()
	d.mu.Lock()
	act()
	out, wire := d.out, d.wire
	d.out = nil
	d.mu.Unlock()
	for _, b := range out {
		if wire != nil {
			wire.Write(b)
		}
	}
}

// Scan presents a code. The symbology "program" is a programming bar code: its text is a
// parameter and a value in hexadecimal digits, "EE=00".
func (d *SSI) Scan(symbology, text string) (err error) {
	d.do(func() { err = d.present(symbology, text) })
	return err
}

func (d *SSI) present(symbology, text string) error {
	if d.wire == nil {
		return errNoWire
	}
	kind, known := ssiTypes[symbology]
	switch {
	case symbology == "program":
		return d.program(text)
	case !known:
		return fmt.Errorf("no symbology %q", symbology)
	case d.disabled || d.params[ssiTrigger] == 8 && !d.triggered:
		d.counts.Unread++
		return nil
	}
	d.triggered = false
	if d.params[ssiCodeID] == 1 {
		text = ssiAIM(symbology) + text
	}
	if d.params[ssiPacketed] == 0 {
		d.write([]byte(text))
		return nil
	}
	d.queue = append(d.queue, d.message(kind, text))
	d.transmit()
	return nil
}

func ssiAIM(symbology string) string {
	switch symbology {
	case "qr":
		return "]Q1"
	case "code128":
		return "]C0"
	case "ean13":
		return "]E0"
	}
	return "]X0"
}

// program obeys a programming bar code, unless that is switched off.
func (d *SSI) program(text string) error {
	var param, value uint16
	if _, err := fmt.Sscanf(text, "%X=%X", &param, &value); err != nil {
		return fmt.Errorf("a programming code is a parameter and a value: %w", err)
	}
	if d.params[ssiProgramming] == 0 {
		d.counts.Resisted++
		return nil
	}
	d.counts.Programmed++
	d.params[param] = value
	return nil
}

// Restart switches the decoder off and on: parameters are as in flash, which nobody should
// have written.
func (d *SSI) Restart() {
	d.do(func() {
		event := d.params[ssiBootEvent] != 0
		d.params = ssiFactory()
		d.queue, d.in, d.triggered, d.disabled = nil, nil, false, false
		d.next()
		if event {
			d.queue = append(d.queue, ssiMessage{packets: []ssiPacket{{op: ssiEvent, data: []byte{3}}}})
			d.transmit()
		}
	})
}

// Corrupt damages the checksums of the next n packets that it sends.
func (d *SSI) Corrupt(n int) { d.do(func() { d.corrupt += n }) }

// Lose keeps the next n packets from the wire although it believes that they were sent.
func (d *SSI) Lose(n int) { d.do(func() { d.lose += n }) }

// Deafen makes it overhear the next n packets of the host.
func (d *SSI) Deafen(n int) { d.do(func() { d.deaf += n }) }

// Counts is a copy of the counters.
func (d *SSI) Counts() SSICounts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts
}

// Param is the value of a parameter.
func (d *SSI) Param(n uint16) uint16 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.params[n]
}

// Params is a copy of all parameters that were ever set.
func (d *SSI) Params() map[uint16]uint16 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.params)
}

// Idle reports whether everything it had to send was acknowledged or given up.
func (d *SSI) Idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.queue) == 0
}

// Faults are what the host did wrong.
func (d *SSI) Faults() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.faults...)
}

const maxFaults = 100

func (d *SSI) fault(what string, b []byte) {
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, strings.TrimSpace(what+" "+hex.EncodeToString(b)))
	}
}
