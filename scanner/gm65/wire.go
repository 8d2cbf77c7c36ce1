package gm65

import "math"

// Type is what a command does.
type Type byte

// Types of a command.
const (
	Read      Type = 0x07 // zones; the data is how many
	Write     Type = 0x08 // zones
	Save      Type = 0x09 // all zones to flash, which wears out
	Heartbeat Type = 0x0A
)

// Zones.
const (
	ZoneMode         = 0x0000 // bits 1-0: read mode; 5-4: aiming light; 6: sound
	ZoneTrigger      = 0x0002 // bit 0: read now, if the mode is ModeCommand
	ZoneSettingCodes = 0x0003 // bit 1: not obeyed
	ZoneBaud         = 0x002A // and 002B: 3 000 000 / baud, low byte first
	ZoneTail         = 0x0060 // bits 6-5: 00 CR; 4-1: read failure, prefix, code id, suffix; 0: tail on
	ZoneTailGM812    = 0x000E // 00 CR. Unconfirmed.
	ZoneAIM          = 0x00D0 // bit 7: AIM identifiers
	ZoneVersion      = 0x00E1 // hardware; 00E2: firmware
)

const (
	headLen  = 4 // of a reply: 02 00, result, length
	crcLen   = 2
	maxReply = headLen + 256 + crcLen
)

// Append adds a command to dst. Data are 1 to 256 bytes; Append panics on any other number.
func Append(dst []byte, t Type, zone uint16, data ...byte) []byte {
	if len(data) < 1 || len(data) > 256 {
		panic("gm65: a command has 1 to 256 bytes of data")
	}
	dst = append(dst, 0x7E, 0x00)
	at := len(dst)
	dst = append(dst, byte(t), byte(len(data)), byte(zone>>8), byte(zone))
	dst = append(dst, data...)
	sum := CRC(dst[at:])
	return append(dst, byte(sum>>8), byte(sum))
}

// AppendSave adds the command that writes all zones to flash.
func AppendSave(dst []byte) []byte { return Append(dst, Save, 0, 0) }

// AppendHeartbeat adds the command that a living module answers.
func AppendHeartbeat(dst []byte) []byte { return Append(dst, Heartbeat, 0, 0) }

// CRC is the CRC-16/XMODEM: polynomial 1021, initial value 0.
func CRC(b []byte) uint16 {
	var c uint16
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

// Divisor is the value of ZoneBaud for a rate in baud.
func Divisor(baud int) uint16 {
	if baud <= 0 {
		return math.MaxUint16
	}
	return uint16(min(math.MaxUint16, 3_000_000/baud))
}

// rates are those that the manuals list.
var rates = [...]int{1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200}

// Baud is the rate of a value of ZoneBaud: the listed one, or the quotient if none has it.
func Baud(divisor uint16) int {
	for _, r := range rates {
		if d := Divisor(r); d == divisor || d+1 == divisor {
			return r
		}
	}
	if divisor == 0 {
		return 0
	}
	return 3_000_000 / int(divisor)
}
