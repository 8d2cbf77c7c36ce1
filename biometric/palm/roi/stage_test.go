package roi

import (
	"errors"
	"math"
	"sort"
	"testing"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
)

// figures are what was measured of many frames.
type figures struct {
	frames, rejected  int
	offset, turn      []float64
	wrongSide, noSide int
	within            int
}

// TestTruth holds the region to what the stage knows of its hands. The stage is simulated:
// its figures say that nothing got worse, and nothing of real hands.
func TestTruth(t *testing.T) {
	n := 100
	if testing.Short() {
		n = 24
	}
	s := stage.DefaultSensor()
	film := stage.NewFilm(s)
	f, err := New(s.Width, s.Height, nil)
	if err != nil {
		t.Fatal(err)
	}
	lit, dark := make([]byte, s.Width*s.Height), make([]byte, s.Width*s.Height)
	var got figures
	reasons := map[string]int{}
	for i := range n {
		o := stage.Vary(uint64(i))
		o.Arrive = -1
		p := stage.Live(o)
		light := capture.NIR
		if i%2 == 1 {
			light = capture.White
		}
		film.Expose(dark, p, 0, nil)
		film.Expose(lit, p, s.Interval, stage.Lighting{{At: s.Interval / 2, Lamps: stage.LampsOf(light)}})
		truth, ok := p.Truth(s, s.Interval+s.Taken()/2)
		if !ok {
			t.Fatal("no truth")
		}
		h, err := f.Find(lit, dark)
		got.frames++
		if err != nil || h.Guide != "" {
			got.rejected++
			reasons[string(h.Guide)+" "+errText(err)]++
			t.Logf("%d: %v %q: %+v %+v", i, err, h.Guide, h.Reasons, o)
			continue
		}
		off, turn := apart(h.Corners, truth.Corners)
		got.offset, got.turn = append(got.offset, off), append(got.turn, turn)
		if off <= 8 && turn <= 4 {
			got.within++
		} else {
			t.Logf("%d: off by %.1f, turned by %.1f: %+v %+v", i, off, turn, h.Reasons, o)
		}
		switch {
		case h.Side == SideUnknown:
			got.noSide++
		case (h.Side == SideLeft) != (o.Hand == palms.Left):
			got.wrongSide++
		}
	}
	sort.Float64s(got.offset)
	sort.Float64s(got.turn)
	m := len(got.offset)
	if m == 0 {
		t.Fatalf("all %d frames rejected: %v", got.frames, reasons)
	}
	at := func(v []float64, part float64) float64 { return v[int(part*float64(m-1))] }
	t.Logf("simulated hands: %d frames, %d rejected (%.1f %%); of %d accepted %.1f %% within 8 px and 4 degrees", got.frames, got.rejected,
		100*float64(got.rejected)/float64(got.frames), m, 100*float64(got.within)/float64(m))
	t.Logf("offset median %.2f, 95 %% %.2f, most %.2f px; rotation %.2f, %.2f, %.2f degrees", at(got.offset, .5), at(got.offset, .95),
		at(got.offset, 1), at(got.turn, .5), at(got.turn, .95), at(got.turn, 1))
	t.Logf("side unknown %d, wrong %d; rejected for %v", got.noSide, got.wrongSide, reasons)
	if got.rejected*100 > 5*got.frames {
		t.Errorf("more than 5 %% rejected")
	}
	if got.within*100 < 95*m {
		t.Errorf("less than 95 %% within 8 px and 4 degrees")
	}
	if at(got.offset, .5) > 3 {
		t.Errorf("median offset above 3 px")
	}
}

func errText(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrShape):
		return "shape"
	}
	return err.Error()
}

// apart is the offset of the middle in the region's pixels and the rotation in degrees.
func apart(got [4]Point, want [4]stage.Point) (offset, turn float64) {
	var gx, gy, wx, wy float64
	for i := range got {
		gx, gy, wx, wy = gx+got[i].X/4, gy+got[i].Y/4, wx+want[i].X/4, wy+want[i].Y/4
	}
	side := 0.0
	for i := range want {
		side += math.Hypot(want[(i+1)%4].X-want[i].X, want[(i+1)%4].Y-want[i].Y) / 4
	}
	a := math.Atan2(got[1].Y+got[2].Y-got[0].Y-got[3].Y, got[1].X+got[2].X-got[0].X-got[3].X)
	b := math.Atan2(want[1].Y+want[2].Y-want[0].Y-want[3].Y, want[1].X+want[2].X-want[0].X-want[3].X)
	d := math.Abs(a-b) * 180 / math.Pi
	return math.Hypot(gx-wx, gy-wy) / side * Size, min(d, 360-d)
}
