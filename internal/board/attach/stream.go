// Package attach puts device models on wires: a model is the same whether its bytes go through
// a pseudo-terminal of a test, a USB serial port or the UART of the virtual board.
package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
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

// Stream is a scanner of some make that can be attached to one wire after another, and the
// hands for it: they present codes, send raw bytes, put another make in its place, and tell
// what it was told. Safe for concurrent use.
type Stream struct {
	// Pull takes the plug out in the middle of a code; nil: the wire is cut, no more.
	Pull func()

	makes map[string]func() Model

	one   sync.Mutex // serialises what changes wire or model
	mu    sync.Mutex
	model Model
	ctx   context.Context
	wire  io.ReadWriter // nil: unplugged
	in    *inbox
	left  int // bytes until the plug is pulled; -1 is never
	saw   hands.Sight
}

// NewStream makes a scanner that speaks the named protocol and can be made to speak the others.
// It is attached to nothing yet.
func NewStream(makes map[string]func() Model, speaks string) *Stream {
	return &Stream{makes: makes, model: makes[speaks](), left: -1}
}

// Attach serves the model on wire until reading it fails. The wire before is closed.
func (s *Stream) Attach(ctx context.Context, wire io.ReadWriter) {
	s.one.Lock()
	defer s.one.Unlock()
	s.silence()
	s.mu.Lock()
	s.ctx, s.wire, s.left = ctx, wire, -1
	s.mu.Unlock()
	s.speak()
	go s.listen(wire)
}

// speak starts the model on the present wire and returns when it listens.
func (s *Stream) speak() {
	in := newInbox()
	s.mu.Lock()
	s.in = in
	model, ctx := s.model, s.ctx
	s.mu.Unlock()
	go func() {
		defer close(in.ended)
		model.Serve(ctx, &end{in, s}) // it ends because its wire did
	}()
	select {
	case <-in.asked:
	case <-in.ended:
	}
}

// silence ends the model's service, if there is one.
func (s *Stream) silence() {
	s.mu.Lock()
	in := s.in
	s.in = nil
	s.mu.Unlock()
	if in != nil {
		in.close()
		<-in.ended
	}
}

// listen hands what arrives on a wire to the model of the day.
func (s *Stream) listen(wire io.ReadWriter) {
	for buf := make([]byte, 4096); ; {
		n, err := wire.Read(buf)
		s.mu.Lock()
		in := s.in
		if s.wire != wire {
			in = nil
		}
		if in != nil && n > 0 {
			s.saw.Written += int64(n)
			s.saw.Told = append(s.saw.Told, buf[:n]...)
			if over := len(s.saw.Told) - mostTold; over > 0 {
				s.saw.Told = slices.Delete(s.saw.Told, 0, over)
			}
		}
		s.mu.Unlock()
		if in == nil {
			return
		}
		in.put(buf[:n])
		if err != nil {
			in.close()
			return
		}
	}
}

const (
	mostTold   = 4 << 10
	mostFaults = 64
)

// Detach forgets the wire, which the caller has closed. It may be called while the model
// writes.
func (s *Stream) Detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire = nil
	if s.in != nil {
		s.in.close()
	}
}

// Become puts another make on the same wire.
func (s *Stream) Become(speaks string) error {
	create := s.makes[speaks]
	if create == nil {
		return fmt.Errorf("no model speaks %q; there are %v", speaks, s.Speaks())
	}
	s.one.Lock()
	defer s.one.Unlock()
	s.silence()
	s.mu.Lock()
	s.model = create()
	plugged := s.wire != nil
	s.mu.Unlock()
	if plugged {
		s.speak()
	}
	return nil
}

// Speaks is what the scanner can be made to speak.
func (s *Stream) Speaks() []string { return slices.Sorted(maps.Keys(s.makes)) }

// end is the model's end of the wire.
type end struct {
	*inbox
	s *Stream
}

func (e *end) Write(p []byte) (int, error) { return e.s.write(p) }

// write sends to whoever is at the other end, up to the byte at which the plug is pulled.
func (s *Stream) write(p []byte) (int, error) {
	s.mu.Lock()
	wire, n := s.wire, len(p)
	cut := s.left >= 0 && s.left <= n
	switch {
	case cut:
		n, s.left = s.left, -1
	case s.left > 0:
		s.left -= n
	}
	s.mu.Unlock()
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
	s.Detach()
	if s.Pull != nil {
		s.Pull()
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
			_, err := s.write(o.Bytes)
			return err
		})
		return hands.Answer{At: hands.Now()}, err
	case hands.Fault:
		m, ok := s.present().(misbehaving)
		if !ok {
			return hands.Answer{}, hands.ErrCannot
		}
		return hands.Answer{}, m.Misbehave(o.Text, max(o.Times, 1))
	case hands.Become:
		return hands.Answer{}, s.Become(o.Text)
	case hands.Saw:
		saw := s.sight()
		return hands.Answer{Saw: &saw}, nil
	}
	return hands.Answer{}, fmt.Errorf("%s: %w", o.Do, hands.ErrCannot)
}

// Deeds are what Do knows.
func (s *Stream) Deeds() []hands.Deed {
	return []hands.Deed{hands.Scan, hands.Raw, hands.Fault, hands.Become, hands.Saw}
}

func (s *Stream) present() Model {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.model
}

func (s *Stream) scan(ctx context.Context, o hands.Order) (a hands.Answer, err error) {
	m := s.present()
	err = o.Repeat(ctx, func() error {
		if o.Cut > 0 {
			s.mu.Lock()
			s.left = o.Cut
			s.mu.Unlock()
		}
		err := m.Scan(o.Symbology, o.Text)
		a.At = hands.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		if o.Cut > 0 && s.wire == nil {
			return nil // as ordered
		}
		if err == nil {
			s.saw.Scans++
		}
		return err
	})
	return a, err
}

// sight takes what was seen since the last time.
func (s *Stream) sight() hands.Sight {
	s.mu.Lock()
	saw := s.saw
	s.saw = hands.Sight{}
	m := s.model
	s.mu.Unlock()
	if f, ok := m.(faulty); ok {
		saw.Faults = f.Faults()
		if over := len(saw.Faults) - mostFaults; over > 0 {
			saw.Faults = saw.Faults[over:]
		}
	}
	return saw
}
