package localweb

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// writeWithin bounds one write to a reader that has gone to sleep.
const writeWithin = 5 * time.Second

// Stream is one open response of server-sent events. Its methods are not safe for
// concurrent use: one goroutine writes a stream.
type Stream struct {
	w   http.ResponseWriter
	ctl *http.ResponseController
}

// OpenStream starts a response of server-sent events and tells the browser to come back
// after a second when it is lost.
func OpenStream(w http.ResponseWriter) (*Stream, error) {
	s := &Stream{w: w, ctl: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	return s, s.write("retry: 1000\n\n")
}

// Send writes one event with v as JSON.
func (s *Stream) Send(event string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write event %s: %w", event, err)
	}
	return s.write("event: " + event + "\ndata: " + string(data) + "\n\n")
}

// Beat writes an event that says nothing but that the sender lives.
func (s *Stream) Beat() error { return s.write("event: beat\ndata: {}\n\n") }

func (s *Stream) write(text string) error {
	// Recorders and wrapped writers have no deadline; the write then relies on the server's.
	_ = s.ctl.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := s.ctl.Flush(); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}
