package providertest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
)

// Member is somebody with an account at the wallet.
type Member struct {
	ID   string // the member code that a person claims to be
	Name string // in full; terminals are told a masked one
	// Shard puts the member among those who may be told without a claim: the name of a shard
	// that terminals are registered with, or "tail:" and the last digits of their phone number.
	// Its templates share one salt, so that none of them can be renewed alone. Empty: 1:1 only.
	Shard string
}

// Consent is what was agreed to, as it is on record.
type Consent struct {
	provider.Consent
	Member    string
	Terminal  string
	Withdrawn time.Time // zero while it stands
}

// enrolled is one member's template. Salt and reference would be kept apart for real.
type enrolled struct {
	salt      []byte
	reference *biometric.Protected
	epoch     uint32
	at        time.Time
}

// accountCode is a code that the app showed to its signed-in user. It is kept as a digest.
type accountCode struct {
	member  string
	expires time.Time
	// terminal is the first one that used the code: no other one can.
	terminal string
}

// codeLife is how long an account code is good.
const codeLife = 10 * time.Minute

type people struct {
	members  map[string]Member
	enrolled map[string]*enrolled // by member
	consents []Consent
	codes    map[[sha256.Size]byte]*accountCode
	shards   map[string][]byte // salts
	stranger []byte            // makes the salts of those who are not enrolled
}

func newPeople() people {
	stranger := make([]byte, 32)
	rand.Read(stranger) // does not fail: crypto/rand
	return people{members: map[string]Member{}, enrolled: map[string]*enrolled{},
		codes: map[[sha256.Size]byte]*accountCode{}, shards: map[string][]byte{}, stranger: stranger}
}

const tailPrefix = "tail:"

// AddMember opens an account. A member that was there keeps the template.
func (p *Provider) AddMember(m Member) error {
	if m.ID == "" || len(m.ID) > 512 || !wire.Printable(m.ID) || strings.HasPrefix(m.ID, tailPrefix) {
		return fmt.Errorf("add a member: %.64q cannot be a member code", m.ID)
	}
	if m.Name == "" || !utf8.ValidString(m.Name) {
		return errors.New("add a member: no name")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people.members[m.ID] = m
	return nil
}

// AccountCode is the one-time code that the provider's app shows to its signed-in user, to
// enrol or to withdraw at a terminal: 10 digits, too few for a card number, good for ten minutes
// and at one terminal.
func (p *Provider) AccountCode(member string) (string, error) {
	code, err := digits(10)
	if err != nil {
		return "", fmt.Errorf("make an account code: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.people.members[member]; !ok {
		return "", fmt.Errorf("make an account code: no member %.64q", member)
	}
	p.people.codes[sha256.Sum256(code)] = &accountCode{member: member, expires: p.o.Clock().Add(codeLife)}
	return string(code), nil
}

// Withdraw is what the app does when its user withdraws consent there. It reports whether
// there was anything to delete.
func (p *Provider) Withdraw(member string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := p.withdraw(member, p.o.Clock())
	if gone {
		p.audit.add(Event{At: p.o.Clock(), What: "withdrawn", Member: member})
	}
	return gone
}

// withdraw also drops what would enrol the member by a consent given before: account codes and
// challenges. It needs p.mu. A presentation that found its challenge earlier finds its code gone.
func (p *Provider) withdraw(member string, now time.Time) bool {
	p.people.dropCodes(member)
	for n, c := range p.nonces {
		if c.binding.Purpose == biometric.Enrol && c.member == member {
			c.dropEnrolment()
			delete(p.nonces, n)
		}
	}
	return p.people.withdraw(member, now)
}

// Enrolled reports whether there is a template of the member.
func (p *Provider) Enrolled(member string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.people.enrolled[member] != nil
}

// claimCode gives the member behind an account code, for one terminal.
func (s *people) claimCode(code []byte, terminal string, now time.Time) (string, bool) {
	c := s.codes[sha256.Sum256(code)]
	if c == nil || !now.Before(c.expires) || c.terminal != "" && c.terminal != terminal {
		return "", false
	}
	c.terminal = terminal
	return c.member, true
}

func (s *people) spendCode(code []byte) { delete(s.codes, sha256.Sum256(code)) }

func (s *people) dropCodes(member string) {
	for d, c := range s.codes {
		if c.member == member {
			delete(s.codes, d)
		}
	}
}

// saltOf gives the salt and epoch of a claim: those of the template, or ones that look the
// same and stay the same, so that asking for challenges does not tell who is enrolled.
func (s *people) saltOf(claim []byte, current uint32) ([]byte, uint32) {
	salt, epoch := s.strangerSalt(claim, current)
	if e := s.enrolled[string(claim)]; e != nil {
		return e.salt, e.epoch
	}
	return salt, epoch
}

// strangerSalt chooses for a claim one of the epochs that templates are of, or the current one
// while there is no template. A choice changes only when an epoch gets its first template or
// loses its last one, and the salt with it, as when somebody enrols again.
func (s *people) strangerSalt(claim []byte, current uint32) (salt []byte, epoch uint32) {
	used := map[uint32]bool{}
	for _, e := range s.enrolled {
		used[e.epoch] = true
	}
	if len(used) == 0 {
		used[current] = true
	}
	var best []byte
	for number := range used {
		m := hmac.New(sha256.New, s.stranger)
		m.Write(binary.BigEndian.AppendUint32(nil, number))
		m.Write(claim)
		sum := m.Sum(nil)
		// One half is the salt, the other one the epoch's rank for this claim.
		if rank := sum[biometric.TransformSaltSize:]; best == nil || bytes.Compare(rank, best) > 0 {
			salt, epoch, best = sum[:biometric.TransformSaltSize], number, rank
		}
	}
	return salt, epoch
}

// shardSalt gives the salt that all templates of a shard are made with.
func (s *people) shardSalt(shard string) []byte {
	if s.shards[shard] == nil {
		s.shards[shard] = newSalt()
	}
	return s.shards[shard]
}

func newSalt() []byte {
	salt := make([]byte, biometric.TransformSaltSize)
	rand.Read(salt) // does not fail: crypto/rand
	return salt
}

// inShard lists who of a shard is enrolled in an epoch.
func (s *people) inShard(shard string, epoch uint32) []string {
	var ids []string
	for id, e := range s.enrolled {
		if shard != "" && s.members[id].Shard == shard && e.epoch == epoch {
			ids = append(ids, id)
		}
	}
	return ids
}

// keep puts a template in the place of an earlier one, which is wiped.
func (s *people) keep(member string, e *enrolled) (replaced bool) {
	if before := s.enrolled[member]; before != nil {
		before.wipe()
		replaced = true
	}
	s.enrolled[member] = e
	return replaced
}

// withdraw deletes the template and the salt, and puts the withdrawal beside the consent.
func (s *people) withdraw(member string, now time.Time) bool {
	for i := range s.consents {
		if c := &s.consents[i]; c.Member == member && c.Withdrawn.IsZero() {
			c.Withdrawn = now
		}
	}
	e := s.enrolled[member]
	if e == nil {
		return false
	}
	e.wipe()
	delete(s.enrolled, member)
	return true
}

func (s *people) dropEpoch(number uint32) {
	for id, e := range s.enrolled {
		if e.epoch == number {
			e.wipe()
			delete(s.enrolled, id)
		}
	}
}

func (s *people) sweep(now time.Time) {
	for d, c := range s.codes {
		if !now.Before(c.expires) {
			delete(s.codes, d)
		}
	}
}

func (e *enrolled) wipe() {
	e.reference.Wipe()
	clear(e.salt)
}

// Mask is a name as terminals may show it: of each word the first letter, and of names that
// are written without spaces the first character.
func Mask(name string) string {
	words := strings.Fields(name)
	for i, w := range words {
		first, size := utf8.DecodeRuneInString(w)
		words[i] = string(first) + strings.Repeat("*", min(3, max(1, utf8.RuneCountInString(w[size:]))))
	}
	return strings.Join(words, " ")
}
