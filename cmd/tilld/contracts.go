package main

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/pos"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/internal/secret"
)

// contracts is what the [[contract]] sections became.
type contracts struct {
	list  []agent.Contract
	dates []dateSource
	rings map[string]*wallet.Ring // by the contract's name
}

// makeContracts turns the [[contract]] sections into what the till works with. The order
// stays: it decides which contract a code goes to.
func makeContracts(cfg *config.Config, keys terminal.KeyStore, onDate func(string, time.Time)) (contracts, error) {
	out := contracts{rings: map[string]*wallet.Ring{}}
	info := terminalInfo(cfg)
	for _, c := range cfg.Contracts {
		stop := func(err error) (contracts, error) {
			return contracts{}, fail("start", "contract "+c.Name, err)
		}
		row, ok := walletOf(c.Wallet)
		if !ok {
			return stop(fmt.Errorf("wallet %q is not in the table", c.Wallet))
		}
		held, err := readKeys(c, keys)
		if err != nil {
			return stop(err)
		}
		roots, err := rootsOf(c.CAFile)
		if err != nil {
			return stop(err)
		}
		w := wallet.Config{Ref: refOf(c), Ring: wallet.NewRing(held), Terminal: info, Roots: roots,
			Shared: row.Shared, Backup: c.Backup, Clock: row.clock().Scaled(cfg.Terminal.ClockScale),
			OnDate: func(server time.Time) { onDate(c.Name, server) }}
		w.Ref.KeyID = held.ID
		client, err := row.make(w, c.Settings)
		if err != nil {
			return stop(err)
		}
		out.list = append(out.list, agent.Contract{Ref: w.Ref, Schemes: c.Schemes, Currencies: c.Currencies, SaleIDs: c.SaleIDs,
			Clock: w.Clock, Wallet: client, Aggregator: row.Aggregator, Offers: c.Offer})
		out.dates = append(out.dates, dateSource{c.Name, c.Endpoint, roots})
		out.rings[c.Name] = w.Ring
	}
	return out, nil
}

// readKeys reads everything that a contract signs with and verifies by.
func readKeys(c config.Contract, keys terminal.KeyStore) (held wallet.Keys, err error) {
	if held.Signer, held.ID, _, err = keys.Signer(c.Name); err != nil {
		return held, err
	}
	if held.Wallet, err = walletKeys(c.WalletKeys); err != nil {
		return held, err
	}
	if held.Client, err = clientCert(c.CertFile, held.Signer); err != nil {
		return held, err
	}
	if c.SecretFile != "" {
		text, err := terminal.ReadSecretFile("read the shared key", c.SecretFile)
		if err != nil {
			return held, err
		}
		held.Secret = secret.Copy(bytes.TrimSpace(text))
		secret.Zero(text)
	}
	return held, nil
}

func walletKeys(files []string) (keys []wallet.WalletKey, err error) {
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		list, err := wallet.ParseWalletKeys(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		keys = append(keys, list...)
	}
	return keys, nil
}

// clientCert is the certificate that we show to a wallet's server, with the key that signs;
// nil when there is none.
func clientCert(file string, key crypto.Signer) (*tls.Certificate, error) {
	if file == "" {
		return nil, nil
	}
	items, err := terminal.ReadPublicItems(file)
	if err != nil {
		return nil, err
	}
	cert := &tls.Certificate{PrivateKey: key}
	for _, it := range items {
		if it.Cert != nil {
			cert.Certificate = append(cert.Certificate, it.Cert.Raw)
		}
	}
	if len(cert.Certificate) == 0 {
		return nil, fmt.Errorf("%s: no certificate", file)
	}
	return cert, nil
}

// rootsOf reads the authority that a test trusts; nil means the system's.
func rootsOf(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	items, err := terminal.ReadPublicItems(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, it := range items {
		if it.Cert != nil {
			pool.AddCert(it.Cert)
		}
	}
	return pool, nil
}

// terminalInfo is what every code sale says of the terminal.
func terminalInfo(cfg *config.Config) terminal.Info {
	t := cfg.Terminal
	app := version
	if len(app) > 8 {
		app = app[:8]
	}
	return terminal.Info{DeviceType: "10", Serial: t.Serial, AppVersion: app, NetworkLicense: t.NetworkLicense,
		Location: t.Location, DeviceIP: t.DeviceIP, StoreID: t.StoreID, StoreName: t.StoreName}
}

// nexoKeys reads the passphrases; the caller wipes them.
func nexoKeys(list []config.NexoKey) (out []pos.Key, err error) {
	for _, k := range list {
		text, err := terminal.ReadSecretFile("read passphrase", k.PassphraseFile)
		if err != nil {
			return nil, fail("start", "", err)
		}
		out = append(out, pos.Key{Identifier: k.Identifier, Version: int64(k.Version), Passphrase: secret.Copy(bytes.TrimRight(text, "\r\n"))})
		secret.Zero(text)
	}
	return out, nil
}
