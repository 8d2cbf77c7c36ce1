package wallet

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

var errTooLarge = errors.New("the answer is too large")

// counter counts the bytes that the kernel accepted for sending.
type counter struct {
	net.Conn
	accepted atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.accepted.Add(int64(n))
	return n, err
}

// capped stops reading after left bytes.
type capped struct {
	r    io.Reader
	left int
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLarge
	}
	if len(p) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.left -= n
	return n, err
}

// conn is one TLS connection. While it is idle a goroutine waits for its first byte: an
// idle HTTP connection has nothing to say, so whatever comes (a close, an alert, data nobody
// asked for) makes it useless, and is known before the next request is written. While a
// request is under way the same goroutine announces the answer.
type conn struct {
	raw   *counter
	tls   *tls.Conn
	limit *capped
	br    *bufio.Reader
	first chan error // one value: the first byte is there, or why there is none
	since time.Time  // when the peer was last heard
	at    int        // which of the link's hosts it goes to
}

func newConn(raw *counter, t *tls.Conn) *conn {
	limit := &capped{r: t, left: maxHead}
	c := &conn{raw: raw, tls: t, limit: limit, br: bufio.NewReader(limit), first: make(chan error, 1)}
	c.listen()
	return c
}

// listen starts the wait for a first byte; it ends at the latest when the connection is
// closed.
func (c *conn) listen() {
	c.since = time.Now()
	c.limit.left = maxHead
	go func() {
		_, err := c.br.Peek(1)
		c.first <- err
	}()
}

// alive reports whether the idle connection was heard of within maxIdle and has not spoken.
func (c *conn) alive(maxIdle time.Duration) bool {
	return len(c.first) == 0 && time.Since(c.since) <= maxIdle
}

func (c *conn) close() {
	// No close_notify: it could block on a dead flow, and nobody waits for it.
	c.raw.Close()
}

// roundTrip writes the request and reads the answer. keep is true when the connection can
// serve another one.
func (c *conn) roundTrip(ctx context.Context, method string, request []byte, limit time.Duration) (reply Reply, keep bool) {
	deadline, _ := ctx.Deadline()
	stop := context.AfterFunc(ctx, func() { c.raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	// A margin for the context to be the one that ends the wait, so that the cause is right.
	c.raw.SetDeadline(deadline.Add(50 * time.Millisecond))
	before := c.raw.accepted.Load()
	if _, err := c.tls.Write(request); err != nil {
		notSent := c.raw.accepted.Load() == before
		return Reply{NotSent: notSent, Cause: "send: " + c.why(ctx, err, limit)}, false
	}
	if err := <-c.first; err != nil {
		return Reply{Cause: c.why(ctx, err, limit)}, false
	}
	resp, err := c.readHead(method)
	if err != nil {
		return Reply{Cause: "read answer: " + c.why(ctx, err, limit)}, false
	}
	defer resp.Body.Close()
	c.limit.left = maxBody + maxHead // the reader above may have read ahead
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errTooLarge
	}
	if err != nil {
		return Reply{Status: resp.StatusCode, Cause: fmt.Sprintf("read answer with status %d: %s", resp.StatusCode, c.why(ctx, err, limit))}, false
	}
	keep = !resp.Close && c.br.Buffered() == 0 && stop()
	if keep {
		c.raw.SetDeadline(time.Time{})
		c.listen()
	}
	return Reply{Status: resp.StatusCode, Header: resp.Header, Body: body}, keep
}

// readHead skips the interim answers (1xx) that a proxy may send, up to five.
func (c *conn) readHead(method string) (*http.Response, error) {
	for range 5 {
		resp, err := http.ReadResponse(c.br, &http.Request{Method: method})
		if err != nil {
			return nil, withoutQuote(err)
		}
		if resp.StatusCode/100 != 1 {
			return resp, nil
		}
	}
	return nil, errors.New("too many interim answers")
}

// withoutQuote replaces the errors of net/http that repeat what the peer sent: a peer that
// echoes the request would put the code into them.
func withoutQuote(err error) error {
	var netErr net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errTooLarge) || errors.As(err, &netErr) {
		return err
	}
	return errors.New("not an HTTP answer")
}

func (c *conn) why(ctx context.Context, err error, limit time.Duration) string {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer"
	case errors.Is(err, errTooLarge):
		return errTooLarge.Error()
	}
	return reason(err, limit)
}
