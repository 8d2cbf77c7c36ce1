package provider

import "time"

// Kind is whose fault an error is, as far as it can be known.
type Kind string

const (
	Unreachable Kind = "unreachable" // no answer: whether the provider heard of it is not known
	Denied      Kind = "denied"      // the provider answered, and does not do it
	Protocol    Kind = "protocol"    // what came is not what the protocol says, or not signed by whom it must be
	Stale       Kind = "stale"       // there is no key list young enough
	Misused     Kind = "misused"     // the call itself cannot be right
)

// Error is what went wrong between this terminal and a provider. No part of a code, a
// credential or a key is in it.
type Error struct {
	Op   string // "ask provider.example for a challenge"
	Kind Kind
	Code string // the provider's word where Kind is Denied: see openapi.yaml, Problem
	// Outcome is what Code comes to for the person at the till, or empty: SecondFactor,
	// LockedOut, Refused, Expired.
	Outcome Outcome
	Retry   time.Duration // with LockedOut: when to try again
	Hint    string
	Err     error // may be nil
}

func (e *Error) Error() string {
	text := e.Op + ": " + string(e.Kind)
	if e.Code != "" {
		text += ": " + e.Code
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// HintText is the line shown after "hint:".
func (e *Error) HintText() string { return e.Hint }
