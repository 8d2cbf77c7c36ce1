package providertest

import (
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
)

// Terminal is what a provider knows of one.
type Terminal struct {
	Serial    string
	Key       *ecdsa.PublicKey   // what requests and templates are signed with
	Seal      hpke.PublicKey     // X-Wing, what K is sealed to
	Level     biometric.KeyLevel // what holds Key; verdicts that claim another are refused
	Merchants []string           // the shops that it stands in
	Shard     string             // whom a palm without a claim is searched among; empty: nobody
}

// ParseTerminal reads what "tilld palm register --json" printed.
func ParseTerminal(registration []byte) (Terminal, error) {
	var r struct {
		Terminal string             `json:"terminal"`
		Merchant string             `json:"merchant"`
		Level    biometric.KeyLevel `json:"key_level"`
		Key      string             `json:"key"`
		Seal     []byte             `json:"seal_key"`
	}
	if err := json.Unmarshal(registration, &r); err != nil {
		return Terminal{}, fmt.Errorf("read a registration: %w", err)
	}
	block, _ := pem.Decode([]byte(r.Key))
	if block == nil {
		return Terminal{}, errors.New("read a registration: key is not PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Terminal{}, fmt.Errorf("read a registration: key: %w", err)
	}
	key, err := wire.CheckKey(public)
	if err != nil {
		return Terminal{}, fmt.Errorf("read a registration: key: %w", err)
	}
	seal, err := wire.ParseSealKey(r.Seal)
	if err != nil {
		return Terminal{}, fmt.Errorf("read a registration: seal_key: %w", err)
	}
	return Terminal{Serial: r.Terminal, Key: key, Seal: seal, Level: r.Level, Merchants: []string{r.Merchant}}, nil
}

// Register makes a terminal known, or known anew.
func (p *Provider) Register(t Terminal) error {
	if !wire.IsName(t.Serial) || t.Key == nil || t.Seal == nil || t.Level == "" {
		return fmt.Errorf("register terminal %.64q: its serial number, a key or what holds it is missing", t.Serial)
	}
	t.Merchants = slices.Clone(t.Merchants)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.terminals[t.Serial] = &t
	return nil
}

// Block forgets a terminal: one that was stolen, say.
func (p *Provider) Block(serial string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.terminals, serial)
}
