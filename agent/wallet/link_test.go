package wallet_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/wallet"
)

// server is an HTTPS server and what is needed to reach it.
type server struct {
	*httptest.Server
	roots *x509.CertPool
	dials atomic.Int32
}

func newServer(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{Server: httptest.NewTLSServer(h), roots: x509.NewCertPool()}
	s.roots.AddCert(s.Certificate())
	t.Cleanup(s.Close)
	return s
}

// link opens a link; wrap may put something between TLS and the socket.
func (s *server) link(t *testing.T, answer time.Duration, wrap func(net.Conn) net.Conn) *wallet.Link {
	t.Helper()
	l, err := wallet.NewLink(wallet.LinkOptions{
		Endpoint: s.URL, Roots: s.roots, Answer: answer,
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			s.dials.Add(1)
			var d net.Dialer
			c, err := d.DialContext(ctx, "tcp", address)
			if err == nil && wrap != nil {
				c = wrap(c)
			}
			return c, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func post(l *wallet.Link, body string) []byte {
	return append(wallet.AppendHead(nil, "POST", "/", l.Host(), len(body)), body...)
}

func TestConnectionIsKept(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Write(b)
	})
	l := s.link(t, time.Second, nil)
	if err := l.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if r := l.Do(t.Context(), "POST", post(l, "hello")); r.Cause != "" || string(r.Body) != "hello" {
			t.Fatalf("%+v", r)
		}
	}
	if n := s.dials.Load(); n != 1 {
		t.Errorf("dialled %d times, want 1", n)
	}
}

// A server that closes an idle connection is noticed before the next request.
func TestClosedConnectionIsNoticed(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) })
	l := s.link(t, time.Second, nil)
	for i := range 20 {
		if r := l.Do(t.Context(), "POST", post(l, "x")); r.Cause != "" {
			t.Fatalf("request %d: %+v", i, r)
		}
		s.CloseClientConnections()
		// The close is on its way to us: the link has it once a new Warm dials.
		before := s.dials.Load()
		deadline := time.Now().Add(5 * time.Second)
		for s.dials.Load() == before && time.Now().Before(deadline) {
			if err := l.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// faulty lets a write of the request fail after some bytes, once it is armed.
type faulty struct {
	net.Conn
	armed  *atomic.Bool
	accept int
}

func (f *faulty) Write(p []byte) (int, error) {
	if !f.armed.Load() {
		return f.Conn.Write(p)
	}
	n := min(f.accept, len(p))
	if n > 0 {
		f.Conn.Write(p[:n])
	}
	return n, errors.New("the cable is out")
}

func TestNotSentIsExact(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) })
	for _, c := range []struct {
		accept  int
		notSent bool
	}{{0, true}, {1, false}, {20, false}} {
		var armed atomic.Bool
		l := s.link(t, time.Second, func(raw net.Conn) net.Conn { return &faulty{raw, &armed, c.accept} })
		if err := l.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		armed.Store(true)
		r := l.Do(t.Context(), "POST", post(l, "code"))
		if r.NotSent != c.notSent || r.Cause == "" {
			t.Errorf("%d bytes accepted: %+v, want not sent %t", c.accept, r, c.notSent)
		}
	}
}

func TestUnreachableIsNotSent(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	other := newServer(t, func(http.ResponseWriter, *http.Request) {})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	for _, c := range []struct{ name, endpoint string }{
		{"refused", "https://" + dead.Addr().String()},
		{"no handshake", "https://" + silent.Addr().String()},
		{"stranger's certificate", other.URL},
		{"TLS 1.1", old.URL},
	} {
		l, err := wallet.NewLink(wallet.LinkOptions{Endpoint: c.endpoint, Roots: x509.NewCertPool(), Answer: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if r := l.Do(t.Context(), "POST", post(l, "code")); !r.NotSent || r.Cause == "" {
			t.Errorf("%s: %+v", c.name, r)
		}
		if l.Warm(t.Context()) == nil {
			t.Errorf("%s: warm", c.name)
		}
	}
}

func TestServerNameIsChecked(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {})
	l, err := wallet.NewLink(wallet.LinkOptions{Endpoint: "https://wallet.invalid", Roots: s.roots, Answer: time.Second,
		Dial: func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", s.Listener.Addr().String())
		}})
	if err != nil {
		t.Fatal(err)
	}
	if r := l.Do(t.Context(), "POST", post(l, "x")); !r.NotSent || !strings.Contains(r.Cause, "wallet.invalid") {
		t.Errorf("%+v", r)
	}
}

func TestEnvironmentProxyIsIgnored(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) })
	l := s.link(t, time.Second, nil)
	if r := l.Do(t.Context(), "POST", post(l, "x")); r.Cause != "" {
		t.Errorf("%+v", r)
	}
}

func TestCancelledRequestIsUnknown(t *testing.T) {
	came := make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
	})
	l := s.link(t, 30*time.Second, nil)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan wallet.Reply)
	go func() { got <- l.Do(ctx, "GET", wallet.AppendHead(nil, "GET", "/", l.Host(), 0)) }()
	<-came
	cancel()
	if r := <-got; r.NotSent || r.Cause != "given up" {
		t.Errorf("%+v", r)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, raw := range map[string]string{
		"not HTTP":          "SSH-2.0-OpenSSH_9.2 your code was 123456789012345678\r\n",
		"endless header":    "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 70<<10),
		"switching":         strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9),
		"cut in the header": "HTTP/1.1 200 OK\r\nContent-Le",
		"cut in the body":   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"bad chunk":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(c, raw)
			c.Close()
		})
		l := s.link(t, time.Second, nil)
		r := l.Do(t.Context(), "POST", post(l, "x"))
		if r.NotSent || r.Cause == "" {
			t.Errorf("%s: %+v", name, r)
		}
		if strings.Contains(r.Cause, "1234") {
			t.Errorf("%s: the cause quotes the peer: %s", name, r.Cause)
		}
	}
}

func TestDateIsTold(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Sun, 22 Nov 2026 10:00:00 GMT")
	})
	var at time.Time
	l, err := wallet.NewLink(wallet.LinkOptions{Endpoint: s.URL, Roots: s.roots, Answer: time.Second, OnDate: func(d time.Time) { at = d }})
	if err != nil {
		t.Fatal(err)
	}
	l.Do(t.Context(), "GET", wallet.AppendHead(nil, "GET", "/", l.Host(), 0))
	if !at.Equal(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("date %s", at)
	}
}

func TestEndpointForms(t *testing.T) {
	for endpoint, good := range map[string]bool{
		"https://api.mch.weixin.qq.com": true, "https://127.0.0.1:8443": true, "https://[::1]:1/": true,
		"http://api.mch.weixin.qq.com": false, "https://": false, "https://a/b": false, "https://u:p@a": false,
		"https://a?x": false, "": false, "api.mch.weixin.qq.com": false,
	} {
		_, err := wallet.NewLink(wallet.LinkOptions{Endpoint: endpoint, Answer: time.Second})
		if (err == nil) != good {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
