package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/drivers/atecc608"
	"github.com/tilld/tilld/drivers/tpm"
	"github.com/tilld/tilld/internal/secret"
)

// keyStore is where the terminal's keys are, whatever holds them.
type keyStore interface {
	terminal.KeyStore
	SetSigners(map[string]terminal.SigningKey)
	Made() bool
}

// openedKeys is a store and what is said of it.
type openedKeys struct {
	keyStore
	about string // "the file /etc/tilld/keys.toml"
	// extractable: whoever reads the card has the root key.
	extractable bool
	close       func()
}

// keyStoreRow opens what key_store names. Make says that a root key may be made where there
// is none.
type keyStoreRow struct {
	name string
	open func(ctx context.Context, cfg *config.Config, make bool) (openedKeys, error)
}

// keyStores is the table of key stores.
func keyStores() []keyStoreRow {
	return []keyStoreRow{
		{"file", fileKeys},
		{"tpm", tpmKeys},
		{"atecc608", ateccKeys},
	}
}

// openKeys opens the key store of a configuration.
func openKeys(ctx context.Context, cfg *config.Config, make bool) (openedKeys, error) {
	for _, row := range keyStores() {
		if row.name == cfg.Terminal.KeyStore {
			return row.open(ctx, cfg, make)
		}
	}
	return openedKeys{}, fmt.Errorf("key store %q is not in the table", cfg.Terminal.KeyStore)
}

func fileKeys(_ context.Context, cfg *config.Config, make bool) (openedKeys, error) {
	file := cfg.Terminal.Keys
	if !make {
		key, err := terminal.ReadRootKey(file)
		if err != nil {
			return openedKeys{}, err
		}
		key.Wipe()
	}
	s, err := terminal.OpenFileStore(file, cfg.State, signersOf(cfg))
	if err != nil {
		return openedKeys{}, err
	}
	return openedKeys{keyStore: s, about: "the file " + file, extractable: true, close: func() {}}, nil
}

// tpmKeys unseals the root key; it lies in this process's memory and nowhere on the card.
// Signing keys are the TPM's own where their files say so.
func tpmKeys(_ context.Context, cfg *config.Config, make bool) (_ openedKeys, err error) {
	t := cfg.Terminal
	if err := terminal.OutsideState(t.Keys, cfg.State); err != nil {
		return openedKeys{}, err
	}
	x, err := tpm.Open(t.TPM.Device)
	if err != nil {
		return openedKeys{}, err
	}
	defer func() {
		if err != nil {
			x.Close()
		}
	}()
	made := false
	root, err := unsealRoot(x, t)
	if make && errors.Is(err, fs.ErrNotExist) {
		if root, err = sealRoot(x, t); err == nil {
			made = true
		}
	}
	if err != nil {
		return openedKeys{}, err
	}
	s := terminal.NewStore(terminal.Parts{Root: terminal.Root(root), Signers: signersOf(cfg), Made: made,
		Open: func(k terminal.SigningKey) (crypto.Signer, bool, error) { return tpmSigner(x, k.File) }})
	return openedKeys{keyStore: s, about: "the TPM " + x.String(), close: func() { root.Wipe(); x.Close() }}, nil
}

const readSealed = "read sealed key"

func unsealRoot(x *tpm.TPM, t config.Terminal) (*secret.Bytes, error) {
	text, err := terminal.ReadSecretFile(readSealed, t.Keys)
	if err != nil {
		return nil, err
	}
	defer secret.Zero(text) // it may be a keys file that is named by mistake
	sealed, err := tpm.ParseSealed(text)
	if err != nil {
		return nil, &terminal.KeyError{Op: readSealed, File: t.Keys, Err: err, Hint: `"tilld key seal" seals the key of a keys file`}
	}
	var approvals []tpm.Approval
	if t.TPM.Approvals != "" {
		list, err := os.ReadFile(t.TPM.Approvals)
		if err == nil {
			approvals, err = tpm.ParseApprovals(list)
		}
		if err != nil {
			return nil, fail("read approvals", t.TPM.Approvals, rootPath(err)).withHint(`"tilld key approve" makes what stands in it`)
		}
	}
	root, err := x.Unseal(sealed, approvals)
	if err != nil {
		return nil, err
	}
	return secret.New(root), nil
}

// sealRoot makes a root key, seals it, and proves that it can be unsealed before anything is
// written with it.
func sealRoot(x *tpm.TPM, t config.Terminal) (*secret.Bytes, error) {
	root := terminal.NewRootKey()
	if err := writeSealed(x, t, root); err != nil {
		root.Wipe()
		return nil, err
	}
	root.Wipe()
	return unsealRoot(x, t)
}

func writeSealed(x *tpm.TPM, t config.Terminal, root *secret.Bytes) error {
	policy := tpm.Policy{PCRs: t.TPM.PCRs}
	if t.TPM.Authority != "" {
		items, err := terminal.ReadPublicItems(t.TPM.Authority)
		if err != nil {
			return err
		}
		policy.Authority = items[0].Key
	}
	sealed, err := x.Seal(root.Reveal(), policy)
	if err != nil {
		return err
	}
	return terminal.WriteKeyFile("write sealed key", t.Keys, sealed.Text())
}

// tpmSigner opens a private key: the TPM's own, or one in a file that can be copied.
func tpmSigner(x *tpm.TPM, file string) (crypto.Signer, bool, error) {
	const op = "read private key"
	text, err := terminal.ReadSecretFile(op, file)
	if err != nil {
		return nil, false, err
	}
	defer secret.Zero(text)
	held, err := tpm.ParseKeyFile(text)
	if errors.Is(err, tpm.ErrNotTPMKey) {
		key, err := terminal.ReadPrivateKey(file)
		return key, true, err
	}
	if err != nil {
		return nil, false, &terminal.KeyError{Op: op, File: file, Err: err, Hint: `"tilld key new" makes one`}
	}
	key, err := x.LoadKey(held)
	if err != nil {
		return nil, false, err
	}
	return key, held.Extractable(), nil
}

// ownKey is the name of the signing key that a secure element has of its own.
const ownKey = "terminal"

// ateccKeys lets a secure element derive what the journal is sealed with; contracts still
// sign with keys in files, because wallets want RSA.
func ateccKeys(ctx context.Context, cfg *config.Config, _ bool) (openedKeys, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	c := cfg.Terminal.ATECC608
	d, err := atecc608.Open(ctx, c.Bus, uint16(c.Address))
	if err != nil {
		return openedKeys{}, err
	}
	keys, err := ateccStore(ctx, d, cfg)
	if err != nil {
		d.Close()
	}
	return keys, err
}

func ateccStore(ctx context.Context, d *atecc608.Device, cfg *config.Config) (openedKeys, error) {
	c := cfg.Terminal.ATECC608
	root, err := d.Root(ctx, c.RootSlot)
	if err != nil {
		return openedKeys{}, err
	}
	own, err := d.Key(ctx, c.SignSlot)
	if err != nil {
		return openedKeys{}, err
	}
	s := terminal.NewStore(terminal.Parts{Root: root, Own: map[string]crypto.Signer{ownKey: own},
		Counter: d.Monotonic(c.Counter), Signers: signersOf(cfg)})
	return openedKeys{keyStore: s, about: "the secure element " + d.String(), close: func() { d.Close() }}, nil
}

// checkKeys asks the device that holds the root key whether it would give it. Files are
// looked at elsewhere. Nothing is made.
func (e *env) checkKeys(cfg *config.Config) config.Problems {
	if cfg.Terminal.KeyStore == "file" || cfg.Terminal.KeyStore == "" {
		return nil
	}
	p := config.Problem{Key: "terminal.key_store", Level: config.Note}
	keys, err := openKeys(e.ctx, cfg, false)
	switch {
	case err == nil:
		keys.close()
		p.Text = "the root key is in " + keys.about + " and cannot be taken out of it"
	case errors.Is(err, fs.ErrNotExist) && cfg.Terminal.KeyStore == "tpm" && absent(cfg.Terminal.Keys):
		return nil // the first start makes it; reported where it stands
	default:
		f := fail("", "", err)
		p.Level, p.Text, p.Hint = config.Mistake, oneLine(err), f.hint
	}
	return config.Problems{p}
}

func absent(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}
