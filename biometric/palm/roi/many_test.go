package roi

import (
	"errors"
	"testing"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
)

// TestManyHands: a second hand in view is refused, also where it touches the first or reaches
// out of the picture. The stage is simulated.
func TestManyHands(t *testing.T) {
	n := 20
	if testing.Short() {
		n = 5
	}
	s := stage.DefaultSensor()
	film := stage.NewFilm(s)
	f, err := New(s.Width, s.Height, nil)
	if err != nil {
		t.Fatal(err)
	}
	lit, dark := make([]byte, s.Width*s.Height), make([]byte, s.Width*s.Height)
	seen := 0
	for i := range n {
		o := stage.Vary(uint64(i) + 900)
		o.Arrive = -1
		o.Second = true
		p := stage.Live(o)
		film.Expose(dark, p, 0, nil)
		film.Expose(lit, p, s.Interval, stage.Lighting{{At: s.Interval / 2, Lamps: stage.Lamps{NIR: true}}})
		h, err := f.Find(lit, dark)
		if errors.Is(err, ErrMany) && h.Guide == biometric.OneOnly {
			seen++
		} else {
			t.Logf("%d: %v %q", i, err, h.Guide)
		}
	}
	t.Logf("simulated: a second hand was seen in %d of %d frames", seen, n)
	if seen*10 < n*8 {
		t.Error("a second hand is overlooked")
	}
}
