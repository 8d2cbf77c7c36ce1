package provider

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
)

// Options is what a client is made of. All fields are needed unless they say otherwise.
type Options struct {
	Endpoint string // https://host[:port]
	Name     string // the provider's own: "provider.example"; its lists must carry it
	Terminal string // the serial number that Signer's key is registered under
	// Roots are the authorities that the provider's server certificate must come from; nil means
	// the system's. They keep others from reading along. What the provider says is believed by
	// its signatures, whosever certificate it comes under.
	Roots *x509.CertPool
	// RootKeys sign the provider's key list; one signature by any of them is enough, so that
	// listing two makes a rotation. ECDSA P-256.
	RootKeys []*ecdsa.PublicKey
	// Signer is the terminal's registered key, ECDSA P-256.
	Signer crypto.Signer
	// HPKE is the terminal's registered X-Wing key (MLKEM768X25519) that the transform keys
	// are sealed to.
	HPKE hpke.PrivateKey
	// ClientCert is shown to a server that asks for one; nil, or a nil result, means none.
	ClientCert func() *tls.Certificate
	// Clock is the trusted wall clock, that keys and certificates are judged by; nil means
	// time.Now. How long nonces and credentials live is measured by time.Now.
	Clock func() time.Time
	// Serial is the highest serial number of a key list seen before this start, where that is
	// remembered; 0 otherwise.
	Serial uint64
	// MaxAge is how long after its issue a key list is used, whatever it says itself. Zero
	// means DefaultMaxAge.
	MaxAge time.Duration
	// Answer limits one request from its call to the last byte of its answer. Zero means
	// DefaultAnswer.
	Answer time.Duration
	// Every is how often Run looks whether the provider can be reached. Zero means
	// DefaultEvery.
	Every time.Duration
	// Log hears of keys that came and of the provider going and coming back; nil means nobody.
	Log *slog.Logger
	// Rand makes request nonces; nil means crypto/rand.
	Rand io.Reader
	// Dial replaces the TCP dialler, for tests; nil normally.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Defaults of Options.
const (
	DefaultMaxAge = 24 * time.Hour
	DefaultAnswer = 5 * time.Second
	DefaultEvery  = 20 * time.Second // shorter than middleboxes take to drop an idle flow
)

// check returns the host and port that Endpoint names.
func (o *Options) check() (host string, err error) {
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		return "", fmt.Errorf("endpoint %.80q is not https:// and a host", o.Endpoint)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return "", fmt.Errorf("endpoint %.80q has more than a host and a port", o.Endpoint)
	case o.Name == "" || len(o.Name) > 253 || !wire.Printable(o.Name):
		return "", errors.New("the provider has no name")
	case !wire.IsName(o.Terminal):
		return "", fmt.Errorf("terminal %.80q is not 1 to 64 letters, digits or ._:-", o.Terminal)
	case len(o.RootKeys) == 0:
		return "", errors.New("no root key is pinned")
	case o.Signer == nil || o.HPKE == nil:
		return "", errors.New("the terminal has no key")
	case o.HPKE.KEM().ID() != hpke.MLKEM768X25519().ID():
		return "", errors.New("the terminal's key for transforms is not an X-Wing key")
	}
	if _, err := wire.CheckKey(o.Signer.Public()); err != nil {
		return "", fmt.Errorf("the terminal's key: %w", err)
	}
	for _, k := range o.RootKeys {
		if _, err := wire.CheckKey(k); err != nil {
			return "", fmt.Errorf("a pinned root key: %w", err)
		}
	}
	return u.Host, nil
}
