package wallet

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/internal/tcp"
)

// Limits of a link.
const (
	// MaxIdle is how long an unused connection is trusted to send a payment: middleboxes
	// drop flows silently after half a minute.
	MaxIdle = 20 * time.Second
	maxHead = 64 << 10 // status line and header of an answer
	maxBody = 1 << 20
	maxOpen = 8 // connections of one link, at most
	maxKept = 2 // of these, kept while idle

	// writtenFor is how long the kernel may wait for the peer to acknowledge bytes.
	writtenFor = 15 * time.Second
)

// LinkOptions describes the wallet that a link talks to.
type LinkOptions struct {
	Endpoint string // https://host[:port]
	Backup   string // the wallet's second host, likewise, or empty
	Roots    *x509.CertPool
	// ClientCert is what to show to a server that asks for a certificate: nil for none. It is
	// asked at each handshake. May be nil itself.
	ClientCert func() *tls.Certificate
	// Answer limits one request from its call to the last byte of its answer, a dial that
	// may be needed included.
	Answer time.Duration
	// MaxIdle replaces the constant of that name when it is not zero.
	MaxIdle time.Duration
	// Now is the wall clock that certificates are judged by; nil means time.Now.
	Now    func() time.Time
	OnDate func(server time.Time)
	// Dial replaces the TCP dialler, for tests; nil normally.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Link is a small pool of warm TLS connections to a wallet, speaking HTTP/1.1. A request
// takes the connection used last, or dials; requests side by side use connections of their
// own. It is safe for concurrent use.
//
// Where a wallet has a second host, a request of which nothing was sent, because the first
// could not be reached, goes there, and so do the ones that follow until that fails in turn.
// A request of which anything was sent is never sent again: for a payment that would be a
// second one.
//
// Link differs from net/http's client where payments need it: a request is written at most
// once and never repeated, and a Reply says exactly whether any byte of it was handed to the
// kernel.
type Link struct {
	o     LinkOptions
	hosts []host // the first one, and the backup
	slots chan struct{}

	mu     sync.Mutex // guards what follows
	at     int        // the host in use
	idle   []*conn    // to the host in use; the one used last at the end
	closed bool
}

// host is one of a wallet's servers.
type host struct {
	name    string // as the Host header writes it
	address string
	tls     *tls.Config
}

// NewLink prepares a link. It dials nothing.
func NewLink(o LinkOptions) (*Link, error) {
	l := &Link{slots: make(chan struct{}, maxOpen)}
	for _, endpoint := range []string{o.Endpoint, o.Backup} {
		if endpoint == "" && len(l.hosts) > 0 {
			continue
		}
		h, err := newHost(endpoint, o)
		if err != nil {
			return nil, err
		}
		l.hosts = append(l.hosts, h)
	}
	if o.Answer <= 0 {
		return nil, fmt.Errorf("link to %s: no time for an answer", l.hosts[0].address)
	}
	if o.MaxIdle == 0 {
		o.MaxIdle = MaxIdle
	}
	if o.Dial == nil {
		d := &net.Dialer{
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
			Control:         tcp.UserTimeout(writtenFor),
		}
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	l.o = o
	return l, nil
}

func newHost(endpoint string, o LinkOptions) (host, error) {
	server, address, err := parseEndpoint(endpoint)
	if err != nil {
		return host{}, err
	}
	conf := &tls.Config{ServerName: server, RootCAs: o.Roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, Time: o.Now}
	if o.ClientCert != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c := o.ClientCert(); c != nil {
				return c, nil
			}
			return &tls.Certificate{}, nil // none: the server decides
		}
	}
	name := address
	if h, port, _ := net.SplitHostPort(address); port == "443" {
		name = h
	}
	return host{name, address, conf}, nil
}

// Host is the value of the Host header of the first host. A request that goes to the second
// gets that one's when it is sent.
func (l *Link) Host() string { return l.hosts[0].name }

// Warm makes sure that a fresh connection stands: dialled, handshaken, and idle for no more
// than half of MaxIdle, so that a payment that follows soon finds it in time. The error says
// that the host cannot be reached now.
func (l *Link) Warm(ctx context.Context) error {
	l.mu.Lock()
	fresh := false
	for _, c := range l.idle {
		fresh = fresh || c.alive(l.o.MaxIdle/2)
	}
	l.mu.Unlock()
	if fresh {
		return nil
	}
	select {
	case l.slots <- struct{}{}:
	default:
		return nil // every connection is in use: the host answers
	}
	defer func() { <-l.slots }()
	ctx, cancel := context.WithTimeout(ctx, l.o.Answer)
	defer cancel()
	c, err := l.connect(ctx)
	if err != nil {
		return err
	}
	l.put(c)
	return nil
}

// connect dials the host in use and, when that fails, the other one, which is in use from
// then on.
func (l *Link) connect(ctx context.Context) (*conn, error) {
	l.mu.Lock()
	first := l.at
	l.mu.Unlock()
	var failed []string
	for i := range l.hosts {
		at := (first + i) % len(l.hosts)
		// The first try leaves time for the second.
		within, cancel := ctx, func() {}
		if left := len(l.hosts) - i; left > 1 {
			within, cancel = context.WithTimeout(ctx, l.o.Answer/time.Duration(left+1))
		}
		c, err := l.dial(within, at)
		cancel()
		if err == nil {
			l.use(at)
			return c, nil
		}
		failed = append(failed, "reach "+l.hosts[at].address+": "+reason(err, l.o.Answer))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.New(strings.Join(failed, "; "))
}

// use makes a host the one in use.
func (l *Link) use(at int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == at {
		return
	}
	for _, c := range l.idle {
		c.close()
	}
	l.at, l.idle = at, nil
}

// Close ends every idle connection. Requests under way end with their own time.
func (l *Link) Close() error {
	l.mu.Lock()
	idle := l.idle
	l.idle, l.closed = nil, true
	l.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
	return nil
}

// take returns the idle connection used last that is still good, and closes the rest.
func (l *Link) take() *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.idle) > 0 {
		c := l.idle[len(l.idle)-1]
		l.idle = l.idle[:len(l.idle)-1]
		if c.alive(l.o.MaxIdle) {
			return c
		}
		c.close()
	}
	return nil
}

func (l *Link) put(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || c.at != l.at {
		c.close()
		return
	}
	l.idle = append(l.idle, c)
	if len(l.idle) > maxKept {
		l.idle[0].close()
		l.idle = append(l.idle[:0], l.idle[1:]...)
	}
}

func (l *Link) dial(ctx context.Context, at int) (*conn, error) {
	h := l.hosts[at]
	raw, err := l.o.Dial(ctx, h.address)
	if err != nil {
		return nil, err
	}
	counted := &counter{Conn: raw}
	t := tls.Client(counted, h.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	c := newConn(counted, t)
	c.at = at
	return c, nil
}

// Reply is what came of one request.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// NotSent is true when provably no byte of the request was handed to the kernel.
	NotSent bool
	// Cause says why there is no answer; empty when there is one. It quotes nothing of the
	// request.
	Cause string
}

// Do writes request, a complete HTTP/1.1 message, once, and reads the answer. The body of
// request is not kept; the caller wipes it. method is the request's, which decides whether
// an answer has a body.
func (l *Link) Do(ctx context.Context, method string, request []byte) Reply {
	ctx, cancel := context.WithTimeout(ctx, l.o.Answer)
	defer cancel()
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return Reply{NotSent: true, Cause: "every connection to " + l.hosts[0].address + " is in use"}
	}
	c := l.take()
	if c == nil {
		var err error
		if c, err = l.connect(ctx); err != nil {
			return Reply{NotSent: true, Cause: err.Error()}
		}
	}
	if c.at != 0 {
		request = l.addressed(request, c.at)
		defer secret.Zero(request[:cap(request)])
	}
	reply, keep := c.roundTrip(ctx, method, request, l.o.Answer)
	if reply.Cause == "" && l.o.OnDate != nil {
		if at, err := http.ParseTime(reply.Header.Get("Date")); err == nil {
			l.o.OnDate(at)
		}
	}
	if keep {
		l.put(c)
	} else {
		c.close()
	}
	if reply.Cause != "" && !errors.Is(ctx.Err(), context.Canceled) {
		l.use((c.at + 1) % len(l.hosts)) // what follows: the query about this one, say
	}
	return reply
}

// addressed is a copy of a request for another of the wallet's hosts.
func (l *Link) addressed(request []byte, at int) []byte {
	line := []byte("\r\nHost: " + l.hosts[0].name + "\r\n")
	i := bytes.Index(request, line)
	if i < 0 {
		return append([]byte(nil), request...)
	}
	out := make([]byte, 0, len(request)+len(l.hosts[at].name))
	out = append(out, request[:i]...)
	out = append(out, "\r\nHost: "+l.hosts[at].name+"\r\n"...)
	return append(out, request[i+len(line):]...)
}

// reason puts an error of the network into words, the common ones short.
func reason(err error, limit time.Duration) string {
	var netErr net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "given up"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return fmt.Sprintf("no answer in %s", limit)
	}
	return err.Error()
}
