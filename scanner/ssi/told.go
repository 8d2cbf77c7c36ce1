package ssi

import (
	"encoding/hex"

	"github.com/tilld/tilld/scanner"
)

// Params are the values of parameters, as the decoder reports them: an int where it is a byte
// or a word, a string, or the bytes of an array in hexadecimal digits; by number.
type Params map[uint16]any

var (
	_ scanner.Told = Params(nil)
	_ scanner.Told = Told{}
	_ scanner.Told = Refused{}
)

// Fields is "params".
func (p Params) Fields() map[string]any { return map[string]any{"params": p} }

// Told is any other message of the decoder.
type Told struct {
	Opcode Opcode // ReplyRevision, CapabilitiesReply, Event, Management, or one unknown here
	Data   []byte // a copy; nil for one that is unknown here: it may be a code
}

// Boot is the event of a decoder that was switched on.
const Boot = 0x03

// NoRead is the type of a DECODE_DATA that says that nothing was found.
const NoRead = 0xFF

// Fields are "revision" as text, "event" as a number, "no_read" where nothing was found, or "data" in hexadecimal digits.
func (t Told) Fields() map[string]any {
	switch {
	case t.Opcode == ReplyRevision:
		return map[string]any{"revision": string(t.Data)}
	case t.Opcode == DecodeData:
		return map[string]any{"no_read": true}
	case t.Opcode == Event && len(t.Data) == 1:
		return map[string]any{"event": int(t.Data[0])}
	}
	return map[string]any{"command": t.Opcode.String(), "data": hex.EncodeToString(t.Data)}
}

// Refused is a command that the decoder did not accept, or did not answer although it
// answers others.
type Refused struct {
	Opcode Opcode
	Param  uint16 // of a ParamSend
	Cause  Cause  // 0: no answer
}

// Fields are "refused", "param" and "cause".
func (r Refused) Fields() map[string]any {
	f := map[string]any{"refused": r.Opcode.String()}
	if r.Opcode == ParamSend {
		f["param"] = int(r.Param)
	}
	if r.Cause != 0 {
		f["cause"] = r.Cause.String()
	}
	return f
}

// parseParams reads the data of a PARAM_SEND: a beep code, then parameters. ok is false when
// it ends in the middle of one; what came before is returned.
func parseParams(b []byte) (p Params, ok bool) {
	p = Params{}
	if len(b) == 0 {
		return p, false
	}
	for b = b[1:]; len(b) > 0; {
		kind := b[0]
		if kind == prefixText || kind == prefixWord || kind == prefixArray {
			b = b[1:]
		}
		number, n := paramNumber(b)
		if n == 0 || kind == prefixParts {
			return p, false
		}
		b = b[n:]
		size := 1
		switch {
		case kind == prefixWord:
			size = 2
		case (kind == prefixText || kind == prefixArray) && len(b) > 0:
			size, b = int(b[0]), b[1:]
		}
		if len(b) < size || (kind == prefixText || kind == prefixArray) && n == 0 {
			return p, false
		}
		p[number] = paramValue(kind, b[:size])
		b = b[size:]
	}
	return p, true
}

func paramValue(kind byte, b []byte) any {
	switch kind {
	case prefixText:
		return string(b)
	case prefixArray:
		return hex.EncodeToString(b)
	case prefixWord:
		return int(b[0])<<8 | int(b[1])
	}
	return int(b[0])
}

// paramNumber reads the number of a parameter and its length, 0 if it is not all there.
func paramNumber(b []byte) (number uint16, n int) {
	switch {
	case len(b) == 0:
		return 0, 0
	case b[0] == extended:
		if len(b) < 3 {
			return 0, 0
		}
		return uint16(b[1])<<8 | uint16(b[2]), 3
	case b[0] >= from256 && b[0] <= from768:
		if len(b) < 2 {
			return 0, 0
		}
		return uint16(b[0]-from256+1)<<8 | uint16(b[1]), 2
	}
	return uint16(b[0]), 1
}
