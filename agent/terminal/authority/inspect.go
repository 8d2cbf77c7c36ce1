package authority

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"regexp"
	"time"
)

// Report is what a certificate says, and what would keep it from working.
type Report struct {
	CommonName  string
	Environment string   // "live", "test", or empty when the name has none
	Names       []string // host names and addresses
	NotBefore   time.Time
	NotAfter    time.Time
	Problems    []string // one line each, for people; none means it will work
}

// The checks of the SDKs, as they stand there.
var (
	nodeCheck = regexp.MustCompile(`^(([a-zA-Z0-9]+-[a-zA-Z0-9]+)|legacy-terminal-certificate)\.(live|test)\.terminal\.adyen\.com$`)
	javaCheck = regexp.MustCompile(`^([a-zA-Z0-9]{3,}-[0-9]{9,15}|legacy-terminal-certificate)\.(live|test)\.terminal\.adyen\.com$`)
)

// NodeAccepts reports whether the Node SDK takes a certificate with this common name. It
// does not compare environments.
func NodeAccepts(commonName string) bool { return nodeCheck.MatchString(commonName) }

// JavaAccepts reports whether the Java SDK, configured for the environment, takes it.
func JavaAccepts(commonName, environment string) bool {
	m := javaCheck.FindStringSubmatch(commonName)
	return m != nil && m[2] == environment
}

// Inspect reads the first certificate of a PEM text and judges it at the time now. An error
// means that there is no certificate to judge.
func Inspect(certPEM []byte, now time.Time) (Report, error) {
	c, err := parseCert(certPEM)
	if err != nil {
		return Report{}, fmt.Errorf("inspect a certificate: %w", err)
	}
	r := Report{CommonName: c.Subject.CommonName, NotBefore: c.NotBefore, NotAfter: c.NotAfter, Names: c.DNSNames}
	for _, ip := range c.IPAddresses {
		r.Names = append(r.Names, ip.String())
	}
	if m := nodeCheck.FindStringSubmatch(r.CommonName); m != nil {
		r.Environment = m[3]
	}
	r.Problems = problems(c, r, now)
	return r, nil
}

func problems(c *x509.Certificate, r Report, now time.Time) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case !NodeAccepts(r.CommonName):
		add("the common name %q is not <model>-<serial>.<live|test>.terminal.adyen.com: no SDK accepts it", r.CommonName)
	case !JavaAccepts(r.CommonName, r.Environment):
		add("the Java SDK does not accept the common name %q: it wants a model of 3 or more characters and a serial of 9 to 15 digits", r.CommonName)
	}
	switch {
	case now.Before(r.NotBefore):
		add("it is valid from %s only", r.NotBefore.Format(time.DateOnly))
	case !now.Before(r.NotAfter):
		add("it ended on %s", r.NotAfter.Format(time.DateOnly))
	case r.NotAfter.Sub(now) < 30*day:
		add("it ends on %s: issue a new one", r.NotAfter.Format(time.DateOnly))
	}
	if c.IsCA {
		add("it is an authority's certificate, not a terminal's")
	}
	serves := len(c.ExtKeyUsage) == 0
	for _, u := range c.ExtKeyUsage {
		serves = serves || u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny
	}
	if !serves {
		add("it is not for TLS servers")
	}
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			add("its RSA key has %d bits, 2048 are needed", key.N.BitLen())
		}
	default:
		add("its key is neither ECDSA nor RSA: older SDKs do not know it")
	}
	return out
}
