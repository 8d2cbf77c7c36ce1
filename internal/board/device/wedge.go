package device

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// KeyEvent is what uinput takes and evdev gives: type, code and value of struct input_event.
type KeyEvent struct {
	Type, Code uint16
	Value      int32
}

// Typist is a scanner that pretends to be a keyboard.
type Typist struct {
	// Layout is "us", "uk", "de", "fr" or "jp"; empty is us. With ALT it does not matter.
	Layout string
	// ALT types each byte as its number on the keypad while Alt is down.
	ALT bool
	// CapsLock: the computer's Caps Lock is on, and the scanner types accordingly.
	CapsLock bool
	// Tab ends a code in place of Enter.
	Tab bool
}

// strokes are the characters of a layout as "character code modifier", modifier S for Shift,
// G for AltGr.
var strokes = map[string]string{
	"us": "` 41 ~ 41S 1 2 ! 2S 2 3 @ 3S 3 4 # 4S 4 5 $ 5S 5 6 % 6S 6 7 ^ 7S 7 8 & 8S 8 9 * 9S 9 10 ( 10S 0 11 ) 11S - 12 _ 12S = 13 + 13S " +
		"[ 26 { 26S ] 27 } 27S ; 39 : 39S ' 40 \" 40S \\ 43 | 43S , 51 < 51S . 52 > 52S / 53 ? 53S",
	"uk": "` 41 1 2 ! 2S 2 3 \" 3S 3 4 £ 4S 4 5 $ 5S 5 6 % 6S 6 7 ^ 7S 7 8 & 8S 8 9 * 9S 9 10 ( 10S 0 11 ) 11S - 12 _ 12S = 13 + 13S " +
		"[ 26 { 26S ] 27 } 27S ; 39 : 39S ' 40 @ 40S # 43 ~ 43S \\ 86 | 86S , 51 < 51S . 52 > 52S / 53 ? 53S",
	"de": "1 2 ! 2S 2 3 \" 3S 3 4 § 4S 4 5 $ 5S 5 6 % 6S 6 7 & 7S { 7G 7 8 / 8S 8 9 ( 9S [ 9G 9 10 ) 10S ] 10G 0 11 = 11S } 11G ß 12 ? 12S \\ 12G " +
		"@ 16G € 18G + 27 * 27S ~ 27G # 43 ' 43S , 51 ; 51S . 52 : 52S - 53 _ 53S < 86 > 86S | 86G { 8G y 44 Y 44S z 21 Z 21S ü 26 Ü 26S ö 39 Ö 39S ä 40 Ä 40S",
	"fr": "& 2 1 2S é 3 2 3S \" 4 3 4S # 4G ' 5 4 5S { 5G ( 6 5 6S [ 6G - 7 6 7S | 7G è 8 7 8S _ 9 8 9S \\ 9G ç 10 9 10S à 11 0 11S @ 11G ) 12 ] 12G = 13 + 13S } 13G " +
		"a 16 A 16S z 17 Z 17S q 30 Q 30S w 44 W 44S m 39 M 39S $ 27 ù 40 % 40S * 43 , 50 ? 50S ; 51 . 51S : 52 / 52S ! 53 < 86 > 86S",
	"jp": "1 2 ! 2S 2 3 \" 3S 3 4 # 4S 4 5 $ 5S 5 6 % 6S 6 7 & 7S 7 8 ' 8S 8 9 ( 9S 9 10 ) 10S 0 11 - 12 = 12S ^ 13 ~ 13S " +
		"@ 26 ` 26S [ 27 { 27S ; 39 + 39S : 40 * 40S ] 43 } 43S , 51 < 51S . 52 > 52S / 53 ? 53S \\ 89 _ 89S | 124S",
}

// letters are where a to z are on a QWERTY keyboard.
var letters = [26]uint16{30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50, 49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44}

type stroke struct {
	code         uint16
	shift, altGr bool
}

// chars is a layout, ready for use.
func chars(layout string) (map[rune]stroke, error) {
	if layout == "" {
		layout = "us"
	}
	list, ok := strokes[layout]
	if !ok {
		return nil, fmt.Errorf("wedge: no layout %q", layout)
	}
	m := map[rune]stroke{' ': {code: 57}}
	for i, code := range letters {
		m['a'+rune(i)] = stroke{code: code}
		m['A'+rune(i)] = stroke{code: code, shift: true}
	}
	words := strings.Fields(list)
	for i := 0; i+1 < len(words); i += 2 {
		digits := strings.TrimRight(words[i+1], "SG")
		code, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("wedge: layout %q: %w", layout, err)
		}
		m[[]rune(words[i])[0]] = stroke{uint16(code), strings.HasSuffix(words[i+1], "S"), strings.HasSuffix(words[i+1], "G")}
	}
	return m, nil
}

// Chars are the characters that the layout has.
func (t Typist) Chars() (string, error) {
	m, err := chars(t.Layout)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for c := range m {
		b.WriteRune(c)
	}
	return b.String(), nil
}

const (
	wedgeShift, wedgeAlt, wedgeAltGr, wedgeEnter, wedgeTab = 42, 56, 100, 28, 15
)

// Type is a text and its end as events, each change in a report of its own.
func (t Typist) Type(text string) ([]KeyEvent, error) {
	m, err := chars(t.Layout)
	if err != nil {
		return nil, err
	}
	var e []KeyEvent
	for _, c := range text {
		if t.ALT {
			if e, err = alt(e, c); err != nil {
				return nil, err
			}
			continue
		}
		s, ok := m[c]
		if !ok {
			return nil, fmt.Errorf("wedge: layout %q has no %q", t.Layout, c)
		}
		if t.CapsLock && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			s.shift = !s.shift
		}
		e = s.append(e)
	}
	end := uint16(wedgeEnter)
	if t.Tab {
		end = wedgeTab
	}
	return tap(e, end), nil
}

func (s stroke) append(e []KeyEvent) []KeyEvent {
	if s.shift {
		e = change(e, wedgeShift, 1)
	}
	if s.altGr {
		e = change(e, wedgeAltGr, 1)
	}
	e = tap(e, s.code)
	if s.altGr {
		e = change(e, wedgeAltGr, 0)
	}
	if s.shift {
		e = change(e, wedgeShift, 0)
	}
	return e
}

// alt types a character of ASCII with three digits, one of Latin-1 with four.
func alt(e []KeyEvent, c rune) ([]KeyEvent, error) {
	number := fmt.Sprintf("%03d", c)
	switch {
	case c >= 0xA0 && c <= 0xFF:
		number = "0" + number
	case c < ' ' || c > '~':
		return nil, fmt.Errorf("wedge: ALT mode has no %q", c)
	}
	e = change(e, wedgeAlt, 1)
	for _, digit := range []byte(number) {
		e = tap(e, [10]uint16{82, 79, 80, 81, 75, 76, 77, 71, 72, 73}[digit-'0'])
	}
	return change(e, wedgeAlt, 0), nil
}

func tap(e []KeyEvent, code uint16) []KeyEvent { return change(change(e, code, 1), code, 0) }

// change is one key going down (1) or up (0), and the end of the report.
func change(e []KeyEvent, code uint16, value int32) []KeyEvent {
	return append(e, KeyEvent{1, code, value}, KeyEvent{})
}

// EncodeEvents writes events as a program reads them, size 24 or 16 bytes each. The first
// happens at the given time since the machine started; each report is a millisecond after the
// one before.
func EncodeEvents(events []KeyEvent, size int, at time.Duration) []byte {
	b := make([]byte, 0, len(events)*size)
	for _, e := range events {
		sec, usec := uint64(at/time.Second), uint64(at%time.Second/time.Microsecond)
		if size == 16 {
			b = binary.LittleEndian.AppendUint32(b, uint32(sec))
			b = binary.LittleEndian.AppendUint32(b, uint32(usec))
		} else {
			b = binary.LittleEndian.AppendUint64(b, sec)
			b = binary.LittleEndian.AppendUint64(b, usec)
		}
		b = binary.LittleEndian.AppendUint16(b, e.Type)
		b = binary.LittleEndian.AppendUint16(b, e.Code)
		b = binary.LittleEndian.AppendUint32(b, uint32(e.Value))
		if e == (KeyEvent{}) {
			at += time.Millisecond
		}
	}
	return b
}
