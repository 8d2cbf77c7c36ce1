package biometric

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// HeaderSize is the length of a Header in bytes.
const HeaderSize = 32

const (
	headerMagic   = "PT1\x00"
	headerVersion = 1
	headerTerms   = 3 // T: draws that make one bit
	flagProbe     = 1 << 0
	qualityStep   = 25
	maxShifts     = 3
)

// Characteristic is which characteristic of a palm was captured.
type Characteristic uint8

const (
	PalmPrint Characteristic = 1 // lines of the skin, white light
	PalmVein  Characteristic = 2 // veins, 850 nm
	PalmBoth  Characteristic = 3
)

// Hand is which hand was presented, as far as that could be told.
type Hand uint8

const (
	UnknownHand Hand = 0
	LeftHand    Hand = 1
	RightHand   Hand = 2
)

// Algorithm is what computed the features.
type Algorithm uint8

// BOCV is six planes of 32x32 bits, see biometric/palm/bocv.
const BOCV Algorithm = 1

// Header stands before the samples of a protected template. It holds what a comparison
// needs, and as little else as that allows: quality in five steps, time to the minute for a
// probe and to the day for a reference. What remains still says something of the person,
// first of all which hand it was.
type Header struct {
	Characteristic Characteristic
	Hand           Hand
	Algorithm      Algorithm
	Bits           int       // L, bits of one sample: 1024 or 2048
	Shifts         int       // probe: cells reached in each direction, 0 to 3; reference: 0
	Epoch          uint32    // of the Transform
	Quality        int       // 0 to 100 in steps of 25, more is better
	PAD            Decision  // what liveness said
	Probe          bool      // one presentation at many shifts; else a reference of 1 to 3 samples
	At             time.Time // of capture, UTC
}

// Coarse rounds quality and time down to what a header may tell.
func (h Header) Coarse() Header {
	h.Quality = max(0, min(100, h.Quality)) / qualityStep * qualityStep
	h.At = coarse(h.At, h.timeStep())
	return h
}

func (h Header) timeStep() time.Duration {
	if h.Probe {
		return time.Minute
	}
	return 24 * time.Hour
}

// Samples is how many bit strings may follow h: exactly so many for a probe, at most so many
// for a reference.
func (h Header) Samples() int {
	if h.Probe {
		return (2*h.Shifts + 1) * (2*h.Shifts + 1)
	}
	return MaxSamples
}

// check says what is not allowed in a header, or nil.
func (h Header) check() error {
	switch {
	case h.Characteristic < PalmPrint || h.Characteristic > PalmBoth:
		return fmt.Errorf("characteristic %d is not known", h.Characteristic)
	case h.Hand > RightHand:
		return fmt.Errorf("hand %d is not known", h.Hand)
	case h.Algorithm != BOCV:
		return fmt.Errorf("algorithm %d is not known", h.Algorithm)
	case h.Bits != Standard.Bits() && h.Bits != Private.Bits():
		return fmt.Errorf("samples of %d bits, want %d or %d", h.Bits, Private.Bits(), Standard.Bits())
	case h.Shifts < 0 || h.Shifts > maxShifts || !h.Probe && h.Shifts != 0:
		return fmt.Errorf("shifts of %d cells, want 0 to %d in a probe and 0 in a reference", h.Shifts, maxShifts)
	case h.Epoch == 0:
		return errors.New("epoch 0, want 1 or more")
	case h.Quality < 0 || h.Quality > 100 || h.Quality%qualityStep != 0:
		return fmt.Errorf("quality %d, want 0 to 100 in steps of %d", h.Quality, qualityStep)
	case h.At.UnixMilli() <= 0 || !coarse(h.At, h.timeStep()).Equal(h.At):
		return fmt.Errorf("capture time is not a whole multiple of %v", h.timeStep())
	}
	_, err := padCode(h.PAD)
	return err
}

// AppendBinary appends the 32 bytes of h to dst. All numbers stand most significant byte
// first:
//
//	0  "PT1" and a zero byte      12 epoch, 4 bytes
//	4  version: 1                 16 quality
//	5  characteristic             17 PAD: 0 undetermined, 1 bona fide, 2 attack
//	6  hand                       18 flags, 2 bytes: 1 for a probe
//	7  algorithm                  20 capture time, 8 bytes: Unix milliseconds
//	8  L, 2 bytes                 28 CRC-32 (IEEE) of bytes 0 to 27
//	10 T: 3
//	11 shifts
func (h Header) AppendBinary(dst []byte) ([]byte, error) {
	if err := h.check(); err != nil {
		return dst, fmt.Errorf("encode template header: %w", err)
	}
	pad, _ := padCode(h.PAD)
	var flags uint16
	if h.Probe {
		flags |= flagProbe
	}
	start := len(dst)
	dst = append(dst, headerMagic...)
	dst = append(dst, headerVersion, byte(h.Characteristic), byte(h.Hand), byte(h.Algorithm))
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Bits))
	dst = append(dst, headerTerms, byte(h.Shifts))
	dst = binary.BigEndian.AppendUint32(dst, h.Epoch)
	dst = append(dst, byte(h.Quality), pad)
	dst = binary.BigEndian.AppendUint16(dst, flags)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.At.UnixMilli()))
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:])), nil
}

// ParseHeader reads the header that b begins with. It takes only what AppendBinary makes.
func ParseHeader(b []byte) (Header, error) {
	h, err := parseHeader(b)
	if err != nil {
		return Header{}, fmt.Errorf("parse template header: %w", err)
	}
	return h, nil
}

func parseHeader(b []byte) (h Header, err error) {
	if len(b) < HeaderSize {
		return h, fmt.Errorf("%d bytes, want %d", len(b), HeaderSize)
	}
	if string(b[:4]) != headerMagic {
		return h, fmt.Errorf("begins with %q, want %q", b[:4], headerMagic)
	}
	if got, want := binary.BigEndian.Uint32(b[28:]), crc32.ChecksumIEEE(b[:28]); got != want {
		return h, fmt.Errorf("CRC is %#08x, want %#08x", got, want)
	}
	if b[4] != headerVersion || b[10] != headerTerms {
		return h, fmt.Errorf("version %d with %d draws a bit, want %d with %d", b[4], b[10], headerVersion, headerTerms)
	}
	flags := binary.BigEndian.Uint16(b[18:])
	if flags&^flagProbe != 0 {
		return h, fmt.Errorf("flags %#04x are not known", flags)
	}
	ms := binary.BigEndian.Uint64(b[20:])
	if ms > 1<<52 {
		return h, fmt.Errorf("capture time of %d ms", ms)
	}
	h = Header{
		Characteristic: Characteristic(b[5]),
		Hand:           Hand(b[6]),
		Algorithm:      Algorithm(b[7]),
		Bits:           int(binary.BigEndian.Uint16(b[8:])),
		Shifts:         int(b[11]),
		Epoch:          binary.BigEndian.Uint32(b[12:]),
		Quality:        int(b[16]),
		Probe:          flags&flagProbe != 0,
		At:             time.UnixMilli(int64(ms)).UTC(),
	}
	if h.PAD, err = padDecision(b[17]); err != nil {
		return h, err
	}
	return h, h.check()
}

func padCode(d Decision) (byte, error) {
	switch d {
	case Undetermined:
		return 0, nil
	case BonaFide:
		return 1, nil
	case Attack:
		return 2, nil
	}
	return 0, fmt.Errorf("PAD decision %q is not known", string(d))
}

func padDecision(c byte) (Decision, error) {
	if c > 2 {
		return Undetermined, fmt.Errorf("PAD result %d is not known", c)
	}
	return [...]Decision{Undetermined, BonaFide, Attack}[c], nil
}
