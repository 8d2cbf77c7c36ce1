package roi

import (
	"math"

	"github.com/tilld/tilld/biometric"
)

// Track follows one hand over frames: it steadies the region of a hand that is held still, and
// says when it is not. The zero value is ready. Not safe for concurrent use.
type Track struct {
	last [trackDepth]Hand // the newest first
	n    int
}

// trackDepth is how many frames a region is steadied over.
const trackDepth = 5

// still is the most that a hand which is held still moves from frame to frame, in parts of
// the region's side.
const still = 0.03

// Step is how far a hand moved since the frame before.
type Step struct {
	Shift float64 // of the region's centre, in parts of the region's side
	Turn  float64 // degrees
	Scale float64 // larger over smaller
	Still bool    // few enough of all of them to be taken; of the first frame it is not known
}

// Add takes the hand of the next frame, found without error, and returns it with its corners
// steadied where it was held still, and with Reasons.Motion, Quality and Guide brought up to
// date. A side that one frame could not tell is taken from the frames before.
func (t *Track) Add(h Hand) (Hand, Step) {
	var s Step
	s.Scale = 1
	if t.n > 0 {
		s = between(t.last[0].Corners, h.Corners)
	}
	if s.Shift > 0.5 || s.Scale > 1.5 { // that is another hand, or another triple of valleys
		t.n = 0
	}
	copy(t.last[1:], t.last[:])
	t.last[0] = h
	t.n = min(t.n+1, trackDepth)
	if t.n > 1 {
		h.Reasons.Motion = ramp(max(s.Shift/still, s.Turn/2, (s.Scale-1)/0.03), 3, 1)
		h.Quality = h.Reasons.least()
		if h.Guide == "" && h.Reasons.Motion < enough {
			h.Guide = biometric.MoveSlower
		}
	}
	if h.Side == SideUnknown {
		h.Side = t.side()
	}
	h.Corners = t.steady()
	return h, s
}

// steady is the mean of the corners as far back as the hand did not leave where it is now.
func (t *Track) steady() [4]Point {
	c := t.last[0].Corners
	n := 1.0
	for i := 1; i < t.n; i++ {
		if !between(t.last[0].Corners, t.last[i].Corners).Still {
			break
		}
		for k, p := range t.last[i].Corners {
			c[k].X += p.X
			c[k].Y += p.Y
		}
		n++
	}
	for k := range c {
		c[k].X /= n
		c[k].Y /= n
	}
	return c
}

// side is what most of the frames say.
func (t *Track) side() Side {
	var votes [3]int
	for _, h := range t.last[:t.n] {
		votes[h.Side]++
	}
	switch {
	case votes[SideLeft] > votes[SideRight]:
		return SideLeft
	case votes[SideRight] > votes[SideLeft]:
		return SideRight
	}
	return SideUnknown
}

// Reset forgets the hand: call it when a frame had none.
func (t *Track) Reset() { *t = Track{} }

// between is how far one region is from another.
func between(a, b [4]Point) Step {
	sa, sb := math.Hypot(a[1].X-a[0].X, a[1].Y-a[0].Y), math.Hypot(b[1].X-b[0].X, b[1].Y-b[0].Y)
	var s Step
	s.Shift = math.Hypot(a[0].X+a[2].X-b[0].X-b[2].X, a[0].Y+a[2].Y-b[0].Y-b[2].Y) / 2 / max(1, sa)
	turn := math.Atan2(b[1].Y-b[0].Y, b[1].X-b[0].X) - math.Atan2(a[1].Y-a[0].Y, a[1].X-a[0].X)
	turn = math.Abs(math.Remainder(turn, 2*math.Pi))
	s.Turn = turn * 180 / math.Pi
	s.Scale = max(sa, sb) / max(1, min(sa, sb))
	s.Still = s.Shift <= still && s.Turn <= 2 && s.Scale <= 1.03
	return s
}
