package provider

import (
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
)

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

func unreachable(op string, err error) *Error {
	return &Error{Op: op, Kind: Unreachable, Err: err, Hint: "palm is off until the provider answers; offer another way to pay"}
}

func protocolFault(op string, err error) *Error {
	return &Error{Op: op, Kind: Protocol, Err: err, Hint: "tell the provider; offer another way to pay"}
}

// denials are what the provider's words come to.
var denials = map[string]struct {
	outcome Outcome
	hint    string
}{
	wire.CodeRequest:      {Refused, "this program and the provider do not speak the same version"},
	wire.CodeSignature:    {Refused, "the provider knows another key of this terminal: register it"},
	wire.CodeClock:        {Refused, "set the terminal's clock"},
	wire.CodeTerminal:     {Refused, "register this terminal and its merchant number with the provider"},
	wire.CodeNotFound:     {Refused, "check endpoint in [palm]"},
	wire.CodeReplayed:     {Refused, "somebody sends this terminal's requests again"},
	wire.CodeSpent:        {Refused, "the payment was taken: refund it"},
	wire.CodeTooLarge:     {Refused, "this program and the provider do not speak the same version"},
	wire.CodeClaim:        {Refused, "ask the person for a new code from the provider's app"},
	wire.CodeConsent:      {Refused, "show the provider's consent text anew"},
	wire.CodeSecondFactor: {SecondFactor, "ask the person for their member code"},
	wire.CodeLockedOut:    {LockedOut, "offer another way to pay"},
	wire.CodeBusy:         {"", "try again"},
}

// maxRetry is the longest that a provider may tell to wait.
const maxRetry = 24 * time.Hour

// problem reads an answer that is not 200. It is not signed: nothing follows from it but
// that palm is not to be had.
func problem(op string, status int, body []byte) *Error {
	var p wire.Problem
	err := wire.Decode(body, &p)
	d, known := denials[p.Code]
	if err != nil || !known || wire.Statuses[p.Code] != status {
		if status >= 500 {
			return unreachable(op, fmt.Errorf("status %d, of the provider or of what stands before it", status))
		}
		return protocolFault(op, fmt.Errorf("status %d, without a reason that the protocol knows", status))
	}
	retry := retryOf(p.RetryMS)
	if p.Code == wire.CodeBusy {
		return &Error{Op: op, Kind: Unreachable, Code: p.Code, Hint: d.hint, Retry: retry, Err: errors.New("the provider is busy")}
	}
	return &Error{Op: op, Kind: Denied, Code: p.Code, Outcome: d.outcome, Hint: d.hint, Retry: retry}
}
