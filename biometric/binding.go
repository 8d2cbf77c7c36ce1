package biometric

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// Lengths that a Binding may have.
const (
	MinNonce = 16 // bytes
	MaxNonce = 64
	maxName  = 128 // provider, merchant, terminal, payment
	maxClaim = 512 // a wallet's member code may be long
)

// Check says what keeps b from being sealed to, or nil. Names are printable ASCII without
// spaces, so that nothing in them depends on who reads them.
func (b Binding) Check() error {
	if b.Modality != Palm && b.Modality != Face {
		return fmt.Errorf("check binding: modality %q, want %q or %q", b.Modality, Palm, Face)
	}
	for _, f := range []struct {
		name, value string
		low, high   int
	}{
		{"provider", b.Provider, 1, maxName},
		{"merchant", b.Merchant, 1, maxName},
		{"terminal", b.Terminal, 1, maxName},
		{"payment", b.Payment, 1, maxName},
		{"claim", b.Claim, 0, maxClaim},
	} {
		if err := checkName(f.value, f.low, f.high); err != nil {
			return fmt.Errorf("check binding: %s %w", f.name, err)
		}
	}
	if n := len(b.Nonce); n < MinNonce || n > MaxNonce {
		return fmt.Errorf("check binding: nonce of %d bytes, want %d to %d", n, MinNonce, MaxNonce)
	}
	return b.checkPurpose()
}

func (b Binding) checkPurpose() error {
	switch b.Purpose {
	case Pay:
		if b.Minor <= 0 {
			return fmt.Errorf("check binding: amount %d in minor units, want more than 0", b.Minor)
		}
		if !isCurrency(b.Currency) {
			return fmt.Errorf("check binding: currency %q, want three capital letters of ISO 4217", b.Currency)
		}
	case Enrol:
		if b.Minor != 0 || b.Currency != "" {
			return fmt.Errorf("check binding: amount %d %q, want none when enrolling", b.Minor, b.Currency)
		}
	default:
		return fmt.Errorf("check binding: purpose %q, want %q or %q", b.Purpose, Pay, Enrol)
	}
	return nil
}

// Digest is the additional data that a template is sealed with: SHA-256 over, in this order,
//
//	"tilld/binding/v1", purpose, modality, provider, merchant, terminal, payment,
//	minor units (8 bytes), currency, claim, nonce,
//	capture time (8 bytes: Unix milliseconds of the whole minute), SHA-256 of the verdict
//
// each behind its length in 4 bytes; all numbers most significant byte first. The capture
// time is the verdict's.
func (b Binding) Digest(at time.Time, verdict []byte) [sha256.Size]byte {
	f := newFields("tilld/binding/v1")
	for _, s := range []string{
		string(b.Purpose), string(b.Modality), b.Provider, b.Merchant, b.Terminal, b.Payment,
	} {
		f.text(s)
	}
	f.int64(b.Minor)
	f.text(b.Currency)
	f.text(b.Claim)
	f.bytes(b.Nonce)
	f.int64(coarse(at, time.Minute).UnixMilli())
	sum := sha256.Sum256(verdict)
	f.bytes(sum[:])
	return f.sum()
}

// coarse is the UTC time at the beginning of the minute, or the day, that holds t.
func coarse(t time.Time, step time.Duration) time.Time {
	ms := t.UnixMilli()
	unit := step.Milliseconds()
	return time.UnixMilli(ms - ((ms%unit)+unit)%unit).UTC()
}

// CheckProvider says why a provider cannot have this name, or nil: it enters key derivations
// between zero bytes, and is compared byte by byte.
func CheckProvider(name string) error {
	if err := checkName(name, 1, maxName); err != nil {
		return fmt.Errorf("check provider: name %w", err)
	}
	return nil
}

// checkName is nil for low to high printable ASCII characters other than space.
func checkName(s string, low, high int) error {
	if len(s) < low || len(s) > high {
		return fmt.Errorf("of %d characters, want %d to %d", len(s), low, high)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return fmt.Errorf("with byte %#02x, want printable ASCII without spaces", s[i])
		}
	}
	return nil
}

func isCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}
