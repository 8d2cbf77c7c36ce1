package biometric

import "fmt"

// Lengths of what a provider gives for protecting and sealing, in bytes.
const (
	TransformKeySize  = 32
	TransformSaltSize = 16
	SealPublicSize    = 1216 // X-Wing
	maxKeyID          = 64
)

// MaxSamples is how many samples of a palm a stored template may hold.
const MaxSamples = 3

// Bits is L, how many bits of PT1 make one sample; 0 for a profile that is not known.
func (p Profile) Bits() int {
	switch p {
	case Standard:
		return 2048
	case Private:
		return 1024
	}
	return 0
}

// Shifts is how many cells of 4 pixels a probe reaches in each direction: it holds
// (2*Shifts+1)^2 bit strings. It is what fits into 8 KB sealed: a shorter sample leaves room
// to reach further.
func (p Profile) Shifts() int {
	switch p {
	case Standard:
		return 2
	case Private:
		return 3
	}
	return 0
}

// Check says what keeps ch from being answered, or nil. Whether it has expired is for the
// caller's clock.
func (ch Challenge) Check() error {
	if err := ch.Binding.Check(); err != nil {
		return err
	}
	if err := ch.SealKey.Check(); err != nil {
		return err
	}
	if err := ch.Transform.Check(); err != nil {
		return err
	}
	if ch.Purpose == Pay && ch.Samples != 1 || ch.Samples < 1 || ch.Samples > MaxSamples {
		return fmt.Errorf("check challenge: %d samples, want 1 to pay, 1 to %d to enrol", ch.Samples, MaxSamples)
	}
	return nil
}

// Check says what keeps k from being sealed to, or nil.
func (k SealKey) Check() error {
	if err := checkName(k.ID, 1, maxKeyID); err != nil {
		return fmt.Errorf("check seal key: id %w", err)
	}
	if len(k.Public) != SealPublicSize {
		return fmt.Errorf("check seal key %s: %d bytes, want the %d of X-Wing", k.ID, len(k.Public), SealPublicSize)
	}
	return nil
}

// Check says what keeps t from being used, or nil.
func (t Transform) Check() error {
	switch {
	case t.Epoch == 0:
		return fmt.Errorf("check transform: epoch 0, want 1 or more")
	case t.Key.Len() != TransformKeySize:
		return fmt.Errorf("check transform of epoch %d: key of %d bytes, want %d", t.Epoch, t.Key.Len(), TransformKeySize)
	case len(t.Salt) != TransformSaltSize:
		return fmt.Errorf("check transform of epoch %d: salt of %d bytes, want %d", t.Epoch, len(t.Salt), TransformSaltSize)
	case t.Profile.Bits() == 0:
		return fmt.Errorf("check transform of epoch %d: profile %q, want %q or %q", t.Epoch, t.Profile, Standard, Private)
	}
	return nil
}
