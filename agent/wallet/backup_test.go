package wallet_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/wallet"
)

// twoHosts are a wallet's servers with one certificate.
type twoHosts struct {
	first, second *httptest.Server
	mu            sync.Mutex
	got           []string // "first /path host"
	silent        bool     // the first one takes requests and answers nothing
	release       chan struct{}
}

func newTwoHosts(t *testing.T) *twoHosts {
	h := &twoHosts{release: make(chan struct{})}
	serve := func(name string) *httptest.Server {
		return httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.mu.Lock()
			h.got = append(h.got, name+" "+r.URL.Path+" "+r.Host)
			silent := h.silent && name == "first"
			h.mu.Unlock()
			if silent {
				select {
				case <-h.release:
				case <-r.Context().Done():
				}
				return
			}
			body, _ := io.ReadAll(r.Body)
			w.Write(body)
		}))
	}
	h.first, h.second = serve("first"), serve("second")
	t.Cleanup(func() { close(h.release); h.first.Close(); h.second.Close() })
	return h
}

func (h *twoHosts) link(t *testing.T, answer time.Duration) *wallet.Link {
	roots := x509.NewCertPool()
	roots.AddCert(h.first.Certificate())
	l, err := wallet.NewLink(wallet.LinkOptions{Endpoint: h.first.URL, Backup: h.second.URL, Roots: roots, Answer: answer,
		ClientCert: func() *tls.Certificate { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (h *twoHosts) seen() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.got, ", ")
}

func send(l *wallet.Link, path string) wallet.Reply {
	body := "auth_code=134567890123456789"
	request := append(wallet.AppendHead(nil, "POST", path, l.Host(), len(body)), body...)
	return l.Do(context.Background(), "POST", request)
}

func TestBackupHost(t *testing.T) {
	t.Run("the first cannot be reached: nothing was sent, so the second gets it", func(t *testing.T) {
		h := newTwoHosts(t)
		l := h.link(t, 10*time.Second)
		h.first.Close()
		for _, path := range []string{"/pay", "/query"} {
			if r := send(l, path); r.Cause != "" || string(r.Body) != "auth_code=134567890123456789" {
				t.Fatalf("%s: %+v", path, r)
			}
		}
		host := strings.TrimPrefix(h.second.URL, "https://")
		if got := h.seen(); got != "second /pay "+host+", second /query "+host {
			t.Errorf("requests: %s", got)
		}
	})
	t.Run("the first took it and is silent: never sent again, and the query goes to the second", func(t *testing.T) {
		h := newTwoHosts(t)
		h.silent = true
		l := h.link(t, 300*time.Millisecond)
		if r := send(l, "/pay"); r.NotSent || r.Cause == "" {
			t.Fatalf("pay: %+v, want an unknown outcome", r)
		}
		if r := send(l, "/query"); r.Cause != "" {
			t.Fatalf("query: %+v", r)
		}
		if got := h.seen(); strings.Count(got, "/pay") != 1 || !strings.Contains(got, "second /query") {
			t.Errorf("requests: %s", got)
		}
	})
	t.Run("neither can be reached: nothing was sent, and both are named", func(t *testing.T) {
		h := newTwoHosts(t)
		l := h.link(t, time.Second)
		h.first.Close()
		h.second.Close()
		r := send(l, "/pay")
		if !r.NotSent || strings.Count(r.Cause, "reach ") != 2 {
			t.Errorf("%+v", r)
		}
		if err := l.Warm(context.Background()); err == nil {
			t.Error("warm says ready")
		}
	})
}
