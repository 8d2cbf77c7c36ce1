// Package nexocrypto seals and opens nexo messages as the public Adyen SDKs do: AES-256-CBC
// with PKCS#7 padding, and an HMAC-SHA256 over the plaintext beside it.
//
// That is MAC-then-encrypt, so whoever could tell a padding failure from a MAC failure could
// read messages. Open therefore does the same work for both and has one error, ErrCrypto,
// for everything that is wrong with a sealed message, an unknown key included. What is in
// clear beside the sealed part (the outer MessageHeader) is not authenticated here: compare
// it with the inner one.
package nexocrypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/tilld/tilld/internal/secret"
)

// Parameters of the key derivation: PBKDF2-HMAC-SHA1, one run yields all three parts.
const (
	salt       = "AdyenNexoV1Salt"
	iterations = 4000
	hmacLen    = 32
	cipherLen  = 32
	ivLen      = 16
	keyLen     = hmacLen + cipherLen + ivLen

	// CryptoVersion is the only AdyenCryptoVersion there is.
	CryptoVersion = 1
)

// ErrCrypto is the one answer to every message that cannot be opened.
var ErrCrypto = errors.New("the message cannot be opened")

// Trailer is the SecurityTrailer of a sealed message. Nonce and Hmac are base64.
type Trailer struct {
	AdyenCryptoVersion int64  `json:"AdyenCryptoVersion"`
	Hmac               string `json:"Hmac"`
	KeyIdentifier      string `json:"KeyIdentifier"`
	KeyVersion         int64  `json:"KeyVersion"`
	Nonce              string `json:"Nonce"`
}

// Key is a shared key, derived once. It is safe for concurrent use.
type Key struct {
	Identifier string
	Version    int64
	block      cipher.Block
	mac        *secret.Bytes
	iv         *secret.Bytes
}

// Derive makes the key from the passphrase that the till and the point of sale share. It
// takes several milliseconds on a server and more on a small board: do it once.
func Derive(identifier string, version int64, passphrase *secret.Bytes) (*Key, error) {
	if identifier == "" {
		return nil, errors.New("derive a nexo key: the identifier is empty")
	}
	if version < 0 {
		return nil, fmt.Errorf("derive the nexo key %q: version %d is negative", identifier, version)
	}
	if passphrase.Len() == 0 {
		return nil, fmt.Errorf("derive the nexo key %q: the passphrase is empty", identifier)
	}
	all, err := derive(passphrase.Reveal())
	if err != nil {
		return nil, fmt.Errorf("derive the nexo key %q: %w", identifier, err)
	}
	defer secret.Zero(all)
	block, err := aes.NewCipher(all[hmacLen : hmacLen+cipherLen])
	if err != nil {
		return nil, fmt.Errorf("derive the nexo key %q: %w", identifier, err)
	}
	return &Key{
		Identifier: identifier,
		Version:    version,
		block:      block,
		mac:        secret.Copy(all[:hmacLen]),
		iv:         secret.Copy(all[hmacLen+cipherLen:]),
	}, nil
}

func derive(passphrase []byte) ([]byte, error) {
	return pbkdf2.Key(sha1.New, string(passphrase), []byte(salt), iterations, keyLen)
}

// Seal encrypts a whole message under a fresh nonce. The blob is base64, ready for NexoBlob.
func (k *Key) Seal(plaintext []byte) (blob string, t Trailer) {
	var nonce [ivLen]byte
	rand.Read(nonce[:]) // never fails: crypto/rand
	return k.seal(plaintext, nonce)
}

func (k *Key) seal(plaintext []byte, nonce [ivLen]byte) (string, Trailer) {
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	buf := make([]byte, len(plaintext)+pad)
	copy(buf, plaintext)
	for i := len(plaintext); i < len(buf); i++ {
		buf[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(k.block, k.vector(nonce[:])).CryptBlocks(buf, buf)
	return base64.StdEncoding.EncodeToString(buf), Trailer{
		AdyenCryptoVersion: CryptoVersion,
		Hmac:               base64.StdEncoding.EncodeToString(k.sum(plaintext)),
		KeyIdentifier:      k.Identifier,
		KeyVersion:         k.Version,
		Nonce:              base64.StdEncoding.EncodeToString(nonce[:]),
	}
}

// Open decrypts a message and verifies its HMAC. The error is always ErrCrypto.
func (k *Key) Open(blob string, t Trailer) ([]byte, error) {
	if k == nil || t.KeyIdentifier != k.Identifier || t.KeyVersion != k.Version || t.AdyenCryptoVersion != CryptoVersion {
		return nil, ErrCrypto
	}
	nonce, err1 := base64.StdEncoding.DecodeString(t.Nonce)
	want, err2 := base64.StdEncoding.DecodeString(t.Hmac)
	buf, err3 := base64.StdEncoding.DecodeString(blob)
	if err1 != nil || err2 != nil || err3 != nil ||
		len(nonce) != ivLen || len(want) != sha256.Size ||
		len(buf) == 0 || len(buf)%aes.BlockSize != 0 {
		return nil, ErrCrypto
	}
	cipher.NewCBCDecrypter(k.block, k.vector(nonce)).CryptBlocks(buf, buf)
	n, padded := unpad(buf)
	authentic := subtle.ConstantTimeCompare(k.sum(buf[:n]), want)
	if padded&authentic != 1 {
		secret.Zero(buf)
		return nil, ErrCrypto
	}
	return buf[:n], nil
}

// unpad finds the length without PKCS#7 padding, in a time that does not depend on the
// padding. Where the padding is wrong, ok is 0 and n the whole length: the MAC is computed
// all the same.
func unpad(buf []byte) (n, ok int) {
	pad := int(buf[len(buf)-1])
	ok = subtle.ConstantTimeLessOrEq(1, pad) & subtle.ConstantTimeLessOrEq(pad, aes.BlockSize)
	for i := 1; i <= aes.BlockSize; i++ {
		inside := subtle.ConstantTimeLessOrEq(i, pad)
		same := subtle.ConstantTimeByteEq(buf[len(buf)-i], byte(pad))
		ok &= subtle.ConstantTimeSelect(inside, same, 1)
	}
	return len(buf) - subtle.ConstantTimeSelect(ok, pad, 0), ok
}

func (k *Key) vector(nonce []byte) []byte {
	iv := make([]byte, ivLen)
	subtle.XORBytes(iv, k.iv.Reveal(), nonce)
	return iv
}

func (k *Key) sum(plaintext []byte) []byte {
	mac := secret.MAC(k.mac.Reveal(), plaintext) // a request may hold a payment code
	return mac[:]
}

// Ring holds several keys, so that a passphrase can be changed while both are in use.
type Ring []*Key

// Open finds the key that the trailer names and opens the message with it. The error is
// always ErrCrypto.
func (r Ring) Open(blob string, t Trailer) ([]byte, *Key, error) {
	for _, k := range r {
		if k.Identifier == t.KeyIdentifier && k.Version == t.KeyVersion {
			plaintext, err := k.Open(blob, t)
			return plaintext, k, err
		}
	}
	return nil, nil, ErrCrypto
}
