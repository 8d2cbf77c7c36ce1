package emvco

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tilld/tilld/internal/secret"
)

// Profile says which fields a merchant-presented payload carries.
type Profile string

const (
	// Strict: what EMVCo makes mandatory is there: 52, 53, 58, 59, 60, an account in 02-51.
	Strict Profile = "strict"
	// National: some of that is missing, as the rules of its network have it: Thai PromptPay
	// has neither 52 nor 59 nor 60. Nothing else is waived, and only for networks that are
	// known to do so.
	National Profile = "national"
)

// MPMPrefix is how every merchant-presented payload begins: payload format "01".
const MPMPrefix = "000201"

// Field is one data object of a merchant-presented payload.
type Field struct {
	ID       string  `json:"id"`
	Value    Value   `json:"value"`
	Children []Field `json:"children,omitempty"`
}

// maxMPM is longer than any payload whose fields occur once: a hundred of them, each of at
// most 99 characters of four bytes.
const maxMPM = 100 * (4 + 4*99)

// MPM is a merchant-presented payload. Printing, logging or marshalling it shows what is
// harmless; accounts and names are "[redacted]".
type MPM struct {
	Fields  []Field `json:"fields"`
	Profile Profile `json:"profile"`

	raw hidden // what every Value points into
}

// Wipe clears the payload; every Value of it becomes zeros.
func (m *MPM) Wipe() { secret.Zero(m.raw.bytes()) }

// Field finds a top-level field; its Value is nil when there is none.
func (m *MPM) Field(id string) (Field, bool) {
	for _, f := range m.Fields {
		if f.ID == id {
			return f, true
		}
	}
	return Field{}, false
}

// ParseMPM reads a merchant-presented payload. Lengths count characters; the checksum runs
// over UTF-8 bytes. The error is an *Error. Values point into a copy of text.
func ParseMPM(text []byte) (*MPM, error) {
	if len(text) > maxMPM {
		return nil, mpmError(BadLength)
	}
	m := &MPM{raw: hide(bytes.Clone(text))}
	if why := m.parse(); why != "" {
		m.Wipe()
		return nil, mpmError(why)
	}
	return m, nil
}

func mpmError(r Reason) error { return &Error{Kind: "merchant-presented", Reason: r} }

func (m *MPM) parse() (why Reason) {
	text := m.raw.bytes()
	switch {
	case !utf8.Valid(text):
		return BadEncoding
	case !bytes.HasPrefix(text, []byte(MPMPrefix)):
		return NotMPM
	}
	if why := checkCRC(text); why != "" {
		return why
	}
	if m.Fields, why = parseFields(text, ""); why != "" {
		return why
	}
	// What looked like the checksum may have been the end of another field's value.
	if m.Fields[len(m.Fields)-1].ID != "63" {
		return crcElsewhere(text)
	}
	m.Profile = Strict
	if !m.complete() {
		if n, known := m.Network(); !known || !n.National {
			return MissingField
		}
		m.Profile = National
	}
	if amount, ok := m.Field("54"); ok && !goodAmount(amount.Value.Reveal()) {
		return BadAmount
	}
	return ""
}

// checkCRC wants 6304 and four upper-case hex digits at the very end.
func checkCRC(text []byte) Reason {
	end := len(text) - 4
	if end < 4 || string(text[end-4:end]) != "6304" {
		return crcElsewhere(text)
	}
	if fmt.Sprintf("%04X", crc16(text[:end])) != string(text[end:]) {
		return BadCRC
	}
	return ""
}

// crcElsewhere tells a checksum with something behind it from none at all.
func crcElsewhere(text []byte) Reason {
	for len(text) > 0 {
		id, _, rest, ok := nextField(text)
		if !ok {
			break
		}
		if id == "63" {
			return CRCNotLast
		}
		text = rest
	}
	return MissingCRC
}

// crc16 is CRC-16/CCITT-FALSE: polynomial 1021, initial value FFFF, not reflected.
func crc16(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// nextField splits the first field off; ok is false when its head or length is wrong.
func nextField(text []byte) (id string, value, rest []byte, ok bool) {
	if len(text) < 4 {
		return "", nil, nil, false
	}
	for _, c := range text[:4] {
		if c < '0' || c > '9' {
			return "", nil, nil, false
		}
	}
	id, chars := string(text[:2]), int(text[2]-'0')*10+int(text[3]-'0')
	text = text[4:]
	n := 0
	for range chars {
		if n >= len(text) {
			return "", nil, nil, false
		}
		_, size := utf8.DecodeRune(text[n:])
		n += size
	}
	return id, text[:n:n], text[n:], chars > 0
}

// parseFields reads one level; parent is "" at the top. Templates do not nest deeper.
func parseFields(text []byte, parent string) ([]Field, Reason) {
	var out []Field
	var seen [100]bool
	for len(text) > 0 {
		id, value, rest, ok := nextField(text)
		if !ok {
			return nil, BadLength
		}
		n := int(id[0]-'0')*10 + int(id[1]-'0')
		if seen[n] {
			return nil, DuplicateID
		}
		seen[n] = true
		f := Field{ID: id, Value: valueOf(value, shown(id, parent), true)}
		if parent == "" && isTemplate(id) {
			var why Reason
			if f.Children, why = parseFields(value, id); why != "" {
				return nil, why
			}
		}
		out = append(out, f)
		text = rest
	}
	return out, ""
}

func isTemplate(id string) bool {
	return id >= "26" && id <= "51" || id == "62" || id == "64" || id >= "80"
}

// shown lists what is no account number and no name: the format, the kind, the category,
// currency, amount, tip, country, city, post code, the checksum, and a template's GUID.
func shown(id, parent string) bool {
	if parent != "" {
		return id == "00"
	}
	return strings.Contains(" 00 01 52 53 54 55 56 57 58 60 61 63 ", " "+id+" ")
}

func (m *MPM) complete() bool {
	account := false
	for _, f := range m.Fields {
		if f.ID >= "02" && f.ID <= "51" {
			account = true
		}
	}
	for _, id := range []string{"52", "53", "58", "59", "60"} {
		if _, ok := m.Field(id); !ok {
			return false
		}
	}
	return account
}

// goodAmount wants digits with at most one point, at most 13 characters, not zero.
func goodAmount(b []byte) bool {
	if len(b) > 13 {
		return false
	}
	points, nonzero := 0, false
	for _, c := range b {
		switch {
		case c == '.':
			points++
		case c < '0' || c > '9':
			return false
		case c != '0':
			nonzero = true
		}
	}
	return points <= 1 && nonzero
}
