package providertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

const (
	daily = 24 * time.Hour
	// overlap is how long a key stays good after the next one came: challenges that name it
	// are still under way.
	overlap = 5 * time.Minute
)

// keys are the provider's own. The newest of each kind stands last and is the one in use.
type keys struct {
	serial int64
	issued time.Time
	list   wire.Keys // signed; without transforms
	seal   []sealKey
	answer []answerKey
	epochs []epochKey
}

type sealKey struct {
	wire.SealKey
	private hpke.PrivateKey
}

type answerKey struct {
	wire.AnswerKey
	private *ecdsa.PrivateKey
}

type epochKey struct {
	number  uint32
	profile biometric.Profile
	k       *secret.Bytes
}

func (p *Provider) firstKeys() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.addEpoch(p.o.Profile); err != nil {
		return err
	}
	return p.rotate(p.o.Clock())
}

// RotateKeys makes new seal and answer keys now, as happens every day by itself. Private
// halves of old seal keys are dropped once no challenge can name them: what was sealed to
// them is closed for good.
func (p *Provider) RotateKeys() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rotate(p.o.Clock())
}

// NewEpoch begins an epoch, with a K of its own, that enrolments use from now on. Templates of
// earlier ones stay good until EndEpoch.
func (p *Provider) NewEpoch(profile biometric.Profile) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.addEpoch(profile); err != nil {
		return err
	}
	return p.reissue(p.o.Clock())
}

// EndEpoch revokes all templates of an epoch: its K is wiped, and they are deleted. The last
// one cannot end.
func (p *Provider) EndEpoch(number uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.keys.epochs, func(e epochKey) bool { return e.number == number })
	if i < 0 || i == len(p.keys.epochs)-1 {
		return fmt.Errorf("end epoch %d: it is the one in use, or there is none", number)
	}
	p.keys.epochs[i].k.Wipe()
	p.keys.epochs = slices.Delete(p.keys.epochs, i, i+1)
	p.people.dropEpoch(number)
	return p.reissue(p.o.Clock())
}

// addEpoch needs p.mu.
func (p *Provider) addEpoch(profile biometric.Profile) error {
	if profile.Bits() == 0 {
		return fmt.Errorf("begin an epoch: profile %q is not known", profile)
	}
	k := make([]byte, wire.KeyLen)
	if _, err := rand.Read(k); err != nil {
		return err
	}
	number := uint32(1)
	if n := len(p.keys.epochs); n > 0 {
		number = p.keys.epochs[n-1].number + 1
	}
	p.keys.epochs = append(p.keys.epochs, epochKey{number, profile, secret.New(k)})
	return nil
}

// rotate needs p.mu.
func (p *Provider) rotate(now time.Time) error {
	// Times in the list are whole seconds; a little before now, for clocks that are late.
	from := now.UTC().Truncate(time.Second).Add(-time.Minute)
	until := from.Add(daily + time.Hour)
	for i := range p.keys.seal {
		p.keys.seal[i].NotAfter = earlier(p.keys.seal[i].NotAfter, from.Add(overlap))
	}
	for i := range p.keys.answer {
		p.keys.answer[i].NotAfter = earlier(p.keys.answer[i].NotAfter, from.Add(overlap))
	}
	p.keys.sweep(now)
	name := fmt.Sprintf("%s-%d", from.Format("20060102"), p.keys.serial+1)
	public, private, err := biometric.NewSealKey("seal-" + name)
	if err != nil {
		return err
	}
	p.keys.seal = append(p.keys.seal, sealKey{wire.SealKey{ID: public.ID, Public: public.Public, NotBefore: from, NotAfter: until}, private})
	answer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(&answer.PublicKey)
	if err != nil {
		return err
	}
	p.keys.answer = append(p.keys.answer, answerKey{wire.AnswerKey{ID: "answer-" + name, Public: der, NotBefore: from, NotAfter: until}, answer})
	return p.reissue(now)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// reissue signs a new list. It needs p.mu.
func (p *Provider) reissue(now time.Time) error {
	p.keys.serial++
	p.keys.issued = now
	list, err := p.signed(p.keys.serial, now, p.root)
	p.keys.list = list
	return err
}

// signed makes the list as of a time, signed by one root key.
func (p *Provider) signed(serial int64, at time.Time, root *ecdsa.PrivateKey) (wire.Keys, error) {
	at = at.UTC().Truncate(time.Second)
	list := wire.KeyList{Provider: p.o.Name, Serial: serial, Issued: at, Expires: at.Add(p.o.ListLife), Policy: p.policy()}
	for _, s := range p.keys.seal {
		list.SealKeys = append(list.SealKeys, s.SealKey)
	}
	for _, a := range p.keys.answer {
		list.AnswerKeys = append(list.AnswerKeys, a.AnswerKey)
	}
	for _, e := range p.keys.epochs {
		list.Epochs = append(list.Epochs, wire.Epoch{Epoch: e.number, Profile: string(e.profile),
			KeyDigest: wire.KeyDigest(p.o.Name, e.number, e.k.Reveal())})
	}
	text, err := wire.Encode(list)
	if err != nil {
		return wire.Keys{}, err
	}
	signatures, err := wire.SignList(text, root)
	return wire.Keys{List: slices.Clone(text), Signatures: signatures}, err
}

func (p *Provider) policy() wire.Policy {
	policy := wire.Policy{
		Identification: wire.Identification{N: int64(p.o.Identification.N), FPIRUpper95: p.o.Identification.FPIRUpper95},
		ConsentVersion: p.o.Consent, MinAge: int64(p.o.MinAge)}
	for _, l := range p.o.Levels {
		policy.KeyLevels = append(policy.KeyLevels, string(l))
	}
	return policy
}

// upkeep rotates keys that are a day old and issues a list that is a quarter over anew. It
// needs p.mu.
func (p *Provider) upkeep(now time.Time) error {
	p.sweep(now)
	if newest := p.keys.seal[len(p.keys.seal)-1]; !now.Before(newest.NotBefore.Add(daily)) {
		return p.rotate(now)
	}
	if !now.Before(p.keys.issued.Add(p.o.ListLife / 4)) {
		return p.reissue(now)
	}
	return nil
}

// sweep drops keys that are over; never the newest.
func (k *keys) sweep(now time.Time) {
	for len(k.seal) > 1 && now.After(k.seal[0].NotAfter.Add(2*wire.Skew)) {
		k.seal = slices.Delete(k.seal, 0, 1)
	}
	for len(k.answer) > 1 && now.After(k.answer[0].NotAfter.Add(2*wire.Skew)) {
		k.answer = slices.Delete(k.answer, 0, 1)
	}
}

func (k *keys) epoch(number uint32) (epochKey, bool) {
	i := slices.IndexFunc(k.epochs, func(e epochKey) bool { return e.number == number })
	if i < 0 {
		return epochKey{}, false
	}
	return k.epochs[i], true
}

func (k *keys) private(id string) hpke.PrivateKey {
	for _, s := range k.seal {
		if s.ID == id {
			return s.private
		}
	}
	return nil
}

// RootKey is the public key that terminals pin.
func (p *Provider) RootKey() *ecdsa.PublicKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &p.root.PublicKey
}

// ReplaceRoot signs lists with a new root key from now on, and returns it. Terminals that pin
// only the old one refuse them.
func (p *Provider) ReplaceRoot() (*ecdsa.PublicKey, error) {
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("replace the root key: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.root = root
	return &root.PublicKey, p.reissue(p.o.Clock())
}
