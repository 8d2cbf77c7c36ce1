package providertest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
)

// Request is one request as it was sent: what somebody holds who reads along in a terminal
// that is not what it should be. TLS keeps it from everybody else.
type Request struct {
	Method, Host, Path string
	Header             http.Header
	Body               []byte
}

// see tells Options.Seen.
func (p *Provider) see(r *http.Request, body []byte) {
	if p.o.Seen != nil {
		p.o.Seen(Request{Method: r.Method, Host: r.Host, Path: r.URL.Path, Header: r.Header.Clone(), Body: bytes.Clone(body)})
	}
}

// Sign makes a copy of a request that is signed anew, with whatever its body is by now: what
// only somebody can do who has the terminal's key.
func (r Request) Sign(key crypto.Signer, terminal string, at time.Time) (Request, error) {
	nonce := make([]byte, 16)
	rand.Read(nonce) // does not fail: crypto/rand
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{"Content-Type": {"application/json"}}
	}
	err := wire.SignRequest(r.Header, wire.Request{Method: r.Method, Authority: r.Host, Path: r.Path, Body: r.Body}, key, terminal, at, nonce)
	return r, err
}

// Send sends a request over a connection of its own and returns what was answered, signed or
// not.
func (p *Provider) Send(ctx context.Context, r Request) (status int, answer []byte, err error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.CA()) {
		return 0, nil, errors.New("send a request again: the provider does not listen")
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, "https://"+r.Host+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return 0, nil, fmt.Errorf("send a request again: %w", err)
	}
	q.Header = r.Header.Clone()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}
	a, err := client.Do(q)
	if err != nil {
		return 0, nil, fmt.Errorf("send a request again: %w", err)
	}
	defer a.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(a.Body, wire.MaxAnswer))
	return a.StatusCode, answer, err
}
