package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	today  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	before = today.AddDate(0, -1, 0) // the program's date
)

// pki makes keys and certificates; an RSA key takes a moment, so there are two for all.
type pki struct {
	t         *testing.T
	dir       string
	own, bank *rsa.PrivateKey
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	p := &pki{t: t, dir: t.TempDir()}
	for _, k := range []**rsa.PrivateKey{&p.own, &p.bank} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		*k = key
	}
	return p
}

func (p *pki) write(name, kind string, der []byte, err error, mode os.FileMode) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		p.t.Fatal(err)
	}
	return file
}

func (p *pki) key(name string, k *rsa.PrivateKey) string {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	return p.write(name, "PRIVATE KEY", der, err, 0o600)
}

func (p *pki) public(name string, k *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	return p.write(name, "PUBLIC KEY", der, err, 0o644)
}

func (p *pki) cert(name, cn string, k *rsa.PrivateKey, from, to time.Time) string {
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: cn}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	return p.write(name, "CERTIFICATE", der, err, 0o644)
}

const cn = "TILLD-000158000000000.live.terminal.adyen.com"

// files makes a folder in which the good file is good, and its findings.
func (p *pki) files() (text string) {
	p.cert("pos.crt", cn, p.own, today.AddDate(0, -1, 0), today.AddDate(1, 0, 0))
	p.key("pos.key", p.own)
	p.key("w.key", p.own)
	p.cert("w.pem", "wallet", p.bank, today.AddDate(0, -1, 0), today.AddDate(1, 0, 0))
	return strings.NewReplacer("/var/lib/tilld", p.dir+"/state", "/etc/tilld/keys.toml", p.dir+"/keys.toml").Replace(good)
}

func (p *pki) check(text string, now time.Time) Problems {
	p.t.Helper()
	c, problems := Parse([]byte(text), p.dir, tables())
	if problems.Count(Mistake) != 0 {
		p.t.Fatalf("%v", problems)
	}
	return CheckFiles(c, []byte(text), now, before)
}

func TestFiles(t *testing.T) {
	p := newPKI(t)
	year := func(from, to int) (time.Time, time.Time) { return today.AddDate(0, 0, from), today.AddDate(0, 0, to) }
	for _, tc := range []struct {
		name      string
		spoil     func()
		now       time.Time
		level     Level
		line      int
		key, text string
	}{
		{"nothing", func() {}, today, "", 0, "", ""},
		{"key missing", func() { os.Remove(p.dir + "/w.key") }, today, Mistake, 31, "contract[1].key_file", "no such file"},
		{"key readable by others", func() { os.Chmod(p.dir+"/w.key", 0o604) }, today, Mistake, 31, "contract[1].key_file", "readable by others"},
		{"key is a folder", func() { os.Remove(p.dir + "/w.key"); os.Mkdir(p.dir+"/w.key", 0o700) }, today, Mistake, 31, "contract[1].key_file", "not a regular file"},
		{"public key for a private one", func() { p.public("w.key", p.own); os.Chmod(p.dir+"/w.key", 0o600) }, today, Mistake, 31, "contract[1].key_file", "no private key"},
		{"our own key as the wallet's", func() { p.public("w.pem", p.own) }, today, Mistake, 32, "contract[1].wallet_keys", "is our own key"},
		{"private key as the wallet's", func() { p.key("w.pem", p.bank) }, today, Mistake, 32, "contract[1].wallet_keys", "a private key stands"},
		{"wallet's certificate ended", func() {
			from, to := year(-90, -1)
			p.cert("w.pem", "wallet", p.bank, from, to)
		}, today, Warning, 32, "contract[1].wallet_keys", "ended on 2026-11-21"},
		{"wallet's certificate ends soon", func() {
			from, to := year(-90, 29)
			p.cert("w.pem", "wallet", p.bank, from, to)
		}, today, Warning, 32, "contract[1].wallet_keys", "ends on 2026-12-21"},
		{"certificate ends in 31 days", func() {
			from, to := year(-90, 31)
			p.cert("pos.crt", cn, p.own, from, to)
		}, today, "", 0, "", ""},
		{"certificate ended", func() {
			from, to := year(-90, -1)
			p.cert("pos.crt", cn, p.own, from, to)
		}, today, Mistake, 12, "pos.certificate", "ended on"},
		{"certificate not begun", func() {
			from, to := year(1, 90)
			p.cert("pos.crt", cn, p.own, from, to)
		}, today, Mistake, 12, "pos.certificate", "begins on"},
		{"ended, but the clock is at 1970", func() {
			from, to := year(-90, -1)
			p.cert("pos.crt", cn, p.own, from, to)
		}, time.Unix(0, 0), "", 0, "", ""},
		{"another environment", func() {
			from, to := year(-1, 90)
			p.cert("pos.crt", strings.Replace(cn, "live", "test", 1), p.own, from, to)
		}, today, Mistake, 12, "pos.certificate", "is for test, the environment is live"},
		{"a name that no library accepts", func() {
			from, to := year(-1, 90)
			p.cert("pos.crt", "till.example", p.own, from, to)
		}, today, Mistake, 12, "pos.certificate", "refused by every"},
		{"another terminal's", func() {
			from, to := year(-1, 90)
			p.cert("pos.crt", strings.Replace(cn, "0158", "0159", 1), p.own, from, to)
		}, today, Warning, 12, "pos.certificate", "this terminal is"},
		{"a bare key for a certificate", func() { p.public("pos.crt", p.own) }, today, Mistake, 12, "pos.certificate", "bare key"},
		{"not the certificate's key", func() { p.key("pos.key", p.bank) }, today, Mistake, 13, "pos.key", "is not the key of"},
		{"state is a file", func() { os.WriteFile(p.dir+"/state", nil, 0o600) }, today, Mistake, 2, "state", "is not a directory"},
		{"state is open to others", func() { os.Mkdir(p.dir+"/state", 0o755); os.Chmod(p.dir+"/state", 0o755) }, today, Warning, 2, "state", "open to others"},
		{"record key damaged", func() { os.WriteFile(p.dir+"/keys.toml", []byte("record = \"00\""), 0o600) }, today, Mistake, 7, "terminal.keys", "is not a file of record keys"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			os.RemoveAll(p.dir)
			if err := os.Mkdir(p.dir, 0o700); err != nil {
				t.Fatal(err)
			}
			p.t = t
			text := p.files()
			tc.spoil()
			problems := p.check(text, tc.now)
			hit := false
			for _, f := range problems {
				if f.Level == Note {
					continue
				}
				if f.Level != tc.level || f.Line != tc.line || f.Key != tc.key || !strings.Contains(f.Text, tc.text) {
					t.Errorf("unexpected: line %d %s", f.Line, f)
					continue
				}
				hit = true
				if f.Hint == "" {
					t.Errorf("no hint: %s", f)
				}
			}
			if !hit && tc.level != "" {
				t.Errorf("not found: %v", problems)
			}
		})
	}
}

func TestStateCannotBeMade(t *testing.T) {
	p := newPKI(t)
	text := strings.Replace(p.files(), p.dir+"/state", "/proc/none/state", 1)
	for _, f := range p.check(text, today) {
		if f.Key == "state" && f.Level == Mistake && f.Line == 2 && strings.Contains(f.Text, "cannot be made") && f.Hint != "" {
			return
		}
	}
	t.Fatal("a directory in /proc passes for one that can be made")
}

func TestWeakKeyAndPassphrases(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	p := newPKI(t)
	text := p.files()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p.key("w.key", weak)
	p.public("w.pem", weak)
	for name, pass := range map[string]string{"short": "canary\n", "lines": "canary-canary\ncanary", "empty": "\n"} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(pass), 0o600); err != nil {
			t.Fatal(err)
		}
		text = strings.Replace(text, "[display]", "[[pos.keys]]\nidentifier = \"k\"\nversion = "+
			map[string]string{"short": "1", "lines": "2", "empty": "3"}[name]+"\npassphrase_file = \""+name+"\"\n[display]", 1)
	}
	var said strings.Builder
	for _, f := range p.check(text, today) {
		said.WriteString(f.String() + "\n")
	}
	for _, want := range []string{"RSA of 1024 bits: too weak", "wallet_keys: " + p.dir + "/w.pem: RSA of 1024 bits",
		"the passphrase is short: 6 characters", "has more than one line", "empty is empty"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not said:\n%s", want, said.String())
		}
	}
	if strings.Contains(said.String(), "canary") {
		t.Errorf("a passphrase is shown:\n%s", said.String())
	}
}
