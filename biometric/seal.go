package biometric

import (
	"crypto"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tilld/tilld/internal/secret"
)

const (
	sealEncSize = 1120 // an encapsulated X-Wing key
	sealTagSize = 16
	sealInfo    = "tilld/hpke/v1"
)

// NewSealKey makes a key pair for a provider: the public half for terminals, the private one
// to Open with. A provider makes a new one every day and destroys the old: templates that
// were sealed to it are then closed for good.
func NewSealKey(id string) (SealKey, hpke.PrivateKey, error) {
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return SealKey{}, nil, fmt.Errorf("make seal key %s: %w", id, err)
	}
	k := SealKey{ID: id, Public: private.PublicKey().Bytes()}
	return k, private, k.Check()
}

// Seal seals a protected template to the provider of ch, bound to ch and to the verdict, and
// signs the whole. It takes only what fits the challenge: a live person, the challenge's
// epoch and length, its number of samples, the verdict's minute. The template is wiped,
// whatever comes of it: no template is ever sealed twice.
//
// HPKE (RFC 9180) in base mode: X-Wing, HKDF-SHA256, ChaCha20-Poly1305; info is
// "tilld/hpke/v1", provider, key id and epoch (4 bytes), each behind its length in 4 bytes;
// additional data is Binding.Digest; one message a context.
func Seal(ch Challenge, p *Protected, v Verdict, signer crypto.Signer) (Sealed, error) {
	defer p.Wipe()
	s, err := seal(ch, p, v, signer)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal template for %s: %w", ch.Provider, err)
	}
	return s, nil
}

func seal(ch Challenge, p *Protected, v Verdict, signer crypto.Signer) (Sealed, error) {
	if err := ch.Check(); err != nil {
		return Sealed{}, err
	}
	if err := fits(ch, p); err != nil {
		return Sealed{}, err
	}
	statement, err := EncodeVerdict(v)
	if err != nil {
		return Sealed{}, err
	}
	s := Sealed{Binding: ch.Binding, Epoch: ch.Transform.Epoch, KeyID: ch.SealKey.ID, Verdict: statement}
	s.Binding.Nonce = append([]byte(nil), ch.Nonce...)
	if err := s.agrees(p.h, v); err != nil {
		return Sealed{}, err
	}
	public, err := hpke.MLKEM768X25519().NewPublicKey(ch.SealKey.Public)
	if err != nil {
		return Sealed{}, fmt.Errorf("use seal key %s: %w", ch.SealKey.ID, err)
	}
	enc, sender, err := hpke.NewSender(public, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), s.info())
	if err != nil {
		return Sealed{}, fmt.Errorf("use seal key %s: %w", ch.SealKey.ID, err)
	}
	plain, err := p.AppendBinary(make([]byte, 0, p.Size()))
	defer secret.Zero(plain)
	if err != nil {
		return Sealed{}, err
	}
	aad := s.Binding.Digest(v.At, s.Verdict)
	if s.Ciphertext, err = sender.Seal(aad[:], plain); err != nil {
		return Sealed{}, err
	}
	s.Enc = enc
	digest, err := s.Digest()
	if err != nil {
		return Sealed{}, err
	}
	s.Signature, err = sign(signer, digest)
	return s, err
}

// Open opens a sealed template with the private half of the seal key that it names, and
// checks that what was sealed agrees with what it says outside. It does not verify the
// terminal's signature, nor that the binding is what its nonce was given for: do both first.
// The caller wipes the template.
func Open(s Sealed, private hpke.PrivateKey) (*Protected, error) {
	p, err := open(s, private)
	if err != nil {
		return nil, fmt.Errorf("open sealed template: %w", err)
	}
	return p, nil
}

func open(s Sealed, private hpke.PrivateKey) (*Protected, error) {
	v, err := s.check()
	if err != nil {
		return nil, err
	}
	if private == nil || private.KEM().ID() != hpke.MLKEM768X25519().ID() {
		return nil, errors.New("the private key is not one of X-Wing")
	}
	r, err := hpke.NewRecipient(s.Enc, private, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), s.info())
	if err != nil {
		return nil, err
	}
	aad := s.Binding.Digest(v.At, s.Verdict)
	plain, err := r.Open(aad[:], s.Ciphertext)
	defer secret.Zero(plain)
	if err != nil {
		return nil, err
	}
	p, err := ParseProtected(plain)
	if err != nil {
		return nil, err
	}
	if err := s.agrees(p.h, v); err != nil {
		p.Wipe()
		return nil, err
	}
	return p, nil
}

// info is the first input of the key schedule: who this is for, and under which keys.
func (s Sealed) info() []byte {
	return joined([]byte(sealInfo), []byte(s.Binding.Provider), []byte(s.KeyID), binary.BigEndian.AppendUint32(nil, s.Epoch))
}

// fits says what of p the challenge did not ask for, or nil.
func fits(ch Challenge, p *Protected) error {
	h := p.h
	if h.Bits != ch.Transform.Profile.Bits() {
		return fmt.Errorf("samples of %d bits, the %s profile has %d", h.Bits, ch.Transform.Profile, ch.Transform.Profile.Bits())
	}
	if h.Probe && h.Shifts != ch.Transform.Profile.Shifts() {
		return fmt.Errorf("shifts of %d cells, the %s profile has %d", h.Shifts, ch.Transform.Profile, ch.Transform.Profile.Shifts())
	}
	if !h.Probe && p.n != ch.Samples {
		return fmt.Errorf("%d samples, the challenge asks for %d", p.n, ch.Samples)
	}
	return nil
}

// agrees says where a template's header contradicts what it is sealed with, or nil.
func (s Sealed) agrees(h Header, v Verdict) error {
	step := h.timeStep()
	switch {
	case h.Probe != (s.Binding.Purpose == Pay):
		return fmt.Errorf("a probe: %v, for purpose %q", h.Probe, s.Binding.Purpose)
	case h.Epoch != s.Epoch:
		return fmt.Errorf("template of epoch %d, sealed for epoch %d", h.Epoch, s.Epoch)
	case s.Binding.Modality != Palm || v.Modality != s.Binding.Modality:
		return fmt.Errorf("template of a palm, verdict on %q, bound to %q", v.Modality, s.Binding.Modality)
	case v.Decision != BonaFide || h.PAD != BonaFide:
		return fmt.Errorf("the verdict is %q and the header's %q, want %q", string(v.Decision), string(h.PAD), BonaFide)
	case !coarse(v.At, step).Equal(h.At):
		return errors.New("captured at another time than was judged")
	}
	return nil
}

// check says what no Sealed can be, and gives its verdict.
func (s Sealed) check() (Verdict, error) {
	if err := s.Binding.Check(); err != nil {
		return Verdict{}, err
	}
	if err := checkName(s.KeyID, 1, maxKeyID); err != nil {
		return Verdict{}, fmt.Errorf("id of the seal key %w", err)
	}
	switch {
	case s.Epoch == 0:
		return Verdict{}, errors.New("epoch 0, want 1 or more")
	case len(s.Enc) != sealEncSize:
		return Verdict{}, fmt.Errorf("encapsulated key of %d bytes, want %d", len(s.Enc), sealEncSize)
	case len(s.Ciphertext) < HeaderSize+sealTagSize || len(s.Ciphertext) > maxTemplate+sealTagSize:
		return Verdict{}, fmt.Errorf("ciphertext of %d bytes, want %d to %d", len(s.Ciphertext), HeaderSize+sealTagSize, maxTemplate+sealTagSize)
	}
	return ParseVerdict(s.Verdict)
}
