package agent

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// Provider is what a till needs of a biometric provider; *provider.Client is one. What the
// client says of its methods holds for them. A call returns soon after its context ended.
type Provider interface {
	Ready() error
	Policy() (provider.Policy, bool)
	Challenge(ctx context.Context, a provider.Ask) (biometric.Challenge, error)
	Identify(ctx context.Context, s biometric.Sealed) (provider.Answer, error)
	Enrol(ctx context.Context, s biometric.Sealed) (provider.Enrolment, error)
	Revoke(ctx context.Context, code *secret.Bytes) error
	Void(ctx context.Context, b biometric.Binding) error
}

// Recogniser is one way to pay with one's body: what looks at the person, and whom it asks.
type Recogniser struct {
	Modality biometric.Modality
	Pipeline biometric.Pipeline
	Provider Provider
	Name     string // of the provider, in every template: "provider.example"
	Title    string // what people call the provider; empty: Name
	Merchant string // the shop's number at the provider
	Terminal string // the serial number that the terminal's key is registered under
	// Claim is what a whole member code looks like. A code that is read is a member code only
	// where it matches and cannot be a payment code.
	Claim *regexp.Regexp
	// OneOfMany lets people pay without a member code where the provider's own measurement
	// allows it (provider.MaxFPIR).
	OneOfMany bool

	whole *regexp.Regexp // Claim, matching whole codes; made by New
}

// letters reports whether a member code may have any: the keypad on the screen then has them.
func (r *Recogniser) letters() bool {
	tree, err := syntax.Parse(r.Claim.String(), syntax.Perl)
	return err != nil || beyondDigits(tree)
}

func beyondDigits(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpLiteral:
		for _, c := range tree.Rune {
			if c < '0' || c > '9' {
				return true
			}
		}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(tree.Rune); i += 2 {
			if tree.Rune[i] < '0' || tree.Rune[i+1] > '9' {
				return true
			}
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	}
	for _, part := range tree.Sub {
		if beyondDigits(part) {
			return true
		}
	}
	return false
}

func (r *Recogniser) title() string {
	if r.Title != "" {
		return r.Title
	}
	return r.Name
}

// check is what New refuses. It prepares what the till needs of r.
func (r *Recogniser) check() (err error) {
	switch {
	case r.Modality == "" || r.Pipeline == nil || r.Provider == nil || r.Claim == nil:
		return errors.New("it has no modality, pipeline, provider or pattern of member codes")
	case r.Name == "" || r.Merchant == "" || r.Terminal == "":
		return errors.New("the names of provider, merchant and terminal are needed")
	}
	r.whole, err = regexp.Compile(`\A(?:` + r.Claim.String() + `)\z`)
	return err
}

// ready says why the recogniser cannot be used now; nil when it can.
func (r *Recogniser) ready() error {
	if err := r.Provider.Ready(); err != nil {
		return fmt.Errorf("provider %s: %w", r.Name, err)
	}
	if err := r.Pipeline.Ready(); err != nil {
		return fmt.Errorf("%s: %w", r.Modality, err)
	}
	return nil
}
