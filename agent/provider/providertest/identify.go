package providertest

import (
	"context"
	"errors"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

func (p *Provider) serveIdentify(ctx context.Context, t *Terminal, body []byte) (any, error) {
	r, err := p.present(ctx, t, body, biometric.Pay, p.identify)
	if retry, locked := lockedFor(err); locked {
		return wire.Identified{Outcome: string(provider.LockedOut), RetryMS: retry.Milliseconds()}, nil
	}
	if err != nil {
		return nil, err
	}
	a := wire.Identified{Outcome: string(r.outcome)}
	if r.outcome == provider.Matched {
		// A copy: the answer is written after the challenge is let go of.
		a.Name, a.Credential = r.name, secret.Copy(r.code.Reveal())
		a.LifeMS = max(1, r.expires.Sub(p.o.Clock()).Milliseconds())
	}
	return a, nil
}

// issueWithin limits Issue and Void.
const issueWithin = 10 * time.Second

// identify compares a probe with those it may be of.
func (p *Provider) identify(ctx context.Context, t *Terminal, c *challenge, probe *biometric.Protected) (*result, error) {
	now := p.o.Clock()
	p.mu.Lock()
	// Others may have failed since the probe was opened: no comparison more than allowed.
	if lock := p.locked(t.Serial, c.binding.Claim, now); lock != nil {
		p.mu.Unlock()
		return nil, lock
	}
	member, outcome := p.compare(c, probe)
	switch outcome {
	case provider.Matched:
		delete(p.locks, claimLock(c.binding.Claim))
	case provider.NotMatched, provider.WrongHand, provider.NotEnrolled:
		p.fail(t.Serial, c.binding.Claim, now)
	}
	name := Mask(p.people.members[member].Name)
	p.mu.Unlock()
	probe.Wipe() // not needed while the code is made
	if outcome != provider.Matched {
		return &result{outcome: outcome}, nil
	}
	b := c.binding
	credit := Credit{Member: member, Merchant: b.Merchant, Terminal: b.Terminal, Payment: b.Payment, Minor: b.Minor, Currency: b.Currency}
	// Whether the terminal still listens makes no difference: it asks again for this one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issueWithin)
	defer cancel()
	code, expires, err := p.o.Issue(ctx, credit)
	if err != nil {
		return nil, refuse(wire.CodeBusy, "no code could be made")
	}
	p.count("issued")
	return &result{outcome: provider.Matched, name: name, credit: credit, code: secret.New(code), expires: expires}, nil
}

// compare tells who it is. It needs p.mu.
func (p *Provider) compare(c *challenge, probe *biometric.Protected) (string, provider.Outcome) {
	if c.shard != "" {
		return p.search(c, probe)
	}
	member := c.binding.Claim
	e := p.people.enrolled[member]
	if e == nil || e.epoch != c.epoch {
		return "", provider.NotEnrolled
	}
	d, err := biometric.Match(e.reference, probe)
	switch {
	case err != nil:
		return "", provider.NotMatched // another characteristic or algorithm
	case d.Distance <= p.o.Threshold:
		return member, provider.Matched
	case d.WrongHand:
		return "", provider.WrongHand
	}
	return "", provider.NotMatched
}

// search tells one of a shard, if there is exactly one who it may be.
func (p *Provider) search(c *challenge, probe *biometric.Protected) (string, provider.Outcome) {
	ids := p.people.inShard(c.shard, c.epoch)
	if !p.o.Identification.Allows(len(ids)) {
		return "", provider.SecondFactor // more came since the challenge
	}
	found := ""
	for _, id := range ids {
		d, err := biometric.Match(p.people.enrolled[id].reference, probe)
		if err != nil || d.Distance > p.o.Threshold {
			continue
		}
		if found != "" {
			return "", provider.SecondFactor
		}
		found = id
	}
	if found == "" {
		return "", provider.NotMatched
	}
	return found, provider.Matched
}

// ErrSpent is what Options.Void returns for a code that was used.
var ErrSpent = errors.New("the code was used")

func (p *Provider) serveVoid(ctx context.Context, t *Terminal, body []byte) (any, error) {
	var q wire.VoidRequest
	if err := wire.Decode(body, &q); err != nil {
		return nil, refuse(wire.CodeRequest, err.Error())
	}
	p.mu.Lock()
	c := p.nonces[string(q.Nonce)]
	p.mu.Unlock()
	if c == nil || c.binding.Terminal != t.Serial || c.binding.Payment != q.Payment {
		return wire.Voided{}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.result == nil {
		// Whatever is still under way for this nonce comes too late.
		c.result = &result{outcome: provider.Expired, expires: c.expires, voided: true}
		return wire.Voided{}, nil
	}
	if c.result.outcome != provider.Matched {
		return wire.Voided{}, nil
	}
	if c.result.voided {
		return wire.Voided{Voided: true}, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issueWithin)
	defer cancel()
	if err := p.o.Void(ctx, c.result.credit, c.result.code.Reveal()); errors.Is(err, ErrSpent) {
		return nil, refuse(wire.CodeSpent, "the code was used")
	} else if err != nil {
		return nil, refuse(wire.CodeBusy, "the code could not be taken back")
	}
	c.result.voided = true
	c.result.code.Wipe()
	p.count("voided")
	return wire.Voided{Voided: true}, nil
}
