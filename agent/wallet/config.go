package wallet

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/internal/secret"
)

// Config is what every wallet needs of one contract. Nonce and Now may be nil.
type Config struct {
	// Ref names the contract; Endpoint is https://host[:port], KeyID the name of our key at
	// the wallet.
	Ref sale.ContractRef
	// Signer signs our requests: RSA, at least 2048 bits.
	Signer crypto.Signer
	// WalletKeys verify the answers. At least one.
	WalletKeys []WalletKey
	// Secret is the key that we share with the wallet; nil where there is none. With Shared
	// it verifies the answers, and there are no WalletKeys.
	Secret *secret.Bytes
	Shared bool
	// ClientCert is shown to servers that ask for one; nil where none does.
	ClientCert *tls.Certificate
	// Backup is the wallet's second host, https://host[:port], or empty. What was not sent
	// to the first is sent there; a payment that may have been sent never is.
	Backup   string
	Terminal terminal.Info
	// Roots is whom we trust for the endpoint's certificate; nil means the system.
	Roots *x509.CertPool
	Clock sale.Clock
	// MaxIdle is how long an idle connection is trusted; zero means the constant of that name.
	// The test environment shortens it with the clock table.
	MaxIdle time.Duration
	// Now is the wall clock for timestamps; nil means time.Now.
	Now func() time.Time
	// OnDate is told the Date of every answer that came over an authenticated connection.
	// It must not block. May be nil.
	OnDate func(server time.Time)
	// Nonce makes the random text of a request; nil means 32 random hex digits. Tests inject
	// a fixed one to compare bytes.
	Nonce func() string
}

// Fault is one mistake in a contract's settings, named by its key in the configuration file
// ("merchant_id").
type Fault struct {
	Key  string
	Text string
}

func (f Fault) Error() string { return f.Key + ": " + f.Text }

// Time is the wall clock.
func (c *Config) Time() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// Check says what is missing, before anything is dialled.
func (c *Config) Check() error {
	name := c.Ref.Name
	if _, _, err := parseEndpoint(c.Ref.Endpoint); err != nil {
		return fmt.Errorf("contract %s: %w", name, err)
	}
	if c.Signer == nil {
		return fmt.Errorf("contract %s: no signing key", name)
	}
	if err := checkRSA(c.Signer.Public()); err != nil {
		return fmt.Errorf("contract %s: signing key: %w", name, err)
	}
	if c.Shared {
		if c.Secret == nil {
			return fmt.Errorf("contract %s: no shared key", name)
		}
		return c.checkTimes()
	}
	if c.Ref.KeyID == "" {
		return fmt.Errorf("contract %s: no key id", name)
	}
	if len(c.WalletKeys) == 0 {
		return fmt.Errorf("contract %s: no key to verify the wallet's answers with", name)
	}
	for _, k := range c.WalletKeys {
		if err := checkRSA(k.Public); err != nil {
			return fmt.Errorf("contract %s: wallet key %s: %w", name, k.ID, err)
		}
	}
	return c.checkTimes()
}

func (c *Config) checkTimes() error {
	if c.Clock.Answer <= 0 {
		return fmt.Errorf("contract %s: no time for an answer in the clock table", c.Ref.Name)
	}
	return nil
}

// Link prepares the contract's link.
func (c *Config) Link() (*Link, error) {
	link, err := NewLink(LinkOptions{
		Endpoint: c.Ref.Endpoint, Roots: c.Roots, ClientCert: c.ClientCert, Answer: c.Clock.Answer, MaxIdle: c.MaxIdle, Now: c.Now, OnDate: c.OnDate,
	})
	if err != nil {
		return nil, fmt.Errorf("contract %s: %w", c.Ref.Name, err)
	}
	return link, nil
}

// parseEndpoint splits https://host[:port] into the server's name and the address to dial.
func parseEndpoint(endpoint string) (host, address string, err error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", "", fmt.Errorf("endpoint: %w", err)
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", fmt.Errorf("endpoint %q: want https://host or https://host:port", endpoint)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	host = u.Hostname()
	if strings.Contains(host, ":") {
		return host, "[" + host + "]:" + port, nil
	}
	return host, host + ":" + port, nil
}
