package atecc608

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// patience is how long a signature or a derivation may take, with others on the bus.
const patience = 10 * time.Second

// Key is a private key in a slot. It implements crypto.Signer for SHA-256 digests and cannot
// be taken out. It is safe for concurrent use.
type Key struct {
	d      *Device
	slot   int
	public *ecdsa.PublicKey
}

var _ crypto.Signer = (*Key)(nil)

// Key reads the public half of the key in a slot. The chip must be locked.
func (d *Device) Key(ctx context.Context, slot int) (*Key, error) {
	if err := d.Ready(ctx); err != nil {
		return nil, err
	}
	public, err := d.PublicKey(ctx, slot)
	if err != nil {
		return nil, err
	}
	return &Key{d, slot, public}, nil
}

// Public implements crypto.Signer.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Sign implements crypto.Signer: ECDSA in ASN.1. The random source is the chip's own. The
// signature is verified before it is given out: a fault on the bus or in the chip must not
// leave it.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	const op = "sign with"
	if len(digest) != sha256.Size || opts != nil && opts.HashFunc() != crypto.SHA256 {
		return nil, k.d.fail(op, errors.New("the chip signs SHA-256 digests alone"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	raw, err := k.d.Sign(ctx, k.slot, [32]byte(digest))
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[:32]))
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[32:]))
	})
	sig, err := b.Bytes()
	if err == nil && !ecdsa.VerifyASN1(k.public, digest, sig) {
		err = fmt.Errorf("the signature of slot %d is not one of its key", k.slot)
	}
	if err != nil {
		return nil, k.d.fail(op, err)
	}
	return sig, nil
}

// Root derives keys from the secret in a slot, which never leaves the chip.
type Root struct {
	d    *Device
	slot int
}

// Root uses the secret in a slot. The chip must be locked, and the slot must not be empty.
func (d *Device) Root(ctx context.Context, slot int) (*Root, error) {
	if err := d.Ready(ctx); err != nil {
		return nil, err
	}
	mac, err := d.HMAC(ctx, slot, sha256.Sum256(nil))
	clear(mac[:])
	if err != nil {
		return nil, err
	}
	return &Root{d, slot}, nil
}

// Derive makes 32 bytes that depend on the secret and the label alone: HMAC-SHA256 of the
// label's digest, computed in the chip. The caller wipes the result.
func (r *Root) Derive(label string) ([]byte, error) {
	if label == "" {
		return nil, r.d.fail("derive a key with", errors.New("empty label"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	mac, err := r.d.HMAC(ctx, r.slot, sha256.Sum256([]byte("tilld record key 1 "+label)))
	if err != nil {
		return nil, err
	}
	out := append([]byte(nil), mac[:]...)
	clear(mac[:])
	return out, nil
}

// Monotonic is one of the chip's two counters as agent/terminal has them.
type Monotonic struct {
	d *Device
	n int
}

// Monotonic uses counter 0 or 1.
func (d *Device) Monotonic(n int) Monotonic { return Monotonic{d, n} }

// Count reads the counter.
func (m Monotonic) Count(ctx context.Context) (uint64, error) {
	n, err := m.d.Counter(ctx, m.n)
	return uint64(n), err
}

// Increment counts up by one and returns the new count.
func (m Monotonic) Increment(ctx context.Context) (uint64, error) {
	n, err := m.d.Increment(ctx, m.n)
	return uint64(n), err
}
