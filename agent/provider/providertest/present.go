package providertest

import (
	"cmp"
	"context"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// decide answers an opened template. It wipes nothing: its caller does, whatever comes of it.
type decide func(ctx context.Context, t *Terminal, c *challenge, template *biometric.Protected) (*result, error)

// present does what identify and enrol share: it finds the challenge, answers the same bytes
// with the same answer and other bytes with none, and opens what deserves it.
func (p *Provider) present(ctx context.Context, t *Terminal, body []byte, purpose biometric.Purpose, decide decide) (*result, error) {
	var q wire.Presented
	if err := wire.Decode(body, &q); err != nil {
		return nil, refuse(wire.CodeRequest, err.Error())
	}
	defer secret.Zero(q.Sealed)
	var s biometric.Sealed
	if err := json.Unmarshal(q.Sealed, &s); err != nil {
		return nil, refuse(wire.CodeRequest, err.Error())
	}
	digest, err := s.Digest()
	if err != nil {
		return nil, refuse(wire.CodeRequest, err.Error())
	}
	now := p.o.Clock()
	p.mu.Lock()
	c := p.nonces[string(s.Binding.Nonce)]
	p.mu.Unlock()
	if c == nil || c.binding.Terminal != t.Serial || c.binding.Purpose != purpose {
		p.record(t, s, provider.Expired, "no such nonce")
		return &result{outcome: provider.Expired}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.result != nil {
		return p.again(t, c, s, digest, now), nil
	}
	if !now.Before(c.expires) {
		p.record(t, s, provider.Expired, "the nonce is over")
		return &result{outcome: provider.Expired}, nil
	}
	r, err := p.judge(ctx, t, c, s, decide)
	if err != nil {
		return nil, err // nothing was decided: the same bytes may come again
	}
	c.digest, c.result = digest, r
	return r, nil
}

// again answers a nonce that was answered before: with the same when the bytes are, as long
// as the credential lives.
func (p *Provider) again(t *Terminal, c *challenge, s biometric.Sealed, digest [sha256.Size]byte, now time.Time) *result {
	switch {
	case digest != c.digest:
		p.record(t, s, provider.Expired, "other bytes for a nonce that was used")
	case c.result.voided || c.result.outcome == provider.Matched && !now.Before(c.result.expires):
		p.record(t, s, provider.Expired, "the credential is over")
	default:
		p.count("repeated")
		return c.result
	}
	return &result{outcome: provider.Expired}
}

// judge looks at a first presentation for a nonce.
func (p *Provider) judge(ctx context.Context, t *Terminal, c *challenge, s biometric.Sealed, decide decide) (*result, error) {
	if why := p.unacceptable(t, c, s); why != "" {
		p.record(t, s, provider.Refused, why)
		return &result{outcome: provider.Refused}, nil
	}
	p.mu.Lock()
	lock := p.locked(t.Serial, c.binding.Claim, p.o.Clock())
	private := p.keys.private(s.KeyID)
	p.mu.Unlock()
	if lock != nil {
		return nil, lock
	}
	template, why := p.unseal(c, s, private)
	if why != "" {
		p.record(t, s, provider.Refused, why)
		return &result{outcome: provider.Refused}, nil
	}
	r, err := func() (*result, error) {
		defer template.Wipe()
		return decide(ctx, t, c, template)
	}()
	if err == nil {
		p.record(t, s, r.outcome, "")
	}
	return r, err
}

// unacceptable says why a sealed template is not even opened, or nothing. Each line is a rule
// of openapi.yaml.
func (p *Provider) unacceptable(t *Terminal, c *challenge, s biometric.Sealed) string {
	if err := s.Verify(t.Key); err != nil {
		return "not signed by the terminal"
	}
	if !reflect.DeepEqual(s.Binding, c.binding) {
		return "bound to something else than the challenge"
	}
	if s.Epoch != c.epoch || s.KeyID != c.sealKey {
		return "not of the challenge's epoch and key"
	}
	v, err := biometric.ParseVerdict(s.Verdict)
	if err != nil {
		return "the verdict cannot be read"
	}
	now := p.o.Clock()
	switch {
	case v.Decision != biometric.BonaFide:
		return "liveness: " + cmp.Or(string(v.Decision), "undetermined")
	case !v.PaymentGrade:
		return "liveness: not of payment grade"
	case v.Modality != c.binding.Modality:
		return "the verdict is on something else"
	case v.Lamps < p.o.LampBits:
		return "liveness: the lamp order could be guessed"
	case v.Level != t.Level || !slices.Contains(p.o.Levels, v.Level):
		return "what holds the terminal's key is not trusted"
	case v.Simulated && !p.o.Simulated:
		return "the camera was none"
	case v.At.After(now.Add(wire.Skew)) || v.At.Before(c.expires.Add(-p.o.NonceLife-time.Minute-wire.Skew)):
		return "not judged for this challenge" // the verdict's time is the whole minute
	}
	return ""
}

// unseal opens a template that must be of the challenge's profile.
func (p *Provider) unseal(c *challenge, s biometric.Sealed, private hpke.PrivateKey) (*biometric.Protected, string) {
	if private == nil {
		return nil, "sealed to a key that is gone"
	}
	template, err := biometric.Open(s, private)
	if err != nil {
		return nil, "it does not open"
	}
	if p.o.Opened != nil {
		if b, err := template.AppendBinary(make([]byte, 0, template.Size())); err == nil {
			p.o.Opened(b)
			secret.Zero(b)
		}
	}
	p.mu.Lock()
	e, ok := p.keys.epoch(c.epoch)
	p.mu.Unlock()
	h := template.Header()
	probe := c.binding.Purpose == biometric.Pay
	if !ok || h.Bits != e.profile.Bits() || h.Probe != probe || probe && h.Shifts != e.profile.Shifts() {
		template.Wipe()
		return nil, "not of the epoch's profile"
	}
	return template, ""
}
