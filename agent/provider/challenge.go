package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// Lengths in bytes.
const (
	saltLen  = biometric.TransformSaltSize
	maxClaim = 512
)

// Challenge asks for a challenge for one presentation. The caller wipes its Transform.Key
// and Transform.Salt when the presentation is over.
//
// Without a claim, or with one made by Tail, it asks for one of many, and is refused with
// the Outcome SecondFactor unless what the provider measured allows it for that many.
func (c *Client) Challenge(ctx context.Context, a Ask) (biometric.Challenge, error) {
	op := "ask " + c.o.Name + " for a challenge"
	a.Claim = secret.Copy(a.Claim.Reveal()) // the caller may wipe its own when it gives up
	defer a.Claim.Wipe()
	q, err := c.question(a)
	if err != nil {
		return biometric.Challenge{}, &Error{Op: op, Kind: Misused, Err: err}
	}
	if _, err := c.current(ctx, op); err != nil {
		return biometric.Challenge{}, err
	}
	if ofMany(a.Claim.Reveal()) && !c.Identification().Allows(1) {
		return biometric.Challenge{}, &Error{Op: op, Kind: Denied, Code: wire.CodeSecondFactor, Outcome: SecondFactor,
			Hint: "ask the person for their member code"}
	}
	began := time.Now()
	var answer wire.Challenge
	if fault := c.ask(ctx, op, wire.PathChallenge, q, &answer); fault != nil {
		return biometric.Challenge{}, fault
	}
	defer answer.Salt.Wipe()
	ch, err := c.challenge(ctx, a, answer, began)
	if err != nil {
		return biometric.Challenge{}, asProtocol(op, err)
	}
	c.remember(ch.Nonce, pending{expires: ch.Expires, gallery: int(answer.Gallery)})
	return ch, nil
}

// question checks an Ask before anything of it leaves.
func (c *Client) question(a Ask) (wire.ChallengeRequest, error) {
	q := wire.ChallengeRequest{Purpose: string(a.Purpose), Modality: string(a.Modality), Merchant: a.Merchant,
		Terminal: a.Terminal, Payment: a.Payment, Minor: a.Minor, Currency: a.Currency, Claim: a.Claim}
	claim := a.Claim.Reveal()
	switch {
	case a.Terminal != c.o.Terminal:
		return q, fmt.Errorf("it is for terminal %.64q, and this is %s", a.Terminal, c.o.Terminal)
	case len(claim) > maxClaim || !wire.Printable(claim):
		return q, errors.New("the claim is not printable ASCII")
	case a.Purpose == biometric.Pay && (a.Minor <= 0 || len(a.Currency) != 3 || a.Consent != nil):
		return q, errors.New("a payment has an amount, a currency and no consent")
	case a.Purpose == biometric.Enrol && (a.Minor != 0 || a.Currency != "" || a.Consent == nil || len(claim) == 0):
		return q, errors.New("an enrolment has no amount, but the app's code and a consent")
	case a.Purpose != biometric.Pay && a.Purpose != biometric.Enrol:
		return q, fmt.Errorf("nothing is done for the purpose %.32q", a.Purpose)
	}
	if a.Consent != nil {
		return q, c.consent(*a.Consent, &q)
	}
	return q, nil
}

// consent refuses what is no consent, so that a till that forgot a box asks for nothing.
func (c *Client) consent(k Consent, q *wire.ChallengeRequest) error {
	text, err := hex.DecodeString(k.Text)
	switch {
	case err != nil || len(text) != 32:
		return errors.New("the consent does not hold the SHA-256 of its text")
	case !k.Biometric || !k.Transfer:
		return errors.New("a box of the consent is not ticked")
	case k.Provider != c.o.Name:
		return fmt.Errorf("the consent names %.80q, not %s", k.Provider, c.o.Name)
	case k.Version == "" || k.Language == "" || k.At.IsZero():
		return errors.New("the consent has no version, language or time")
	}
	q.Consent = &wire.Consent{Text: k.Text, Version: k.Version, Language: k.Language, Provider: k.Provider, At: k.At.UTC(),
		Age: int64(k.AgeAtLeast), Biometric: true, Transfer: true}
	return nil
}

// challenge makes of the answer what a presentation needs.
func (c *Client) challenge(ctx context.Context, a Ask, answer wire.Challenge, began time.Time) (biometric.Challenge, error) {
	samples := 1
	if a.Purpose == biometric.Enrol {
		samples = 3
	}
	many := ofMany(a.Claim.Reveal()) && a.Purpose == biometric.Pay
	switch {
	case answer.LifeMS < 1 || answer.LifeMS > wire.MaxLife.Milliseconds():
		return biometric.Challenge{}, fmt.Errorf("a nonce that lives %d ms", answer.LifeMS)
	case answer.Samples != int64(samples):
		return biometric.Challenge{}, fmt.Errorf("%d samples to %s", answer.Samples, a.Purpose)
	case answer.Gallery < 0 || answer.Gallery > 1<<30 || !many && answer.Gallery != 1:
		return biometric.Challenge{}, fmt.Errorf("%d people are searched", answer.Gallery)
	case many && !c.Identification().Allows(int(answer.Gallery)):
		return biometric.Challenge{}, &Error{Kind: Denied, Code: wire.CodeSecondFactor, Outcome: SecondFactor,
			Hint: "ask the person for their member code"}
	}
	salt, err := base64.StdEncoding.Strict().AppendDecode(nil, answer.Salt.Reveal())
	if err != nil || len(salt) != saltLen {
		return biometric.Challenge{}, errors.New("a salt that is not 16 bytes")
	}
	seal, transform, err := c.keysFor(ctx, answer)
	if err != nil {
		secret.Zero(salt)
		return biometric.Challenge{}, err
	}
	transform.Salt = salt
	ch := biometric.Challenge{
		Binding: biometric.Binding{Purpose: a.Purpose, Modality: a.Modality, Provider: c.o.Name, Merchant: a.Merchant,
			Terminal: a.Terminal, Payment: a.Payment, Minor: a.Minor, Currency: a.Currency,
			Claim: string(a.Claim.Reveal()), Nonce: answer.Nonce},
		Expires: began.Add(time.Duration(answer.LifeMS) * time.Millisecond),
		SealKey: seal, Transform: transform, Samples: samples,
	}
	if err := ch.Check(); err != nil {
		secret.Zero(salt)
		transform.Key.Wipe()
		return biometric.Challenge{}, err
	}
	return ch, nil
}

// keysFor finds what a challenge names; what is not in the list may have come since.
func (c *Client) keysFor(ctx context.Context, answer wire.Challenge) (biometric.SealKey, biometric.Transform, error) {
	seal, transform, err := c.lookup(answer)
	if err == nil {
		return seal, transform, nil
	}
	if again := c.Refresh(ctx); again != nil {
		return seal, transform, again
	}
	return c.lookup(answer)
}

func (c *Client) lookup(answer wire.Challenge) (biometric.SealKey, biometric.Transform, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		return biometric.SealKey{}, biometric.Transform{}, errNoKeys
	}
	seal, ok := c.keys.sealKey(answer.SealKey, c.o.Clock())
	if !ok {
		return seal, biometric.Transform{}, fmt.Errorf("seal key %.64q is not in the key list or not valid now", answer.SealKey)
	}
	e, ok := c.keys.copyOf(answer.Epoch)
	if !ok {
		return seal, biometric.Transform{}, fmt.Errorf("epoch %d is not in the key list", answer.Epoch)
	}
	if string(e.profile) != answer.Profile {
		e.k.Wipe()
		return seal, biometric.Transform{}, fmt.Errorf("epoch %d has the profile %s, not %.32q", answer.Epoch, e.profile, answer.Profile)
	}
	return seal, biometric.Transform{Epoch: answer.Epoch, Key: e.k, Profile: e.profile}, nil
}

// ofMany reports whether a claim leaves it to the provider who it is.
func ofMany(claim []byte) bool { return len(claim) == 0 || bytes.HasPrefix(claim, []byte(tailPrefix)) }

// asProtocol is an error about an answer; one of this package keeps its kind.
func asProtocol(op string, err error) *Error {
	var fault *Error
	if errors.As(err, &fault) {
		if fault.Op == "" {
			fault.Op = op
		}
		return fault
	}
	return protocolFault(op, err)
}
