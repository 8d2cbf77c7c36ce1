package device

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
)

// I2CPart is a part on an I²C bus. A transaction for another address than its own is
// ErrNACK.
type I2CPart interface {
	Tx(addr uint16, w, r []byte) error
}

// CP2112 is a Silicon Labs CP2112 at its wire: HID reports of a bridge from USB to I²C with
// eight GPIO lines, as the kernel's hid-cp2112 drives it (AN495). It is safe for concurrent
// use; the part is called with its lock held.
type CP2112 struct {
	part I2CPart

	mu       sync.Mutex
	outputs  byte // direction, 1 is output
	pushPull byte
	driven   byte // the levels of the outputs
	outside  byte // the levels that inputs have from outside
	config   [13]byte
	status   [2]byte
	pending  []byte // what was read on the bus and not fetched yet
	faults   []string
}

// USB ids of a CP2112.
const (
	CP2112Vendor  = 0x10C4
	CP2112Product = 0xEA90
)

// NewCP2112 makes a bridge with a part on its bus; nil is an empty bus. All lines are inputs
// that are low.
func NewCP2112(part I2CPart) *CP2112 {
	c := &CP2112{part: part}
	binary.BigEndian.PutUint32(c.config[0:], 100000) // Hz
	c.config[4] = 0x02                               // own address
	return c
}

// Descriptor is the report descriptor: vendor reports of fixed sizes.
func (c *CP2112) Descriptor() []byte {
	d := []byte{0x06, 0x00, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08}
	reports := func(kind byte, ids ...byte) {
		for _, id := range ids {
			d = append(d, 0x85, id, 0x95, 63, 0x09, 0x01, kind, 0x02)
		}
	}
	reports(0x81, 0x13, 0x16)
	reports(0x91, 0x10, 0x11, 0x12, 0x14, 0x15, 0x17)
	reports(0xB1, 2, 3, 4, 5, 6)
	return append(d, 0xC0)
}

// Feature answers a request for a feature report, with its id in front; an error stalls it.
func (c *CP2112) Feature(id byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch id {
	case 2:
		return []byte{2, c.outputs, c.pushPull, 0, 0}, nil
	case 3:
		return []byte{3, c.levels()}, nil
	case 5:
		return []byte{5, 0x0C, 0x02}, nil
	case 6:
		return append([]byte{6}, c.config[:]...), nil
	}
	return nil, c.fault("a request for feature report %d", id)
}

// SetFeature takes a feature report, with its id in front; an error stalls it.
func (c *CP2112) SetFeature(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(p) >= 5 && p[0] == 2:
		c.outputs, c.pushPull = p[1], p[2]
	case len(p) >= 3 && p[0] == 4: // values, mask
		c.driven = c.driven&^p[2] | p[1]&p[2]
	case len(p) >= 14 && p[0] == 6:
		copy(c.config[:], p[1:])
	case len(p) == 1 && p[0] == 1 || len(p) == 2 && p[0] == 1: // reset
		c.pending, c.status, c.outputs = nil, [2]byte{}, 0
	default:
		return c.fault("feature report % x", p[:min(len(p), 16)])
	}
	return nil
}

func (c *CP2112) levels() byte { return c.outside&^c.outputs | c.driven&c.outputs }

func (c *CP2112) fault(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if len(c.faults) < 100 {
		c.faults = append(c.faults, err.Error())
	}
	return err
}

// Words of a transfer's status.
const (
	xferIdle     = 0
	xferComplete = 2
	xferError    = 3
	mostTransfer = 512
)

// Output takes an output report, with its id in front, and returns the input reports that
// the bridge sends because of it, 64 bytes each.
func (c *CP2112) Output(p []byte) (inputs [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := func(i int) byte { // a report that is cut short reads as zeros
		if i < len(p) {
			return p[i]
		}
		return 0
	}
	length := int(at(2))<<8 | int(at(3))
	switch at(0) {
	case 0x10: // read
		c.transfer(at(1), nil, length)
	case 0x11: // write, then read
		n := int(at(4))
		if n == 0 || n > 16 || len(p) < 5+n {
			_ = c.fault("write-read of %d bytes", n)
			c.status = [2]byte{xferError, 0}
			return nil
		}
		c.transfer(at(1), p[5:5+n], length)
	case 0x14: // write
		n := int(at(2))
		if n == 0 || n > 61 || len(p) < 3+n {
			_ = c.fault("write of %d bytes", n)
			c.status = [2]byte{xferError, 0}
			return nil
		}
		c.transfer(at(1), p[3:3+n], 0)
	case 0x15: // how did it go?
		r := make([]byte, 64)
		r[0], r[1], r[2] = 0x16, c.status[0], c.status[1]
		binary.BigEndian.PutUint16(r[5:], uint16(len(c.pending)))
		return [][]byte{r}
	case 0x12: // give me what was read
		return [][]byte{c.fetch()}
	case 0x17: // cancel
		c.pending, c.status = nil, [2]byte{xferIdle, 0}
	default:
		_ = c.fault("output report %02X", at(0))
	}
	return nil
}

func (c *CP2112) transfer(address byte, w []byte, read int) {
	c.pending = nil
	if read > mostTransfer || address&1 != 0 {
		_ = c.fault("a read of %d bytes from address %02X", read, address)
		c.status = [2]byte{xferError, 0}
		return
	}
	r := make([]byte, read)
	var err error = ErrNACK
	if c.part != nil {
		err = c.part.Tx(uint16(address>>1), w, r)
	}
	if err != nil {
		c.status = [2]byte{xferError, 0} // address not acknowledged
		return
	}
	c.status, c.pending = [2]byte{xferComplete, 5}, r
}

func (c *CP2112) fetch() []byte {
	r := make([]byte, 64)
	n := copy(r[3:], c.pending)
	r[0], r[1], r[2] = 0x13, xferComplete, byte(n)
	c.pending = c.pending[n:]
	return r
}

// SetLine gives an input line a level from outside.
func (c *CP2112) SetLine(n int, high bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outside &^= 1 << n
	if high {
		c.outside |= 1 << n
	}
}

// Line is the level of a line, and whether the bridge drives it.
func (c *CP2112) Line(n int) (high, driven bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.levels()&(1<<n) != 0, c.outputs&(1<<n) != 0
}

// Faults are what the host did wrong.
func (c *CP2112) Faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.faults)
}
