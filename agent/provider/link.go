package provider

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/internal/tcp"
)

const (
	maxHead = 16 << 10 // status line and header of an answer
	maxOpen = 4        // connections, at most
	maxKept = 2        // of these, kept while idle

	// writtenFor is how long the kernel may wait for the peer to acknowledge bytes.
	writtenFor = 10 * time.Second
)

// link speaks HTTP with the provider's server: TLS 1.3, no redirect followed, no proxy of
// the environment used, no compression.
type link struct {
	host      string
	answer    time.Duration
	transport *http.Transport
}

func newLink(o Options, host string) *link {
	conf := &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, Time: o.Clock}
	if o.ClientCert != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c := o.ClientCert(); c != nil {
				return c, nil
			}
			return &tls.Certificate{}, nil
		}
	}
	dial := o.Dial
	if dial == nil {
		d := &net.Dialer{
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
			Control:         tcp.UserTimeout(writtenFor),
		}
		dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	return &link{host: host, answer: o.Answer, transport: &http.Transport{
		DialContext:            func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, address) },
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    o.Answer,
		DisableCompression:     true,
		MaxConnsPerHost:        maxOpen,
		MaxIdleConnsPerHost:    maxKept,
		IdleConnTimeout:        o.Every + o.Every/2,
		MaxResponseHeaderBytes: maxHead,
	}}
}

func (l *link) close() { l.transport.CloseIdleConnections() }

// do sends one request and returns the body of an answer with status 200, which the caller
// wipes if there is a secret in it. Every other answer is an *Error.
func (l *link) do(ctx context.Context, op, method, path string, header http.Header, body []byte) ([]byte, http.Header, *Error) {
	ctx, cancel := context.WithTimeout(ctx, l.answer)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "https://"+l.host+path, nil)
	if err != nil {
		return nil, nil, &Error{Op: op, Kind: Misused, Err: errors.New("the endpoint cannot be asked for")}
	}
	if method == http.MethodPost {
		r.ContentLength = int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return newOutgoing(body), nil }
		r.Body = newOutgoing(body)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "tilld")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	a, err := l.transport.RoundTrip(r)
	if err != nil {
		return nil, nil, unreachable(op, why(ctx, err, l.answer))
	}
	defer a.Body.Close()
	content, err := readAll(a.Body)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, nil, protocolFault(op, err)
	case err != nil:
		return nil, nil, unreachable(op, why(ctx, err, l.answer))
	case a.StatusCode == http.StatusOK:
		return content, a.Header, nil
	}
	return nil, nil, problem(op, a.StatusCode, content)
}

var errTooLarge = errors.New("the answer is too large")

// readAll reads an answer into one piece of memory, so that wiping it leaves no other.
func readAll(r io.Reader) ([]byte, error) {
	content := make([]byte, wire.MaxAnswer+1)
	n := 0
	for n < len(content) {
		m, err := r.Read(content[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return content[:n], nil
		}
		if err != nil {
			secret.Zero(content)
			return nil, err
		}
	}
	secret.Zero(content)
	return nil, errTooLarge
}

// outgoing is the body of a request. net/http may read it after it gave the request up, until
// it closes it: it is a copy, wiped then.
type outgoing struct {
	mu   sync.Mutex
	data []byte
	rest []byte
}

func newOutgoing(body []byte) *outgoing {
	data := bytes.Clone(body)
	return &outgoing{data: data, rest: data}
}

func (o *outgoing) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

func (o *outgoing) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	secret.Zero(o.data)
	o.data, o.rest = nil, nil
	return nil
}

// why puts an error of the network into few words. An error that quotes what the peer sent
// does not come through: the peer may have sent back what it was sent.
func why(ctx context.Context, err error, limit time.Duration) error {
	var netErr net.Error
	var certErr *tls.CertificateVerificationError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case ctx.Err() != nil, errors.As(err, &netErr) && netErr.Timeout():
		return fmt.Errorf("no answer in %s", limit)
	case errors.As(err, &certErr):
		return certErr.Err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection was closed before the answer")
	}
	var opErr *net.OpError
	if errors.As(err, &opErr) {
		return opErr
	}
	var alert tls.AlertError
	if errors.As(err, &alert) {
		return alert
	}
	return errors.New("no answer that is HTTP over TLS 1.3")
}
