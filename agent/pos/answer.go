package pos

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/pos/nexo"
	"github.com/tilld/tilld/agent/pos/nexocrypto"
)

// answer is the way back to one client. It is written by one goroutine at a time; mu keeps
// the spaces of a waiting answer and its end apart.
type answer struct {
	s   *Server
	w   http.ResponseWriter
	c   *http.ResponseController
	key *nexocrypto.Key // nil: the request was plain

	mu      sync.Mutex
	started bool // the HTTP header is out
	broken  bool // a write failed: the client is gone
}

// unreadable is the one answer to every message that cannot be opened.
const unreadable = `{"errors":["the message cannot be opened"]}` + "\n"

// refuse answers a message that was not opened.
func (s *Server) refuse(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
	w.Write([]byte(body))
}

// message sends a whole plain message, sealed if the request was. It reports whether every
// byte was taken by a connection that was still open.
func (a *answer) message(h nexo.Header, plain []byte) bool {
	if a.key != nil {
		blob, trailer := a.key.Seal(plain)
		plain = encode(object{"SaleToPOIResponse": struct {
			MessageHeader   nexo.Header
			NexoBlob        string
			SecurityTrailer nexocrypto.Trailer
		}{h, blob, trailer}})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.write(plain)
}

// empty is the answer to an Abort: HTTP 200 without a body.
func (a *answer) empty() {
	a.w.Header().Set("Content-Type", "application/json")
	a.w.Header().Set("Content-Length", "0")
	a.w.WriteHeader(http.StatusOK)
}

// write sends a piece; mu is held.
func (a *answer) write(piece []byte) bool {
	if a.broken {
		return false
	}
	if !a.started {
		a.started = true
		a.w.Header().Set("Content-Type", "application/json")
		a.w.WriteHeader(http.StatusOK)
	}
	err := a.c.SetWriteDeadline(time.Now().Add(a.s.o.Limits.Write))
	if err == nil && len(piece) > 0 {
		_, err = a.w.Write(piece)
	}
	if err == nil {
		err = a.c.Flush()
	}
	a.broken = err != nil
	return err == nil
}

// keepAlive sends the header now, and a space every few seconds until stop is called. The
// context it returns ends when the client is gone or the time for an answer is over.
func (a *answer) keepAlive(ctx context.Context) (waiting context.Context, stop func()) {
	waiting, cancel := context.WithTimeout(ctx, a.s.o.Limits.Answer)
	a.mu.Lock()
	if !a.write(nil) {
		cancel()
	}
	a.mu.Unlock()
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(a.s.o.Limits.Space)
		defer tick.Stop()
		for {
			select {
			case <-waiting.Done():
				return
			case <-tick.C:
			}
			a.mu.Lock()
			if waiting.Err() == nil && !a.write([]byte{' '}) {
				cancel()
			}
			a.mu.Unlock()
		}
	})
	return waiting, func() { cancel(); running.Wait() }
}

// hangUp closes the connection without an answer, so that nobody takes silence for one.
func hangUp() { panic(http.ErrAbortHandler) }

// failure sends a Response of the request's own category.
func (a *answer) failure(h nexo.Header, e *nexo.Error) {
	a.message(h.Answer(), message(h.Answer(), bodyName(h.MessageCategory), a.s.wrap(h.MessageCategory, response{
		Result: nexo.Failure, ErrorCondition: e.Condition, AdditionalResponse: a.s.note(e.Text),
	})))
}

// note is an AdditionalResponse that says one thing.
func (s *Server) note(text string) string {
	out := ""
	if s.test {
		out = "testMode=true"
	}
	if text != "" {
		if out != "" {
			out += "&"
		}
		out += "message=" + percent(text)
	}
	return out
}

// bodyName is the name of the answer's body. A category that is not a word gets none of
// its own.
func bodyName(category string) string {
	for _, c := range category {
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return "Response"
		}
	}
	return category + "Response"
}

// wrap puts a Response where the category's answer has it.
func (s *Server) wrap(category string, r response) any {
	output := object{"Device": "CustomerDisplay", "InfoQualify": "Display", "Response": r}
	switch category {
	case "Display":
		return object{"OutputResult": []object{output}}
	case "Input":
		return object{"OutputResult": output, "InputResult": object{"Device": "CustomerInput", "InfoQualify": "Input", "Response": r}}
	case "Print":
		return object{"DocumentQualifier": "Document", "Response": r}
	case "Payment":
		return object{"Response": r, "POIData": object{}, "SaleData": json.RawMessage("{}")}
	}
	return object{"Response": r}
}
