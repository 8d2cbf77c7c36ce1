package capture

import (
	"fmt"

	"github.com/tilld/tilld/internal/secret"
)

// Wipe overwrites the picture with zeros.
func (s *Shot) Wipe() { secret.Zero(s.Luma) }

func (s Shot) String() string               { return secret.Redacted }
func (s Shot) GoString() string             { return secret.Redacted }
func (s Shot) Format(f fmt.State, _ rune)   { fmt.Fprint(f, secret.Redacted) }
func (s Shot) MarshalJSON() ([]byte, error) { return []byte(`"` + secret.Redacted + `"`), nil }
func (s Shot) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }
