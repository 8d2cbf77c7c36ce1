// Package counter is the simulator's page: a shop counter to play cashier and customer at,
// with the customer's screen as tilld serves it, what happens at the till, both books side
// by side, and switches for what may go wrong.
//
//	/          the page; ?lang=zh, en or ja
//	/state     what can be shown, switched and confirmed now
//	/ledgers   both books, paired by order, with a verdict for each pair
//	/events    server-sent events "event", "sale" and "beat"
//	/sell /abort /scan /show /ours /palm /fault /confirm   POST, JSON
//
// It is for this machine alone: who reaches the page can pay with every simulated wallet.
package counter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/localweb"
)

// Options is what the page is made of.
type Options struct {
	Rig      Rig
	Language string       // first language: "zh", "en" or "ja"; empty means "zh"
	Currency string       // what the amount is in at first; empty means "CNY"
	Log      *slog.Logger // nil logs nothing
	// Beat is how often an open page is told that the simulator lives. Zero means 2 s.
	Beat time.Duration
}

// Server serves the page. It is safe for concurrent use.
type Server struct {
	o       Options
	handler http.Handler
	ctx     context.Context // of the running sale: it outlives the request that began it
	cancel  context.CancelFunc
	selling sync.WaitGroup

	mu    sync.Mutex
	sale  saleState
	paid  string // the payment that was paid last
	pages map[chan saleState]struct{}
}

// saleState is what the point of sale is doing.
type saleState struct {
	Running     bool      `json:"running"`
	Begun       time.Time `json:"begun,omitzero"`
	Amount      string    `json:"amount,omitempty"`
	Currency    string    `json:"currency,omitempty"`
	Transaction string    `json:"transaction,omitempty"`
	Back        string    `json:"back,omitempty"`    // of a refund: "part" or "desk"
	Payment     string    `json:"payment,omitempty"` // of which a part is given back
	Answer      *Answer   `json:"answer,omitempty"`
	Error       string    `json:"error,omitempty"`
}

// New makes the page's server. Close it.
func New(o Options) *Server {
	if o.Language == "" {
		o.Language = "zh"
	}
	if o.Currency == "" {
		o.Currency = "CNY"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Beat <= 0 {
		o.Beat = 2 * time.Second
	}
	s := &Server{o: o, pages: map[chan saleState]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /assets/{name}", s.asset)
	mux.HandleFunc("GET /state", s.state)
	mux.HandleFunc("GET /ledgers", s.ledgers)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("POST /sell", s.sell)
	mux.HandleFunc("POST /abort", s.abort)
	mux.HandleFunc("POST /scan", s.scan)
	mux.HandleFunc("POST /show", s.show)
	mux.HandleFunc("POST /ours", s.ours)
	mux.HandleFunc("POST /palm", s.palm)
	mux.HandleFunc("POST /fault", s.fault)
	mux.HandleFunc("POST /confirm", s.confirm)
	s.handler = localweb.Guard(mux)
	return s
}

// ServeHTTP answers requests from this machine and refuses all others.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close hangs up on a running sale, as a point of sale that is switched off does, and waits
// until that has ended.
func (s *Server) Close() error {
	s.cancel()
	s.selling.Wait()
	return nil
}

// Serve answers on ln until ctx ends, then closes ln and the server. It returns nil after
// ctx ended.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	defer s.Close()
	srv := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the counter on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if srv.Shutdown(wait) != nil {
		srv.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the counter on %s: %w", ln.Addr(), err)
	}
	return nil
}
