package biometric

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Record is what may be kept of a presentation for an audit: what was judged, for which
// payment, and the terminal's word for it. It holds no template. The signature of a Sealed
// stands over its Record, so that it can be verified when the template is long deleted.
type Record struct {
	Binding   Binding
	Epoch     uint32
	KeyID     string
	Payload   []byte // SHA-256 of the encapsulated key and the ciphertext; empty if nothing was sealed
	Verdict   []byte // JSON
	Signature []byte // ECDSA P-256 with SHA-256, ASN.1
}

// Record is what may be kept of s.
func (s Sealed) Record() Record {
	f := newFields("tilld/payload/v1")
	f.bytes(s.Enc)
	f.bytes(s.Ciphertext)
	sum := f.sum()
	return Record{Binding: s.Binding, Epoch: s.Epoch, KeyID: s.KeyID, Payload: sum[:], Verdict: s.Verdict, Signature: s.Signature}
}

// Digest is what the terminal signs: SHA-256 over "tilld/sealed/v1", Binding.Digest, epoch (4
// bytes), key id, and Payload, each behind its length in 4 bytes. Two of them with the same
// digest are the same, however they are spelled on the wire: what makes a provider answer
// the same again.
func (r Record) Digest() ([sha256.Size]byte, error) {
	v, err := ParseVerdict(r.Verdict)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	binding := r.Binding.Digest(v.At, r.Verdict)
	f := newFields("tilld/sealed/v1")
	f.bytes(binding[:])
	f.uint32(r.Epoch)
	f.text(r.KeyID)
	f.bytes(r.Payload)
	return f.sum(), nil
}

// Digest is what the terminal signs, see Record.Digest.
func (s Sealed) Digest() ([sha256.Size]byte, error) { return s.Record().Digest() }

// Verify verifies the terminal's signature over the whole.
func (s Sealed) Verify(public *ecdsa.PublicKey) error { return s.Record().Verify(public) }

// Verify verifies the terminal's signature.
func (r Record) Verify(public *ecdsa.PublicKey) error {
	if public == nil || public.Curve != elliptic.P256() {
		return fmt.Errorf("verify signature of terminal %s: its key is not one of P-256", r.Binding.Terminal)
	}
	digest, err := r.Digest()
	if err != nil {
		return fmt.Errorf("verify signature of terminal %s: %w", r.Binding.Terminal, err)
	}
	if !ecdsa.VerifyASN1(public, digest[:], r.Signature) {
		return fmt.Errorf("verify signature of terminal %s: it is not its signature over these bytes", r.Binding.Terminal)
	}
	return nil
}

// SignVerdict makes the record of a presentation that nothing was sealed of: an attack, or
// one that could not be judged.
func SignVerdict(ch Challenge, v Verdict, signer crypto.Signer) (Record, error) {
	statement, err := EncodeVerdict(v)
	if err != nil {
		return Record{}, err
	}
	r := Record{Binding: ch.Binding, Epoch: ch.Transform.Epoch, KeyID: ch.SealKey.ID, Verdict: statement}
	digest, err := r.Digest()
	if err != nil {
		return Record{}, err
	}
	r.Signature, err = sign(signer, digest)
	return r, err
}

func sign(signer crypto.Signer, digest [sha256.Size]byte) ([]byte, error) {
	if signer == nil {
		return nil, errors.New("sign with the terminal's key: there is none")
	}
	public, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, fmt.Errorf("sign with the terminal's key: it is a %T, want ECDSA with P-256", signer.Public())
	}
	sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign with the terminal's key: %w", err)
	}
	return sig, nil
}
