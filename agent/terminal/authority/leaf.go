package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"regexp"
	"slices"
	"time"
)

// Leaf describes a terminal's certificate.
type Leaf struct {
	Model       string // 3 or more letters or digits
	Serial      string // 9 to 15 digits
	Environment string // "live" or "test"
	// Hosts and IPs are where points of sale reach the terminal; localhost and loopback
	// addresses are always in the certificate.
	Hosts []string
	IPs   []net.IP
	Valid time.Duration // zero means DefaultLeafValid
}

// Both SDKs accept what matches; the common name of a certificate has at most 64 characters.
var (
	modelForm  = regexp.MustCompile(`^[a-zA-Z0-9]{3,20}$`)
	serialForm = regexp.MustCompile(`^[0-9]{9,15}$`)
)

// CommonName is the name that both SDKs accept, or says what keeps it from being one.
func (l Leaf) CommonName() (string, error) {
	switch {
	case !modelForm.MatchString(l.Model):
		return "", fmt.Errorf("model %q is not 3 to 20 letters or digits", l.Model)
	case !serialForm.MatchString(l.Serial):
		return "", fmt.Errorf("serial %q is not 9 to 15 digits, as the Java SDK demands", l.Serial)
	case l.Environment != "live" && l.Environment != "test":
		return "", fmt.Errorf("environment %q is neither live nor test", l.Environment)
	}
	return l.Model + "-" + l.Serial + "." + l.Environment + "." + terminalDomain, nil
}

// Issue makes a fresh key and a certificate for it, signed by the authority in dir. Both are
// PEM; the key is PKCS#8 and belongs into a file with mode 0600.
func Issue(dir string, l Leaf) (certPEM, keyPEM []byte, err error) {
	fail := func(err error) ([]byte, []byte, error) {
		return nil, nil, fmt.Errorf("issue a terminal's certificate: %w", err)
	}
	name, err := l.CommonName()
	if err != nil {
		return fail(err)
	}
	ca, caKey, err := load(dir)
	if err != nil {
		return fail(err)
	}
	now := time.Now()
	if l.Valid == 0 {
		l.Valid = DefaultLeafValid
	}
	until := now.Add(l.Valid)
	switch {
	case l.Valid < 0:
		return fail(fmt.Errorf("its life is negative"))
	case !now.Before(ca.NotAfter):
		return fail(fmt.Errorf("the authority ended on %s (hint: make a new one and give it to every point of sale)", ca.NotAfter.Format("2006-01-02")))
	case until.After(ca.NotAfter):
		until = ca.NotAfter
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	t := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{CommonName: name, Organization: ca.Subject.Organization},
		NotBefore:             now.Add(-backdated),
		NotAfter:              until,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:              unique(append([]string{name, "localhost"}, l.Hosts...)),
		IPAddresses:           append([]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, l.IPs...),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca, key.Public(), caKey)
	if err != nil {
		return fail(err)
	}
	if err := permitted(ca, der); err != nil {
		return fail(err)
	}
	if keyPEM, err = encodeKey(key); err != nil {
		return fail(err)
	}
	return encodeCert(der), keyPEM, nil
}

// permitted verifies the new certificate as a point of sale will: a name outside the
// authority's constraints is found here and not in the shop.
func permitted(ca *x509.Certificate, der []byte) error {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots}); err != nil {
		return fmt.Errorf("%w (hint: the authority permits its own list of domains and networks only)", err)
	}
	return nil
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
