package pos

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/terminal/authority"
	"github.com/tilld/tilld/internal/secret"
)

const (
	saleID = "POS-1"
	model  = "TILLD"
	serial = "000158000000000"
	poiID  = model + "-" + serial
	phrase = "mysupersecret"
)

// shop is a server with its authority, its till and what it logged.
type shop struct {
	t       testing.TB
	desk    *desk
	board   *health.Board
	roots   *x509.CertPool
	caFile  string
	options Options
	server  *Server
	address string
	dial    func(ctx context.Context) (net.Conn, error) // nil: TCP to address

	mu  sync.Mutex
	log bytes.Buffer
}

func (s *shop) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *shop) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// newShop prepares options that New accepts: loopback, plain and encrypted.
func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{t: t, desk: newDesk(), board: health.NewBoard(), roots: x509.NewCertPool()}
	dir := filepath.Join(t.TempDir(), "shop")
	if err := authority.Create(dir, authority.Options{Shop: "Corner shop"}); err != nil {
		t.Fatal(err)
	}
	s.caFile = filepath.Join(dir, authority.CertFile)
	ca, err := os.ReadFile(s.caFile)
	if err != nil || !s.roots.AppendCertsFromPEM(ca) {
		t.Fatal(err)
	}
	certPEM, keyPEM, err := authority.Issue(dir, authority.Leaf{Model: model, Serial: serial, Environment: "test"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	s.options = Options{
		Till:           s.desk,
		Terminal:       Terminal{POIID: poiID, Model: model, Serial: serial, Version: "1.0"},
		Environment:    "test",
		Listen:         "127.0.0.1:0",
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil },
		Plain:          true,
		Keys:           []Key{{"shop", 1, secret.Copy([]byte(phrase))}},
		Hosts:          []string{"wechat-main", "alipay-main"},
		Health:         s.board,
		Log:            slog.New(slog.NewTextHandler(s, nil)),
	}
	return s
}

// open starts the server on the listener, or on a free port of loopback.
func (s *shop) open(l net.Listener) *shop {
	s.t.Helper()
	var err error
	if s.server, err = New(s.options); err != nil {
		s.t.Fatal(err)
	}
	if l == nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			s.t.Fatal(err)
		}
	}
	s.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(ctx, l) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("serve: %v", err)
		}
	})
	return s
}

// client is a point of sale; sealed or plain.
func (s *shop) client(sealed bool) *posclient.Client {
	s.t.Helper()
	o := posclient.Options{URL: "https://" + s.address + "/nexo", Roots: s.roots, SaleID: saleID, POIID: poiID}
	if sealed {
		o.Key = &posclient.Key{Identifier: "shop", Version: 1, Passphrase: secret.Copy([]byte(phrase))}
	}
	c, err := posclient.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// connect opens a TLS connection to write HTTP on by hand.
func (s *shop) connect() *tls.Conn {
	s.t.Helper()
	var raw net.Conn
	var err error
	if s.dial != nil {
		raw, err = s.dial(context.Background())
	} else {
		raw, err = net.Dial("tcp", s.address)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	c := tls.Client(raw, &tls.Config{RootCAs: s.roots, ServerName: "localhost"})
	if err := c.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { raw.Close() })
	return c
}

// post writes a request by hand, as one that closes its connection, and does not wait.
func (s *shop) post(body string) *tls.Conn {
	s.t.Helper()
	c := s.connect()
	text := "POST /nexo HTTP/1.1\r\nHost: till\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// within fails the test when nothing arrives in time.
func within[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	select {
	case v := <-c:
		return v
	case <-late.C:
		t.Fatalf("waited too long for %s", what)
		panic("unreachable")
	}
}

// told is what an exchange came to.
type told struct {
	posclient.Answer
	err error
}

// ask runs an exchange in the background.
func ask(f func(context.Context) (posclient.Answer, error)) <-chan told {
	out := make(chan told, 1)
	go func() {
		a, err := f(context.Background())
		out <- told{a, err}
	}()
	return out
}

func payRequest(serviceID, transactionID, amount string) posclient.PayRequest {
	return posclient.PayRequest{
		ServiceID: serviceID, TransactionID: transactionID, TimeStamp: "2026-11-22T10:00:00Z",
		Amount: amount, Currency: "CNY",
	}
}

// both runs a test for plain and for encrypted messages.
func both(t *testing.T, f func(t *testing.T, sealed bool)) {
	t.Run("plain", func(t *testing.T) { f(t, false) })
	t.Run("encrypted", func(t *testing.T) { f(t, true) })
}
