// Package authority makes a shop's own certificate authority and the certificates of its
// terminals, off the terminal: the authority's key never is on a till.
//
// The public nexo SDKs verify the chain against the one authority file that the point of
// sale is given, and the form of the leaf's common name instead of a host name:
//
//	<Model>-<9 to 15 digits>.<live|test>.terminal.adyen.com
//
// The Node SDK takes any letters and digits around the dash, the Java SDK wants a model of
// at least three and a serial of digits only, and its configured environment; the names
// made here satisfy both.
//
// Points of sale put the authority's certificate among what they trust. Name constraints
// keep it from vouching for anything but terminals and local addresses, should its key be
// stolen. Keys are ECDSA P-256, which all of the SDKs accept.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files of an authority's folder.
const (
	CertFile = "authority.crt" // for the points of sale
	KeyFile  = "authority.key" // 0600; to be kept away from tills
)

const (
	terminalDomain = "terminal.adyen.com"
	backdated      = time.Hour // clocks of terminals and points of sale differ
	day            = 24 * time.Hour

	// DefaultValid is how long an authority lives, and DefaultLeafValid a terminal's
	// certificate.
	DefaultValid     = 10 * 365 * day
	DefaultLeafValid = 730 * day
)

// Options describe an authority.
type Options struct {
	Shop  string        // the shop's name, part of the authority's
	Valid time.Duration // zero means DefaultValid
	// Domains and Networks may appear in terminals' certificates besides terminal names,
	// localhost and loopback. Nil Networks means all private and link-local addresses.
	Domains  []string
	Networks []net.IPNet
}

// Create makes an authority in dir, which it creates. It never replaces one.
func Create(dir string, o Options) error {
	if o.Shop == "" || len(o.Shop) > 40 {
		return errors.New("create an authority: the shop's name must have 1 to 40 bytes")
	}
	if o.Valid < 0 {
		return errors.New("create an authority: its life is negative")
	}
	if o.Valid == 0 {
		o.Valid = DefaultValid
	}
	if o.Networks == nil {
		o.Networks = privateNetworks()
	}
	for _, name := range []string{CertFile, KeyFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("create an authority: %s is there already (hint: points of sale trust it; use another folder for a new one)", filepath.Join(dir, name))
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("create an authority: %w", err)
	}
	cert, err := selfSigned(key, o, time.Now())
	if err != nil {
		return fmt.Errorf("create an authority: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return fmt.Errorf("create an authority: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create an authority: %w", err)
	}
	if err := WriteNew(filepath.Join(dir, KeyFile), keyPEM, 0o600); err != nil {
		return fmt.Errorf("create an authority: %w", err)
	}
	if err := WriteNew(filepath.Join(dir, CertFile), encodeCert(cert), 0o644); err != nil {
		return fmt.Errorf("create an authority: %w", err)
	}
	return nil
}

func selfSigned(key *ecdsa.PrivateKey, o Options, now time.Time) ([]byte, error) {
	t := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{CommonName: o.Shop + " terminals", Organization: []string{o.Shop}},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(o.Valid),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,

		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         append([]string{terminalDomain, "localhost"}, o.Domains...),
	}
	for _, loop := range []string{"127.0.0.0/8", "::1/128"} {
		t.PermittedIPRanges = append(t.PermittedIPRanges, cidr(loop))
	}
	for _, n := range o.Networks {
		t.PermittedIPRanges = append(t.PermittedIPRanges, &n)
	}
	return x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
}

func privateNetworks() (out []net.IPNet) {
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"} {
		out = append(out, *cidr(s))
	}
	return out
}

func cidr(s string) *net.IPNet {
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		panic("authority: " + err.Error()) // constants of this package
	}
	return n
}

// load reads an authority back.
func load(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, CertFile))
	if err != nil {
		return nil, nil, fmt.Errorf("%w (hint: make an authority first)", err)
	}
	keyPEM, err := readKey(filepath.Join(dir, KeyFile))
	if err != nil {
		return nil, nil, err
	}
	cert, err := parseCert(certPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(dir, CertFile), err)
	}
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, nil, fmt.Errorf("%s: no PEM in it", filepath.Join(dir, KeyFile))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(dir, KeyFile), err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, fmt.Errorf("%s: not the key of %s", filepath.Join(dir, KeyFile), CertFile)
	}
	return cert, key, nil
}

// readKey reads a private key's file, if only its owner can.
func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read this key, its mode is %#o (hint: chmod 600 %s)", path, mode, path)
	}
	return os.ReadFile(path)
}

// WriteNew writes a file that must not be there yet, durably.
func WriteNew(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

func serialNumber() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parseCert(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no PEM certificate in it")
	}
	return x509.ParseCertificate(block.Bytes)
}
