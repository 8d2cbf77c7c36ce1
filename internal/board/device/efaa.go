package device

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// EFAA is a face module of the EF AA family, or the TX510 that shares its head. It has no
// camera: people are names, and a template is made of the name.
type EFAA struct {
	sum bool // the TX510: size of four bytes, sum for check

	mu     sync.Mutex
	wire   io.Writer
	in     []byte
	users  map[uint16]string
	busy   byte // the command that waits for a face; 0: none
	asked  []byte
	wait   *time.Timer
	round  int // of busy, so that a late timer does not end the next wait
	off    bool
	faults []string
}

// NewEFAA makes an HLK-FM225 or one of its kin; sum makes a TX510.
func NewEFAA(sum bool) *EFAA { return &EFAA{sum: sum, users: map[uint16]string{}} }

// Results of both dialects, and of the first.
const (
	efOK, efRejected, efAborted, efParameter, efUnknownUser = 0x00, 0x01, 0x02, 0x06, 0x08
	efFull, efEnrolled, efLiveness, efTimeout               = 0x09, 0x0A, 0x0C, 0x0D
)

// Serve is a module that is switched on: it says that it is ready, and answers until the wire
// ends.
func (e *EFAA) Serve(ctx context.Context, wire io.ReadWriter) error {
	e.mu.Lock()
	e.wire, e.in, e.busy, e.off = wire, nil, 0, false
	e.send(0x01, 0x00)
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.wire = nil
		e.idle()
		e.mu.Unlock()
	}()
	for buf := make([]byte, 512); ctx.Err() == nil; {
		n, err := wire.Read(buf)
		if err != nil {
			return err
		}
		e.mu.Lock()
		e.in = append(e.in, buf[:n]...)
		e.frames()
		e.mu.Unlock()
	}
	return ctx.Err()
}

func (e *EFAA) head() int {
	if e.sum {
		return 7
	}
	return 5
}

// frames takes all whole frames off the input.
func (e *EFAA) frames() {
	const most = 4096
	for {
		for len(e.in) > 0 && e.in[0] != 0xEF || len(e.in) > 1 && e.in[1] != 0xAA {
			e.in = e.in[1:]
		}
		if len(e.in) < e.head() {
			return
		}
		size := uint32(binary.BigEndian.Uint16(e.in[3:]))
		if e.sum {
			size = binary.BigEndian.Uint32(e.in[3:])
		}
		if size > most {
			e.fault("a frame longer than any")
			e.in = e.in[2:]
			continue
		}
		end := e.head() + int(size)
		if len(e.in) <= end {
			return
		}
		frame := e.in[:end+1]
		e.in = e.in[end+1:]
		if e.check(frame[2:end]) != frame[end] {
			e.fault("a wrong check")
			continue
		}
		e.do(frame[2], frame[e.head():end])
	}
}

func (e *EFAA) check(b []byte) (c byte) {
	for _, x := range b {
		if e.sum {
			c += x
		} else {
			c ^= x
		}
	}
	return c
}

// send writes a frame. A host that does not read is no affair of the module's.
func (e *EFAA) send(msg byte, data ...byte) {
	if e.wire == nil || e.off {
		return
	}
	f := []byte{0xEF, 0xAA, msg}
	if e.sum {
		f = binary.BigEndian.AppendUint32(f, uint32(len(data)))
	} else {
		f = binary.BigEndian.AppendUint16(f, uint16(len(data)))
	}
	f = append(f, data...)
	_, _ = e.wire.Write(append(f, e.check(f[2:])))
}

func (e *EFAA) reply(to, result byte, body ...byte) {
	e.send(0x00, append([]byte{to, result}, body...)...)
}

func (e *EFAA) do(msg byte, data []byte) {
	if msg >= 0x16 && msg <= 0x18 {
		e.fault("a command that asks for pictures")
		e.reply(msg, efRejected)
		return
	}
	if e.busy != 0 && msg != 0x10 {
		e.fault("a command while another is outstanding")
		e.reply(msg, efRejected)
		return
	}
	if e.sum {
		e.tx510(msg, data)
	} else {
		e.xor(msg, data)
	}
}

func (e *EFAA) xor(msg byte, data []byte) {
	switch msg {
	case 0x10:
		if e.busy != 0 {
			e.reply(e.busy, efAborted)
			e.idle()
		}
		e.reply(msg, efOK)
	case 0x11:
		e.reply(msg, efOK, 0) // standby
	case 0x12:
		e.begin(msg, data, 2, 1)
	case 0x13, 0x1D:
		e.begin(msg, data, 35, 34)
	case 0x20, 0x21, 0x22, 0x24:
		e.store(msg, data)
	case 0x23:
		e.reply(msg, efOK)
	case 0x30:
		e.reply(msg, efOK, padded("FM225 model 1.0", 32)...)
	case 0x93:
		e.reply(msg, efOK, padded("0000000001", 32)...)
	case 0xED:
		e.reply(msg, efOK)
		e.off = true
	case 0x7C, 0x7D, 0xFA:
		e.export(msg, data)
	default:
		e.fault("a command that it does not know")
		e.reply(msg, efParameter)
	}
}

func (e *EFAA) tx510(msg byte, data []byte) {
	switch msg {
	case 0x12, 0x13:
		e.begin(msg, data, 0, -1)
	case 0x20, 0x21:
		e.store(msg, data)
	case 0x30:
		e.reply(msg, efOK, padded("TX510 model 1.0", 32)...)
	case 0xC0, 0xC1, 0xC2:
		if len(data) != 1 {
			e.fault("a switch without a position")
			e.reply(msg, efRejected)
			return
		}
		e.reply(msg, efOK)
	case 0xC3:
		e.reply(msg, efOK)
		e.send(0x01, 0x00)
	case 0xC4:
		e.reply(msg, efOK, pair(uint16(len(e.users)))...)
	default:
		e.fault("a command that it does not know")
		e.reply(msg, efRejected)
	}
}

// Users are those enrolled.
func (e *EFAA) Users() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Values(e.users))
}

// Faults is what the host did wrong, the first hundred.
func (e *EFAA) Faults() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.faults)
}

func (e *EFAA) fault(text string) {
	if len(e.faults) < 100 {
		e.faults = append(e.faults, text)
	}
}
