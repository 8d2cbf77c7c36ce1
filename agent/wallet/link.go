package wallet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

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

// LinkOptions describes the one host a link talks to.
type LinkOptions struct {
	Endpoint string // https://host[:port]
	Roots    *x509.CertPool
	// ClientCert is shown to a server that asks for one; may be nil.
	ClientCert *tls.Certificate
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

// Link is a small pool of warm TLS connections to one host, speaking HTTP/1.1. A request
// takes the connection used last, or dials; requests side by side use connections of their
// own. It is safe for concurrent use.
//
// Link differs from net/http's client where payments need it: a request is written at most
// once and never repeated, and a Reply says exactly whether any byte of it was handed to the
// kernel.
type Link struct {
	o       LinkOptions
	host    string // as the Host header writes it
	address string
	tls     *tls.Config
	slots   chan struct{}

	mu     sync.Mutex // guards idle and closed
	idle   []*conn    // the one used last at the end
	closed bool
}

// NewLink prepares a link. It dials nothing.
func NewLink(o LinkOptions) (*Link, error) {
	name, address, err := parseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	if o.Answer <= 0 {
		return nil, fmt.Errorf("link to %s: no time for an answer", address)
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
	host := address
	if h, port, _ := net.SplitHostPort(address); port == "443" {
		host = h
	}
	conf := &tls.Config{ServerName: name, RootCAs: o.Roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, Time: o.Now}
	if o.ClientCert != nil {
		conf.Certificates = []tls.Certificate{*o.ClientCert}
	}
	return &Link{
		o: o, host: host, address: address,
		tls:   conf,
		slots: make(chan struct{}, maxOpen),
	}, nil
}

// Host is the value of the Host header.
func (l *Link) Host() string { return l.host }

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
	c, err := l.dial(ctx)
	if err != nil {
		return fmt.Errorf("reach %s: %w", l.address, err)
	}
	l.put(c)
	return nil
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
	if l.closed {
		c.close()
		return
	}
	l.idle = append(l.idle, c)
	if len(l.idle) > maxKept {
		l.idle[0].close()
		l.idle = append(l.idle[:0], l.idle[1:]...)
	}
}

func (l *Link) dial(ctx context.Context) (*conn, error) {
	raw, err := l.o.Dial(ctx, l.address)
	if err != nil {
		return nil, err
	}
	counted := &counter{Conn: raw}
	t := tls.Client(counted, l.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return newConn(counted, t), nil
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
		return Reply{NotSent: true, Cause: "every connection to " + l.address + " is in use"}
	}
	c := l.take()
	if c == nil {
		var err error
		if c, err = l.dial(ctx); err != nil {
			return Reply{NotSent: true, Cause: "reach " + l.address + ": " + reason(err, l.o.Answer)}
		}
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
	return reply
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
