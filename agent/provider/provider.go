// Package provider is the client of a biometric provider: whoever keeps protected templates
// and answers a matching one with a credential for one payment. The protocol is open:
// openapi.yaml. Templates pass through sealed; nothing here can open them.
package provider

import (
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// Ask is what a challenge is asked for.
type Ask struct {
	Purpose  biometric.Purpose
	Modality biometric.Modality
	Merchant string // the shop's number at the provider
	Terminal string
	Payment  string
	Minor    int64
	Currency string
	// Claim is who the person says they are: a member code for Pay; for Enrol the one-time
	// code that the provider's app shows to its signed-in user. Empty, or made by Tail, it asks
	// for one of many, which a provider may refuse. 1 to 512 printable ASCII characters without
	// a space, quote or backslash.
	Claim *secret.Bytes
	// Consent goes with Enrol; nil otherwise.
	Consent *Consent
}

// Consent is what a person agreed to before anything was captured.
type Consent struct {
	Text       string    // SHA-256 of the text shown, hex
	Version    string    // of the text
	Language   string    // it was shown in
	Provider   string    // it named
	At         time.Time // when the last box was ticked
	AgeAtLeast int       // the person said they are at least this old: 14
	Biometric  bool      // agreed to templates being made of their body
	Transfer   bool      // agreed to their being sent to the provider
}

// Tail is the claim of a person who gives the last digits of their phone number: one of
// those whose number ends so.
func Tail(digits string) *secret.Bytes { return secret.New([]byte(tailPrefix + digits)) }

const tailPrefix = "tail:"

// Outcome is what a provider made of a sealed template.
type Outcome string

const (
	Matched      Outcome = "matched"       // Answer.Credential pays
	Enrolled     Outcome = "enrolled"      // the references are kept: of an Enrolment only
	NotMatched   Outcome = "not-matched"   // nobody, or not who was claimed
	WrongHand    Outcome = "wrong-hand"    // the other hand was enrolled
	NotEnrolled  Outcome = "not-enrolled"  // the claimed member has no template, or consent was withdrawn
	SecondFactor Outcome = "second-factor" // not certain enough among so many: ask for a member code
	Refused      Outcome = "refused"       // the verdict, the terminal or the binding is not accepted
	Expired      Outcome = "expired"       // the nonce's time is over, or it was used
	LockedOut    Outcome = "locked-out"    // too many failures: not for a while
)

// Answer is the provider's word on a probe. An Outcome it does not know is an error, never a
// match.
type Answer struct {
	Outcome Outcome
	Name    string // masked: "W** M**"; shown to the person before the credential is used
	// Credential is a payment code of the named wallet, for this payment and no other. The
	// same sealed template gives the same one. Whoever gets it wipes it.
	Credential *secret.Bytes
	Expires    time.Time     // of the credential, by time.Now
	Retry      time.Duration // with LockedOut: when to try again
}

// Enrolment is the provider's word on sealed references.
type Enrolment struct {
	Outcome  Outcome // Enrolled; or NotMatched: the samples are not of one palm; or Refused, Expired, LockedOut
	Name     string  // masked, of the member
	Replaced bool    // there was an earlier enrolment, and it is gone
	Retry    time.Duration
}

// Policy is what a provider says about itself in its signed list.
type Policy struct {
	Identification Identification
	Consent        string // version of the consent text that it accepts
	MinAge         int    // in years, that a person must state
	Levels         []biometric.KeyLevel
}

// Identification is what a provider measured about telling one of many. The zero value
// allows none.
type Identification struct {
	N           int     // people searched when it was measured
	FPIRUpper95 float64 // upper end of the 95 % confidence interval of the false-positive identification rate at N
}

// MaxFPIR is the highest upper bound with which a payment may rest on one of many.
const MaxFPIR = 1e-5

// Allows reports whether one of n people may be told without a second factor.
func (i Identification) Allows(n int) bool {
	return n > 0 && n <= i.N && i.FPIRUpper95 > 0 && i.FPIRUpper95 <= MaxFPIR
}
