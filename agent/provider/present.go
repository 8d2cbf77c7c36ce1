package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// Identify sends a sealed probe and returns what the provider makes of it. When an answer is
// lost it sends the same bytes again, until ctx ends or the challenge's minute is over: the
// provider gives the same credential for them. The caller wipes Answer.Credential.
//
// The error is nil for every Outcome that the provider itself decided.
func (c *Client) Identify(ctx context.Context, s biometric.Sealed) (Answer, error) {
	op := "have " + c.o.Name + " identify"
	p, fault := c.presentable(op, s, biometric.Pay)
	if fault != nil {
		return Answer{}, fault
	}
	if ofMany([]byte(s.Binding.Claim)) && !c.Identification().Allows(p.gallery) {
		return Answer{Outcome: SecondFactor}, nil // the policy changed since the challenge
	}
	var told wire.Identified
	began, fault := c.present(ctx, op, wire.PathIdentify, s, p, &told)
	if fault != nil {
		return Answer{}, fault
	}
	a, err := answerOf(told, began)
	if err != nil {
		told.Credential.Wipe()
		return Answer{}, protocolFault(op, err)
	}
	return a, nil
}

// Enrol sends sealed references, likewise.
func (c *Client) Enrol(ctx context.Context, s biometric.Sealed) (Enrolment, error) {
	op := "enrol with " + c.o.Name
	p, fault := c.presentable(op, s, biometric.Enrol)
	if fault != nil {
		return Enrolment{}, fault
	}
	var told wire.Enrolled
	if _, fault := c.present(ctx, op, wire.PathEnrol, s, p, &told); fault != nil {
		return Enrolment{}, fault
	}
	e, err := enrolmentOf(told)
	if err != nil {
		return Enrolment{}, protocolFault(op, err)
	}
	return e, nil
}

// Revoke withdraws the consent of the member who was shown this one-time code by the
// provider's app: template and salt are gone when it returns nil.
func (c *Client) Revoke(ctx context.Context, code *secret.Bytes) error {
	op := "withdraw consent at " + c.o.Name
	code = secret.Copy(code.Reveal()) // the caller may wipe its own when it gives up
	defer code.Wipe()
	if n := code.Len(); n == 0 || n > maxClaim || !wire.Printable(code.Reveal()) {
		return &Error{Op: op, Kind: Misused, Err: errors.New("no code of the provider's app")}
	}
	var told wire.Revoked
	if fault := c.ask(ctx, op, wire.PathRevoke, wire.RevokeRequest{Code: code}, &told); fault != nil {
		return fault
	}
	return nil
}

// Void gives a credential back unused, because the person did not confirm. b is the binding
// it was given for. Voiding twice is no error.
func (c *Client) Void(ctx context.Context, b biometric.Binding) error {
	op := "give a credential of " + c.o.Name + " back"
	var told wire.Voided
	if fault := c.ask(ctx, op, wire.PathVoid, wire.VoidRequest{Nonce: b.Nonce, Payment: b.Payment}, &told); fault != nil {
		return fault
	}
	return nil
}

// presentable refuses what cannot be of use to the provider.
func (c *Client) presentable(op string, s biometric.Sealed, purpose biometric.Purpose) (pending, *Error) {
	p, ok := c.recall(s.Binding.Nonce)
	switch {
	case s.Binding.Purpose != purpose:
		return p, &Error{Op: op, Kind: Misused, Err: fmt.Errorf("it was sealed to %s", s.Binding.Purpose)}
	case s.Binding.Provider != c.o.Name || s.Binding.Terminal != c.o.Terminal:
		return p, &Error{Op: op, Kind: Misused, Err: errors.New("it was sealed for another provider or by another terminal")}
	case !ok:
		return p, &Error{Op: op, Kind: Denied, Outcome: Expired, Err: errors.New("the challenge is over"), Hint: "begin again"}
	}
	return p, nil
}

// Pauses between tries of the same bytes.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 2 * time.Second
)

// present sends the same sealed bytes until there is an answer, each time signed anew. It
// returns when the request that was answered began.
func (c *Client) present(ctx context.Context, op, path string, s biometric.Sealed, p pending, told any) (time.Time, *Error) {
	text, err := json.Marshal(s)
	if err != nil {
		return time.Time{}, &Error{Op: op, Kind: Misused, Err: err}
	}
	ctx, cancel := context.WithDeadline(ctx, p.expires)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		began := time.Now()
		fault := c.ask(ctx, op, path, wire.Presented{Sealed: text}, told)
		if fault == nil || fault.Kind != Unreachable {
			return began, fault
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return began, fault
		}
	}
}

// maxCredential is how long a payment credential may live.
const maxCredential = 10 * time.Minute

// answerOf reads an outcome. What it does not know is an error, never a match.
func answerOf(told wire.Identified, began time.Time) (Answer, error) {
	a := Answer{Outcome: Outcome(told.Outcome), Name: told.Name, Credential: told.Credential, Retry: retryOf(told.RetryMS)}
	life := time.Duration(told.LifeMS) * time.Millisecond
	switch a.Outcome {
	case Matched:
		if told.Credential.Len() == 0 || told.LifeMS < 1 || told.LifeMS > maxCredential.Milliseconds() || !showable(told.Name) {
			return Answer{}, errors.New("a match without a credential, its time or a name that can be shown")
		}
		a.Expires = began.Add(life)
		return a, nil
	case NotMatched, WrongHand, NotEnrolled, SecondFactor, Refused, Expired, LockedOut:
		if told.Credential != nil || told.Name != "" || told.LifeMS != 0 {
			return Answer{}, fmt.Errorf("the outcome %s with a credential", a.Outcome)
		}
		return a, nil
	}
	return Answer{}, fmt.Errorf("the outcome %.32q, which the protocol does not know", told.Outcome)
}

func enrolmentOf(told wire.Enrolled) (Enrolment, error) {
	e := Enrolment{Outcome: Outcome(told.Outcome), Name: told.Name, Replaced: told.Replaced, Retry: retryOf(told.RetryMS)}
	switch e.Outcome {
	case Enrolled:
		if !showable(told.Name) {
			return Enrolment{}, errors.New("an enrolment without a name that can be shown")
		}
		return e, nil
	case NotMatched, Refused, Expired, LockedOut:
		if told.Name != "" || told.Replaced {
			return Enrolment{}, fmt.Errorf("the outcome %s with a name", e.Outcome)
		}
		return e, nil
	}
	return Enrolment{}, fmt.Errorf("the outcome %.32q, which the protocol does not know", told.Outcome)
}

func retryOf(ms int64) time.Duration {
	return time.Duration(min(max(0, ms), maxRetry.Milliseconds())) * time.Millisecond
}

// showable reports whether a masked name can stand on a screen as it is: 1 to 64 printable
// characters, none of which turns the writing's direction.
func showable(name string) bool {
	for _, r := range name {
		if !unicode.IsGraphic(r) {
			return false
		}
	}
	n := utf8.RuneCountInString(name)
	return n >= 1 && n <= 64
}
