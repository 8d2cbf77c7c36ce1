// Package rsid is the wire codec of RealSense ID modules (F450, F455): packets on USB CDC or
// a UART of 115200 baud. The module extracts a template without enrolling anybody, and checks
// on board that the person is there.
//
// A packet, little-endian:
//
//	40 46 03 msg iv[16] size[2]  payload[size]  hmac[32] crc[2]
//
// The payload is a sequence number of four bytes and a body, padded with zeros to a multiple of
// 32. The CRC is CRC-16/CCITT with initial value 1D0F over all before it. Plain mode has zeros
// for iv and hmac; in secure mode the payload is encrypted, and this package tells no more than
// that it is. A message with a capital letter has a body of a user id, ended by zero, and a
// status, a byte that counts from '0' on; one with a small letter has data.
//
// Messages that carry pictures (e, w) are not in the table: nothing encodes them, and what a
// module sends of them is skipped without being kept. Faceprints are body data: a Packet holds
// them during the emit call only and never prints them.
//
// Source: the host part of the RealSense ID SDK (Apache-2.0), SerialPacket and PacketSender.
package rsid

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Msg is a message's letter.
type Msg byte

// Messages.
const (
	Authenticate  Msg = 'A'
	SpoofCheck    Msg = 'B'
	ExtractPrints Msg = 'X' // for authentication: nobody is enrolled
	ExtractEnrol  Msg = 'T' // for enrolment
	SecureExtract Msg = 'Q'
	SecureEnrol   Msg = 'N'
	Hint          Msg = 'H'
	Progress      Msg = 'P'
	Result        Msg = 'R'
	Reply         Msg = 'Y' // ends an exchange
	Faceprints    Msg = 'f'
	FaceBox       Msg = 'g'
	StartSession  Msg = 'o'
	HostECDSA     Msg = 'a'
	DeviceECDSA   Msg = 'b'
	HostECDH      Msg = 'c'
	DeviceECDH    Msg = 'd'
)

// letters are all messages that this package encodes, in the order above.
const letters = "ABXTQNHPRYfgoabcd"

// pictures are messages that hold pictures of people.
const pictures = "ew"

// Known reports whether the package encodes a message.
func (m Msg) Known() bool { return strings.IndexByte(letters, byte(m)) >= 0 }

// isFA reports whether the body is a user id and a status.
func (m Msg) isFA() bool { return m >= 'A' && m <= 'Z' }

// Lines of text that are no packets.
const (
	FaceAPI = "\r\n__FACE_API__\r\n"    // goes before each packet
	Cancel  = "\r\n__FACE_CANCEL__\r\n" // ends what is under way
)

// Sizes in bytes.
const (
	head        = 22
	foot        = 34
	align       = 32
	userRoom    = 31
	MaxUserID   = userRoom - 1
	MaxStatus   = 127 // the last kind of spoof
	MaxPayload  = 8 << 10
	PrintsSize  = 1042 // of one faceprints element: version, type, flags, 515 numbers
	sequenceLen = 4
)

// AppendFA appends a plain packet with a user id and a status (0 to MaxStatus).
func AppendFA(dst []byte, m Msg, sequence uint32, user string, status byte) ([]byte, error) {
	if !m.isFA() {
		return dst, fmt.Errorf("message %q: it holds data, not a user", byte(m))
	}
	if len(user) > MaxUserID || strings.IndexByte(user, 0) >= 0 {
		return dst, fmt.Errorf("message %q: user id of %d bytes, want at most %d, none zero", byte(m), len(user), MaxUserID)
	}
	if status > MaxStatus {
		return dst, fmt.Errorf("message %q: status %d, want at most %d", byte(m), status, MaxStatus)
	}
	var body [userRoom + 1]byte
	copy(body[:], user)
	body[userRoom] = '0' + status
	return Append(dst, m, sequence, body[:])
}

// Append appends a plain packet with a body.
func Append(dst []byte, m Msg, sequence uint32, body []byte) ([]byte, error) {
	if !m.Known() {
		return dst, fmt.Errorf("message %q: not one that is sent", byte(m))
	}
	size := (sequenceLen + len(body) + align - 1) / align * align
	if size > MaxPayload {
		return dst, fmt.Errorf("message %q: body of %d bytes, want at most %d", byte(m), len(body), MaxPayload-sequenceLen)
	}
	at := len(dst)
	dst = append(dst, '@', 'F', 3, byte(m))
	dst = append(dst, make([]byte, 16)...)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(size))
	dst = binary.LittleEndian.AppendUint32(dst, sequence)
	dst = append(dst, body...)
	dst = append(dst, make([]byte, size-sequenceLen-len(body)+32)...)
	return binary.LittleEndian.AppendUint16(dst, crc(dst[at:])), nil
}

// crc is CRC-16/CCITT (poly 1021), initial value 1D0F, most significant bit first.
func crc(b []byte) uint16 {
	c := uint16(0x1D0F)
	for _, x := range b {
		c ^= uint16(x) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
	}
	return c
}
