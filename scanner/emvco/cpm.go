package emvco

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tilld/tilld/internal/secret"
)

// CPMPrefix is how every consumer-presented payload begins: tag 85, length 5, "CPV0" and
// the first bits of "1", in base64.
const CPMPrefix = "hQVDUFYwMW"

// Limits of a consumer-presented payload.
const (
	maxDepth = 5       // templates within templates, the top level counted
	maxCPM   = 8 << 10 // base64 characters; a QR code holds 4296 at most
)

// TLV is one data object. A constructed one has Children and no Value.
type TLV struct {
	Tag      string `json:"tag"` // upper-case hex: "61", "9F26"
	Value    Value  `json:"value,omitempty"`
	Children []TLV  `json:"children,omitempty"`
}

// CPM is a consumer-presented payload. Printing, logging or marshalling it shows what is
// harmless; the rest is "[redacted]".
type CPM struct {
	TLV []TLV `json:"tlv"`
	// AIDs are the application identifiers, upper-case hex, in order of preference.
	AIDs []string `json:"aids"`
	// SensitiveTags are the tags present that hold card data or names.
	SensitiveTags []string `json:"sensitive_tags,omitempty"`

	raw hidden // what every Value points into
}

// Tags of the standard's sensitive data: track 2, account number, cardholder's name, token
// requestor, payment account reference, last four digits.
var sensitive = map[string]bool{"57": true, "5A": true, "5F20": true, "9F19": true, "9F24": true, "9F25": true}

// Tags that may be shown: payload format, AID, label, language, AIP, transaction counter.
var harmless = map[string]bool{"85": true, "4F": true, "50": true, "5F2D": true, "82": true, "9F36": true}

// ParseCPM decodes the base64 text of a consumer-presented payload. The error is an *Error.
func ParseCPM(text []byte) (*CPM, error) {
	raw, ok := decodeBase64(text)
	if !ok {
		secret.Zero(raw)
		return nil, cpmError(BadBase64)
	}
	p := &CPM{raw: hide(raw)}
	if why := p.parse(); why != "" {
		p.Wipe()
		return nil, cpmError(why)
	}
	return p, nil
}

func cpmError(r Reason) error { return &Error{Kind: "consumer-presented", Reason: r} }

// decodeBase64 is strict: the standard library alone would skip line ends.
func decodeBase64(text []byte) ([]byte, bool) {
	if len(text) > maxCPM {
		return nil, false
	}
	for _, c := range text {
		if c == '\r' || c == '\n' {
			return nil, false
		}
	}
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(raw, text)
	return raw[:n], err == nil
}

func (p *CPM) parse() Reason {
	raw := p.raw.bytes()
	if len(raw) == 0 || raw[0] != 0x85 {
		return NotCPM
	}
	tlv, why := parseTLV(raw, 1)
	if why != "" {
		return why
	}
	p.TLV = tlv
	if string(tlv[0].Value.Reveal()) != "CPV01" { // tag 85 is primitive: it has a Value
		return BadPayloadFormat
	}
	apps := 0
	for _, t := range tlv[1:] {
		switch t.Tag {
		case "85":
			return DuplicateTag
		case "61":
			apps++
		}
	}
	if apps == 0 {
		return MissingApplication
	}
	p.walk(p.TLV)
	return ""
}

// walk collects AIDs and the sensitive tags, each tag once, in payload order.
func (p *CPM) walk(tlv []TLV) {
	for _, t := range tlv {
		if t.Tag == "4F" && t.Value != nil {
			p.AIDs = append(p.AIDs, strings.ToUpper(hex.EncodeToString(t.Value.Reveal())))
		}
		if sensitive[t.Tag] && !slices.Contains(p.SensitiveTags, t.Tag) {
			p.SensitiveTags = append(p.SensitiveTags, t.Tag)
		}
		p.walk(t.Children)
	}
}

// Factor is the last six digits of the account number in tag 57, as the terminal field
// encrypt_rand_num wants them; empty when there is no tag 57. The caller wipes it.
func (p *CPM) Factor() *secret.Bytes {
	track := find(p.TLV, "57")
	if track == nil {
		return secret.New(nil)
	}
	digits := make([]byte, 0, 2*track.Len())
	for _, b := range track.Reveal() {
		hi, lo := b>>4, b&15
		if hi > 9 {
			break
		}
		digits = append(digits, '0'+hi)
		if lo > 9 {
			break
		}
		digits = append(digits, '0'+lo)
	}
	factor := secret.Copy(digits[max(0, len(digits)-6):])
	secret.Zero(digits)
	return factor
}

func find(tlv []TLV, tag string) Value {
	for _, t := range tlv {
		if t.Tag == tag && t.Value != nil {
			return t.Value
		}
		if v := find(t.Children, tag); v != nil {
			return v
		}
	}
	return nil
}

// Wipe clears the decoded payload; every Value of it becomes zeros.
func (p *CPM) Wipe() { secret.Zero(p.raw.bytes()) }

func parseTLV(b []byte, depth int) ([]TLV, Reason) {
	if depth > maxDepth {
		return nil, TooDeep
	}
	var out []TLV
	for len(b) > 0 {
		tag, n, why := parseTag(b)
		if why != "" {
			return nil, why
		}
		constructed := b[0]&0x20 != 0
		b = b[n:]
		size, n, why := parseLength(b)
		if why != "" {
			return nil, why
		}
		b = b[n:]
		if size > len(b) {
			return nil, Truncated
		}
		t := TLV{Tag: tag}
		if constructed {
			if t.Children, why = parseTLV(b[:size], depth+1); why != "" {
				return nil, why
			}
		} else {
			t.Value = valueOf(b[:size], harmless[tag], false)
		}
		out = append(out, t)
		b = b[size:]
	}
	return out, ""
}

// parseTag reads a tag of one to three bytes.
func parseTag(b []byte) (tag string, n int, why Reason) {
	n = 1
	if b[0]&0x1F == 0x1F {
		for {
			if n >= len(b) {
				return "", 0, Truncated
			}
			n++
			if b[n-1]&0x80 == 0 {
				break
			}
			if n == 3 {
				return "", 0, BadLength
			}
		}
	}
	return strings.ToUpper(hex.EncodeToString(b[:n])), n, ""
}

// parseLength reads the definite form with at most two octets after 81 or 82.
func parseLength(b []byte) (size, n int, why Reason) {
	switch {
	case len(b) == 0:
		return 0, 0, Truncated
	case b[0] < 0x80:
		return int(b[0]), 1, ""
	case b[0] == 0x81 && len(b) >= 2:
		return int(b[1]), 2, ""
	case b[0] == 0x82 && len(b) >= 3:
		return int(b[1])<<8 | int(b[2]), 3, ""
	case b[0] == 0x81 || b[0] == 0x82:
		return 0, 0, Truncated
	}
	return 0, 0, BadLength
}
