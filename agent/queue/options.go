package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Keys gives the queue its keys. The root they come from never enters the state directory;
// a secure element may hold it.
type Keys interface {
	// Derive returns 32 bytes that depend on the root and the label alone: the same label
	// gives the same bytes for the life of the terminal, and no label's bytes say anything
	// about another's.
	Derive(label string) ([]byte, error)
}

// Labels given to Keys.Derive.
const (
	labelCheck   = "tilld queue check"   // proves that the root is the one the state was made with
	labelWitness = "tilld queue witness" // seals the witness
	labelDay     = "tilld queue day"     // wraps the random key of each day
	labelSummary = "tilld queue summary" // seals what outlives the days
	labelCode    = "tilld code mac"      // CodeMAC
)

// Space thresholds, in bytes.
const (
	MinNew  = 64 << 20 // below this no new sale begins
	MinHard = 32 << 20 // below this only sales already open go on, in space allocated before
	Ballast = 32 << 20 // held back, to be given up when the disk is full
)

// Limits of one Commit call.
const (
	MaxKey    = 200       // bytes of Put.Key
	MaxValue  = 64 << 10  // bytes of Put.Value
	MaxOrders = 40        // order ids in one call, and so in one group
	maxCall   = 512 << 10 // bytes of all keys and values
	maxPuts   = 1000      // records in one call
)

// Options says where a queue lives and what it depends on.
type Options struct {
	Dir         string // the state directory; the queue lives in Dir/queue
	Keys        Keys
	Board       string // the board's serial number, to which the state is bound
	Environment string // "test" or "live"
	// Now is the wall clock and whether it may be believed. Days begin and end, and ages
	// count, on trusted time alone. Nil means time.Now, always trusted.
	Now func() (t time.Time, trusted bool)
	// Retain is how long a settled day stays readable, in trusted time. Zero means 48 h.
	Retain time.Duration
	Log    *slog.Logger // nil discards

	// Space thresholds in bytes; zero means the constants of the same names.
	MinNew, MinHard, Ballast int64
	// ProbeTimeout bounds one attempt to open a Badger directory. Zero means 30 s.
	ProbeTimeout time.Duration
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Dir == "":
		return o, errors.New("open queue: no state directory given")
	case o.Keys == nil:
		return o, errors.New("open queue: no record keys given")
	case o.Environment != "test" && o.Environment != "live":
		return o, fmt.Errorf("open queue: environment %q is neither test nor live", o.Environment)
	}
	if o.Now == nil {
		o.Now = func() (time.Time, bool) { return time.Now(), true }
	}
	if o.Retain == 0 {
		o.Retain = 48 * time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for p, v := range map[*int64]int64{&o.MinNew: MinNew, &o.MinHard: MinHard, &o.Ballast: Ballast} {
		if *p == 0 {
			*p = v
		}
	}
	if o.ProbeTimeout == 0 {
		o.ProbeTimeout = 30 * time.Second
	}
	return o, nil
}

// Errors of Open and of the limits.
var (
	ErrEnvironment = errors.New("the state directory belongs to the other environment")
	ErrTooLarge    = errors.New("too much for one commit")
	// ErrDefect is the 32-bit defect of ristretto's allocator, which overwrites records.
	ErrDefect = errors.New("this 32-bit build loses records: ristretto's allocator is not patched")
)

// check refuses calls that could never be committed.
func check(puts []Put) error {
	if len(puts) > maxPuts {
		return fmt.Errorf("commit %d records: %w", len(puts), ErrTooLarge)
	}
	size, orders := 0, 0
	for _, p := range puts {
		if len(p.Key) == 0 || len(p.Key) > MaxKey || len(p.Value) > MaxValue {
			return fmt.Errorf("commit a record with a key of %d and a value of %d bytes: %w", len(p.Key), len(p.Value), ErrTooLarge)
		}
		size += len(p.Key) + len(p.Value)
		orders += len(p.Orders)
		for _, id := range p.Orders {
			if len(id) == 0 || len(id) > maxOrderLen {
				return fmt.Errorf("commit an order id of %d bytes: %w", len(id), ErrTooLarge)
			}
		}
	}
	if size > maxCall || orders > MaxOrders {
		return fmt.Errorf("commit %d bytes with %d order ids: %w", size, orders, ErrTooLarge)
	}
	return nil
}

// deadline gives ctx a deadline when it has none.
func deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d)
}
