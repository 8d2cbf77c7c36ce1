package roi

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tilld/tilld/biometric"
)

// held is a good hand whose region is turned and moved.
func held(x, y, turn float64) Hand {
	s, c := math.Sincos(turn * math.Pi / 180)
	h := Hand{Quality: 1, Reasons: Reasons{1, 1, 1, 1, 1, 1, 1, 1}}
	h.Corners = square(Point{x - 50*c, y - 50*s}, Point{x + 50*c, y + 50*s})
	return h
}

func TestTrackSteadies(t *testing.T) {
	var tr Track
	r := rand.New(rand.NewPCG(1, 1))
	want := held(300, 200, 0).Corners
	var raw, steadied float64
	for i := range 40 {
		in := held(300+r.NormFloat64(), 200+r.NormFloat64(), 0.3*r.NormFloat64())
		out, step := tr.Add(in)
		if i >= trackDepth {
			raw += between(want, in.Corners).Shift
			steadied += between(want, out.Corners).Shift
			if !step.Still || out.Guide != "" {
				t.Errorf("frame %d: %+v %q", i, step, out.Guide)
			}
		}
	}
	if steadied > 0.7*raw {
		t.Errorf("%.3f instead of %.3f", steadied, raw)
	}
}

func TestTrackMoves(t *testing.T) {
	var tr Track
	tr.Add(held(300, 200, 0))
	h, step := tr.Add(held(320, 200, 0))
	if step.Still || h.Guide != biometric.MoveSlower || h.Quality > enough {
		t.Errorf("%+v %q %.2f", step, h.Guide, h.Quality)
	}
	if between(h.Corners, held(320, 200, 0).Corners).Shift > 1e-9 {
		t.Error("the region of a moving hand lags behind it")
	}
	if _, step := tr.Add(held(320, 200, 357)); math.Abs(step.Turn-3) > 1e-6 {
		t.Errorf("turned by %v", step.Turn)
	}
	if _, step := tr.Add(held(320, 200, 357)); !step.Still {
		t.Errorf("%+v", step)
	}
}

func TestTrackKeepsSide(t *testing.T) {
	var tr Track
	a := held(300, 200, 0)
	a.Side = SideLeft
	tr.Add(a)
	if h, _ := tr.Add(held(300, 200, 0)); h.Side != SideLeft {
		t.Error("the side was forgotten")
	}
	tr.Reset()
	if h, _ := tr.Add(held(300, 200, 0)); h.Side != SideUnknown {
		t.Error("a side of before")
	}
}
