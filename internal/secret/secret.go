// Package secret holds bytes that must not be seen: payment codes, tokens, keys.
//
// A Bytes shows "[redacted]" to fmt, to encoding/json and to log/slog, whatever the verb,
// and can be wiped once its work is done. Wiping is best effort: it clears this copy, and
// the packages that handle secrets make no others they do not clear.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Redacted is what a secret shows of itself.
const Redacted = "[redacted]"

// Bytes is a secret byte string. The zero value is empty. It is not safe for concurrent
// use while Wipe runs. Share it by pointer: a copied value shares the same memory.
type Bytes struct{ b []byte }

// New takes ownership of b: the caller must not keep or change it.
func New(b []byte) *Bytes { return &Bytes{b: b} }

// Copy makes a secret from a copy of b.
func Copy(b []byte) *Bytes { return &Bytes{b: append([]byte(nil), b...)} }

// Reveal returns the secret itself, not a copy. After Wipe it is empty.
func (s *Bytes) Reveal() []byte {
	if s == nil {
		return nil
	}
	return s.b
}

// Len is the number of bytes.
func (s *Bytes) Len() int { return len(s.Reveal()) }

// Equal compares in constant time for equal lengths.
func (s *Bytes) Equal(o *Bytes) bool {
	return subtle.ConstantTimeCompare(s.Reveal(), o.Reveal()) == 1
}

// Wipe overwrites the secret with zeros and forgets it. It may be called more than once.
func (s *Bytes) Wipe() {
	if s == nil {
		return
	}
	Zero(s.b)
	s.b = nil
}

// Zero overwrites b.
func Zero(b []byte) { clear(b) }

func (s Bytes) String() string               { return Redacted }
func (s Bytes) GoString() string             { return Redacted }
func (s Bytes) Format(f fmt.State, _ rune)   { fmt.Fprint(f, Redacted) }
func (s Bytes) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }
func (s Bytes) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
func (s Bytes) LogValue() slog.Value         { return slog.StringValue(Redacted) }
