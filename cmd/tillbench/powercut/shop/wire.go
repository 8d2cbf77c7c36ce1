package shop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// longestLine bounds a line of the wire.
const longestLine = 1 << 20

// Wire is the till's end: a Bank and a Teller. It is safe for concurrent use.
type Wire struct {
	rw io.ReadWriter

	mu      sync.Mutex // serialises writes, and guards what follows
	n       uint64
	waiting map[uint64]chan Standing
	err     error
}

// NewWire speaks on rw.
func NewWire(rw io.ReadWriter) *Wire { return &Wire{rw: rw, waiting: map[uint64]chan Standing{}} }

// Run reads answers until there are no more.
func (w *Wire) Run() error {
	lines := bufio.NewScanner(w.rw)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var s Standing
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			continue // half a line of before
		}
		w.mu.Lock()
		answer := w.waiting[s.N]
		delete(w.waiting, s.N)
		w.mu.Unlock()
		if answer != nil {
			answer <- s
		}
	}
	return lines.Err()
}

func (w *Wire) send(m Message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if w.err == nil {
		_, w.err = w.rw.Write(append(line, '\n'))
	}
	return w.err
}

// Tell implements Teller. What cannot be told is dropped: without a world outside nothing is
// acknowledged either.
func (w *Wire) Tell(m Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.send(m)
}

// Do implements Bank.
func (w *Wire) Do(ctx context.Context, m Message) (Standing, error) {
	answer := make(chan Standing, 1)
	w.mu.Lock()
	w.n++
	m.N = w.n
	w.waiting[m.N] = answer
	err := w.send(m)
	w.mu.Unlock()
	if err != nil {
		return Standing{}, fmt.Errorf("reach the wallet: %w", err)
	}
	select {
	case s := <-answer:
		return s, nil
	case <-ctx.Done():
		return Standing{}, errors.New("no answer")
	}
}

// Serve is the other end: note hears every message first, in order, and ledger answers those
// that wait for an answer. It returns when there are no more.
func Serve(rw io.ReadWriter, ledger *Ledger, note func(Message)) error {
	lines := bufio.NewScanner(rw)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var m Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("read the board's wire: %w", err)
		}
		note(m)
		if m.N == 0 {
			continue
		}
		s, err := ledger.Do(context.Background(), m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Op, err)
		}
		s.N = m.N
		line, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if _, err := rw.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("answer the board: %w", err)
		}
	}
	return lines.Err()
}
