package emvco

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tilld/tilld/internal/secret"
)

// Value is the content of one tag: [Plain] where the tag is on the short list of harmless
// ones, [Sensitive] everywhere else.
type Value interface {
	// Reveal is the deliberate way to the bytes: the bytes themselves, not a copy.
	Reveal() []byte
	// Len is the number of bytes.
	Len() int
	fmt.Stringer
	value()
}

// Plain is a value that may be shown: a currency, a label, an application identifier.
type Plain struct {
	b    []byte
	text bool // shown as text, not hex
}

// Reveal returns the bytes themselves, not a copy.
func (v Plain) Reveal() []byte { return v.b }

// Len is the number of bytes.
func (v Plain) Len() int { return len(v.b) }

// String is text, or upper-case hex for the bytes of a consumer-presented payload.
func (v Plain) String() string {
	if v.text {
		return string(v.b)
	}
	return strings.ToUpper(hex.EncodeToString(v.b))
}

// MarshalText is String.
func (v Plain) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

func (Plain) value() {}

// Sensitive is a value that never shows itself: card data, a name, an account, a cryptogram,
// and whatever stands under a tag that is not known. It is "[redacted]" to fmt whatever the
// verb, to encoding/json and to log/slog.
type Sensitive struct{ h hidden }

// hidden keeps bytes where fmt does not find them. In a field that is not exported fmt calls
// no method of ours and prints what it sees, and for a verb like %s it follows a pointer; of
// a function it prints the address.
type hidden func() []byte

func hide(b []byte) hidden { return func() []byte { return b } }

func (h hidden) bytes() []byte {
	if h == nil {
		return nil
	}
	return h()
}

// Reveal returns the bytes themselves, not a copy. Treat them as a secret.
func (v Sensitive) Reveal() []byte { return v.h.bytes() }

// Len is the number of bytes.
func (v Sensitive) Len() int { return len(v.h.bytes()) }

// String is "[redacted]".
func (v Sensitive) String() string { return secret.Redacted }

// GoString is "[redacted]".
func (v Sensitive) GoString() string { return secret.Redacted }

// Format writes "[redacted]" for every verb.
func (v Sensitive) Format(f fmt.State, _ rune) { fmt.Fprint(f, secret.Redacted) }

// MarshalText is "[redacted]".
func (v Sensitive) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }

// MarshalJSON is "[redacted]".
func (v Sensitive) MarshalJSON() ([]byte, error) { return []byte(`"` + secret.Redacted + `"`), nil }

// LogValue is "[redacted]".
func (v Sensitive) LogValue() slog.Value { return slog.StringValue(secret.Redacted) }

func (Sensitive) value() {}

// valueOf makes a value of the type its tag asks for.
func valueOf(b []byte, harmless, text bool) Value {
	b = b[:len(b):len(b)]
	if harmless {
		return Plain{b: b, text: text}
	}
	return Sensitive{hide(b)}
}

// Reason says why a payload is not one. The words are stable.
type Reason string

// Reasons of consumer-presented payloads.
const (
	BadBase64          Reason = "bad-base64"
	NotCPM             Reason = "not-cpm"            // the first tag is not 85
	BadPayloadFormat   Reason = "bad-payload-format" // 85 is not "CPV01"
	Truncated          Reason = "truncated"
	BadLength          Reason = "bad-length"
	TooDeep            Reason = "too-deep"
	MissingApplication Reason = "missing-application-template"
	DuplicateTag       Reason = "duplicate-tag"
)

// Reasons of merchant-presented payloads; BadLength is shared.
const (
	NotMPM       Reason = "not-mpm"
	MissingCRC   Reason = "missing-crc"
	CRCNotLast   Reason = "crc-not-last"
	BadCRC       Reason = "bad-crc"
	DuplicateID  Reason = "duplicate-id"
	MissingField Reason = "missing-field"
	BadAmount    Reason = "bad-amount"
	BadEncoding  Reason = "bad-encoding"
)

// hints say in English what is wrong with the payload and what to do.
var hints = map[Reason]string{
	BadBase64:          "it is not base64 as the standard writes it: scan again, whole and without spaces",
	NotCPM:             "it does not begin with the payload format indicator, tag 85",
	BadPayloadFormat:   "tag 85 is not CPV01: a version that is not known here",
	Truncated:          "it ends in the middle of a value: scan again",
	BadLength:          "a length is not one that the standard allows, or runs past the end",
	TooDeep:            "templates lie inside one another more than five levels deep",
	MissingApplication: "no application template, tag 61: nothing in it could pay",
	DuplicateTag:       "tag 85 stands more than once",
	NotMPM:             "it does not begin with 000201",
	MissingCRC:         "the checksum, field 63, is missing: scan again",
	CRCNotLast:         "something stands behind the checksum, field 63",
	BadCRC:             "the checksum does not match: misread or changed, scan again",
	DuplicateID:        "a field stands twice",
	MissingField:       "one of the fields 52, 53, 58, 59, 60 or the account in 02 to 51 is missing",
	BadAmount:          "field 54 is not an amount: digits, at most one point, not zero",
	BadEncoding:        "it is not UTF-8",
}

// Hint says in English what is wrong and what to do. It is never empty for a reason above.
func (r Reason) Hint() string { return hints[r] }

// Error is why a payload does not parse. It holds nothing of the payload.
type Error struct {
	Kind   string // "consumer-presented" or "merchant-presented"
	Reason Reason
}

func (e *Error) Error() string { return "parse " + e.Kind + " payload: " + string(e.Reason) }

// HintText is the hint of the reason.
func (e *Error) HintText() string { return e.Reason.Hint() }
