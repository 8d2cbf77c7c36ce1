package stage_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/drivers/sense"
)

// fake is a clock of the time that package synctest makes.
type fake struct{ start time.Time }

func (f fake) Now() sense.Time { return sense.Time(1 + time.Since(f.start)) }

func (f fake) Until(ctx context.Context, t sense.Time) error {
	select {
	case <-time.After(t.Sub(f.Now())):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestTakenUnderLamps takes a lamp order with the till's own capture: each settled frame
// shows the light that it is said to have, whether the shutter rolls quickly or slowly.
func TestTakenUnderLamps(t *testing.T) {
	order := capture.Order{capture.White, capture.Dark, capture.NIR, capture.NIR, capture.Dark, capture.White, capture.NIR, capture.Dark}
	for _, readout := range []time.Duration{time.Millisecond, 22 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			clock := fake{time.Now()}
			set := stage.NewSet(clock)
			p := stage.Live(stage.Options{Person: 3, Arrive: -1, Tone: 0.25})
			set.Show(p)
			sensor := stage.Sensor{Width: 640, Height: 480, Readout: readout}
			s, err := capture.Open(t.Context(), set.Camera(sensor), set.Lamp(), capture.Options{Now: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			shots, err := s.Take(t.Context(), order, make([]byte, capture.Phases*2*s.Size()), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, shot := range shots {
				truth, _ := p.Truth(sensor, time.Duration(shot.At))
				a, b := truth.Corners[0], truth.Corners[2]
				sum, n := 0, 0
				for y := int(a.Y) + 30; y < int(b.Y)-30; y++ {
					for _, v := range shot.Luma[y*640+int(a.X)+30 : y*640+int(b.X)-30] {
						sum, n = sum+int(v), n+1
					}
				}
				got := capture.Dark
				switch v := sum / n; {
				case v > 75:
					got = capture.NIR
				case v > 30:
					got = capture.White
				}
				if got != shot.Light || shot.Light != order[shot.Phase] {
					t.Errorf("readout %v, phase %d: looks like %v (%d), said to be %v", readout, shot.Phase, got, sum/n, shot.Light)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if set.Lit() != (stage.Lamps{}) {
				t.Error("a lamp was left on")
			}
		})
	}
}
