package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tilld/tilld/internal/secret"
)

// KeyLen is the length of a transform key K.
const KeyLen = 32

// listContext stands before the list in what a root key signs.
const listContext = "tilld/provider/keys/v1\x00"

// SignList signs a key list with root keys.
func SignList(list []byte, roots ...crypto.Signer) ([]ListSignature, error) {
	var signatures []ListSignature
	for _, root := range roots {
		public, err := CheckKey(root.Public())
		if err != nil {
			return nil, fmt.Errorf("sign a key list: %w", err)
		}
		id, err := KeyID(public)
		if err != nil {
			return nil, err
		}
		s, err := signASN1(root, append([]byte(listContext), list...))
		if err != nil {
			return nil, fmt.Errorf("sign a key list: %w", err)
		}
		signatures = append(signatures, ListSignature{id, s})
	}
	return signatures, nil
}

// maxSignatures bounds the work that a list can cause.
const maxSignatures = 4

// VerifyList reports whether one of the root keys signed the list.
func VerifyList(k Keys, roots []*ecdsa.PublicKey) error {
	if len(k.Signatures) > maxSignatures {
		return fmt.Errorf("the key list has more than %d signatures", maxSignatures)
	}
	message := append([]byte(listContext), k.List...)
	for _, root := range roots {
		id, err := KeyID(root)
		if err != nil {
			return err
		}
		for _, s := range k.Signatures {
			if s.Key == id && verifyASN1(root, message, s.Signature) {
				return nil
			}
		}
	}
	return errors.New("no pinned root key signed the key list")
}

// KeyDigest is the commitment to an epoch's K that a key list holds. K has 256 random bits:
// its digest tells nothing of it.
func KeyDigest(provider string, epoch uint32, k []byte) []byte {
	h := sha256.New()
	h.Write(context("tilld/transform-key/v1", provider, epoch))
	h.Write(k)
	sum := h.Sum(nil)
	h.Reset()
	h.Write(make([]byte, sha256.BlockSize)) // a SHA-256 state keeps the last block it was given
	return sum
}

// context is a text that cannot be read in two ways, for the parties and the epoch.
func context(what, names string, epoch uint32) []byte {
	out := append([]byte(what), 0)
	out = append(append(out, names...), 0)
	return binary.BigEndian.AppendUint32(out, epoch)
}

// suite is the KEM, KDF and AEAD that everything here is sealed with.
func suite() (hpke.KEM, hpke.KDF, hpke.AEAD) {
	return hpke.MLKEM768X25519(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305()
}

// SealTransform seals K to a terminal's key.
func SealTransform(to hpke.PublicKey, provider, terminal string, epoch uint32, k []byte) (SealedTransform, error) {
	_, kdf, aead := suite()
	enc, sender, err := hpke.NewSender(to, kdf, aead, context("tilld/transform/v1", provider+"\x00"+terminal, epoch))
	if err != nil {
		return SealedTransform{}, fmt.Errorf("seal the key of epoch %d: %w", epoch, err)
	}
	ciphertext, err := sender.Seal(nil, k)
	if err != nil {
		return SealedTransform{}, fmt.Errorf("seal the key of epoch %d: %w", epoch, err)
	}
	return SealedTransform{epoch, enc, ciphertext}, nil
}

// OpenTransform opens what SealTransform made. The caller wipes K.
func OpenTransform(key hpke.PrivateKey, provider, terminal string, t SealedTransform) ([]byte, error) {
	_, kdf, aead := suite()
	r, err := hpke.NewRecipient(t.Enc, key, kdf, aead, context("tilld/transform/v1", provider+"\x00"+terminal, t.Epoch))
	if err != nil {
		return nil, fmt.Errorf("open the key of epoch %d: it is not sealed to this terminal's key", t.Epoch)
	}
	k, err := r.Open(nil, t.Ciphertext)
	if err != nil {
		return nil, fmt.Errorf("open the key of epoch %d: it is not sealed to this terminal's key", t.Epoch)
	}
	if len(k) != KeyLen {
		secret.Zero(k)
		return nil, fmt.Errorf("open the key of epoch %d: %d bytes, not %d", t.Epoch, len(k), KeyLen)
	}
	return k, nil
}

// ParseSealKey reads an X-Wing public key.
func ParseSealKey(public []byte) (hpke.PublicKey, error) {
	kem, _, _ := suite()
	key, err := kem.NewPublicKey(public)
	if err != nil {
		return nil, errors.New("not an X-Wing public key")
	}
	return key, nil
}
