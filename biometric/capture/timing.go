package capture

import (
	"time"

	"github.com/tilld/tilld/drivers/sense"
)

const (
	// DefaultExposure is a whole period of light that flickers at 100 Hz, so that lamps on the
	// mains add the same to every frame; it leaves 23 ms at 30 frames/s for the lamps to switch.
	DefaultExposure = 10 * time.Millisecond
	// slack is what a switching may be late by, after the middle of the time it has.
	slack = 4 * time.Millisecond
	// nominal is the interval of a camera that does not tell.
	nominal = time.Second / 30
	// remembered is how many frames the interval is measured over.
	remembered = 16
)

// timing knows when frames come and what span each of them was exposed in.
type timing struct {
	granted  time.Duration // the interval that the device promised
	exposure time.Duration // the longest it may be
	timed    bool          // At is when the device began the frame

	seq [remembered]uint64
	at  [remembered]sense.Time
	n   int // frames seen
}

func newTiming(m sense.Mode, h sense.Held) timing {
	t := timing{granted: m.Interval, timed: true}
	if t.granted <= 0 {
		t.granted = nominal
	}
	t.exposure = t.granted // no camera exposes for longer than that
	if h.TimeFixed && h.Time > 0 {
		t.exposure = min(h.Time, t.granted)
	}
	return t
}

// saw takes note of a frame. It is false for one that is not later than the last: such
// frames tell nothing.
func (t *timing) saw(h *sense.Header) bool {
	if t.n > 0 {
		last := (t.n - 1) % remembered
		if h.At <= t.at[last] || h.Seq <= t.seq[last] {
			return false
		}
	}
	t.timed = h.Timed
	t.seq[t.n%remembered], t.at[t.n%remembered] = h.Seq, h.At
	t.n++
	return true
}

// last is when the last frame began; false where there was none.
func (t *timing) last() (sense.Time, bool) {
	if t.n == 0 {
		return 0, false
	}
	return t.at[(t.n-1)%remembered], true
}

// interval is the time between two frames as measured, or as granted while too few were seen.
func (t *timing) interval() time.Duration {
	count := min(t.n, remembered)
	if count < 4 {
		return t.granted
	}
	first, last := (t.n-count)%remembered, (t.n-1)%remembered
	d := t.at[last].Sub(t.at[first]) / time.Duration(t.seq[last]-t.seq[first])
	if d < t.granted/2 || d > 8*t.granted {
		return t.granted
	}
	return d
}

// reach is how far the span that a frame was exposed in lies around its At. Rows are exposed
// one after the other and read out by the time the next frame begins. Of a frame whose At is
// when it arrived nothing better is known than that it was over by then.
func (t *timing) reach() (before, after time.Duration) {
	if t.timed {
		return t.exposure, t.interval()
	}
	return t.exposure + 2*t.interval(), 0
}

// frames is how many a phase takes for one of them, wherever it lies, to fall into it whole.
func (t *timing) frames() int {
	before, after := t.reach()
	d := t.interval()
	return int((before + after + slack + d - 1) / d)
}

// start is a moment, no sooner than soonest, to begin phases of n frames at: the one frame
// that falls into each then lies in its middle.
func (t *timing) start(soonest sense.Time, n int) sense.Time {
	before, after := t.reach()
	d := t.interval()
	last, _ := t.last()
	at := last.Add((after - before - time.Duration(n)*d) / 2)
	if at < soonest {
		at = at.Add((soonest.Sub(at) + d - 1) / d * d)
	}
	return at
}
