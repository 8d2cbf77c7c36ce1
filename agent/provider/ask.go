package provider

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/internal/secret"
)

// sent is a signed request, as its answer must be bound to it.
type sent struct {
	request wire.Request
	header  http.Header
}

// sign makes a signed request with a nonce of its own.
func (c *Client) sign(op, method, path string, body []byte) (sent, *Error) {
	s := sent{request: wire.Request{Method: method, Authority: c.link.host, Path: path, Body: body}, header: http.Header{}}
	var nonce [16]byte
	from := c.o.Rand
	if from == nil {
		from = rand.Reader
	}
	if _, err := io.ReadFull(from, nonce[:]); err != nil {
		return s, &Error{Op: op, Kind: Misused, Err: err}
	}
	if err := wire.SignRequest(s.header, s.request, c.o.Signer, c.o.Terminal, c.o.Clock(), nonce[:]); err != nil {
		return s, &Error{Op: op, Kind: Misused, Err: err, Hint: "check the terminal's key and what holds it"}
	}
	return s, nil
}

// ask posts one message and reads its signed answer.
func (c *Client) ask(ctx context.Context, op, path string, question, answer any) *Error {
	if _, err := c.current(ctx, op); err != nil {
		return asError(op, err)
	}
	body, err := wire.Encode(question)
	if err != nil {
		return &Error{Op: op, Kind: Misused, Err: err}
	}
	defer secret.Zero(body)
	fault := c.exchange(ctx, op, path, body, answer)
	c.heard(fault)
	return fault
}

func (c *Client) exchange(ctx context.Context, op, path string, body []byte, answer any) *Error {
	s, fault := c.sign(op, http.MethodPost, path, body)
	if fault != nil {
		return fault
	}
	content, header, fault := c.link.do(ctx, op, http.MethodPost, path, s.header, body)
	if fault != nil {
		return fault
	}
	defer secret.Zero(content)
	if err := c.verify(ctx, header, content, s); err != nil {
		fault := protocolFault(op, err)
		fault.Hint = "somebody between this terminal and the provider changes answers"
		return fault
	}
	if err := wire.Decode(content, answer); err != nil {
		return protocolFault(op, err)
	}
	return nil
}

// verify checks who signed an answer. A key that is not in the list may have come since: the
// list is fetched once more, and the answer, not the question, is looked at again.
func (c *Client) verify(ctx context.Context, header http.Header, content []byte, s sent) error {
	check := func() error {
		k := c.ring()
		if k == nil {
			return errClosed
		}
		return wire.VerifyAnswer(header, http.StatusOK, content, s.request, s.header, k.answerKey(c.o.Clock()))
	}
	err := check()
	if !errors.Is(err, wire.ErrUnknownKey) {
		return err
	}
	if again := c.Refresh(ctx); again != nil {
		return err
	}
	return check()
}

// asError is err as this package's own.
func asError(op string, err error) *Error {
	var fault *Error
	if errors.As(err, &fault) {
		return fault
	}
	return &Error{Op: op, Kind: Unreachable, Err: err}
}
