package wedge

import (
	"maps"
	"slices"
	"unicode"
)

// Layout is the keyboard layout that the scanner is set to: its country code, as manuals of
// scanners call it. It must be the scanner's, whatever the computer's is.
type Layout string

const (
	US Layout = "us"
	UK Layout = "uk"
	DE Layout = "de"
	FR Layout = "fr"
	BE Layout = "be" // French letters, Belgium
	CH Layout = "ch" // German, Switzerland
	ES Layout = "es"
	IT Layout = "it"
	JP Layout = "jp" // 106 or 109 keys
)

// Layouts lists the layouts there are, sorted.
func Layouts() []Layout { return slices.Sorted(maps.Keys(layouts)) }

// The keys of the rows below, as Linux numbers them: the digits' row from the key below
// Escape, then the rows of Q, A and Z. Keys that few keyboards have stand at the end.
var (
	digitRow = []uint16{41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
	upperRow = []uint16{16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27}
	homeRow  = []uint16{30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 43}
	lowerRow = []uint16{86, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53}
	extraRow = []uint16{89, 124} // Ro and Yen
)

// plan is a layout as data. A space stands for a key without a character.
type plan struct {
	digit, upper, home, lower, extra [2]string // plain, with Shift
	altGr, altGrShift                map[uint16]rune
	// dead are the characters that wait for the next key: with space they stand for
	// themselves. On other levels the same characters do not wait.
	dead map[place]bool
	// capsUnclear: makers disagree on what Caps Lock does to keys without letters.
	capsUnclear bool
	point       rune // of the keypad; 0 where makers disagree
}

// place is a key and 0 plain, 1 Shift, 2 AltGr, 3 both.
type place struct {
	code  uint16
	level int
}

// layouts are of the X keyboard database (symbols/*, variant basic) as far as Windows and it
// agree, with Windows' backslash on Japanese keys.
var layouts = map[Layout]plan{
	US: {
		digit: [2]string{"`1234567890-=", "~!@#$%^&*()_+"},
		upper: [2]string{"qwertyuiop[]", "QWERTYUIOP{}"},
		home:  [2]string{`asdfghjkl;'\`, `ASDFGHJKL:"|`},
		lower: [2]string{" zxcvbnm,./", " ZXCVBNM<>?"},
		point: '.',
	},
	UK: {
		digit: [2]string{"`1234567890-=", `¬!"£$%^&*()_+`},
		upper: [2]string{"qwertyuiop[]", "QWERTYUIOP{}"},
		home:  [2]string{"asdfghjkl;'#", "ASDFGHJKL:@~"},
		lower: [2]string{`\zxcvbnm,./`, "|ZXCVBNM<>?"},
		altGr: map[uint16]rune{5: '€'},
		point: '.',
	},
	DE: {
		digit:       [2]string{"^1234567890ß´", "°!\"§$%&/()=?`"},
		upper:       [2]string{"qwertzuiopü+", "QWERTZUIOPÜ*"},
		home:        [2]string{"asdfghjklöä#", "ASDFGHJKLÖÄ'"},
		lower:       [2]string{"<yxcvbnm,.-", ">YXCVBNM;:_"},
		altGr:       map[uint16]rune{3: '²', 4: '³', 8: '{', 9: '[', 10: ']', 11: '}', 12: '\\', 16: '@', 18: '€', 27: '~', 50: 'µ', 86: '|'},
		dead:        map[place]bool{{41, 0}: true, {13, 0}: true, {13, 1}: true},
		capsUnclear: true,
	},
	FR: {
		digit:       [2]string{`²&é"'(-è_çà)=`, " 1234567890°+"},
		upper:       [2]string{"azertyuiop^$", "AZERTYUIOP¨£"},
		home:        [2]string{"qsdfghjklmù*", "QSDFGHJKLM%µ"},
		lower:       [2]string{"<wxcvbn,;:!", ">WXCVBN?./§"},
		altGr:       map[uint16]rune{3: '~', 4: '#', 5: '{', 6: '[', 7: '|', 8: '`', 9: '\\', 10: '^', 11: '@', 12: ']', 13: '}', 18: '€'},
		dead:        map[place]bool{{26, 0}: true, {26, 1}: true, {3, 2}: true, {8, 2}: true},
		capsUnclear: true,
	},
	BE: {
		digit:       [2]string{`²&é"'(§è!çà)-`, "³1234567890°_"},
		upper:       [2]string{"azertyuiop^$", "AZERTYUIOP¨*"},
		home:        [2]string{"qsdfghjklmùµ", "QSDFGHJKLM%£"},
		lower:       [2]string{"<wxcvbn,;:=", ">WXCVBN?./+"},
		altGr:       map[uint16]rune{2: '|', 3: '@', 4: '#', 7: '^', 10: '{', 11: '}', 18: '€', 26: '[', 27: ']', 43: '`', 53: '~', 86: '\\'},
		dead:        map[place]bool{{26, 0}: true, {26, 1}: true, {43, 2}: true, {53, 2}: true},
		capsUnclear: true,
	},
	CH: {
		digit:       [2]string{"§1234567890'^", "°+\"*ç%&/()=?`"},
		upper:       [2]string{"qwertzuiopü¨", "QWERTZUIOPè!"},
		home:        [2]string{"asdfghjklöä$", "ASDFGHJKLéà£"},
		lower:       [2]string{"<yxcvbnm,.-", ">YXCVBNM;:_"},
		altGr:       map[uint16]rune{3: '@', 4: '#', 8: '|', 13: '~', 18: '€', 26: '[', 27: ']', 40: '{', 43: '}', 86: '\\'},
		dead:        map[place]bool{{13, 0}: true, {13, 1}: true, {13, 2}: true, {27, 0}: true},
		capsUnclear: true,
	},
	ES: {
		digit:       [2]string{"º1234567890'¡", `ª!"·$%&/()=?¿`},
		upper:       [2]string{"qwertyuiop`+", "QWERTYUIOP^*"},
		home:        [2]string{"asdfghjklñ´ç", "ASDFGHJKLÑ¨Ç"},
		lower:       [2]string{"<zxcvbnm,.-", ">ZXCVBNM;:_"},
		altGr:       map[uint16]rune{2: '|', 3: '@', 4: '#', 5: '~', 18: '€', 26: '[', 27: ']', 40: '{', 41: '\\', 43: '}'},
		dead:        map[place]bool{{26, 0}: true, {26, 1}: true, {40, 0}: true, {40, 1}: true},
		capsUnclear: true,
	},
	IT: {
		digit:       [2]string{`\1234567890'ì`, `|!"£$%&/()=?^`},
		upper:       [2]string{"qwertyuiopè+", "QWERTYUIOPé*"},
		home:        [2]string{"asdfghjklòàù", "ASDFGHJKLç°§"},
		lower:       [2]string{"<zxcvbnm,.-", ">ZXCVBNM;:_"},
		altGr:       map[uint16]rune{18: '€', 26: '[', 27: ']', 39: '@', 40: '#'},
		altGrShift:  map[uint16]rune{26: '{', 27: '}'},
		capsUnclear: true,
	},
	JP: {
		digit: [2]string{" 1234567890-^", " !\"#$%&'() =~"},
		upper: [2]string{"qwertyuiop@[", "QWERTYUIOP`{"},
		home:  [2]string{"asdfghjkl;:]", "ASDFGHJKL+*}"},
		lower: [2]string{" zxcvbnm,./", " ZXCVBNM<>?"},
		extra: [2]string{`\\`, "_|"},
		point: '.',
	},
}

// key is what a key types on each level; 0: nothing.
type key struct {
	char   [4]rune
	dead   [4]bool
	letter bool // plain and Shift are the two cases of a letter
}

// keymap is a layout ready for use.
type keymap struct {
	keys        [128]key
	capsUnclear bool
}

const (
	levelShift = 1
	levelAltGr = 2
)

func newKeymap(p plan) *keymap {
	m := &keymap{capsUnclear: p.capsUnclear}
	m.row(digitRow, p.digit)
	m.row(upperRow, p.upper)
	m.row(homeRow, p.home)
	m.row(lowerRow, p.lower)
	m.row(extraRow, p.extra)
	for code, c := range p.altGr {
		m.keys[code].char[levelAltGr] = c
	}
	for code, c := range p.altGrShift {
		m.keys[code].char[levelAltGr|levelShift] = c
	}
	for at := range p.dead {
		m.keys[at.code].dead[at.level] = true
	}
	m.keys[keySpace].char = [4]rune{' ', ' '}
	for n, code := range keypad {
		m.keys[code].char[0] = rune('0' + n)
	}
	m.keys[keyKPAsterisk].char[0], m.keys[keyKPMinus].char[0] = '*', '-'
	m.keys[keyKPPlus].char[0], m.keys[keyKPSlash].char[0] = '+', '/'
	m.keys[keyKPDot].char[0] = p.point
	return m
}

func (m *keymap) row(codes []uint16, chars [2]string) {
	for level, s := range chars {
		for i, c := range []rune(s) {
			if c != ' ' {
				m.keys[codes[i]].char[level] = c
			}
		}
	}
	for _, code := range codes {
		k := &m.keys[code]
		k.letter = unicode.IsLower(k.char[0]) && unicode.ToUpper(k.char[0]) == k.char[levelShift]
	}
}

// char is what a key types; 0 if nothing, or nothing certain.
func (m *keymap) char(code uint16, level int, caps bool) (c rune, dead bool) {
	if int(code) >= len(m.keys) {
		return 0, false
	}
	k := &m.keys[code]
	switch {
	case !caps || code == keySpace || keypadRow(code):
	case k.letter && k.char[0] < unicode.MaxASCII && level&levelAltGr == 0:
		level ^= levelShift
	case m.capsUnclear:
		return 0, false
	}
	return k.char[level], k.dead[level]
}
