// Package template protects features: PT1 turns the code of a palm into bits that say
// nothing without one provider's key and one subject's salt. Templates of the same palm for
// two providers, two epochs or two salts cannot be linked as long as the keys are secret.
//
// PT1, for a code x of 6144 bits, a key K of 32 bytes per provider and epoch and a salt of 16
// bytes per subject:
//
//   - k = HKDF-SHA256(K, salt, info, 32 bytes); info is "tilld/palm/pt1", a zero byte, the
//     provider's name, a zero byte, the epoch in 4 bytes, most significant first, and two zero
//     bytes.
//   - SHAKE256(k) is read 2 bytes at a time, most significant first. The low 13 bits are an
//     index into x, drawn again from 6144 up; the high bit is a sign. Three draws make one
//     output bit.
//   - A draw counts +1 for a set bit and -1 for one that is not, the other way round with its
//     sign set, and 0 where a shifted cell lies outside of the grid. The output bit is 1 if
//     the sum is positive, or if it is zero and the first sign is not set.
//   - A shift (dx, dy) reads the cell at (column+dx, row+dy) of the same plane.
//
// What it does not protect against: whoever has K, the salt and the template can compute a
// code that is accepted, and can test any palm. Revoke one subject with a new salt, all of
// them with a new epoch. The 1024 bits of the private profile are the first half of the 2048
// of the standard one: a provider issues one profile an epoch.
package template

import (
	"fmt"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/internal/secret"
)

// Fields are what a header tells of a capture. Quality and time are coarsened.
type Fields struct {
	Characteristic biometric.Characteristic
	Hand           biometric.Hand
	Quality        int // 0 to 100, more is better
	PAD            biometric.Decision
	At             time.Time // of the capture
}

// Protector protects codes with one Transform. What it derived of the key and what it works
// on lie in locked memory; protecting allocates nothing. It is not safe for concurrent use.
type Protector struct {
	epoch   uint32
	profile biometric.Profile
	arena   *secret.Arena
	draws   []uint16 // three for each bit: index, and the sign as the highest bit
	lanes   []uint64 // for each cell, its value in every lane
	inside  []uint64 // for each cell of one plane, which lanes are inside the grid
	out     *biometric.Protected
}

// New derives the draws of tr for a provider. It keeps neither the key nor the salt. The
// caller wipes the Protector.
func New(provider string, tr biometric.Transform) (*Protector, error) {
	if err := tr.Check(); err != nil {
		return nil, fmt.Errorf("protect templates for %s: %w", provider, err)
	}
	if err := biometric.CheckProvider(provider); err != nil {
		return nil, fmt.Errorf("protect templates: %w", err)
	}
	draws := draws * tr.Profile.Bits()
	side := 2*tr.Profile.Shifts() + 1
	words := max(side*side, biometric.MaxSamples) * tr.Profile.Bits() / 64
	arena, err := secret.NewArena(secret.ArenaSize(2*draws, 8*feature.Bits, 8*cells, 8*words))
	if err != nil {
		return nil, fmt.Errorf("protect templates for %s: %w", provider, err)
	}
	p := &Protector{
		epoch: tr.Epoch, profile: tr.Profile, arena: arena,
		draws:  secret.Slice[uint16](arena, draws),
		lanes:  secret.Slice[uint64](arena, feature.Bits),
		inside: secret.Slice[uint64](arena, cells),
		out:    biometric.NewProtected(secret.Slice[uint64](arena, words)),
	}
	key := subkey(tr.Key.Reveal(), tr.Salt, provider, tr.Epoch, 0, 0)
	drawAll(p.draws, key[:])
	secret.Zero(key[:])
	return p, nil
}

// Enrol protects 1 to 3 captures of one palm as a reference. The result is the Protector's:
// valid until its next call, which wipes it, as does biometric.Seal.
func (p *Protector) Enrol(codes []*feature.Code, f Fields) (*biometric.Protected, error) {
	if len(codes) < 1 || len(codes) > biometric.MaxSamples {
		return nil, fmt.Errorf("protect a reference: %d samples, want 1 to %d", len(codes), biometric.MaxSamples)
	}
	if err := p.out.Reset(p.header(f, false), len(codes)); err != nil {
		return nil, fmt.Errorf("protect a reference: %w", err)
	}
	p.sampleLanes(codes)
	p.evaluate()
	return p.out, nil
}

// Probe protects one capture at every shift of the profile. The result is the Protector's,
// like that of Enrol.
func (p *Protector) Probe(code *feature.Code, f Fields) (*biometric.Protected, error) {
	h := p.header(f, true)
	if err := p.out.Reset(h, h.Samples()); err != nil {
		return nil, fmt.Errorf("protect a probe: %w", err)
	}
	p.shiftLanes(code, h.Shifts)
	p.evaluate()
	return p.out, nil
}

func (p *Protector) header(f Fields, probe bool) biometric.Header {
	h := biometric.Header{
		Characteristic: f.Characteristic, Hand: f.Hand, Algorithm: biometric.BOCV,
		Bits: p.profile.Bits(), Epoch: p.epoch, Quality: f.Quality, PAD: f.PAD, Probe: probe, At: f.At,
	}
	if probe {
		h.Shifts = p.profile.Shifts()
	}
	return h.Coarse()
}

// Draw is draw t, 0 to 2, of output bit j: which bit of a code it reads, and whether it counts
// the other way round. It is what somebody who has the key knows; an evaluation of attacks
// needs it.
func (p *Protector) Draw(j, t int) (index int, negated bool) {
	d := p.draws[j*draws+t]
	return int(d & indexMask), d&signBit != 0
}

// Locked is nil if the working memory can be neither swapped out nor dumped, else why not.
func (p *Protector) Locked() error { return p.arena.Locked() }

// Wipe overwrites everything and gives the memory back. The Protector and whatever it
// returned are of no use afterwards; it may be called more than once.
func (p *Protector) Wipe() {
	p.draws, p.lanes, p.inside, p.out = nil, nil, nil, biometric.NewProtected(nil)
	_ = p.arena.Close() // memory that cannot be given back is wiped all the same
}

func (p Protector) String() string             { return secret.Redacted }
func (p Protector) Format(s fmt.State, _ rune) { fmt.Fprint(s, secret.Redacted) }
