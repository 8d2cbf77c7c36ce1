package atecc608

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Op is a command's code.
type Op byte

// Opcodes.
const (
	OpRead    Op = 0x02
	OpNonce   Op = 0x16
	OpRandom  Op = 0x1B
	OpCounter Op = 0x24
	OpInfo    Op = 0x30
	OpGenKey  Op = 0x40
	OpSign    Op = 0x41
	OpVerify  Op = 0x45
	OpSHA     Op = 0x47
)

func (o Op) String() string {
	switch o {
	case OpRead:
		return "Read"
	case OpNonce:
		return "Nonce"
	case OpRandom:
		return "Random"
	case OpCounter:
		return "Counter"
	case OpInfo:
		return "Info"
	case OpGenKey:
		return "GenKey"
	case OpSign:
		return "Sign"
	case OpVerify:
		return "Verify"
	case OpSHA:
		return "SHA"
	}
	return fmt.Sprintf("opcode %02X", byte(o))
}

// The mode of Counter that counts up; 0 reads.
const counterIncrement = 0x01

// Word addresses: the first byte of everything that is written to the chip.
const (
	wordReset   = 0x00 // read the last answer again
	wordSleep   = 0x01
	wordIdle    = 0x02
	wordCommand = 0x03
)

// Sizes of frames in bytes, with count and checksum.
const (
	minFrame = 4
	maxFrame = 155
)

// Command is one command.
type Command struct {
	Op   Op
	P1   byte
	P2   uint16
	Data []byte // at most 148 bytes
}

// Append adds the command to dst as it is written to the chip: word address, count, opcode,
// parameters, data, checksum.
func (c Command) Append(dst []byte) []byte {
	dst = append(dst, wordCommand)
	at := len(dst)
	dst = append(dst, byte(7+len(c.Data)), byte(c.Op), c.P1, byte(c.P2), byte(c.P2>>8))
	dst = append(dst, c.Data...)
	return binary.LittleEndian.AppendUint16(dst, crc16(dst[at:]))
}

// crc16 is the chip's checksum: polynomial 8005, start 0, bits least significant first, the
// result not reflected.
func crc16(p []byte) (crc uint16) {
	for _, b := range p {
		for bit := range 8 {
			in := uint16(b>>bit) & 1
			top := crc >> 15
			crc <<= 1
			if in != top {
				crc ^= 0x8005
			}
		}
	}
	return crc
}

// Status is the one byte of an answer that holds no data.
type Status byte

// Statuses.
const (
	OK         Status = 0x00
	Miscompare Status = 0x01 // CheckMac or Verify did not agree
	ParseError Status = 0x03 // length, opcode or parameter: the command can never work
	ECCFault   Status = 0x05 // try again
	SelfTest   Status = 0x07 // a self-test failed: the chip refuses everything
	Health     Status = 0x08 // the random number generator failed its test
	ExecError  Status = 0x0F // the command cannot work in this state or configuration
	Awake      Status = 0x11
	Watchdog   Status = 0xEE // too little time left: idle, wake, and send it again
	CRCError   Status = 0xFF // the command arrived damaged: send it again
)

func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case Miscompare:
		return "miscompare"
	case ParseError:
		return "parse_error"
	case ECCFault:
		return "ecc_fault"
	case SelfTest:
		return "self_test_error"
	case Health:
		return "health_test_error"
	case ExecError:
		return "exec_error"
	case Awake:
		return "awake"
	case Watchdog:
		return "watchdog"
	case CRCError:
		return "crc_error"
	}
	return fmt.Sprintf("status_%02x", byte(s))
}

// Response is one answer: a status, or data.
type Response struct {
	Status Status // OK when there is data
	Data   []byte // nil for a status
}

// Errors of Parse.
var (
	ErrPartial   = errors.New("the answer ends early")
	ErrMalformed = errors.New("the count is not one of an answer")
	ErrChecksum  = errors.New("the checksum does not agree")
)

// Parse reads one answer at the head of p; what follows it is padding. Data is a part of p.
func Parse(p []byte) (Response, error) {
	if len(p) == 0 {
		return Response{}, ErrPartial
	}
	n := int(p[0])
	if n < minFrame || n > maxFrame {
		return Response{}, ErrMalformed
	}
	if len(p) < n {
		return Response{}, ErrPartial
	}
	if crc16(p[:n-2]) != binary.LittleEndian.Uint16(p[n-2:n]) {
		return Response{}, ErrChecksum
	}
	if n == minFrame {
		return Response{Status: Status(p[1])}, nil
	}
	return Response{Data: p[1 : n-2]}, nil
}
