// Package posclient is a small point of sale: it builds nexo requests, sends them to a till
// over HTTPS, plain or encrypted, and reads the answers. It serves tests and the simulated
// counter.
package posclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/tilld/tilld/agent/pos/nexocrypto"
	"github.com/tilld/tilld/internal/secret"
)

// Key is the passphrase a till and its point of sale share.
type Key struct {
	Identifier string
	Version    int64
	Passphrase *secret.Bytes
}

// Options says whom to talk to, and as whom.
type Options struct {
	URL    string         // "https://127.0.0.1:8443/nexo"
	Roots  *x509.CertPool // the shop's authority
	SaleID string
	POIID  string
	Key    *Key        // nil talks plain
	TLS    *tls.Config // when set, replaces the verification described at New
	// Timeout bounds one exchange; zero leaves it to the context.
	Timeout time.Duration
}

// Client sends requests, each over a connection of its own, as the public SDKs do. It is
// safe for concurrent use.
type Client struct {
	o    Options
	key  *nexocrypto.Key
	http *http.Client
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// terminalName is what the SDKs accept as the common name of a till's certificate.
var terminalName = regexp.MustCompile(`^(([a-zA-Z0-9]+-[a-zA-Z0-9]+)|legacy-terminal-certificate)\.(live|test)\.terminal\.adyen\.com$`)

// New derives the key and prepares the connection. Like the SDKs it verifies the chain and
// the form of the certificate's common name, not the host.
func New(o Options) (*Client, error) {
	c := &Client{o: o}
	if o.Key != nil {
		key, err := nexocrypto.Derive(o.Key.Identifier, o.Key.Version, o.Key.Passphrase)
		if err != nil {
			return nil, fmt.Errorf("make a point of sale: %w", err)
		}
		c.key = key
	}
	config := o.TLS
	if config == nil {
		if o.Roots == nil {
			return nil, errors.New("make a point of sale: no authority to verify the till with")
		}
		config = verifying(o.Roots)
	}
	c.http = &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			TLSClientConfig:   config,
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// verifying checks the chain against roots and the name against terminalName. The standard
// host name check is off, because a till's certificate names a terminal and not a host.
func verifying(roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection below verifies
		VerifyConnection: func(s tls.ConnectionState) error {
			rest := x509.NewCertPool()
			for _, c := range s.PeerCertificates[1:] {
				rest.AddCert(c)
			}
			leaf := s.PeerCertificates[0]
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: rest}); err != nil {
				return err
			}
			if !terminalName.MatchString(leaf.Subject.CommonName) {
				return fmt.Errorf("the certificate's common name %q is not a terminal's", leaf.Subject.CommonName)
			}
			return nil
		},
	}
}

// exchange posts one message body under its header and reads the answer.
func (c *Client) exchange(ctx context.Context, h Header, name string, body any) (Answer, error) {
	message := map[string]any{"MessageHeader": h, name: body}
	plain, err := json.Marshal(map[string]any{"SaleToPOIRequest": message})
	if err != nil {
		return Answer{}, fmt.Errorf("build %s %s: %w", h.MessageCategory, h.ServiceID, err)
	}
	return c.send(ctx, h, plain)
}

// Send posts a complete plain message as it is, sealed if the client has a key: for tests
// of what a till makes of odd messages.
func (c *Client) Send(ctx context.Context, h Header, plain []byte) (Answer, error) {
	return c.send(ctx, h, plain)
}

func (c *Client) send(ctx context.Context, h Header, wire []byte) (Answer, error) {
	if c.key != nil {
		blob, trailer := c.key.Seal(wire)
		sealed, err := json.Marshal(map[string]any{"SaleToPOIRequest": map[string]any{
			"MessageHeader": h, "NexoBlob": blob, "SecurityTrailer": trailer,
		}})
		if err != nil {
			return Answer{}, fmt.Errorf("seal %s %s: %w", h.MessageCategory, h.ServiceID, err)
		}
		wire = sealed
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.URL, bytes.NewReader(wire))
	if err != nil {
		return Answer{}, fmt.Errorf("send %s %s: %w", h.MessageCategory, h.ServiceID, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("send %s %s: %w", h.MessageCategory, h.ServiceID, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Answer{HTTP: resp.StatusCode}, fmt.Errorf("read the answer to %s %s: %w", h.MessageCategory, h.ServiceID, err)
	}
	return c.read(resp.StatusCode, raw)
}
