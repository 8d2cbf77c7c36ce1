package pad

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
)

// TestReplaysUnderAnotherOrder takes live hands under one lamp order and says that another
// was driven: what a recording shows to a till that drew its own order. All that decides is
// that order: region, codes and light are the live hand's.
func TestReplaysUnderAnotherOrder(t *testing.T) {
	hands, each := 20, 500
	if testing.Short() {
		hands, each = 2, 500
	}
	rng := rand.NewChaCha8([32]byte{7})
	p, passed, undetermined := New(Config{}), 0, 0
	f := stage.NewFilm(stage.Sensor{Width: 320, Height: 240, Focal: 205})
	for i := range uint64(hands) {
		in := shown(f, stage.Live(stage.Vary(1000+i)), i)
		in.Distance = 0.38
		if r := p.Judge(in); r.Decision != biometric.BonaFide {
			t.Logf("hand %d under its own order: %q because of %s", i, r.Decision, r.Reason)
		}
		taken := in.Order
		for range each {
			order, err := capture.DrawOrder(rng)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Equal(order[:], taken) {
				continue
			}
			in.Order = order[:]
			for k := range in.Shots {
				in.Shots[k].Light = order[in.Shots[k].Phase]
			}
			switch r := p.Judge(in); r.Decision {
			case biometric.BonaFide:
				passed++
				t.Logf("hand %d taken under %v passes under %v", i, taken, order)
			case biometric.Undetermined:
				undetermined++
			}
		}
	}
	n := hands * each
	t.Logf("simulated: %d of %d replays under a wrong order pass, %d undetermined; chance is %.1f", passed, n, undetermined, float64(n)/capture.Orders)
	if float64(passed) > 3*max(1, float64(n)/capture.Orders) {
		t.Errorf("%d pass", passed)
	}
}
