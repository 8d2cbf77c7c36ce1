package rig

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/tilld/tilld/agent/provider/providertest"
)

// Record keeps every request that the till sends to the provider until the returned function
// is called, which gives them back.
func (p *Palm) Record() (stop func() []providertest.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = []providertest.Request{}
	return func() []providertest.Request {
		p.mu.Lock()
		defer p.mu.Unlock()
		all := p.heard
		p.heard = nil
		return all
	}
}

func (p *Palm) overhear(r providertest.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heard != nil {
		p.heard = append(slices.Clip(p.heard), r)
	}
}

// PalmKey is the key that the terminal is registered with at the provider, as a thief finds it
// in a file: a real terminal has it in a TPM.
func (r *Rig) PalmKey() (crypto.Signer, error) {
	text, err := os.ReadFile(r.settings.Palm.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("steal the terminal's key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("steal the terminal's key: no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("steal the terminal's key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("steal the terminal's key: a %T", key)
	}
	return signer, nil
}

// Serial is the terminal's serial number.
func (r *Rig) Serial() string { return r.o.Serial }
