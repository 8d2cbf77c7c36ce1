package wedge

import "encoding/binary"

// Event types and codes of linux/input-event-codes.h.
const (
	evSyn, evKey          = 0, 1
	synReport, synDropped = 0, 3

	keyTab, keyEnter, keyKPEnter                               = 15, 28, 96
	keyLeftShift, keyRightShift, keyLeftAlt, keyRightAlt       = 42, 54, 56, 100
	keyLeftCtrl, keyRightCtrl, keyLeftMeta, keyRightMeta       = 29, 97, 125, 126
	keyCapsLock, keyNumLock, keySpace                          = 58, 69, 57
	keyKPAsterisk, keyKPMinus, keyKPPlus, keyKPDot, keyKPSlash = 55, 74, 78, 83, 98
	keyMax                                                     = 0x2FF

	up, down, repeat = 0, 1, 2
)

// keypad are the digits 0 to 9 of the keypad.
var keypad = [10]uint16{82, 79, 80, 81, 75, 76, 77, 71, 72, 73}

func keypadDigit(code uint16) (digit byte, ok bool) {
	for n, k := range keypad {
		if k == code {
			return byte(n), true
		}
	}
	return 0, false
}

func keypadRow(code uint16) bool {
	switch code {
	case keyKPAsterisk, keyKPMinus, keyKPPlus, keyKPDot, keyKPSlash:
		return true
	}
	_, ok := keypadDigit(code)
	return ok
}

// Sizes of struct input_event: two longs of time, then type, code and value.
const (
	Record32 = 16 // 32-bit programs, on a 64-bit kernel too
	Record64 = 24
)

// record is one event.
type record struct {
	at    int64 // microseconds
	typ   uint16
	code  uint16
	value int32
}

func parse(b []byte) (r record) {
	t := b[len(b)-8:]
	r.typ = binary.LittleEndian.Uint16(t)
	r.code = binary.LittleEndian.Uint16(t[2:])
	r.value = int32(binary.LittleEndian.Uint32(t[4:]))
	// The kernel's seconds are unsigned on 32 bits: they last until 2106.
	if len(b) == Record32 {
		r.at = int64(binary.LittleEndian.Uint32(b))*1e6 + int64(binary.LittleEndian.Uint32(b[4:]))
	} else {
		r.at = int64(binary.LittleEndian.Uint64(b))*1e6 + int64(binary.LittleEndian.Uint64(b[8:]))
	}
	return r
}

// keySet is which keys are down.
type keySet [keyMax/64 + 1]uint64

func (s *keySet) has(code uint16) bool { return s[code/64]&(1<<(code%64)) != 0 }
func (s *keySet) add(code uint16)      { s[code/64] |= 1 << (code % 64) }
func (s *keySet) remove(code uint16)   { s[code/64] &^= 1 << (code % 64) }

func isModifier(code uint16) bool {
	switch code {
	case keyLeftShift, keyRightShift, keyLeftAlt, keyRightAlt, keyLeftCtrl, keyRightCtrl, keyLeftMeta, keyRightMeta:
		return true
	}
	return false
}

// cp1252 are the characters of Windows-1252 from 80 to 9F; 0: none.
var cp1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// fromCP1252 is a character of Windows-1252; 0: none.
func fromCP1252(c byte) rune {
	if c >= 0x80 && c <= 0x9F {
		return cp1252[c-0x80]
	}
	return rune(c)
}
