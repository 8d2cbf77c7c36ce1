package main

import (
	"context"
	"time"
)

// settled is how long a till is left alone before its memory is read.
const settled = 5 * time.Second

// memoryFigure is what is left of a small board's memory for everything else.
var memoryFigure = Figure{
	Name:   "memory",
	What:   "resident memory of an idle till",
	Target: "≤ 40 MiB",
	Measure: func(ctx context.Context, b *Bench) (Measured, error) {
		s, err := newShop(b, "memory", shopOptions{})
		if err != nil {
			return Measured{}, err
		}
		defer s.close()
		if _, err := s.open(ctx); err != nil {
			return Measured{}, err
		}
		fresh, err := s.quietMemory(ctx)
		if err != nil {
			return Measured{}, err
		}
		for n := range 30 {
			if err := s.sell(ctx, s.turn(n), nil).good(); err != nil {
				return Measured{}, err
			}
		}
		used, err := s.quietMemory(ctx)
		if err != nil {
			return Measured{}, err
		}
		return Measured{
			Values: []Value{atMost("idle after start", fresh, "MiB", 40), atMost("idle after 30 sales", used, "MiB", 40)},
			Notes:  []string{"VmRSS: mapped files that are in memory count, shared with the page cache or not"},
		}, nil
	},
}

// quietMemory is the resident memory after a while of doing nothing, in MiB.
func (s *shop) quietMemory(ctx context.Context) (float64, error) {
	over := time.NewTimer(settled)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	n, err := s.process.resident()
	return float64(n) / (1 << 20), err
}
