package gpio

import (
	"errors"
	"fmt"
	"sync"

	"github.com/tilld/tilld/drivers"
)

// Lamps are the lines of capture lamps, of which at most one is lit. It is safe for
// concurrent use.
type Lamps struct {
	mu    sync.Mutex
	lines []*Output
	lit   int // -1: none
}

// OpenLamps requests the lines, all of them off. Init must have run.
func OpenLamps(names []string, activeLow bool) (*Lamps, error) {
	l := &Lamps{lit: -1}
	for _, n := range names {
		o, err := OpenOutput(n, activeLow)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.lines = append(l.lines, o)
	}
	return l, nil
}

// Len is how many lamps there are.
func (l *Lamps) Len() int { return len(l.lines) }

// Light lights lamp i alone, counted from 0; -1 is darkness. What was lit goes out first.
func (l *Lamps) Light(i int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i < -1 || i >= len(l.lines) {
		return &drivers.Error{Op: "light", Subject: fmt.Sprintf("lamp %d", i), Err: fmt.Errorf("there are %d", len(l.lines))}
	}
	if l.lit == i {
		return nil
	}
	if l.lit >= 0 {
		if err := l.lines[l.lit].Set(false); err != nil {
			return err
		}
		l.lit = -1
	}
	if i < 0 {
		return nil
	}
	if err := l.lines[i].Set(true); err != nil {
		return err
	}
	l.lit = i
	return nil
}

// Close switches all off and lets go of the lines.
func (l *Lamps) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, o := range l.lines {
		errs = append(errs, o.Close())
	}
	l.lit = -1
	return errors.Join(errs...)
}
