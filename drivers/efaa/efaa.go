// Package efaa holds the wire codecs of the face and palm modules whose frames begin with
// EF AA. There are two dialects under one head:
//
//	ef-aa-xor  EF AA msg size[2] data xor   HLK-FM223 and FM225, Kneron, SenseLock, L015 palm
//	tx510-sum  EF AA msg size[4] data sum   HLK-TX510
//
// Sizes and user numbers are big-endian; the check covers all from msg to the end of the data.
// The dialect is chosen by the profile: nothing in a frame tells it.
//
// The modules have commands that send pictures (16, 17, 18). They are not in the tables here,
// so nothing can encode them, and a module's picture message is skipped without being kept.
// Features are body data: a Message holds them during the emit call only and never prints them.
//
// Sources: the host drivers hlk_fm22x of ESPHome and flutter_kneron_fr (dialect XOR),
// sensor-driver-code and EN_LOCK (dialect Sum), the notes of SmartLockerTools (palm).
package efaa

import (
	"encoding/binary"
	"fmt"
)

// Dialect is one of the two framings.
type Dialect string

const (
	XOR Dialect = "ef-aa-xor"
	Sum Dialect = "tx510-sum"
)

// MaxData is the longest data of a frame in bytes, in either direction.
const MaxData = 16 << 10

// head is the length of what comes before the data.
func (d Dialect) head() int {
	if d == Sum {
		return 7
	}
	return 5
}

// size reads the length of the data from a whole head.
func (d Dialect) size(frame []byte) int64 {
	if d == Sum {
		return int64(binary.BigEndian.Uint32(frame[3:]))
	}
	return int64(binary.BigEndian.Uint16(frame[3:]))
}

// check is over msg, size and data.
func (d Dialect) check(b []byte) (c byte) {
	for _, x := range b {
		if d == Sum {
			c += x
		} else {
			c ^= x
		}
	}
	return c
}

// Append appends a command's frame to dst. It refuses what is not a command of the dialect.
func Append(dst []byte, d Dialect, op Op, data []byte) ([]byte, error) {
	if d.code(op) < 0 {
		return dst, fmt.Errorf("%s: no command %q", d, op)
	}
	if len(data) > MaxData {
		return dst, fmt.Errorf("%s %s: %d bytes of data, want at most %d", d, op, len(data), MaxData)
	}
	at := len(dst)
	dst = append(dst, 0xEF, 0xAA, byte(d.code(op)))
	if d == Sum {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(data)))
	} else {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(data)))
	}
	dst = append(dst, data...)
	return append(dst, d.check(dst[at+2:])), nil
}

// AppendVerify asks an XOR module to look for a known face. timeout is in seconds, 1 to 255;
// powerDown turns the module off afterwards.
func AppendVerify(dst []byte, powerDown bool, timeout int) ([]byte, error) {
	if timeout < 1 || timeout > 255 {
		return dst, fmt.Errorf("verify: time-out of %d s, want 1 to 255", timeout)
	}
	return Append(dst, XOR, Verify, []byte{bit(powerDown), byte(timeout)})
}

// AppendUser appends a command about one user: Delete, User, Export, Feature.
func AppendUser(dst []byte, d Dialect, op Op, user uint16) ([]byte, error) {
	return Append(dst, d, op, binary.BigEndian.AppendUint16(nil, user))
}

// AppendSwitch appends a TX510 command that turns something on or off: Backlight, Display,
// Light.
func AppendSwitch(dst []byte, op Op, on bool) ([]byte, error) {
	return Append(dst, Sum, op, []byte{bit(on)})
}

// NameSize is the room of a user's name in bytes; the last is zero.
const NameSize = 32

// AppendEnrol asks an XOR module to enrol a user from a single frame of the camera.
func AppendEnrol(dst []byte, admin bool, name string, timeout int) ([]byte, error) {
	if len(name) >= NameSize || timeout < 1 || timeout > 255 {
		return dst, fmt.Errorf("enrol: name of %d bytes, time-out of %d s; want less than %d, and 1 to 255",
			len(name), timeout, NameSize)
	}
	var data [NameSize + 3]byte // admin, name, direction (none), time-out
	data[0], data[NameSize+2] = bit(admin), byte(timeout)
	copy(data[1:], name)
	return Append(dst, XOR, EnrolSingle, data[:])
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
