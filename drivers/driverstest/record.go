package driverstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/dump"
)

// Kind is what happened on a transport.
type Kind = dump.Kind

const (
	Received = dump.In   // bytes from the device
	Sent     = dump.Out  // bytes to the device
	Gone     = dump.Gone // the plug was pulled
)

// Op is one thing that happened, and when since the recording began.
type Op struct {
	At   time.Duration
	Kind Kind
	Data []byte
}

// WriteOps writes a recording in the form of package dump, which "tilld decode" reads as
// well. A recording holds everything that was scanned: record with codes that are worth
// nothing.
func WriteOps(w io.Writer, ops []Op) error {
	for _, op := range ops {
		if err := dump.Write(w, dump.Line{At: op.At, Kind: op.Kind, Data: op.Data}); err != nil {
			return fmt.Errorf("write recording: %w", err)
		}
	}
	return nil
}

// ReadOps reads what WriteOps wrote; the times may be left out.
func ReadOps(r io.Reader) ([]Op, error) {
	lines, err := dump.ReadText(r)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	var ops []Op
	for _, l := range lines {
		ops = append(ops, Op{l.At, l.Kind, l.Data})
	}
	return ops, nil
}

// Record is a Transport that writes down what passes through it.
type Record struct {
	drivers.Transport

	mu    sync.Mutex
	began time.Time // when the first thing happened
	ops   []Op
}

// Ops is what happened so far.
func (r *Record) Ops() []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Op(nil), r.ops...)
}

func (r *Record) note(k Kind, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.began.IsZero() {
		r.began = now
	}
	r.ops = append(r.ops, Op{now.Sub(r.began), k, append([]byte(nil), data...)})
}

// Read reads from the recorded transport.
func (r *Record) Read(ctx context.Context, p []byte) (int, error) {
	n, err := r.Transport.Read(ctx, p)
	if n > 0 {
		r.note(Received, p[:n])
	}
	if errors.Is(err, drivers.ErrGone) {
		r.note(Gone, nil)
	}
	return n, err
}

// Write writes to the recorded transport.
func (r *Record) Write(ctx context.Context, p []byte) (int, error) {
	n, err := r.Transport.Write(ctx, p)
	if n > 0 {
		r.note(Sent, p[:n])
	}
	return n, err
}

// Playback is a Transport that plays a recording: it gives what was received, once
// everything sent before it has been sent again, byte by byte the same. Close fails when
// something is left over or something else was sent.
type Playback struct {
	mu      sync.Mutex
	ops     []Op
	wrong   error
	changed chan struct{} // closed and replaced when an operation is over, or on Close
	closed  bool
}

var _ drivers.Transport = (*Playback)(nil)

// NewPlayback plays ops from the beginning.
func NewPlayback(ops []Op) *Playback {
	p := &Playback{changed: make(chan struct{})}
	for _, op := range ops {
		p.ops = append(p.ops, Op{op.At, op.Kind, append([]byte(nil), op.Data...)})
	}
	return p
}

func (p *Playback) fail(op string, err error) error {
	return &drivers.Error{Op: op, Subject: p.String(), Err: err}
}

// next drops finished operations. p.mu is held.
func (p *Playback) next() {
	for len(p.ops) > 0 && p.ops[0].Kind != Gone && len(p.ops[0].Data) == 0 {
		p.ops = p.ops[1:]
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// Read gives what was received next, and waits while something is to be sent first.
func (p *Playback) Read(ctx context.Context, b []byte) (int, error) {
	for {
		p.mu.Lock()
		switch {
		case p.closed:
			p.mu.Unlock()
			return 0, p.fail("read", drivers.ErrClosed)
		case len(p.ops) > 0 && p.ops[0].Kind == Received:
			n := copy(b, p.ops[0].Data)
			p.ops[0].Data = p.ops[0].Data[n:]
			p.next()
			p.mu.Unlock()
			return n, nil
		case len(p.ops) > 0 && p.ops[0].Kind == Gone:
			p.ops = p.ops[1:]
			p.mu.Unlock()
			return 0, p.fail("read", drivers.ErrGone)
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return 0, p.fail("read", drivers.ErrTimeout)
			}
			return 0, p.fail("read", ctx.Err())
		}
	}
}

// Write must send what was sent next, in any split.
func (p *Playback) Write(_ context.Context, b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, p.fail("write", drivers.ErrClosed)
	}
	for i, c := range b {
		if len(p.ops) == 0 || p.ops[0].Kind != Sent || p.ops[0].Data[0] != c {
			p.wrong = p.fail("write", fmt.Errorf("byte %d, %02x, is not what was recorded", i, c))
			return i, p.wrong
		}
		p.ops[0].Data = p.ops[0].Data[1:]
		p.next()
	}
	return len(b), nil
}

// Flush drops nothing: what was recorded came after it.
func (p *Playback) Flush() error { return nil }

// Close ends a blocked Read and says what went differently from the recording.
func (p *Playback) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.next()
	if p.wrong == nil && len(p.ops) > 0 {
		p.wrong = p.fail("close", fmt.Errorf("%d recorded operations left over, the next is %q", len(p.ops), p.ops[0].Kind))
	}
	return p.wrong
}

func (p *Playback) String() string { return "playback" }
