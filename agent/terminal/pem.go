package terminal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/tilld/tilld/internal/secret"
)

// ErrWeakKey is a key that is too short to be worth anything.
var ErrWeakKey = errors.New("too weak")

// ReadPrivateKey reads a signing key: PKCS#8, PKCS#1 or SEC 1 in PEM, in a file of mode 0600.
func ReadPrivateKey(file string) (crypto.Signer, error) {
	const op = "read private key"
	data, err := ReadSecretFile(op, file)
	if err != nil {
		return nil, err
	}
	defer secret.Zero(data)
	key, err := ParsePrivateKey(data)
	if err != nil {
		return nil, &KeyError{Op: op, File: file, Err: err, Hint: keyHint(err)}
	}
	return key, nil
}

func keyHint(err error) string {
	if errors.Is(err, ErrWeakKey) {
		return "make an RSA key of 2048 bits or more and register it with the wallet"
	}
	return `it must begin with "-----BEGIN PRIVATE KEY-----"; openssl pkcs8 -topk8 -nocrypt makes that form`
}

// ParsePrivateKey reads the first private key of a PEM text. Errors hold nothing of it.
func ParsePrivateKey(text []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the key is encrypted with a passphrase")
		default:
			continue // EC PARAMETERS and the like stand before the key
		}
		secret.Zero(block.Bytes)
		if err != nil {
			return nil, errors.New("the PEM block does not hold a private key")
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, errors.New("the key cannot sign")
		}
		return signer, CheckKey(signer.Public())
	}
	return nil, errors.New("no private key in PEM")
}

// CheckKey refuses public keys that are weak or of a kind that nobody here uses.
func CheckKey(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 {
			return fmt.Errorf("RSA of %d bits: %w", n, ErrWeakKey)
		}
	case *ecdsa.PublicKey:
		if n := k.Curve.Params().BitSize; n < 256 {
			return fmt.Errorf("a curve of %d bits: %w", n, ErrWeakKey)
		}
	case ed25519.PublicKey:
	default:
		return fmt.Errorf("a key of the kind %T is not used here", public)
	}
	return nil
}

// PublicItem is one certificate or public key of a PEM file.
type PublicItem struct {
	Key  crypto.PublicKey
	Cert *x509.Certificate // nil for a bare key
}

// ReadPublicItems reads every certificate and public key of a file.
func ReadPublicItems(file string) ([]PublicItem, error) {
	const op = "read certificate or public key"
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, &KeyError{Op: op, File: file, Err: cause(err), Hint: openHint(err)}
	}
	items, err := ParsePublicItems(data)
	if err != nil {
		return nil, &KeyError{Op: op, File: file, Err: err, Hint: `it must hold "-----BEGIN CERTIFICATE-----" or "-----BEGIN PUBLIC KEY-----"`}
	}
	return items, nil
}

// ParsePublicItems reads every certificate and public key of a PEM text, in its order.
func ParsePublicItems(text []byte) ([]PublicItem, error) {
	var items []PublicItem
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("certificate %d: %w", len(items)+1, err)
			}
			items = append(items, PublicItem{Key: cert.PublicKey, Cert: cert})
		case "PUBLIC KEY":
			key, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("public key %d: %w", len(items)+1, err)
			}
			items = append(items, PublicItem{Key: key})
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			return nil, errors.New("a private key stands where a public one belongs")
		}
	}
	if len(items) == 0 {
		return nil, errors.New("no certificate and no public key in PEM")
	}
	return items, nil
}
