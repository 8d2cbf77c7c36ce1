package wallettest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// maxRequest bounds what a server reads of a request.
const maxRequest = 64 << 10

// dialect is how one wallet writes requests and answers.
type dialect interface {
	// parse verifies a request and reads the order. Broken rules come as problems: the
	// request is then refused.
	parse(r *http.Request, body []byte) (o order, problems []string)
	// answer writes and signs what came of it. signed false or forged true make the
	// signature missing or wrong.
	answer(o order, e Entry, v verdict, how signature) (status int, header http.Header, body []byte)
	contract() Contract
}

// asider is a dialect that answers further requests which are about no order; false for others.
type asider interface {
	aside(h *house, w http.ResponseWriter, r *http.Request, body []byte) bool
}

type signature int

const (
	good signature = iota
	missing
	forged
)

// house is one wallet: its ledger, its faults and its server.
type house struct {
	w       *World
	name    string
	part    part
	address string // "" before the first listen
	dialect dialect

	mu     sync.Mutex // guards the ledger and the faults
	orders map[string]*Entry
	order  []string
	codes  map[string]string    // code -> order that used it
	issued map[string]time.Time // codes that NewCode gave out
	bound  map[string]price     // codes that NewCodeFor gave out
	seen   map[string]time.Time // when a payment for an order first came
	faults []planted
	last   int
	bills  bills

	srvMu sync.Mutex
	srv   *http.Server // nil while down
	done  chan struct{}
}

func newHouse(w *World, name string, keys pairOf) (*house, error) {
	p, ok := partOf(name)
	if !ok {
		return nil, fmt.Errorf("make %s: nobody speaks for it", name)
	}
	h := &house{w: w, name: name, part: p, orders: map[string]*Entry{}, codes: map[string]string{},
		issued: map[string]time.Time{}, bound: map[string]price{}, seen: map[string]time.Time{}}
	var err error
	if h.dialect, err = p.speak(w, keys); err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	h.bills.closed = w.o.BillsAtOnce
	h.address = w.o.Listen[name]
	if h.address == "" {
		h.address = "127.0.0.1:0"
	}
	return h, h.up()
}

func (h *house) contract() Contract {
	c := h.dialect.contract()
	c.Wallet, c.Name = h.name, h.name+"-main"
	if c.Currencies == nil {
		c.Currencies = []string{"CNY"}
	}
	c.Endpoint = "https://" + h.address
	c.CAPEM = h.w.ca.certPEM
	return c
}

// up opens the listener, on the same address as before.
func (h *house) up() error {
	h.srvMu.Lock()
	defer h.srvMu.Unlock()
	if h.srv != nil {
		return nil
	}
	l, err := net.Listen("tcp", h.address)
	if err != nil {
		return fmt.Errorf("open %s: %w", h.name, err)
	}
	if at := l.Addr().String(); at != h.address {
		h.address = at // the first time only: later readers hold no lock
	}
	conf := &tls.Config{Certificates: []tls.Certificate{h.w.ca.leaf}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if d, ok := h.dialect.(interface{ wants(*tls.Config) }); ok {
		d.wants(conf)
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: time.Minute,
		ErrorLog:  log.New(io.Discard, "", 0), // cut connections are the point here
		TLSConfig: conf,
	}
	h.srv, h.done = srv, make(chan struct{})
	done := h.done
	go func() {
		defer close(done)
		srv.ServeTLS(l, "", "")
	}()
	return nil
}

// down closes the listener and cuts every connection.
func (h *house) down() error {
	h.srvMu.Lock()
	defer h.srvMu.Unlock()
	if h.srv == nil {
		return nil
	}
	err := h.srv.Close()
	<-h.done
	h.srv = nil
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

func (h *house) shut() error { return h.down() }

// ServeHTTP takes one request from its signature to its answer.
func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		h.w.violate(h.name, "request above %d bytes, or cut", maxRequest)
		panic(http.ErrAbortHandler)
	}
	if b, ok := h.dialect.(biller); ok && b.serveBill(h, w, r, body) {
		return
	}
	if a, ok := h.dialect.(asider); ok && a.aside(h, w, r, body) {
		return
	}
	o, problems := h.dialect.parse(r, body)
	for _, p := range problems {
		h.w.violate(h.name, "%s %s: %s", o.op, o.id, p)
	}
	if len(problems) > 0 {
		h.write(w, o, Entry{Order: o.id}, vBadRequest, good)
		return
	}
	f := h.strike(o.op)
	h.note(o)
	h.tell(o, "seen", "", f)
	h.serve(w, r, o, f)
}

// note remembers when a payment came.
func (h *house) note(o order) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.seen[o.id]; !ok && o.op == sale.OpPay {
		h.seen[o.id] = time.Now()
	}
}

func (h *house) tell(o order, phase, outcome string, f Fault) {
	h.w.tell(Event{Wallet: h.name, Op: o.op, Order: o.id, Phase: phase, Outcome: outcome, Fault: f.Kind})
}

// serve carries the request out, as far as the fault lets it, and answers.
func (h *house) serve(w http.ResponseWriter, r *http.Request, o order, f Fault) {
	if f.Kind == Hold && f.Before {
		h.wait(r, f.Release)
	}
	var e Entry
	v := vSystemError
	switch f.Kind {
	case DropRequest, SilentNoOrder:
	case LateCharge:
		h.w.later(f.Delay, func() {
			e, v := h.carry(o, f)
			h.tell(o, "done", outcome(e, v), f)
		})
	case NumberUsed:
		e, v = Entry{Order: o.id, Merchant: o.merchant, SubMerchant: o.sub}, vUsed
	case NotFoundOnQuery:
		e, v = Entry{Order: o.id, Merchant: o.merchant, SubMerchant: o.sub}, vNotFound
	case ReverseLies:
		e, v = Entry{Order: o.id, Merchant: o.merchant, SubMerchant: o.sub, State: StateClosed}, vDone
	case CancelTooLate:
		v = vTooLate
	case ReverseFails:
	case SystemError, HTML200, Redirect307, TooMany, BadGateway, Huge, Trickle:
		if f.Paid {
			h.carry(o, f)
		}
	default:
		e, v = h.carry(o, f)
	}
	if e.Order == "" {
		e.Order, e.Merchant, e.SubMerchant = o.id, o.merchant, o.sub
	}
	h.tell(o, "done", outcome(e, v), f)
	h.reply(w, r, o, e, v, f)
	h.tell(o, "answered", outcome(e, v), f)
}

func outcome(e Entry, v verdict) string {
	if v == vDone {
		return e.State
	}
	return string(v)
}

// reply answers as the fault will have it. Faults that cut the connection panic, which is
// how net/http is told to.
func (h *house) reply(w http.ResponseWriter, r *http.Request, o order, e Entry, v verdict, f Fault) {
	how := good
	switch f.Kind {
	case DropRequest, DropAnswer, ReverseAnswerLost:
		panic(http.ErrAbortHandler)
	case Silent, SilentNoOrder, LateCharge:
		h.wait(r, nil)
		panic(http.ErrAbortHandler)
	case Slow:
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-h.w.ctx.Done():
			panic(http.ErrAbortHandler)
		}
	case Hold:
		if !f.Before {
			h.wait(r, f.Release)
		}
	case HTML200, Redirect307, TooMany, BadGateway, Huge, Trickle:
		h.box(w, r, f)
		return
	case OtherOrder:
		e.Order = otherOrder(e.Order)
	case BadSignature:
		how = forged
	case NoSignature:
		how = missing
	}
	h.write(w, o, e, v, how)
}

// otherOrder is an order number of the same length that is not ours.
func otherOrder(id string) string {
	if len(id) == 0 {
		return "0"
	}
	last := byte('0')
	if id[len(id)-1] == '0' {
		last = '1'
	}
	return id[:len(id)-1] + string(last)
}

func (h *house) write(w http.ResponseWriter, o order, e Entry, v verdict, how signature) {
	status, header, body := h.dialect.answer(o, e, v, how)
	send(w, status, header, body)
}

func send(w http.ResponseWriter, status int, header http.Header, body []byte) {
	for k, values := range header {
		w.Header()[k] = values
	}
	w.WriteHeader(status)
	w.Write(body)
	http.NewResponseController(w).Flush()
}

// wait returns when release is closed, and cuts the connection when the client or the world
// ends first.
func (h *house) wait(r *http.Request, release <-chan struct{}) {
	select {
	case <-release:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	case <-h.w.ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

// box answers like a captive portal, an overloaded gateway or worse.
func (h *house) box(w http.ResponseWriter, r *http.Request, f Fault) {
	html := []byte("<!DOCTYPE html><html><body>Welcome to the hotel network</body></html>")
	switch f.Kind {
	case HTML200:
		w.Header().Set("Content-Type", "text/html")
		w.Write(html)
	case Redirect307:
		http.Redirect(w, r, "https://"+h.address+"/redirected", http.StatusTemporaryRedirect)
	case TooMany:
		w.WriteHeader(http.StatusTooManyRequests)
	case BadGateway:
		w.WriteHeader(http.StatusBadGateway)
		w.Write(html)
	case Huge:
		junk := make([]byte, 64<<10)
		for range (100 << 20) / len(junk) {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	case Trickle:
		h.trickle(w, r, f.Delay)
	}
}

func (h *house) trickle(w http.ResponseWriter, r *http.Request, every time.Duration) {
	if every <= 0 {
		every = 200 * time.Millisecond
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		w.Write([]byte(" "))
		http.NewResponseController(w).Flush()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return
		case <-h.w.ctx.Done():
			return
		}
	}
}
