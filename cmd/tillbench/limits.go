package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"time"
)

// recordSize is the size of a journal record that commits are measured with: a payment with
// its answer.
const recordSize = 2 << 10

// signer is the RSA-2048 key whose signature time is a limit of every wallet request.
type signer struct{ key *rsa.PrivateKey }

func newSigner() (*signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return &signer{key}, nil
}

// sign takes the time of one signature as the wallets ask for it: RSASSA-PKCS1-v1_5, SHA-256.
func (s *signer) sign() (time.Duration, error) {
	digest := sha256.Sum256([]byte("a request"))
	begun := time.Now()
	_, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, digest[:])
	return time.Since(begun), err
}
