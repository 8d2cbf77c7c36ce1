package emvco

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tilld/tilld/internal/secret"
)

// Value is the content of one tag. It shows itself only when its tag is harmless; Reveal
// is the deliberate way to the bytes.
type Value struct {
	b    []byte
	open bool // harmless: may be shown
	text bool // shown as text, not hex
}

// Reveal returns the bytes themselves, not a copy. Treat them as a secret.
func (v Value) Reveal() []byte { return v.b }

// Len is the number of bytes.
func (v Value) Len() int { return len(v.b) }

// String is for people and logs: text or upper-case hex, or "[redacted]".
func (v Value) String() string {
	switch {
	case !v.open:
		return secret.Redacted
	case v.text:
		return string(v.b)
	}
	return strings.ToUpper(hex.EncodeToString(v.b))
}

// GoString hides what String hides.
func (v Value) GoString() string { return v.String() }

// Format shows the same for every verb.
func (v Value) Format(f fmt.State, _ rune) { fmt.Fprint(f, v.String()) }

// MarshalText hides what String hides.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// MarshalJSON hides what String hides.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.String()) }

// LogValue hides what String hides.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }

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

// Error is why a payload does not parse. It holds nothing of the payload.
type Error struct {
	Kind   string // "consumer-presented" or "merchant-presented"
	Reason Reason
}

func (e *Error) Error() string { return "parse " + e.Kind + " payload: " + string(e.Reason) }
