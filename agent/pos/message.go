package pos

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tilld/tilld/agent/pos/nexo"
	"github.com/tilld/tilld/agent/pos/nexocrypto"
	"github.com/tilld/tilld/internal/secret"
)

// request is one opened message.
type request struct {
	header  nexo.Header
	invalid *nexo.Error     // what is wrong with the header, if anything
	content nexo.Value      // the SaleToPOIRequest
	key     *nexocrypto.Key // nil: it came plain
	buffers [][]byte        // wiped when the request is done: content points into them
}

func (q *request) wipe() {
	for _, b := range q.buffers {
		secret.Zero(b)
	}
}

// body is the message part named after the category.
func (q *request) body() nexo.Value { return q.content.At(q.header.Body()) }

// serveMessage reads one message, opens it and has it carried out.
func (s *Server) serveMessage(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	if err := c.SetReadDeadline(time.Now().Add(s.o.Limits.Read)); err != nil {
		hangUp()
	}
	raw, err := readAll(http.MaxBytesReader(w, r.Body, nexo.MaxSize), r.ContentLength)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			cause := "larger than " + strconv.Itoa(nexo.MaxSize) + " bytes"
			s.o.Log.Warn("POS message refused", "from", r.RemoteAddr, "cause", cause)
			// A size is no secret, sealed or not.
			s.refuse(w, http.StatusRequestEntityTooLarge,
				string(encode(object{"errors": []string{"the message is " + cause + " (hint: a request is a few kilobytes)"}}))+"\n")
			return
		}
		hangUp()
	}
	// Without this the server would take the end of the reading time for the client's end.
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		hangUp()
	}
	q, err := s.open(raw, reachable(r))
	defer q.wipe()
	if err != nil {
		s.o.Log.Warn("POS message refused", "from", r.RemoteAddr, "cause", err)
		var plain *formError
		if errors.As(err, &plain) {
			s.refuse(w, http.StatusBadRequest, string(encode(object{"errors": []string{plain.Error()}}))+"\n")
			return
		}
		s.refuse(w, http.StatusBadRequest, unreadable)
		return
	}
	s.trusted()
	s.carryOut(r.Context(), &answer{s: s, w: w, c: c, key: q.key}, q)
}

// readAll is io.ReadAll that leaves no copies of what it read behind.
func readAll(r io.Reader, length int64) ([]byte, error) {
	const usual = 8 << 10
	size := int64(usual)
	if length >= 0 {
		size = min(length, nexo.MaxSize) + 1
	}
	b := make([]byte, 0, size)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			secret.Zero(b)
			return nil, err
		}
		if len(b) == cap(b) {
			larger := append(make([]byte, 0, 2*cap(b)), b...)
			secret.Zero(b)
			b = larger
		}
	}
}

// reachable reports whether the request may have come from another machine.
func reachable(r *http.Request) bool {
	address, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return !ok || !loopback(address.String())
}

// formError is a mistake in what was sent in clear: the sender may be told what it is.
type formError struct{ err error }

func (e *formError) Error() string {
	return e.err.Error() + " (hint: POST one JSON object {\"SaleToPOIRequest\": {\"MessageHeader\": ..., ...}})"
}

// open makes a request of what was sent. Except for a formError, the error is for the log
// alone: the sender is never told which it was.
func (s *Server) open(raw []byte, exposed bool) (*request, error) {
	q := &request{buffers: [][]byte{raw}}
	v, err := nexo.Parse(raw)
	if err != nil {
		return q, &formError{err}
	}
	outer := v.At("SaleToPOIRequest")
	if outer.Kind != nexo.Object {
		return q, &formError{errors.New("there is no SaleToPOIRequest in it")}
	}
	_, blob := outer.Get("NexoBlob")
	_, trailer := outer.Get("SecurityTrailer")
	switch {
	case blob || trailer:
		err = s.unseal(q, outer)
	case s.o.Plain && !exposed:
		q.content = outer
	default:
		err = errors.New("it is not encrypted")
	}
	if err != nil || q.invalid != nil {
		return q, err
	}
	h := q.content.At("MessageHeader")
	if h.Kind != nexo.Object {
		return q, &formError{errors.New("there is no MessageHeader in it")}
	}
	q.header, q.invalid = nexo.ReadHeader(h)
	return q, nil
}

// unseal opens the sealed part and holds the header outside, which nothing protects,
// against the one inside.
func (s *Server) unseal(q *request, outer nexo.Value) error {
	blob, _ := outer.At("NexoBlob").Text()
	plain, key, err := s.ring.Open(blob, readTrailer(outer.At("SecurityTrailer")))
	if err != nil {
		return err
	}
	q.buffers = append(q.buffers, plain)
	v, err := nexo.Parse(plain)
	if err != nil {
		// The MAC says that a partner wrote it: the partner is told, sealed, under the only
		// header there is.
		q.key = key
		q.header, _ = nexo.ReadHeader(outer.At("MessageHeader"))
		q.invalid = &nexo.Error{Condition: nexo.MessageFormat, Text: err.Error()}
		return nil
	}
	q.content = v.At("SaleToPOIRequest")
	if !q.content.At("MessageHeader").Same(outer.At("MessageHeader")) {
		return errors.New("the MessageHeaders outside and inside differ")
	}
	q.key = key
	return nil
}

func readTrailer(v nexo.Value) nexocrypto.Trailer {
	number := func(name string) int64 {
		s, _ := v.At(name).Spelling()
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return -1 // no key has this version
		}
		return n
	}
	text := func(name string) string {
		s, _ := v.At(name).Text()
		return s
	}
	return nexocrypto.Trailer{
		AdyenCryptoVersion: number("AdyenCryptoVersion"),
		Hmac:               text("Hmac"),
		KeyIdentifier:      text("KeyIdentifier"),
		KeyVersion:         number("KeyVersion"),
		Nonce:              text("Nonce"),
	}
}

// admitted says whether the header may ask anything of this terminal.
func (s *Server) admitted(q *request) *nexo.Error {
	if q.invalid != nil {
		return q.invalid
	}
	if err := q.header.Check(s.o.Terminal.POIID); err != nil {
		return err
	}
	if !s.known(q.header.SaleID) {
		return &nexo.Error{Condition: nexo.NotAllowed, Text: "this SaleID is not on this terminal's list"}
	}
	return nil
}

// known reports whether a SaleID may talk to this terminal.
func (s *Server) known(saleID string) bool {
	return len(s.o.SaleIDs) == 0 || slices.Contains(s.o.SaleIDs, saleID)
}
