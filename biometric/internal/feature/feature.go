// Package feature holds what was computed of a person, where only biometric/... can import
// it. A Code has no exported field and no encoder, and shows "[redacted]" of itself.
package feature

import (
	"fmt"
	"unsafe"

	"github.com/tilld/tilld/internal/secret"
)

// Sizes of a palm's code: six planes of 32x32 bits.
const (
	Planes = 6
	Side   = 32
	Bits   = Planes * Side * Side
	Bytes  = Bits / 8
)

// Code is the six planes of a palm. Bit plane*1024 + row*32 + column is bit i%8 of byte i/8,
// least significant first. It is used by pointer; the zero value is the code of nothing.
type Code struct{ bits [Bytes]byte }

// In is the code whose bits are the first Bytes bytes of b: memory that is locked, say.
func In(b []byte) *Code {
	return (*Code)(unsafe.Pointer((*[Bytes]byte)(b))) // a Code is nothing but these bytes
}

// Data is the bits themselves, not a copy.
func (c *Code) Data() *[Bytes]byte { return &c.bits }

// Wipe overwrites the code with zeros.
func (c *Code) Wipe() { secret.Zero(c.bits[:]) }

func (c Code) String() string               { return secret.Redacted }
func (c Code) GoString() string             { return secret.Redacted }
func (c Code) Format(s fmt.State, _ rune)   { fmt.Fprint(s, secret.Redacted) }
func (c Code) MarshalJSON() ([]byte, error) { return []byte(`"` + secret.Redacted + `"`), nil }
func (c Code) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }
