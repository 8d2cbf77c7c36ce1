package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/internal/secret"
)

// palmKey is the name of the terminal's key for palms among the signing keys. No contract can
// have it.
const palmKey = "[palm]"

// palmKeys are what a terminal proves itself with to a biometric provider.
type palmKeys struct {
	signer crypto.Signer // ECDSA P-256
	level  biometric.KeyLevel
	// seal opens what the provider seals for this terminal alone. It is made of the root key:
	// there is no file of it.
	seal hpke.PrivateKey
}

var errNotP256 = errors.New("not an ECDSA key on P-256")

func openPalmKeys(cfg *config.Config, keys keyStore) (palmKeys, error) {
	name, level := palmKey, biometric.LevelTPM
	if cfg.Palm.KeyFile == "" {
		name, level = ownKey, biometric.LevelElement
	}
	signer, _, extractable, err := keys.Signer(name)
	if err != nil {
		return palmKeys{}, err
	}
	if extractable {
		level = biometric.LevelFile
	}
	if pub, ok := signer.Public().(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
		return palmKeys{}, &terminal.KeyError{Op: "read the terminal's key", File: cfg.Palm.KeyFile, Err: errNotP256,
			Hint: `"tilld palm register" makes one, "tilld key new --kind p-256" one in the TPM`}
	}
	seed, err := keys.Derive("palm seal key 1")
	if err != nil {
		return palmKeys{}, err
	}
	defer secret.Zero(seed)
	seal, err := hpke.MLKEM768X25519().DeriveKeyPair(seed)
	return palmKeys{signer, level, seal}, err
}

type palmCmd struct {
	Register palmRegisterCmd `cmd:"" help:"Print what a provider must know of this terminal, and make its key if there is none."`
	Explain  palmExplainCmd  `cmd:"" help:"Say how the liveness of a presentation was judged, and verify the terminal's signature."`
}

func (palmCmd) Help() string {
	return `A biometric provider answers only terminals that it knows, and seals what protects templates
for each of them alone. "register" prints the two public keys that it needs. The private one
that signs lies where key_file in [palm] says, in the TPM or in the secure element; the other
one is derived from the terminal's root key and lies nowhere.

Examples:
  tilld palm register --json > terminal-000158000000000.json`
}

type palmRegisterCmd struct{}

// registration is what a provider must know of a terminal.
type registration struct {
	Terminal string             `json:"terminal"`
	Provider string             `json:"provider"`
	Merchant string             `json:"merchant"`
	Level    biometric.KeyLevel `json:"key_level"`
	Key      string             `json:"key"`      // SubjectPublicKeyInfo, PEM
	SealKey  []byte             `json:"seal_key"` // X-Wing public key
}

func (palmRegisterCmd) Run(e *env) error {
	cfg, _, err := config.Load(e.config, known())
	if err != nil {
		return fail("read configuration", e.config, rootPath(err))
	}
	if !cfg.Palm.Fitted() {
		return fail("register", e.config, errors.New("there is no [palm] section")).withHint("the README says what belongs there")
	}
	r, err := register(e.ctx, cfg)
	if err != nil {
		return err
	}
	if e.json {
		e.encode(r)
		return nil
	}
	e.printf("terminal %s for %s, merchant %s; its key is in a %s\n%s", r.Terminal, r.Provider, r.Merchant, r.Level, r.Key)
	e.printf("%s", pem.EncodeToMemory(&pem.Block{Type: "X-WING PUBLIC KEY", Bytes: r.SealKey}))
	return nil
}

func register(ctx context.Context, cfg *config.Config) (registration, error) {
	if file := cfg.Palm.KeyFile; file != "" && absent(file) {
		if cfg.Terminal.KeyStore == "tpm" {
			return registration{}, fail("register", file, errors.New("does not exist")).withHint("tilld key new --kind p-256 --out %s", file)
		}
		if err := writePalmKey(file); err != nil {
			return registration{}, err
		}
	}
	store, err := openKeys(ctx, cfg, true)
	if err != nil {
		return registration{}, err
	}
	defer store.close()
	keys, err := openPalmKeys(cfg, store)
	if err != nil {
		return registration{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(keys.signer.Public())
	if err != nil {
		return registration{}, fail("register", cfg.Palm.KeyFile, err)
	}
	return registration{Terminal: cfg.Terminal.Serial, Provider: cfg.Palm.Provider, Merchant: cfg.Palm.Merchant, Level: keys.level,
		Key: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})), SealKey: keys.seal.PublicKey().Bytes()}, nil
}

func writePalmKey(file string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail("make a key", file, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail("make a key", file, err)
	}
	defer secret.Zero(der)
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	defer secret.Zero(text)
	return terminal.WriteKeyFile("write the terminal's key", file, text)
}
