package main

import (
	"context"
	"crypto"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

type reloadCmd struct{}

func (reloadCmd) Help() string {
	return `Reads the configuration again and takes over its keys and certificates: key_id, key_file,
wallet_keys, secret_file and cert_file of every contract. Nothing stops: a payment under way
goes on with what it began with. All of it is taken over or nothing; a file that cannot be
used is an error, and the old keys stay. Everything else in the configuration needs a restart.

While a wallet changes its key, list both files in wallet_keys: answers may come with either.
SIGHUP does the same, for whatever renews certificates.

Examples:
  tilld check && tilld reload
  tilld reload --json`
}

func (reloadCmd) Run(e *env) error {
	var out control.Reloaded
	if err := e.ask("reload", "POST", "/v1/reload", nil, &out); err != nil {
		return err
	}
	switch {
	case e.json:
		e.encode(out)
	case len(out.Contracts) == 0:
		e.printf("nothing changed\n")
	default:
		e.printf("new keys: %s\n", strings.Join(out.Contracts, ", "))
	}
	return nil
}

// reloadOnHangup takes over keys and certificates at each SIGHUP until ctx ends.
func (d *daemon) reloadOnHangup(ctx context.Context) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		changed, err := d.reload()
		if err != nil {
			d.log.Error("reload: "+oneLine(err), "hint", "tilld check says what is wrong; the old keys stay")
			continue
		}
		d.log.Info("reloaded", "new keys", strings.Join(changed, ", "))
	}
}

// reload reads the configuration again and takes over its keys: all of them, or none. It
// returns the contracts whose keys are others now.
func (d *daemon) reload() (changed []string, err error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if d.reread == nil {
		return nil, errors.New("this daemon has no configuration file")
	}
	cfg, err := d.reread()
	if err != nil {
		return nil, err
	}
	if d.current == nil {
		d.current = d.cfg
	}
	if !sameButKeys(d.current, cfg) {
		return nil, fail("reload", "", errors.New("more than keys and certificates differs from what the daemon started with")).
			withHint("restart tilld for the rest: payments in flight go on after it")
	}
	d.keys.SetSigners(signersOf(cfg))
	held := map[string]wallet.Keys{}
	for _, c := range cfg.Contracts {
		k, err := readKeys(c, d.keys)
		if row, _ := walletOf(c.Wallet); err == nil {
			err = k.Check(row.Shared)
		}
		if err != nil {
			d.keys.SetSigners(signersOf(d.current))
			return nil, fail("reload", "contract "+c.Name, err)
		}
		k.Wallet = withKeys(k.Wallet, d.fetched[c.Name])
		held[c.Name] = k
	}
	for name, k := range held {
		ring := d.rings[name]
		if sameKeys(ring.Keys(), &k) {
			continue
		}
		ring.Replace(k)
		changed = append(changed, name)
	}
	slices.Sort(changed)
	d.current = cfg
	return changed, nil
}

// signersOf is where each contract's private key lies, and the terminal's own for palms.
func signersOf(cfg *config.Config) map[string]terminal.SigningKey {
	signers := map[string]terminal.SigningKey{}
	for _, c := range cfg.Contracts {
		signers[c.Name] = terminal.SigningKey{ID: c.KeyID, File: c.KeyFile}
	}
	if cfg.Palm.KeyFile != "" {
		signers[palmKey] = terminal.SigningKey{File: cfg.Palm.KeyFile}
	}
	return signers
}

// sameButKeys reports whether two configurations differ in nothing but what reload takes over.
func sameButKeys(a, b *config.Config) bool {
	bare := func(c *config.Config) config.Config {
		out := *c
		out.StateLine = 0
		out.Contracts = slices.Clone(c.Contracts)
		for i := range out.Contracts {
			k := &out.Contracts[i]
			k.KeyID, k.KeyFile, k.WalletKeys, k.SecretFile, k.CertFile, k.Line = "", "", nil, "", "", 0
		}
		return out
	}
	return reflect.DeepEqual(bare(a), bare(b))
}

// sameKeys reports whether nothing of a contract's keys changed.
func sameKeys(a, b *wallet.Keys) bool {
	if a.ID != b.ID || len(a.Wallet) != len(b.Wallet) || !samePublic(a.Signer.Public(), b.Signer.Public()) {
		return false
	}
	for i := range a.Wallet {
		if a.Wallet[i].ID != b.Wallet[i].ID || !samePublic(a.Wallet[i].Public, b.Wallet[i].Public) {
			return false
		}
	}
	if (a.Secret == nil) != (b.Secret == nil) || a.Secret != nil && string(a.Secret.Reveal()) != string(b.Secret.Reveal()) {
		return false
	}
	if (a.Client == nil) != (b.Client == nil) {
		return false
	}
	return a.Client == nil || reflect.DeepEqual(a.Client.Certificate, b.Client.Certificate)
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
