package stage

import (
	"context"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers/sense"
)

// Clock is what a Set lives by.
type Clock interface {
	Now() sense.Time
	// Until waits for a moment, or for the context's end, whose error it returns.
	Until(ctx context.Context, t sense.Time) error
}

// Real is the clock of sense.Now.
type Real struct{}

// Now implements Clock.
func (Real) Now() sense.Time { return sense.Now() }

// Until implements Clock.
func (Real) Until(ctx context.Context, t sense.Time) error {
	d := t.Sub(sense.Now())
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Virtual is a clock that stands still until somebody waits: then it is that moment at once.
// The zero value is ready.
type Virtual struct {
	mu  sync.Mutex
	now sense.Time
}

// Now implements Clock.
func (v *Virtual) Now() sense.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Until implements Clock.
func (v *Virtual) Until(ctx context.Context, t sense.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	v.now = max(v.now, t)
	return nil
}
