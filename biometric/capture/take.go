package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/drivers/sense"
)

const (
	// rounds is how often phases that got no frame are lit, the first time counted.
	rounds = 3
	// perPhase is how many frames of a phase are kept.
	perPhase = 2
	// over is the phase of the light after the last one.
	over = -2
	// ahead is what the goroutine of the lamps needs to be ready.
	ahead = 2 * time.Millisecond
)

// errSeen ends a round whose phases all have their frames.
var errSeen = errors.New("every phase has its frame")

// taking is an order being taken.
type taking struct {
	s     *Stream
	order Order
	luma  []byte // what is left of the memory
	size  int
	shots []Shot
	count [Phases]int
	plan  []cue
}

// Take plays an order and appends to shots the settled frames, at least one of each phase, in
// the order of their times; the lamps are off when it returns. A phase that no good frame
// came of is lit once more at the end. luma is memory for the shots: Phases*Size() bytes at
// least; more keeps a second frame of a phase where there is one. At 30 frames/s it takes
// 533 ms and the time to the next frame; where frames keep missing it fails within twice that
// and half a second. Where it fails the memory is wiped.
func (s *Stream) Take(ctx context.Context, order Order, luma []byte, shots []Shot) (_ []Shot, err error) {
	const op, hint = "take frames under the lamps", "look at the camera and at the lamps' lines"
	defer func() {
		if off := s.lights.set(ctx, Dark, -1); off != nil {
			err = errors.Join(err, fail(context.WithoutCancel(ctx), "switch the lamps off", hint, off))
		}
		if err != nil {
			clear(luma)
		}
	}()
	if !order.Valid() || len(luma) < Phases*s.Size() {
		return shots, fmt.Errorf("%s: an order of %v in %d bytes of memory for frames of %d", op, order, len(luma), s.Size())
	}
	t := &taking{s: s, order: order, luma: luma, size: s.Size(), shots: shots, plan: make([]cue, 0, Phases+1)}
	limit := 2*Phases*time.Duration(s.timing.frames())*s.timing.interval() + 500*time.Millisecond
	inner, cancel := context.WithTimeoutCause(ctx, limit, ErrPhases)
	defer cancel()
	if err := t.catchUp(inner); err != nil {
		return shots, fail(ctx, op, hint, err)
	}
	for range rounds {
		if t.missing() == 0 {
			return t.shots, nil
		}
		if err := t.round(inner); err != nil {
			return shots, fail(ctx, op, hint, err)
		}
	}
	if t.missing() > 0 {
		return shots, fail(ctx, op, hint, ErrPhases)
	}
	return t.shots, nil
}

// catchUp waits for a frame to reckon from, unless one came just now.
func (t *taking) catchUp(ctx context.Context) error {
	tm := &t.s.timing
	for range badLimit {
		if last, ok := tm.last(); ok && t.s.now().Sub(last) < 4*tm.interval() {
			return nil
		}
		f, err := t.s.cam.Next(ctx)
		if err != nil {
			return cause(ctx, err)
		}
		t.s.place(f)
		f.Release()
	}
	return ErrFrames
}

// missing is how many phases have no frame yet.
func (t *taking) missing() (n int) {
	for _, c := range t.count {
		if c == 0 {
			n++
		}
	}
	return n
}

// round lights the phases that have no frame, and takes frames until they have or the plan is
// over.
func (t *taking) round(ctx context.Context) error {
	tm := &t.s.timing
	n := tm.frames()
	at := tm.start(t.s.now().Add(ahead), n)
	t.plan = t.plan[:0]
	for i, c := range t.count {
		if c == 0 {
			t.plan = append(t.plan, cue{at, t.order[i], i})
			at = at.Add(time.Duration(n) * tm.interval())
		}
	}
	t.plan = append(t.plan, cue{at, Dark, over})

	ctx, stop := context.WithCancelCause(ctx)
	played := make(chan error, 1)
	go func() {
		err := t.s.lights.play(ctx, t.plan)
		if err != nil && !errors.Is(err, errSeen) {
			stop(err)
		}
		played <- err
	}()
	err := t.frames(ctx)
	stop(errSeen)
	if played := <-played; err == nil && !errors.Is(played, errSeen) {
		err = played
	}
	return err
}

// frames takes frames until every phase has one, or one comes from after the plan.
func (t *taking) frames(ctx context.Context) error {
	for t.missing() > 0 {
		f, err := t.s.cam.Next(ctx)
		if err != nil {
			return cause(ctx, err)
		}
		shot, ok := t.s.place(f)
		if ok {
			t.keep(f, shot)
		}
		f.Release()
		if ok && shot.Settled && shot.Phase == over {
			return nil
		}
	}
	return nil
}

// keep stores a frame of a phase where there is room for it: a second one of a phase never
// takes the place of another phase's first.
func (t *taking) keep(f *sense.Frame, shot Shot) {
	if shot.Phase < 0 || !shot.Settled || t.count[shot.Phase] == perPhase {
		return
	}
	room := len(t.luma) / t.size
	if t.count[shot.Phase] > 0 {
		room -= t.missing()
	}
	if room <= 0 {
		return
	}
	luma, err := f.Luma(t.luma[:t.size:t.size])
	if err != nil { // bytes that its header does not promise: as good as lost
		return
	}
	shot.Luma = luma
	t.luma = t.luma[t.size:]
	t.shots = append(t.shots, shot)
	t.count[shot.Phase]++
}

// cause is why the context ended, where it did, or else err.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}
