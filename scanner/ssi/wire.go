package ssi

import "fmt"

// Opcode says what a packet is. The names are those of the guides.
type Opcode byte

// Opcodes that are sent or understood.
const (
	ParamDefaults       Opcode = 0xC8
	AimOff              Opcode = 0xC4
	AimOn               Opcode = 0xC5
	ParamSend           Opcode = 0xC6
	ParamRequest        Opcode = 0xC7
	CmdACK              Opcode = 0xD0
	CmdNAK              Opcode = 0xD1
	FlushQueue          Opcode = 0xD2
	CapabilitiesRequest Opcode = 0xD3
	CapabilitiesReply   Opcode = 0xD4
	RequestRevision     Opcode = 0xA3
	ReplyRevision       Opcode = 0xA4
	StartDecode         Opcode = 0xE4
	StopDecode          Opcode = 0xE5
	Beep                Opcode = 0xE6
	LEDOn               Opcode = 0xE7
	LEDOff              Opcode = 0xE8
	ScanEnable          Opcode = 0xE9
	ScanDisable         Opcode = 0xEA
	Sleep               Opcode = 0xEB
	DecodeData          Opcode = 0xF3
	DecodeLong          Opcode = 0xF4 // of Grow's modules; see frameLen
	Event               Opcode = 0xF6
	MultipacketSegment  Opcode = 0x73
	MultipacketACK      Opcode = 0x74
	Management          Opcode = 0x80
)

// names are those of all opcodes above.
var names = map[Opcode]string{
	ParamDefaults: "PARAM_DEFAULTS", AimOff: "AIM_OFF", AimOn: "AIM_ON", ParamSend: "PARAM_SEND",
	ParamRequest: "PARAM_REQUEST", CmdACK: "CMD_ACK", CmdNAK: "CMD_NAK", FlushQueue: "FLUSH_QUEUE",
	CapabilitiesRequest: "CAPABILITIES_REQUEST", CapabilitiesReply: "CAPABILITIES_REPLY",
	RequestRevision: "REQUEST_REVISION", ReplyRevision: "REPLY_REVISION", StartDecode: "START_DECODE",
	StopDecode: "STOP_DECODE", Beep: "BEEP", LEDOn: "LED_ON", LEDOff: "LED_OFF", ScanEnable: "SCAN_ENABLE",
	ScanDisable: "SCAN_DISABLE", Sleep: "SLEEP", DecodeData: "DECODE_DATA", DecodeLong: "DECODE_DATA long", Event: "EVENT",
	MultipacketSegment: "MULTIPACKET_SEGMENT", MultipacketACK: "MULTIPACKET_ACK", Management: "SSI_MGMT_COMMAND",
}

// known are the opcodes that have a name.
var known = func() (t [256]bool) {
	for o := range names {
		t[o] = true
	}
	return t
}()

func (o Opcode) String() string {
	if n := names[o]; n != "" {
		return n
	}
	return fmt.Sprintf("opcode %02X", byte(o))
}

// Cause is why a packet was not accepted.
type Cause byte

// Causes of a CMD_NAK.
const (
	Resend     Cause = 1 // bad checksum
	BadContext Cause = 2 // not understood, or not now
	Denied     Cause = 6 // not allowed
)

func (c Cause) String() string {
	switch c {
	case Resend:
		return "RESEND"
	case BadContext:
		return "BAD_CONTEXT"
	case Denied:
		return "DENIED"
	}
	return fmt.Sprintf("cause %d", byte(c))
}

// Bits of the status byte; scanners set others, which mean nothing here.
const (
	Retransmitted byte = 1 << 0
	More          byte = 1 << 1 // the message goes on in the next packet
	Permanent     byte = 1 << 3 // of the host: write the parameter to flash
	cordless      byte = 1 << 5 // of cordless scanners: the text is preceded by its length
)

// Sources of a packet.
const (
	fromDecoder = 0
	fromHost    = 4
)

// NoBeep is the beep code of a ParamSend that is to be silent.
const NoBeep = 0xFF

const (
	headLen  = 4             // Length, Opcode, Source, Status
	sumLen   = 2             // the checksum
	maxFrame = 255 + sumLen  // the longest packet
	maxData  = 255 - headLen // the most data of one packet
	setting  = 1 + 1 + 3 + 2 // the most data of a ParamSend with one parameter
)

// Append adds a packet of the host to dst. It panics if data is longer than 251 bytes.
func Append(dst []byte, op Opcode, status byte, data ...byte) []byte {
	if len(data) > maxData {
		panic("ssi: more data than a packet holds")
	}
	at := len(dst)
	dst = append(dst, byte(headLen+len(data)), byte(op), fromHost, status)
	dst = append(dst, data...)
	sum := -sumOf(dst[at:])
	return append(dst, byte(sum>>8), byte(sum))
}

// AppendParam adds to dst a PARAM_SEND that sets one parameter, numbered as in the guides, to
// a value: one byte, or a word if it is greater than 255. Permanent values are written to
// flash, which wears out.
func AppendParam(dst []byte, permanent bool, beep byte, param, value uint16) []byte {
	status := byte(0)
	if permanent {
		status = Permanent
	}
	var room [setting]byte
	return Append(dst, ParamSend, status, appendSetting(append(room[:0], beep), param, value)...)
}

func appendSetting(dst []byte, param, value uint16) []byte {
	if value > 0xFF {
		return append(appendNumber(append(dst, prefixWord), param), byte(value>>8), byte(value))
	}
	return append(appendNumber(dst, param), byte(value))
}

// Prefixes in a list of parameters.
const (
	from256     = 0xF0 // the number less 256 follows
	from512     = 0xF1
	from768     = 0xF2
	prefixText  = 0xF3 // number, length, text
	prefixWord  = 0xF4 // number, two bytes
	prefixArray = 0xF6 // number, length, bytes
	prefixParts = 0xF7 // a value in several packets
	extended    = 0xF8 // the number in two bytes follows
)

// appendNumber adds the number of a parameter.
func appendNumber(dst []byte, n uint16) []byte {
	switch high, low := n>>8, byte(n); {
	case low >= from256 || high > 3:
		return append(dst, extended, byte(high), low)
	case high > 0:
		return append(dst, from256+byte(high)-1, low)
	default:
		return append(dst, low)
	}
}

// sumOf is the sum of all bytes modulo 65536.
func sumOf(b []byte) uint16 {
	var s uint16
	for _, c := range b {
		s += uint16(c)
	}
	return s
}

// intact reports whether the checksum at the end of a packet is right.
func intact(f []byte) bool {
	n := len(f) - sumLen
	return sumOf(f[:n])+(uint16(f[n])<<8|uint16(f[n+1])) == 0
}

// longHead is what comes before the data in a DecodeLong: FF, F4, the Length in two bytes, F4,
// Source, Status.
const longHead = 7

// isLong reports whether b begins with a DecodeLong.
func isLong(b []byte) bool { return len(b) > 1 && b[0] == 0xFF && Opcode(b[1]) == DecodeLong }

// frameLen is the length of the packet that b begins with, checksum included: 0 if that is
// not known yet, -1 if no packet begins like this or it is longer than longest.
func frameLen(b []byte, longest int) int {
	switch {
	case len(b) == 0:
		return 0
	case b[0] < headLen:
		return -1
	case isLong(b):
		return longLen(b, longest)
	case len(b) < 3:
		return 0
	case b[2] != fromDecoder && b[2] != fromHost && !(Opcode(b[1]) == MultipacketSegment && b[2] == firstSegment):
		return -1
	}
	return int(b[0]) + sumLen
}

func longLen(b []byte, longest int) int {
	if len(b) < longHead-1 {
		return 0
	}
	n := int(b[2])<<8 | int(b[3])
	if Opcode(b[4]) != DecodeLong || b[5] != fromDecoder || n < longHead || n+sumLen > longest {
		return -1
	}
	return n + sumLen
}

// sure reports whether b begins with what is hardly anything but the head of a packet of a
// decoder.
func sure(b []byte, longest int) bool {
	return len(b) >= 3 && frameLen(b, longest) > 0 && (isLong(b) || b[2] != fromHost && known[b[1]])
}

// packet is one that is intact, taken apart.
type packet struct {
	op     Opcode
	source byte
	status byte
	data   []byte
}

// open takes a whole packet apart.
func open(f []byte) packet {
	end := len(f) - sumLen
	if isLong(f) {
		return packet{op: DecodeData, source: f[5], status: f[6], data: f[longHead:end]}
	}
	return packet{op: Opcode(f[1]), source: f[2], status: f[3], data: f[headLen:end]}
}
