// Package display serves what people see of a till: the customer's screen at "/" and the
// operator's console at "/console". Both are pages for a browser on the same machine, a
// kiosk on a 7-inch panel as a rule, that follow the till by server-sent events.
//
//	/          the customer's screen; ?lang=zh, en or ja
//	/console   the operator's console: what is wrong, what is in doubt, what happens
//	/screen    agent.Screen as JSON, with the words that the page shows
//	/events    server-sent events "screen", "event", "health" and "beat"; ?only=screen
//	/payments  the payments on record, without anything that could be charged
//	/confirm   POST: the operator's decision about an amount above the ceiling
//	/offer     POST: the customer wants to scan a code of ours
//	/palm      POST: the person wants to pay by palm
//	/palm/enrol, /palm/withdraw   POST: the person wants that, while nobody pays
//	/palm/touch   POST: what the person does on the step that is shown; ?lang= as the page
//
// A page that hears nothing for a few seconds says that the connection is lost: a stale
// "paid" would be a lie. No page loads anything from elsewhere, and none is served to
// another machine.
package display

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/localweb"
)

// Till is what the pages need of a till; *agent.Till is one.
type Till interface {
	Screen() agent.Screen
	Watch(ctx context.Context) (<-chan agent.Screen, <-chan agent.Event)
	Payments(openOnly bool) []sale.Payment
	Confirm(c agent.Confirmation) error
	Offer(payment string) error
	Present(payment string, m biometric.Modality) error
	Enrol(m biometric.Modality) error
	Withdraw(m biometric.Modality) error
	Touch(x agent.Touch) error
}

// Options is what the pages are made of.
type Options struct {
	Till     Till
	Health   *health.Board
	Language string // first language: "zh", "en" or "ja"; empty means "zh"
	// Test marks every page as the test environment's, and lets pages of this machine show
	// the customer's screen in a frame.
	Test bool
	Log  *slog.Logger // nil logs nothing
	// Beat is how often an open page is told that the till lives; a page gives up after two
	// and a half beats. Zero means 2 s.
	Beat time.Duration
}

// mostStreams bounds the open pages: each costs a connection and a watcher of the till.
const mostStreams = 32

// shutdownWithin is how long Serve waits for open answers after its context ended.
const shutdownWithin = 2 * time.Second

// Server serves the pages. It is safe for concurrent use.
type Server struct {
	o       Options
	handler http.Handler

	mu      sync.Mutex
	streams int
	changed map[chan struct{}]struct{} // told, without waiting, when the health board changes
}

// New makes a server. It listens to the health board from now on.
func New(o Options) *Server {
	if o.Language == "" {
		o.Language = "zh"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Beat <= 0 {
		o.Beat = 2 * time.Second
	}
	if o.Health == nil {
		o.Health = health.NewBoard()
	}
	s := &Server{o: o, changed: map[chan struct{}]struct{}{}}
	o.Health.OnChange(func(health.Cause, bool) { s.healthChanged() })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.customer)
	mux.HandleFunc("GET /console", s.console)
	mux.HandleFunc("GET /assets/{name}", s.asset)
	mux.HandleFunc("GET /screen", s.screen)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /payments", s.payments)
	mux.HandleFunc("POST /confirm", s.confirm)
	mux.HandleFunc("POST /offer", s.offer)
	mux.HandleFunc("POST /palm", s.present)
	mux.HandleFunc("POST /palm/enrol", s.enrol)
	mux.HandleFunc("POST /palm/withdraw", s.withdraw)
	mux.HandleFunc("POST /palm/touch", s.touch)
	s.handler = localweb.Guard(mux)
	return s
}

// ServeHTTP answers requests from this machine and refuses all others.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers on ln until ctx ends, closes ln, and returns when every answer has ended.
// It returns nil after ctx ended, and the listener's error otherwise.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve pages on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWithin)
	defer cancel()
	if srv.Shutdown(wait) != nil {
		srv.Close() // a reader that does not read; its stream ends with its connection
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve pages on %s: %w", ln.Addr(), err)
	}
	return nil
}

func (s *Server) healthChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.changed {
		select {
		case c <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// join registers an open stream; ok is false when there are too many.
func (s *Server) join() (changed chan struct{}, leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams >= mostStreams {
		return nil, nil, false
	}
	s.streams++
	changed = make(chan struct{}, 1)
	s.changed[changed] = struct{}{}
	return changed, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.streams--
		delete(s.changed, changed)
	}, true
}
