package sense

import (
	"fmt"

	"github.com/tilld/tilld/internal/secret"
)

// Faceprint is the features that a module computed of a face or a palm, in the module's own
// format. It is not a protected template: it never leaves the process.
type Faceprint struct {
	Source  string // the module's model: "realsense-id"
	Version int    // of the format, as the module numbers it
	body    *body
}

// NewFaceprint takes features over: the caller must not keep or change them.
func NewFaceprint(source string, version int, features []byte) *Faceprint {
	return &Faceprint{Source: source, Version: version, body: newBody(features, nil)}
}

// Reveal is the features themselves, not a copy; nil after Wipe.
func (p *Faceprint) Reveal() []byte { return p.body.reveal() }

// Wipe overwrites the features with zeros and forgets them. It may be called more than once.
// Nobody uses what Reveal gave during or after it.
func (p *Faceprint) Wipe() { p.body.wipe() }

func (p Faceprint) String() string               { return secret.Redacted }
func (p Faceprint) GoString() string             { return secret.Redacted }
func (p Faceprint) Format(s fmt.State, _ rune)   { fmt.Fprint(s, secret.Redacted) }
func (p Faceprint) MarshalJSON() ([]byte, error) { return []byte(`"` + secret.Redacted + `"`), nil }
func (p Faceprint) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }
