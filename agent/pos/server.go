package pos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/health"
)

const (
	maxHeader     = 16 << 10
	idleTime      = 60 * time.Second
	shutdownTime  = 5 * time.Second
	certCheckTime = time.Hour
	certWarnTime  = 30 * 24 * time.Hour
)

// Serve answers on l, which it closes, until ctx ends. Requests whose outcome is not known
// then are given up without an answer; answers that are being written are finished. It
// returns nil after such an end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if address := l.Addr().String(); !loopback(address) {
		if err := errors.Join(s.exposedNow(address)...); err != nil {
			l.Close()
			return fmt.Errorf("serve points of sale: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g gate
	h := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !g.enter() {
				hangUp()
			}
			defer g.running.Done()
			s.route(w, r)
		}),
		ReadHeaderTimeout: s.o.Limits.Read,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(&handshakes{s}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		Protocols:         new(http.Protocols),
	}
	h.Protocols.SetHTTP1(true) // an answer in pieces over HTTP/1.1 is what the SDKs were measured with
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.o.GetCertificate, NextProtos: []string{"http/1.1"}}

	g.running.Go(func() { s.watchCertificate(ctx) })
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(tls.NewListener(limit(l, s.o.Limits.Conns), config)) }()

	var err error
	select {
	case err = <-ended:
		err = fmt.Errorf("serve points of sale on %s: %w", l.Addr(), err)
	case <-ctx.Done():
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		if h.Shutdown(grace) != nil {
			h.Close()
		}
		done()
		<-ended
	}
	cancel()
	h.Close()
	g.shutAndWait()
	return err
}

// exposedNow repeats the check of New for the listener that was really given. The keys
// themselves are forgotten by now, the ring stands for them.
func (s *Server) exposedNow(address string) []error {
	o := s.o
	o.Keys = make([]Key, len(s.ring))
	return o.exposed(address)
}

// gate lets Serve wait for the last handler, and none begin after that.
type gate struct {
	mu      sync.Mutex
	shut    bool
	running sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.running.Add(1)
	return true
}

func (g *gate) shutAndWait() {
	g.mu.Lock()
	g.shut = true
	g.mu.Unlock()
	g.running.Wait()
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	// The small answers too must be taken by someone; waiting ones move this deadline on.
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.o.Limits.Write)); err != nil {
		hangUp()
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	switch r.URL.Path {
	case "/nexo", "/nexo/":
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "POST a nexo SaleToPOIRequest here; "+r.Method+" is not possible.", http.StatusMethodNotAllowed)
			return
		}
		if r.Header.Get("Origin") != "" {
			// No point of sale sends one; a page in a browser on this machine does.
			http.Error(w, "Requests of web pages are not taken.", http.StatusForbidden)
			return
		}
		s.serveMessage(w, r)
	case "/goods":
		s.serveGoods(w, r)
	case "/":
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Messages are taken at /nexo.", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "This is the payment terminal %s (%s).\nPoints of sale POST nexo Sale to POI messages (JSON) to /nexo on this port.\n",
			s.o.Terminal.POIID, s.o.Environment)
	default:
		http.Error(w, "Nothing is here. Points of sale POST to /nexo.", http.StatusNotFound)
	}
}

// watchCertificate warns before the certificate ends: SDKs then refuse the terminal.
func (s *Server) watchCertificate(ctx context.Context) {
	tick := time.NewTicker(certCheckTime)
	defer tick.Stop()
	for {
		s.checkExpiry(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) checkExpiry(now time.Time) {
	const code, subject = "pos-certificate", "expiry"
	cause := health.Cause{Code: code, Subject: subject, Severity: health.Warning, Hint: "issue a new one: tilld cert"}
	leaf, err := s.o.leaf()
	switch {
	case err != nil:
		cause.Text = "the POS interface has no certificate: " + err.Error()
	case now.After(leaf.NotAfter):
		cause.Text = "the POS interface's certificate ended on " + leaf.NotAfter.Format("2006-01-02")
	case now.Add(certWarnTime).After(leaf.NotAfter):
		cause.Text = "the POS interface's certificate ends on " + leaf.NotAfter.Format("2006-01-02")
	default:
		s.o.Health.Clear(code, subject)
		return
	}
	s.o.Health.Set(cause)
}

// handshakes takes the lines net/http writes about connections that came to nothing. A
// client that does not trust the certificate is the commonest trouble in the field.
type handshakes struct{ s *Server }

func (h *handshakes) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	h.s.o.Log.Warn("POS connection failed", "cause", text)
	if strings.Contains(text, "remote error: tls:") && strings.Contains(text, "certificate") {
		h.s.o.Health.Set(health.Cause{
			Code: "pos-certificate", Subject: "refused", Severity: health.Notice,
			Text: "a point of sale refused this terminal's certificate",
			Hint: "give it the shop's authority, and check the common name's environment",
		})
	}
	return len(line), nil
}

// trusted notes that a client got as far as sending a message.
func (s *Server) trusted() { s.o.Health.Clear("pos-certificate", "refused") }

// limit bounds the open connections of a listener; what comes on top is closed at once.
func limit(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, slots: make(chan struct{}, n)}
}

type limited struct {
	net.Listener
	slots chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &slot{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
		default:
			c.Close()
		}
	}
}

type slot struct {
	net.Conn
	free func()
}

func (s *slot) Close() error {
	defer s.free()
	return s.Conn.Close()
}
