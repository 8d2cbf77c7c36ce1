// Package biometric is the contract between a till and whatever recognises a person. Palm
// and face end as a payment credential, valid for one payment: one way to pay, one place
// where accidents are prevented.
//
// A Pipeline takes frames, judges liveness and computes features by itself, and gives away
// two things: a Sealed, which only the provider can open and only for the one payment it is
// bound to, and a Verdict, which says how liveness was judged. Frames and features never
// leave the packages below this one.
//
// What both ends of the wire must agree on is here as well: Binding and its digest, the
// Header and the comparison of protected templates, and what a terminal signs. A provider
// needs no other package of ours.
package biometric

import (
	"context"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

// Modality is what of a person is presented.
type Modality string

const (
	Palm Modality = "palm"
	Face Modality = "face"
)

// Purpose is what a sealed template may be used for.
type Purpose string

const (
	Pay   Purpose = "pay"   // a probe, for one payment
	Enrol Purpose = "enrol" // references to be kept
)

// Profile is how much of a feature a protected template keeps.
type Profile string

const (
	Standard Profile = "standard" // PT1, 2048 bits a sample
	Private  Profile = "private"  // PT1, 1024 bits a sample: less to invert, a little less exact
)

// Binding is what a sealed template is bound to. Whoever changes any of it cannot open the
// template.
type Binding struct {
	Purpose  Purpose
	Modality Modality
	Provider string // who can open it: "provider.example"
	Merchant string // the shop's number at the provider
	Terminal string // the serial number that its key is registered under
	Payment  string // the POI's payment id, or the enrolment's
	Minor    int64  // the amount in minor units; 0 when enrolling
	Currency string // ISO 4217; empty when enrolling
	Claim    string // who the person says they are: a member code; empty where nobody is claimed
	Nonce    []byte // the provider's, single-use, 16 to 64 bytes
}

// SealKey is the provider's public key that templates are sealed to.
type SealKey struct {
	ID     string
	Public []byte // X-Wing (MLKEM768X25519), 1216 bytes
}

// Transform is what features are protected with: one provider's, for one epoch, for one
// subject or shard. Two of them make templates of the same palm that cannot be linked.
type Transform struct {
	Epoch   uint32
	Key     *secret.Bytes // K, 32 bytes, of the provider and epoch
	Salt    []byte        // s_u, 16 bytes, of the subject, or of the shard where nobody is claimed
	Profile Profile
}

// Challenge is what a presentation answers. It is made of what the provider said for this
// one payment, and of what the terminal holds of that provider.
type Challenge struct {
	Binding
	Expires   time.Time // of the nonce, by a clock with a monotonic reading
	SealKey   SealKey
	Transform Transform
	Samples   int // how many presentations it takes: 1 to pay, 3 to enrol
}

// Guidance is what the person should do now, in the words of UnifiedPOS Biometrics.
type Guidance string

const (
	SensorReady    Guidance = "sensor-ready"    // nothing is there yet
	MoveCloser     Guidance = "move-closer"     // too far
	MoveAway       Guidance = "move-away"       // too near
	MoveLeft       Guidance = "move-left"       // as the person sees it
	MoveRight      Guidance = "move-right"      //
	MoveForward    Guidance = "move-forward"    // away from the body
	MoveBackward   Guidance = "move-backward"   // towards the body
	MoveSlower     Guidance = "move-slower"     // hold still
	FailedRead     Guidance = "failed-read"     // seen, and not good enough: once more
	OneOnly        Guidance = "one-only"        // more than one hand or face is in view
	SpreadFingers  Guidance = "spread-fingers"  // or open the hand
	TooBright      Guidance = "too-bright"      // the sun shines in
	SensorComplete Guidance = "sensor-complete" // taken; the hand may go
)

// Sealed is a protected template that only the provider can open, with the terminal's word
// for how it came about. It may be shown to anybody, and it is never stored: it is of use
// for one nonce.
type Sealed struct {
	Binding    Binding
	Epoch      uint32
	KeyID      string // of the SealKey
	Enc        []byte // the encapsulated key, 1120 bytes
	Ciphertext []byte // the template with its header, and 16 bytes more
	Verdict    []byte // the Statement as it was signed, JSON
	Signature  []byte // of the terminal's key over all of the above: ECDSA P-256 with SHA-256, ASN.1
}

// Pipeline recognises by one modality. It is safe for concurrent use; one presentation at a
// time, a second one is refused.
type Pipeline interface {
	// Present guides one person through a presentation: camera and lamps go on, and are off
	// when it returns. guide is called in order, from one goroutine, and should return soon.
	//
	// The Verdict says what liveness made of it and is filled in whenever anything was judged.
	// Sealed holds something only when the verdict is BonaFide and the error is nil. Whatever
	// else happens is an error: *Error, with one of the Fault words, or the context's.
	Present(ctx context.Context, ch Challenge, guide func(Guidance)) (Sealed, Verdict, error)
	// Ready says whether Present could be called now, and if not, why.
	Ready() error
}

// Fault is why no template came of a presentation although nobody was judged an attack.
type Fault string

const (
	FaultNobody  Fault = "nobody"  // nothing usable was shown in time
	FaultMany    Fault = "many"    // more than one hand or face stayed in view
	FaultQuality Fault = "quality" // seen, but never well enough
	FaultDevice  Fault = "device"  // the camera or the lamps failed, or are gone
	FaultBusy    Fault = "busy"    // another presentation is under way
	FaultExpired Fault = "expired" // the challenge's time was over before it was sealed
	FaultKeys    Fault = "keys"    // the transform, the seal key or the terminal's key cannot be used
)

// Error is what went wrong with a presentation, and what to do about it.
type Error struct {
	Op    string // "present a palm"
	Fault Fault
	Hint  string
	Err   error // may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Op + ": " + string(e.Fault)
	}
	return e.Op + ": " + string(e.Fault) + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// HintText is the line shown after "hint:".
func (e *Error) HintText() string { return e.Hint }
