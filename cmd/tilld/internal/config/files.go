package config

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/internal/secret"
)

// soon is how long before its end a certificate is warned about.
const soon = 30 * 24 * time.Hour

// CheckFiles looks at every file and folder the configuration names. Now is for the dates
// of certificates; a clock before built tells nothing, and they are left out.
func CheckFiles(c *Config, data []byte, now, built time.Time) Problems {
	root, _ := parseTree(data)
	f := &files{c: c, now: now, clockOK: !now.Before(built)}
	f.r = &reader{table: root, out: &f.out}
	f.state()
	f.recordKeys()
	f.pos()
	f.contracts()
	f.palm()
	f.out.Sort()
	return f.out
}

type files struct {
	c       *Config
	now     time.Time
	clockOK bool
	r       *reader
	out     Problems
}

// section is the reader of a table that may be absent.
func (f *files) section(key string) *reader { s, _ := f.r.section(key); return s }

// fail reports an error with the hint that it carries.
func (f *files) fail(s *reader, key string, err error) {
	hint := ""
	var h interface{ HintText() string }
	if errors.As(err, &h) {
		hint = h.HintText()
	}
	s.mistake(key, hint, "%v", err)
}

func (f *files) state() {
	if f.c.State == "" {
		return
	}
	info, err := os.Stat(f.c.State)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !canMake(f.c.State) {
			f.r.mistake("state", "mkdir -m 700 "+f.c.State+", owned by the user that tilld runs as", "%s does not exist and cannot be made", f.c.State)
		}
	case err != nil:
		f.r.mistake("state", "check the path", "%v", err)
	case !info.IsDir():
		f.r.mistake("state", "name a directory", "%s is not a directory", f.c.State)
	default:
		if info.Mode().Perm()&0o077 != 0 {
			f.r.report(Warning, "state", "chmod 700 "+f.c.State, "%s is open to others (mode %04o)", f.c.State, info.Mode().Perm())
		}
		if err := tryWrite(f.c.State); err != nil {
			f.r.mistake("state", "it must be writable for the user that tilld runs as, and not be full", "%s: %v", f.c.State, err)
		}
	}
}

// canMake reports whether the nearest existing folder above a path can be written to.
func canMake(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil {
			return info.IsDir() && tryWrite(dir) == nil
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// tryWrite makes a file and removes it: permission bits do not know of read-only mounts
// and full disks.
func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".check-*")
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return pe.Err
		}
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

func (f *files) recordKeys() {
	s := f.section("terminal")
	file := f.c.Terminal.Keys
	if f.c.Terminal.KeyStore == "tpm" {
		f.sealedKeys(s, file)
	}
	if file == "" || f.c.Terminal.KeyStore != "file" {
		return
	}
	key, err := terminal.ReadRootKey(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && canMake(file):
		s.report(Note, "keys", "", "%s does not exist: the first start makes it, and it will be extractable", file)
	case errors.Is(err, fs.ErrNotExist):
		s.mistake("keys", "the folder must be writable on the first start; or copy a keys file there", "%s does not exist and cannot be made", file)
	case err != nil:
		f.fail(s, "keys", err)
	default:
		key.Wipe()
		s.report(Note, "keys", "", "the record key is extractable: whoever reads %s can read the journal", file)
	}
}

// nodeName is the leaf's common name that point-of-sale libraries insist on; the strictest
// of them wants a model of 3 letters and a serial number of 9 to 15 digits.
var (
	nodeName   = regexp.MustCompile(`^([a-zA-Z0-9]+-[a-zA-Z0-9]+|legacy-terminal-certificate)\.(live|test)\.terminal\.adyen\.com$`)
	strictName = regexp.MustCompile(`^[a-zA-Z0-9]{3,}-[0-9]{9,15}\.`)
)

func (f *files) pos() {
	s := f.section("pos")
	var leaf *x509.Certificate
	if f.c.POS.Certificate != "" {
		items, err := terminal.ReadPublicItems(f.c.POS.Certificate)
		switch {
		case err != nil:
			f.fail(s, "certificate", err)
		case items[0].Cert == nil:
			s.mistake("certificate", `make one with "tilld cert"`, "%s holds a bare key, not a certificate", f.c.POS.Certificate)
		default:
			leaf = items[0].Cert
			f.leafName(s, leaf)
		}
		for _, it := range items {
			f.dates(s, "certificate", f.c.POS.Certificate, it.Cert, Mistake, `make a new one with "tilld cert"`)
		}
	}
	if f.c.POS.Key != "" {
		key, err := terminal.ReadPrivateKey(f.c.POS.Key)
		if err != nil {
			f.fail(s, "key", err)
		} else if leaf != nil && !samePublic(key.Public(), leaf.PublicKey) {
			s.mistake("key", `certificate and key are made together: "tilld cert"`, "%s is not the key of %s", f.c.POS.Key, f.c.POS.Certificate)
		}
	}
	f.passphrases(s)
}

func (f *files) passphrases(s *reader) {
	list := s.sections("keys")
	for i, k := range f.c.POS.Keys {
		if i >= len(list) || k.PassphraseFile == "" {
			continue
		}
		pass, err := terminal.ReadSecretFile("read passphrase", k.PassphraseFile)
		if err != nil {
			f.fail(list[i], "passphrase_file", err)
			continue
		}
		text := bytes.TrimRight(pass, "\r\n")
		switch {
		case len(text) == 0:
			list[i].mistake("passphrase_file", "write the passphrase on one line", "%s is empty", k.PassphraseFile)
		case bytes.ContainsAny(text, "\r\n\x00"):
			list[i].mistake("passphrase_file", "write the passphrase on one line", "%s has more than one line", k.PassphraseFile)
		case len(text) < 12:
			list[i].report(Warning, "passphrase_file", "agree on a longer one with the point of sale", "the passphrase is short: %d characters", len(text))
		}
		secret.Zero(pass)
	}
}

func (f *files) leafName(s *reader, leaf *x509.Certificate) {
	cn := leaf.Subject.CommonName
	m := nodeName.FindStringSubmatch(cn)
	hint := fmt.Sprintf("the name must be %s.%s.terminal.adyen.com", f.c.POIID(), f.c.Environment)
	switch {
	case m == nil:
		s.mistake("certificate", hint, "the common name %q is refused by every point-of-sale library", clip(cn))
	case m[2] != f.c.Environment:
		s.mistake("certificate", hint, "the certificate is for %s, the environment is %s", m[2], f.c.Environment)
	case m[1] == "legacy-terminal-certificate":
	case m[1] != f.c.POIID():
		s.report(Warning, "certificate", hint, "the certificate names %s, this terminal is %s", clip(m[1]), f.c.POIID())
	case !strictName.MatchString(cn):
		s.report(Warning, "certificate", "give the terminal a serial number of 9 to 15 digits", "the common name %q is refused by Java libraries", clip(cn))
	}
}

// dates judges the life of a certificate; nil is none. An ended one is a finding of the
// given level, one that ends soon a warning.
func (f *files) dates(s *reader, key, file string, cert *x509.Certificate, ended Level, hint string) {
	switch {
	case cert == nil || !f.clockOK:
	case f.now.After(cert.NotAfter):
		s.report(ended, key, hint, "a certificate in %s ended on %s", file, day(cert.NotAfter))
	case f.now.Before(cert.NotBefore):
		s.report(ended, key, hint, "a certificate in %s begins on %s only", file, day(cert.NotBefore))
	case f.now.Add(soon).After(cert.NotAfter):
		s.report(Warning, key, hint, "a certificate in %s ends on %s", file, day(cert.NotAfter))
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func (f *files) contracts() {
	list := f.r.sections("contract")
	for i, c := range f.c.Contracts {
		if i >= len(list) {
			break
		}
		s := list[i]
		var own crypto.PublicKey
		if c.KeyFile != "" {
			var err error
			if own, err = f.signingKey(s, c.KeyFile); err != nil {
				f.fail(s, "key_file", err)
			} else if !isRSA(own) {
				s.mistake("key_file", "make an RSA key of 2048 bits or more", "%s is not an RSA key; %s signs with RSA", c.KeyFile, c.Wallet)
			}
		}
		for _, file := range c.WalletKeys {
			f.walletKeys(s, file, own)
		}
		if c.SecretFile != "" {
			text, err := terminal.ReadSecretFile("read the shared key", c.SecretFile)
			if n := len(bytes.TrimSpace(text)); err != nil {
				f.fail(s, "secret_file", err)
			} else if c.SecretLen > 0 && n != c.SecretLen {
				s.mistake("secret_file", "write the key on one line, as the wallet's merchant site set it",
					"the key in %s has %d characters; %s has keys of %d", c.SecretFile, n, c.Wallet, c.SecretLen)
			}
			secret.Zero(text)
		}
		if c.CertFile != "" {
			f.clientCert(s, c.CertFile, own)
		}
		if c.CAFile != "" {
			items, err := terminal.ReadPublicItems(c.CAFile)
			if err != nil {
				f.fail(s, "ca_file", err)
			}
			for _, it := range items {
				if it.Cert == nil {
					s.mistake("ca_file", "name the authority's certificate", "%s holds a bare key", c.CAFile)
				}
				f.dates(s, "ca_file", c.CAFile, it.Cert, Mistake, "ask for the new one")
			}
		}
	}
}

// clientCert checks the certificate that we show to a wallet's server.
func (f *files) clientCert(s *reader, file string, own crypto.PublicKey) {
	const hint = "fetch the current one from the wallet's merchant site, with its private key"
	items, err := terminal.ReadPublicItems(file)
	if err != nil {
		f.fail(s, "cert_file", err)
		return
	}
	if items[0].Cert == nil || own != nil && !samePublic(own, items[0].Key) {
		s.mistake("cert_file", hint, "%s is not the certificate of key_file", file)
	}
	f.dates(s, "cert_file", file, items[0].Cert, Mistake, hint)
}

func (f *files) walletKeys(s *reader, file string, own crypto.PublicKey) {
	const hint = "fetch the wallet's current one from its merchant site"
	items, err := terminal.ReadPublicItems(file)
	if err != nil {
		f.fail(s, "wallet_keys", err)
		return
	}
	for _, it := range items {
		if err := terminal.CheckKey(it.Key); err != nil {
			s.mistake("wallet_keys", hint, "%s: %v", file, err)
		} else if !isRSA(it.Key) {
			s.mistake("wallet_keys", hint, "%s is not an RSA key", file)
		}
		if own != nil && samePublic(own, it.Key) {
			s.mistake("wallet_keys", hint, "%s is our own key: anyone with it could sign answers", file)
		}
		// Wallets go on signing with the key of a certificate that ended; refusing to
		// start would leave payments in doubt.
		f.dates(s, "wallet_keys", file, it.Cert, Warning, hint)
	}
}

func isRSA(k crypto.PublicKey) bool { _, ok := k.(*rsa.PublicKey); return ok }
