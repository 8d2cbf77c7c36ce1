package capture

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers/sense"
)

// never is later than any frame: the end of a switching that has not come.
const never = sense.Time(math.MaxInt64)

// switchLimit bounds one call of a lamp.
const switchLimit = 250 * time.Millisecond

// change is one switching of the light.
type change struct {
	from, to sense.Time // between these it was neither the old light nor the new one
	light    Light
	phase    int // of the order; negative outside of one
}

// kept is how many changes are remembered: the phases of an order with all its repetitions,
// and some before.
const kept = 64

// lights is the lamps, and the record of when which of them shone. set is called by one
// goroutine at a time; at by any.
type lights struct {
	lamp sense.Lamp
	now  func() sense.Time
	on   [2]bool // white's and NIR's last known state
	sure bool    // on is known

	mu   sync.Mutex // guards list; not held while a lamp is switched
	list []change
}

func newLights(lamp sense.Lamp, now func() sense.Time) *lights {
	return &lights{lamp: lamp, now: now, list: make([]change, 0, kept)}
}

// set switches to a light. A lamp that is as it should be is left alone, unless nobody knows.
// The context's end does not stop it: a lamp must be able to go off.
func (l *lights) set(ctx context.Context, light Light, phase int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), switchLimit)
	defer cancel()
	from := l.now()
	l.begin(change{from: from, to: never, light: light, phase: phase})
	done := from
	want := [2]bool{light == White, light == NIR}
	channel := [2]sense.Channel{ChannelWhite, ChannelNIR}
	var errs []error
	for _, on := range [2]bool{false, true} { // off before on: never both
		for i := range want {
			if want[i] != on || l.sure && l.on[i] == want[i] {
				continue
			}
			step, err := l.lamp.Switch(ctx, channel[i], want[i])
			if err != nil {
				errs = append(errs, err)
				continue
			}
			l.on[i] = want[i]
			done = max(done, step.At)
		}
	}
	l.sure = len(errs) == 0
	if !l.sure {
		return fmt.Errorf("switch the light to %v: %w", light, errors.Join(errs...))
	}
	l.end(done)
	return nil
}

func (l *lights) begin(c change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == kept {
		l.list = l.list[:copy(l.list, l.list[kept/2:])]
	}
	l.list = append(l.list, c)
}

func (l *lights) end(at sense.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list[len(l.list)-1].to = at
}

// at is the light of what was exposed between two moments, both of them past, and whether it
// was that light all the time.
func (l *lights) at(begin, end sense.Time) (light Light, phase int, settled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.list) - 1; i >= 0; i-- {
		if c := l.list[i]; c.from < end {
			return c.light, c.phase, c.to <= begin
		}
	}
	return Dark, -1, false
}

// cue is a light to be set at a moment.
type cue struct {
	at    sense.Time
	light Light
	phase int
}

// play sets the lights of a plan, each at its moment, or at once where that is past.
func (l *lights) play(ctx context.Context, plan []cue) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, c := range plan {
		timer.Reset(max(0, c.at.Sub(l.now())))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		if err := l.set(ctx, c.light, c.phase); err != nil {
			return err
		}
	}
	return nil
}
