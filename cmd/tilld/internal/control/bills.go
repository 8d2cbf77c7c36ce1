package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/bill"
)

// Bills is what the command line needs of the daemon's till to work with the wallets' bills;
// *agent.Till is one.
type Bills interface {
	Reconcile(ctx context.Context, r agent.BillRequest) (bill.Report, error)
	Adopt(ctx context.Context, r agent.AdoptRequest) (agent.AdoptReport, error)
	Told(ctx context.Context, ids []string) (unknown []string, err error)
}

// ReconcileRequest asks to compare a bill. It travels in the query; the bill itself is the
// body.
type ReconcileRequest struct {
	Wallet string
	Day    string // "2026-11-21"
	SHA1   string
	// File says that the body is the bill; otherwise it is fetched.
	File bool
}

// Path is where the request goes.
func (r ReconcileRequest) Path() string {
	q := url.Values{"wallet": {r.Wallet}, "date": {r.Day}, "sha1": {r.SHA1}}
	if r.File {
		q.Set("file", "1")
	}
	return "/v1/reconcile?" + q.Encode()
}

// AdoptRequest asks to take a dead terminal's orders on record. It travels in the query; the
// bill is the body.
type AdoptRequest struct {
	Terminal, Wallet string
}

// Path is where the request goes.
func (r AdoptRequest) Path() string {
	return "/v1/adopt?" + url.Values{"terminal": {r.Terminal}, "wallet": {r.Wallet}}.Encode()
}

// BillLine is one line of the answer to both: any number with Progress, then one with a
// Report, Adopted or Fault.
type BillLine struct {
	Progress *agent.Progress    `json:"progress,omitempty"`
	Report   *bill.Report       `json:"report,omitempty"`
	Adopted  *agent.AdoptReport `json:"adopted,omitempty"`
	Fault    *Fault             `json:"fault,omitempty"`
}

// ToldRequest says which adopted payments the point of sale has as paid.
type ToldRequest struct {
	IDs []string `json:"ids"`
}

// ToldAnswer lists the ids that are of no adopted payment.
type ToldAnswer struct {
	Unknown []string `json:"unknown"`
}

// MaxTold is how many ids go into one request.
const MaxTold = 300

func (s *Server) bills(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/reconcile", s.reconcile)
	mux.HandleFunc("POST /v1/adopt", s.adopt)
	mux.HandleFunc("POST /v1/told", s.told)
}

// tellEvery is how often progress is told.
const tellEvery = 100 * time.Millisecond

// billStream writes the lines of an answer while the request is still being read.
type billStream struct {
	mu   sync.Mutex
	w    http.ResponseWriter
	body io.Reader
	enc  *json.Encoder
	last time.Time
}

func newBillStream(w http.ResponseWriter, r *http.Request) *billStream {
	// Without it nothing could be told before the whole bill was read.
	http.NewResponseController(w).EnableFullDuplex()
	w.Header().Set("Content-Type", "application/x-ndjson")
	return &billStream{w: w, body: r.Body, enc: json.NewEncoder(w)}
}

func (b *billStream) line(l BillLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enc.Encode(l) // a reader that hung up ends the request's context
	http.NewResponseController(b.w).Flush()
}

func (b *billStream) progress(p agent.Progress) {
	if time.Since(b.last) < tellEvery {
		return
	}
	b.last = time.Now()
	b.line(BillLine{Progress: &p})
}

func (b *billStream) fault(err error) {
	f := Fault{Error: err.Error()}
	var hinted interface{ HintText() string }
	if errors.As(err, &hinted) {
		f.Hint = hinted.HintText()
	}
	b.line(BillLine{Fault: &f})
	// Who is still sending would see a broken connection instead. It ends when the sender has
	// read the fault.
	io.Copy(io.Discard, b.body)
}

func (s *Server) reconcile(w http.ResponseWriter, r *http.Request) {
	out := newBillStream(w, r)
	q := r.URL.Query()
	day, err := bill.ParseDay(q.Get("date"))
	if err != nil {
		out.fault(err)
		return
	}
	ask := agent.BillRequest{Wallet: q.Get("wallet"), Day: day, SHA1: q.Get("sha1"), Progress: out.progress}
	if q.Get("file") != "" {
		ask.File = r.Body
	}
	report, err := s.Bills.Reconcile(r.Context(), ask)
	if err != nil {
		out.fault(err)
		return
	}
	out.line(BillLine{Report: &report})
}

func (s *Server) adopt(w http.ResponseWriter, r *http.Request) {
	out := newBillStream(w, r)
	q := r.URL.Query()
	report, err := s.Bills.Adopt(r.Context(), agent.AdoptRequest{Terminal: q.Get("terminal"), Wallet: q.Get("wallet"), File: r.Body, Progress: out.progress})
	if err != nil {
		out.fault(err)
		return
	}
	out.line(BillLine{Adopted: &report})
}

func (s *Server) told(w http.ResponseWriter, r *http.Request) {
	var q ToldRequest
	if !read(w, r, &q) {
		return
	}
	unknown, err := s.Bills.Told(r.Context(), q.IDs)
	if err != nil {
		refuse(w, http.StatusConflict, "", "%v", err)
		return
	}
	write(w, http.StatusOK, ToldAnswer{Unknown: append([]string{}, unknown...)})
}

// Stream asks with a body that is read as it is sent, and calls each for every line of the
// answer as it comes. body may be nil.
func (c *Client) Stream(ctx context.Context, path string, body io.Reader, each func(BillLine)) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://tilld"+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	a, err := c.http.Do(r)
	if err != nil {
		return c.unreachable(err)
	}
	defer a.Body.Close()
	if a.StatusCode/100 != 2 {
		return &Error{Err: errors.New("the daemon answered " + a.Status), Hint: "daemon and command line must be of one version"}
	}
	dec := json.NewDecoder(io.LimitReader(a.Body, maxAnswer))
	for {
		var l BillLine
		switch err := dec.Decode(&l); {
		case err != nil && ctx.Err() != nil:
			return &Error{Err: ctx.Err()}
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
			return &Error{Subject: c.path, Err: errors.New("the daemon went away before it answered"), Hint: "say it again: it may be repeated"}
		case err != nil:
			return &Error{Subject: c.path, Err: fmt.Errorf("read the daemon's answer: %w", err), Hint: "daemon and command line must be of one version"}
		}
		switch {
		case l.Fault != nil:
			return &Error{Err: errors.New(l.Fault.Error), Hint: l.Fault.Hint}
		case l.Report != nil, l.Adopted != nil:
			each(l)
			return nil
		}
		each(l)
	}
}
