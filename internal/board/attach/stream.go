// Package attach puts device models on wires: a model is the same whether its bytes go through
// a pseudo-terminal of a test, a USB serial port or the UART of the virtual board.
package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tilld/tilld/internal/board/hands"
)

// Model is a scanner on a byte stream.
type Model interface {
	// Serve speaks the device's side of the wire until reading fails or ctx ends.
	Serve(ctx context.Context, wire io.ReadWriter) error
	// Scan presents a code.
	Scan(symbology, text string) error
}

// faulty is a Model that finds mistakes in what it is told.
type faulty interface{ Faults() []string }

// misbehaving is a Model that can be made to do wrong.
type misbehaving interface {
	Misbehave(how string, times int) error
}

// ErrUnplugged is what a wire says when it leads nowhere.
var ErrUnplugged = errors.New("not plugged in")

// Stream is a Model that can be attached to one wire after another, and the hands for it:
// they scan, send raw bytes, misbehave, and tell what the device saw. Safe for concurrent use.
type Stream struct {
	// Pull takes the plug out in the middle of a code; nil: the wire is cut, no more.
	Pull func()

	model Model

	mu    sync.Mutex
	wire  io.ReadWriter // nil: unplugged
	ended chan struct{} // Serve has returned
	left  int           // bytes until the plug is pulled; -1 is never
	saw   hands.Sight
}

// NewStream attaches a model to nothing yet.
func NewStream(m Model) *Stream { return &Stream{model: m, left: -1} }

// Attach serves the model on wire until reading it fails. The wire before is closed; its
// model's end of it is waited for.
func (s *Stream) Attach(ctx context.Context, wire io.ReadWriter) {
	s.mu.Lock()
	before, ended := s.ended, make(chan struct{})
	s.ended = ended
	s.mu.Unlock()
	if before != nil {
		<-before
	}
	s.mu.Lock()
	s.wire, s.left = wire, -1
	s.mu.Unlock()
	serving := make(chan struct{})
	go func() {
		defer close(ended)
		s.model.Serve(ctx, &first{(*counted)(s), sync.OnceFunc(func() { close(serving) })}) // it ends because the wire did
	}()
	select {
	case <-serving:
	case <-ended:
	}
}

// first tells when the model has begun to listen: from then on it can scan.
type first struct {
	io.ReadWriter
	read func()
}

func (f *first) Read(p []byte) (int, error) {
	f.read()
	return f.ReadWriter.Read(p)
}

// Detach forgets the wire, which the caller has closed. It may be called while the model
// writes.
func (s *Stream) Detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire = nil
}

// counted is the model's end of the wire.
type counted Stream

func (c *counted) Read(p []byte) (int, error) {
	c.mu.Lock()
	wire := c.wire
	c.mu.Unlock()
	if wire == nil {
		return 0, ErrUnplugged
	}
	n, err := wire.Read(p)
	c.mu.Lock()
	c.saw.Written += int64(n)
	c.saw.Told = append(c.saw.Told, p[:n]...)
	if over := len(c.saw.Told) - mostTold; over > 0 {
		c.saw.Told = slices.Delete(c.saw.Told, 0, over)
	}
	c.mu.Unlock()
	return n, err
}

const (
	mostTold   = 4 << 10
	mostFaults = 64
)

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	wire, n := c.wire, len(p)
	cut := c.left >= 0 && c.left <= n
	if cut {
		n = c.left
		c.left = -1
	} else if c.left > 0 {
		c.left -= n
	}
	c.mu.Unlock()
	if wire == nil {
		return 0, ErrUnplugged
	}
	if n > 0 {
		if k, err := wire.Write(p[:n]); err != nil {
			return k, err
		}
	}
	if !cut {
		return n, nil
	}
	c.mu.Lock()
	c.wire = nil
	c.mu.Unlock()
	if c.Pull != nil {
		c.Pull()
	}
	return n, ErrUnplugged
}

// Do carries out what concerns the device itself; plugs are the caller's.
func (s *Stream) Do(ctx context.Context, o hands.Order) (hands.Answer, error) {
	switch o.Do {
	case hands.Scan:
		return s.scan(ctx, o)
	case hands.Raw:
		err := o.Repeat(ctx, func() error {
			_, err := (*counted)(s).Write(o.Bytes)
			return err
		})
		return hands.Answer{At: hands.Now()}, err
	case hands.Fault:
		m, ok := s.model.(misbehaving)
		if !ok {
			return hands.Answer{}, hands.ErrCannot
		}
		return hands.Answer{}, m.Misbehave(o.Text, max(o.Times, 1))
	case hands.Saw:
		saw := s.sight()
		return hands.Answer{Saw: &saw}, nil
	}
	return hands.Answer{}, fmt.Errorf("%s: %w", o.Do, hands.ErrCannot)
}

func (s *Stream) scan(ctx context.Context, o hands.Order) (hands.Answer, error) {
	var at hands.Answer
	err := o.Repeat(ctx, func() error {
		if o.Cut > 0 {
			s.mu.Lock()
			s.left = o.Cut
			s.mu.Unlock()
		}
		err := s.model.Scan(o.Symbology, o.Text)
		at.At = hands.Now()
		if o.Cut > 0 && s.Detached() {
			return nil // as ordered
		}
		if err == nil {
			s.mu.Lock()
			s.saw.Scans++
			s.mu.Unlock()
		}
		return err
	})
	return at, err
}

// Detached reports whether the stream is on no wire.
func (s *Stream) Detached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wire == nil
}

// Misbehaves reports whether the model knows Fault.
func (s *Stream) Misbehaves() bool { _, ok := s.model.(misbehaving); return ok }

// sight takes what was seen since the last time.
func (s *Stream) sight() hands.Sight {
	s.mu.Lock()
	saw := s.saw
	s.saw = hands.Sight{}
	s.mu.Unlock()
	if f, ok := s.model.(faulty); ok {
		saw.Faults = f.Faults()
		if over := len(saw.Faults) - mostFaults; over > 0 {
			saw.Faults = saw.Faults[over:]
		}
	}
	return saw
}
