package wallet

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/tilld/tilld/internal/secret"
)

// WalletKey is a public key of the wallet. ID is how answers name it: for a certificate its
// serial number in upper-case hex, for a bare public key the PEM header "Key-ID" (WeChat Pay
// calls its own "PUB_KEY_ID_..."), or nothing: then it is tried whatever an answer names.
type WalletKey struct {
	ID     string
	Public crypto.PublicKey
}

// ErrSignature is what Verify returns for every signature that does not hold.
var ErrSignature = errors.New("signature does not verify")

// ParseWalletKeys reads every certificate and public key of a PEM file. Only RSA keys of at
// least 2048 bits are accepted.
func ParseWalletKeys(file []byte) ([]WalletKey, error) {
	var keys []WalletKey
	for {
		block, rest := pem.Decode(file)
		if block == nil {
			break
		}
		file = rest
		key, err := parseWalletKey(block)
		if err != nil {
			return nil, fmt.Errorf("read wallet key: %w", err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("read wallet key: no PEM block of a certificate or public key")
	}
	return keys, nil
}

func parseWalletKey(block *pem.Block) (WalletKey, error) {
	var key WalletKey
	switch block.Type {
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return key, err
		}
		key = WalletKey{ID: fmt.Sprintf("%X", cert.SerialNumber), Public: cert.PublicKey}
	case "PUBLIC KEY":
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return key, err
		}
		key = WalletKey{ID: block.Headers["Key-ID"], Public: public}
	default:
		return key, fmt.Errorf("PEM block %q is neither a certificate nor a public key", block.Type)
	}
	return key, checkRSA(key.Public)
}

// ParseSigner reads an RSA private key from PEM (PKCS#8 or PKCS#1) and clears the decoded
// copy. The caller clears file. Errors never quote it.
func ParseSigner(file []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(file)
	if block == nil {
		return nil, errors.New("read signing key: no PEM block")
	}
	defer secret.Zero(block.Bytes)
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("read signing key: PEM block %q, want PRIVATE KEY or RSA PRIVATE KEY", block.Type)
	}
	if err != nil {
		return nil, errors.New("read signing key: the PEM block does not hold a private key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("read signing key: not a key that signs")
	}
	if err := checkRSA(signer.Public()); err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	return signer, nil
}

func checkRSA(public crypto.PublicKey) error {
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%T is not an RSA key", public)
	}
	if key.N.BitLen() < 2048 {
		return fmt.Errorf("RSA key of %d bits, want at least 2048", key.N.BitLen())
	}
	return nil
}

// AppendSignature appends the base64 of RSASSA-PKCS1-v1_5 with SHA-256 over message to dst.
func AppendSignature(dst []byte, signer crypto.Signer, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return dst, fmt.Errorf("sign request: %w", err)
	}
	return base64.StdEncoding.AppendEncode(dst, sig), nil
}

// Verify checks a base64 signature over message with the key that id names, or with every
// key when id is empty. Serial numbers are compared without case.
func Verify(keys []WalletKey, id string, message []byte, signature string) error {
	// Strict: one signature has one text, so that no bit of an answer can change unnoticed.
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil || len(sig) == 0 {
		return ErrSignature
	}
	digest := sha256.Sum256(message)
	known := false
	for _, k := range keys {
		if id != "" && k.ID != "" && !strings.EqualFold(id, k.ID) {
			continue
		}
		known = true
		if public, ok := k.Public.(*rsa.PublicKey); ok && rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], sig) == nil {
			return nil
		}
	}
	if !known {
		return fmt.Errorf("%w: unknown key %.64q", ErrSignature, id)
	}
	return ErrSignature
}

// Nonce is 32 random hex digits.
func Nonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}
