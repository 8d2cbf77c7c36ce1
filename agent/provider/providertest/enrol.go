package providertest

import (
	"bytes"
	"context"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
)

func (p *Provider) serveEnrol(ctx context.Context, t *Terminal, body []byte) (any, error) {
	r, err := p.present(ctx, t, body, biometric.Enrol, p.enrol)
	if retry, locked := lockedFor(err); locked {
		return wire.Enrolled{Outcome: string(provider.LockedOut), RetryMS: retry.Milliseconds()}, nil
	}
	if err != nil {
		return nil, err
	}
	return wire.Enrolled{Outcome: string(r.outcome), Name: r.name, Replaced: r.replaced}, nil
}

// enrol keeps references that are of one palm, with the consent they were given under.
func (p *Provider) enrol(_ context.Context, t *Terminal, c *challenge, template *biometric.Protected) (*result, error) {
	now := p.o.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	// Others may have failed since the template was opened: no failure more than allowed.
	if lock := p.locked(t.Serial, c.binding.Claim, now); lock != nil {
		return nil, lock
	}
	if template.Samples() != 3 || !alike(template, p.o.Threshold) {
		p.fail(t.Serial, c.binding.Claim, now)
		return &result{outcome: provider.NotMatched, expires: c.expires}, nil
	}
	reference, err := copyOf(template)
	if err != nil {
		return nil, refuse(wire.CodeBusy, "the references could not be kept")
	}
	if member, ok := p.people.claimCode(c.code.Reveal(), t.Serial, now); !ok || member != c.member {
		reference.Wipe() // another enrolment used the code, or consent was withdrawn
		return &result{outcome: provider.Expired, expires: c.expires}, nil
	}
	p.people.spendCode(c.code.Reveal())
	replaced := p.people.keep(c.member, &enrolled{salt: bytes.Clone(c.salt), reference: reference, epoch: c.epoch, at: now})
	p.people.consents = append(p.people.consents, Consent{Consent: *c.consent, Member: c.member, Terminal: t.Serial})
	return &result{outcome: provider.Enrolled, name: Mask(p.people.members[c.member].Name), replaced: replaced, expires: c.expires}, nil
}

// alike reports whether every sample is within the threshold of every other one.
func alike(t *biometric.Protected, threshold float64) bool {
	limit := int(threshold * float64(t.Header().Bits))
	for i := range t.Samples() {
		for j := range i {
			if biometric.Hamming(t.Sample(i), t.Sample(j)) > limit {
				return false
			}
		}
	}
	return true
}

// copyOf copies a template, as into a store.
func copyOf(t *biometric.Protected) (*biometric.Protected, error) {
	b, err := t.AppendBinary(make([]byte, 0, t.Size()))
	defer clear(b)
	if err != nil {
		return nil, err
	}
	return biometric.ParseProtected(b)
}

func (p *Provider) serveRevoke(_ context.Context, t *Terminal, body []byte) (any, error) {
	var q wire.RevokeRequest
	if err := wire.Decode(body, &q); err != nil {
		return nil, refuse(wire.CodeRequest, err.Error())
	}
	defer q.Code.Wipe()
	now := p.o.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.locked(t.Serial, "", now); r != nil {
		return nil, r
	}
	member, ok := p.people.claimCode(q.Code.Reveal(), t.Serial, now)
	if !ok {
		p.fail(t.Serial, "", now)
		return nil, refuse(wire.CodeClaim, "the code is unknown, used or too old")
	}
	gone := p.withdraw(member, now)
	p.audit.add(Event{At: now, What: "withdrawn", Terminal: t.Serial, Member: member})
	return wire.Revoked{Revoked: gone}, nil
}
