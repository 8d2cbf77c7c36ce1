package wallet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of a download.
const (
	maxDownload  = 512 << 20
	answerWithin = 30 * time.Second // until the header of the answer
	stallsFor    = 60 * time.Second // without a byte
)

// Download fetches a file of the wallet's from address, as a stream. It may lie at the
// endpoint's own host or its backup, on any port, or at one of hosts, over TLS and nowhere else: no redirect
// is followed and no proxy of the environment is used. An address that names http at one of
// hosts is asked for over TLS. header may be nil.
//
// The stream ends with an error when it is longer than 512 MiB, when no byte comes for a
// minute, or when ctx ends. The caller closes it.
func (c *Config) Download(ctx context.Context, address string, hosts []string, header http.Header) (io.ReadCloser, error) {
	u, err := c.mayDownload(address, hosts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stall := time.AfterFunc(stallsFor, func() { cancel(errStalled) })
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: answerWithin,
		TLSHandshakeTimeout: answerWithin, MaxResponseHeaderBytes: maxHead,
		DialContext:     (&net.Dialer{Timeout: answerWithin}).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12, Time: c.Now}}
	give := func(err error) (io.ReadCloser, error) {
		stall.Stop()
		cancel(nil)
		transport.CloseIdleConnections()
		return nil, fmt.Errorf("download from %s: %w", u.Host, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return give(errors.New("the address cannot be asked for"))
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("User-Agent", "tilld")
	a, err := transport.RoundTrip(r)
	if err != nil {
		return give(withoutAddress(err))
	}
	if a.StatusCode != http.StatusOK {
		a.Body.Close()
		return give(fmt.Errorf("status %d", a.StatusCode))
	}
	return &download{body: a.Body, ctx: ctx, stall: stall, left: maxDownload, close: func() {
		stall.Stop()
		cancel(nil)
		a.Body.Close()
		transport.CloseIdleConnections()
	}}, nil
}

var errStalled = errors.New("no byte came for " + stallsFor.String())

// mayDownload checks where an address leads. It is not quoted in errors: it holds a token.
func (c *Config) mayDownload(address string, hosts []string) (*url.URL, error) {
	own := []string{}
	for _, endpoint := range []string{c.Ref.Endpoint, c.Backup} {
		if host, _, err := parseEndpoint(endpoint); err == nil {
			own = append(own, host)
		}
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("download: the wallet named no address that can be asked for")
	}
	named := slices.Contains(hosts, u.Hostname())
	if named && u.Scheme == "http" && u.Port() == "" {
		u.Scheme = "https"
	}
	switch {
	case !slices.Contains(own, u.Hostname()) && !named:
		return nil, fmt.Errorf("download: the wallet named the host %.80q, which is not one of its own", u.Hostname())
	case u.Scheme != "https":
		return nil, fmt.Errorf("download from %s: it is not offered over TLS", u.Host)
	}
	return u, nil
}

// withoutAddress drops the request's address from an error of net/http.
func withoutAddress(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// download is the body of an answer, within its limits.
type download struct {
	body  io.ReadCloser
	ctx   context.Context
	stall *time.Timer
	left  int64
	close func()
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.body.Read(p)
	if n > 0 {
		d.stall.Reset(stallsFor)
	}
	if d.left -= int64(n); d.left < 0 {
		return 0, errTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(d.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

func (d *download) Close() error { d.close(); return nil }
