package device

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// ErrNACK is an address that nobody acknowledged.
var ErrNACK = errors.New("not acknowledged")

// ATECC is an ATECC608 at its wire: I²C transactions in, bytes out. It sleeps, idles, is busy
// while it works, forgets when its watchdog bites, and holds real keys. It is safe for
// concurrent use.
type ATECC struct {
	o ATECCOptions

	mu       sync.Mutex
	power    power
	woke     time.Time // when the watchdog began
	ready    time.Time // before it the chip acknowledges nothing
	out      []byte
	pos      int
	tempKey  []byte // nil: nothing loaded
	mac      []byte // the key of an HMAC that began
	keys     map[int]*ecdsa.PrivateKey
	secrets  map[int][]byte
	counters [2]uint32
	commands map[byte]int
	wakes    int
	faults   []string
	damage   int  // so many answers go out with a bit turned
	deafen   int  // so many commands arrive with a bit turned
	stalled  bool // does not answer any more
}

// ATECCOptions is how a chip behaves. The zero value is a locked chip that works fast.
type ATECCOptions struct {
	Address  uint16        // zero: 60 hex
	Busy     time.Duration // how long each command takes; zero: 1 ms
	Watchdog time.Duration // zero: 1.3 s
	Unlocked bool
	// EmptyRoot leaves slot 9 with the factory's ones.
	EmptyRoot bool
}

type power int

const (
	asleep power = iota
	idling
	awake
)

// NewATECC makes a chip with private keys in slots 0 and 2, a secret in slot 9, and both
// counters at zero.
func NewATECC(o ATECCOptions) *ATECC {
	if o.Address == 0 {
		o.Address = 0x60
	}
	if o.Busy == 0 {
		o.Busy = time.Millisecond
	}
	if o.Watchdog == 0 {
		o.Watchdog = 1300 * time.Millisecond
	}
	a := &ATECC{o: o, keys: map[int]*ecdsa.PrivateKey{}, secrets: map[int][]byte{9: make([]byte, 32)}, commands: map[byte]int{}}
	for _, slot := range []int{0, 2} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		a.keys[slot] = key
	}
	rand.Read(a.secrets[9])
	if o.EmptyRoot {
		for i := range a.secrets[9] {
			a.secrets[9][i] = 0xFF
		}
	}
	return a
}

// String names the bus.
func (a *ATECC) String() string { return "in-process" }

// Tx is one transaction of a bus on which the chip is alone: w is written, then r is read.
func (a *ATECC) Tx(addr uint16, w, r []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.power == awake && now.Sub(a.woke) >= a.o.Watchdog {
		a.sleep()
	}
	if addr == 0 {
		a.wake(now)
		return ErrNACK
	}
	if addr != a.o.Address || a.power != awake || now.Before(a.ready) || a.stalled {
		return ErrNACK
	}
	if len(w) > 0 {
		a.write(w, now)
	}
	if len(r) > 0 {
		if now.Before(a.ready) { // the command that was just written
			return ErrNACK
		}
		a.read(r)
	}
	return nil
}

func (a *ATECC) wake(now time.Time) {
	if a.power == awake || a.stalled {
		return
	}
	a.power, a.woke, a.ready = awake, now, now.Add(1200*time.Microsecond)
	a.wakes++
	a.answer([]byte{0x11})
}

func (a *ATECC) sleep() {
	a.power, a.tempKey, a.mac, a.out = asleep, nil, nil, nil
}

func (a *ATECC) read(r []byte) {
	for i := range r {
		r[i] = 0xFF
		if a.pos < len(a.out) {
			r[i] = a.out[a.pos]
			a.pos++
		}
	}
	if a.damage > 0 && len(r) > 1 {
		a.damage--
		r[1] ^= 0x10
	}
}

func (a *ATECC) write(w []byte, now time.Time) {
	switch w[0] {
	case 0: // read again from the start
		a.pos = 0
	case 1:
		a.sleep()
	case 2:
		a.power, a.out = idling, nil
	case 3:
		a.ready = now.Add(a.o.Busy)
		a.command(w[1:], now)
	default:
		a.fault("word address %02X", w[0])
	}
}

// answer puts an answer together: count, body, checksum.
func (a *ATECC) answer(body []byte) {
	a.out = append([]byte{byte(len(body) + 3)}, body...)
	crc := crcATECC(a.out)
	a.out = append(a.out, byte(crc), byte(crc>>8))
	a.pos = 0
}

func (a *ATECC) fault(format string, args ...any) {
	if len(a.faults) < 100 {
		a.faults = append(a.faults, fmt.Sprintf(format, args...))
	}
}

// crcATECC is the chip's checksum as its data sheet draws it: a shift register of 16 bits
// with taps at 15, 2 and 0, fed with bit 0 of each byte first.
func crcATECC(p []byte) uint16 {
	var r uint16
	for _, b := range p {
		for mask := byte(1); mask != 0; mask <<= 1 {
			feed := (r&0x8000 != 0) != (b&mask != 0)
			r <<= 1
			if feed {
				r ^= 1<<15 | 1<<2 | 1<<0
			}
		}
	}
	return r
}

// Statuses of the chip.
const (
	ateccOK         = 0x00
	ateccMiscompare = 0x01
	ateccParse      = 0x03
	ateccExec       = 0x0F
	ateccWatchdog   = 0xEE
	ateccCRC        = 0xFF
)

func (a *ATECC) command(f []byte, now time.Time) {
	n := 0
	if len(f) > 0 {
		n = int(f[0])
	}
	if a.deafen > 0 {
		a.deafen--
		a.answer([]byte{ateccCRC})
		return
	}
	switch {
	case n < 7 || n > 155 || len(f) != n:
		a.fault("a command of %d bytes says %d", len(f), n)
		a.answer([]byte{ateccParse})
		return
	case crcATECC(f[:n-2]) != binary.LittleEndian.Uint16(f[n-2:]):
		a.fault("checksum of command %02X", f[1])
		a.answer([]byte{ateccCRC})
		return
	case now.Sub(a.woke) > a.o.Watchdog-200*time.Millisecond:
		a.answer([]byte{ateccWatchdog})
		return
	}
	a.commands[f[1]]++
	a.answer(a.run(f[1], f[2], int(binary.LittleEndian.Uint16(f[3:])), f[5:n-2]))
}

func (a *ATECC) run(op, p1 byte, p2 int, data []byte) []byte {
	switch op {
	case 0x30:
		return []byte{0, 0, 0x60, 0x02}
	case 0x1B:
		return a.random()
	case 0x02:
		return a.readZone(p1, p2)
	case 0x16:
		if p1 != 3 || len(data) != 32 {
			return []byte{ateccParse}
		}
		a.tempKey = append([]byte(nil), data...)
		return []byte{ateccOK}
	case 0x40:
		return a.genKey(p1, p2)
	case 0x41:
		return a.sign(p1, p2)
	case 0x45:
		return a.verify(p1, p2, data)
	case 0x47:
		return a.sha(p1, p2, data)
	case 0x24:
		return a.counter(p1, p2)
	}
	a.fault("opcode %02X", op)
	return []byte{ateccParse}
}

func (a *ATECC) random() []byte {
	b := make([]byte, 32)
	if a.o.Unlocked {
		for i := range b {
			b[i] = []byte{0xFF, 0xFF, 0, 0}[i%4]
		}
		return b
	}
	rand.Read(b)
	return b
}

func (a *ATECC) readZone(p1 byte, p2 int) []byte {
	config := make([]byte, 128)
	copy(config, []byte{0x01, 0x23, 0xA1, 0xB2, 0, 0, 0x60, 0x02, 0xC3, 0xD4, 0xE5, 0xF6, 0xEE})
	if a.o.Unlocked {
		config[86], config[87] = 0x55, 0x55
	}
	size := 4
	if p1&0x80 != 0 {
		size = 32
	}
	at := p2 * 4
	if p1&0x7F != 0 || at+size > len(config) || size == 32 && at%32 != 0 {
		return []byte{ateccExec} // only the configuration can be read
	}
	return config[at : at+size]
}

func (a *ATECC) genKey(p1 byte, slot int) []byte {
	if p1 == 4 && a.o.Unlocked {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return []byte{ateccExec}
		}
		a.keys[slot] = key
	} else if p1 != 0 {
		return []byte{ateccExec}
	}
	key := a.keys[slot]
	if key == nil {
		return []byte{ateccExec}
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return []byte{ateccExec}
	}
	return point[1:]
}

func (a *ATECC) sign(p1 byte, slot int) []byte {
	key := a.keys[slot]
	if p1 != 0x80 || key == nil || a.tempKey == nil {
		return []byte{ateccExec}
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, a.tempKey)
	a.tempKey = nil
	if err != nil {
		return []byte{ateccExec}
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

func (a *ATECC) verify(p1 byte, p2 int, data []byte) []byte {
	if p1 != 2 || p2 != 4 || len(data) != 128 {
		return []byte{ateccParse}
	}
	digest := a.tempKey
	a.tempKey = nil
	if digest == nil {
		return []byte{ateccExec}
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, data[64:]...))
	if err != nil {
		return []byte{ateccExec}
	}
	if !ecdsa.Verify(key, digest, new(big.Int).SetBytes(data[:32]), new(big.Int).SetBytes(data[32:64])) {
		return []byte{ateccMiscompare}
	}
	return []byte{ateccOK}
}

func (a *ATECC) sha(p1 byte, p2 int, data []byte) []byte {
	switch {
	case p1 == 0x04 && len(data) == 0:
		a.mac = a.secrets[p2]
		if a.mac == nil {
			return []byte{ateccExec}
		}
		return []byte{ateccOK}
	case p1&0x3F == 0x02 && p2 == len(data) && len(data) < 64:
		if a.mac == nil {
			return []byte{ateccExec}
		}
		h := hmac.New(sha256.New, a.mac)
		h.Write(data)
		a.mac = nil
		return h.Sum(nil)
	}
	return []byte{ateccParse}
}

func (a *ATECC) counter(p1 byte, n int) []byte {
	if n > 1 || p1 > 1 {
		return []byte{ateccParse}
	}
	if p1 == 1 {
		if a.counters[n] == 2097151 {
			return []byte{ateccExec}
		}
		a.counters[n]++
	}
	return binary.LittleEndian.AppendUint32(nil, a.counters[n])
}
