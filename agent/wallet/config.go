package wallet

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
)

// Config is what every wallet needs of one contract. Nonce and Now may be nil.
type Config struct {
	// Ref names the contract; Endpoint is https://host[:port].
	Ref sale.ContractRef
	// Ring holds the keys. With Shared its Secret verifies the answers, and there are no
	// wallet keys.
	Ring   *Ring
	Shared bool
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
	if c.Ring == nil {
		return fmt.Errorf("contract %s: no keys", name)
	}
	if err := c.Ring.Keys().Check(c.Shared); err != nil {
		return fmt.Errorf("contract %s: %w", name, err)
	}
	return c.checkTimes()
}

// Check says what is missing, or cannot be used. With shared the secret verifies the answers.
func (k *Keys) Check(shared bool) error {
	if k.Signer == nil {
		return errors.New("no signing key")
	}
	if err := checkRSA(k.Signer.Public()); err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	switch {
	case shared && k.Secret == nil:
		return errors.New("no shared key")
	case shared:
		return nil
	case k.ID == "":
		return errors.New("no key id")
	case len(k.Wallet) == 0:
		return errors.New("no key to verify the wallet's answers with")
	}
	for _, w := range k.Wallet {
		if err := checkRSA(w.Public); err != nil {
			return fmt.Errorf("wallet key %s: %w", w.ID, err)
		}
	}
	return nil
}

func (c *Config) checkTimes() error {
	if c.Backup != "" {
		if _, _, err := parseEndpoint(c.Backup); err != nil {
			return fmt.Errorf("contract %s: backup %w", c.Ref.Name, err)
		}
	}
	if c.Clock.Answer <= 0 {
		return fmt.Errorf("contract %s: no time for an answer in the clock table", c.Ref.Name)
	}
	return nil
}

// Link prepares the contract's link.
func (c *Config) Link() (*Link, error) {
	link, err := NewLink(LinkOptions{
		Endpoint: c.Ref.Endpoint, Roots: c.Roots, Backup: c.Backup,
		ClientCert: func() *tls.Certificate { return c.Ring.Keys().Client }, Answer: c.Clock.Answer, MaxIdle: c.MaxIdle, Now: c.Now, OnDate: c.OnDate,
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
