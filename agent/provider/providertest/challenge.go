package providertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// challenge is one nonce, from its making until nothing can be asked about it any more.
type challenge struct {
	binding biometric.Binding
	expires time.Time
	sealKey string
	epoch   uint32
	salt    []byte            // of a new enrolment; nil to pay
	member  string            // of an enrolment
	code    *secret.Bytes     // of an enrolment
	consent *provider.Consent // of an enrolment
	shard   string            // who is searched where nobody is claimed

	// mu is held while a presentation is answered, so that the same bytes sent twice at once
	// get one answer. It comes before Provider.mu.
	mu     sync.Mutex
	digest [sha256.Size]byte // of the Sealed that was answered
	result *result           // nil until one was
}

// result is what was answered, to be answered again to the same bytes. It holds nothing of a
// template.
type result struct {
	outcome  provider.Outcome
	name     string
	replaced bool
	credit   Credit
	code     *secret.Bytes
	expires  time.Time // of the code
	voided   bool
}

// over reports whether the nonce and what was answered are of no use any more. A nonce whose
// presentation is being answered is not over. The caller holds Provider.mu.
func (c *challenge) over(now time.Time) bool {
	if now.Before(c.expires) || !c.mu.TryLock() {
		return false
	}
	defer c.mu.Unlock()
	return c.result == nil || !now.Before(c.result.expires)
}

// dropEnrolment makes an enrolment impossible, even one that is being answered. The caller
// holds Provider.mu, which guards salt and code.
func (c *challenge) dropEnrolment() {
	clear(c.salt)
	c.code.Wipe()
}

func (c *challenge) forget() {
	c.dropEnrolment()
	if c.result != nil {
		c.result.code.Wipe()
	}
}

func (p *Provider) serveChallenge(_ context.Context, t *Terminal, body []byte) (any, error) {
	var q wire.ChallengeRequest
	if err := wire.Decode(body, &q); err != nil {
		return nil, refuse(wire.CodeRequest, err.Error())
	}
	defer q.Claim.Wipe()
	claim := q.Claim.Reveal()
	nonce := make([]byte, 32)
	rand.Read(nonce) // does not fail: crypto/rand
	b := biometric.Binding{Purpose: biometric.Purpose(q.Purpose), Modality: biometric.Modality(q.Modality), Provider: p.o.Name,
		Merchant: q.Merchant, Terminal: q.Terminal, Payment: q.Payment, Minor: q.Minor, Currency: q.Currency, Claim: string(claim), Nonce: nonce}
	switch {
	case b.Check() != nil || b.Modality != biometric.Palm || (q.Consent != nil) != (b.Purpose == biometric.Enrol):
		return nil, refuse(wire.CodeRequest, "this cannot be presented")
	case q.Terminal != t.Serial || !slices.Contains(t.Merchants, q.Merchant):
		return nil, refuse(wire.CodeTerminal, "not this terminal, or not a shop that it stands in")
	}
	now := p.o.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.locked(t.Serial, b.Claim, now); r != nil {
		return nil, r
	}
	newest := p.keys.seal[len(p.keys.seal)-1]
	c := &challenge{binding: b, expires: now.Add(p.o.NonceLife), sealKey: newest.ID}
	a := wire.Challenge{Nonce: nonce, LifeMS: p.o.NonceLife.Milliseconds(), SealKey: c.sealKey, Samples: 1, Gallery: 1}
	var salt []byte
	var err error
	if b.Purpose == biometric.Enrol {
		salt, err = p.challengeEnrol(c, q, t, now)
		a.Samples = 3
	} else {
		salt, a.Gallery, err = p.challengePay(c, t)
	}
	if err != nil {
		return nil, err
	}
	e, ok := p.keys.epoch(c.epoch)
	if !ok {
		return nil, refuse(wire.CodeBusy, "the epoch ended")
	}
	a.Epoch, a.Profile = e.number, string(e.profile)
	a.Salt = secret.New([]byte(base64.StdEncoding.EncodeToString(salt)))
	p.nonces[string(nonce)] = c
	p.audit.count("challenge")
	return a, nil
}

// challengePay needs p.mu.
func (p *Provider) challengePay(c *challenge, t *Terminal) (salt []byte, gallery int64, err error) {
	current := p.keys.epochs[len(p.keys.epochs)-1].number
	claim := c.binding.Claim
	tail, byTail := strings.CutPrefix(claim, tailPrefix)
	if claim != "" && !byTail {
		salt, c.epoch = p.people.saltOf([]byte(claim), current)
		return salt, 1, nil
	}
	c.shard, c.epoch = t.Shard, current
	if byTail {
		if len(tail) != 4 || strings.Trim(tail, "0123456789") != "" {
			return nil, 0, refuse(wire.CodeClaim, "not the last four digits of a phone number")
		}
		c.shard = claim
	}
	n := len(p.people.inShard(c.shard, current))
	if c.shard == "" || !p.o.Identification.Allows(n) {
		return nil, 0, refuse(wire.CodeSecondFactor, "nobody is told among so many: ask for a member code")
	}
	return p.people.shardSalt(c.shard), int64(n), nil
}

// challengeEnrol needs p.mu.
func (p *Provider) challengeEnrol(c *challenge, q wire.ChallengeRequest, t *Terminal, now time.Time) ([]byte, error) {
	consent, problem := p.accept(*q.Consent, now)
	if problem != "" {
		p.audit.count("consent refused")
		return nil, refuse(wire.CodeConsent, problem)
	}
	member, ok := p.people.claimCode(q.Claim.Reveal(), t.Serial, now)
	if !ok {
		p.fail(t.Serial, c.binding.Claim, now)
		return nil, refuse(wire.CodeClaim, "the code is unknown, used or too old")
	}
	c.member, c.consent, c.code = member, consent, secret.Copy(q.Claim.Reveal())
	c.epoch = p.keys.epochs[len(p.keys.epochs)-1].number
	c.shard = p.people.members[member].Shard
	if c.shard != "" {
		c.salt = bytes.Clone(p.people.shardSalt(c.shard))
	} else {
		c.salt = newSalt()
	}
	return c.salt, nil
}

// consentAge is how long before the challenge the last box may have been ticked.
const consentAge = 15 * time.Minute

// accept says what is wrong with a consent, or returns it for the record.
func (p *Provider) accept(c wire.Consent, now time.Time) (*provider.Consent, string) {
	text, err := hex.DecodeString(c.Text)
	switch {
	case !c.Biometric || !c.Transfer:
		return nil, "a box is not ticked"
	case err != nil || len(text) != sha256.Size || c.Text != strings.ToLower(c.Text):
		return nil, "text is not a SHA-256 in lower-case hex"
	case c.Version != p.o.Consent:
		return nil, "it is of another version of the text"
	case c.Provider != p.o.Name:
		return nil, "it names another provider"
	case len(c.Language) < 2 || len(c.Language) > 35:
		return nil, "it does not say in which language the text was shown"
	case c.Age < int64(p.o.MinAge):
		return nil, "the person did not say to be old enough"
	case c.At.After(now.Add(wire.Skew)) || c.At.Before(now.Add(-consentAge)):
		return nil, "it was not given just now"
	}
	return &provider.Consent{Text: c.Text, Version: c.Version, Language: c.Language, Provider: c.Provider, At: c.At,
		AgeAtLeast: int(c.Age), Biometric: true, Transfer: true}, ""
}
