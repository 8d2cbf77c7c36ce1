package stage

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/capture"
)

// level is the mean of a picture over the inner half of a region.
func level(f *Film, luma []byte, t Truth) float64 {
	sum, n := 0.0, 0
	for y := 0.25; y <= 0.75; y += 0.02 {
		for x := 0.25; x <= 0.75; x += 0.02 {
			c := t.Corners
			px := (1-y)*((1-x)*c[0].X+x*c[1].X) + y*((1-x)*c[3].X+x*c[2].X)
			py := (1-y)*((1-x)*c[0].Y+x*c[1].Y) + y*((1-x)*c[3].Y+x*c[2].Y)
			sum += float64(luma[int(py+0.5)*f.Width+int(px+0.5)])
			n++
		}
	}
	return sum / float64(n)
}

func TestHandUnderLamps(t *testing.T) {
	f := NewFilm(Sensor{})
	for _, hand := range []palms.Hand{palms.Right, palms.Left} {
		p := Live(Options{Person: 5, Hand: hand, Tone: 0.45, Light: 8})
		at := p.Settled() + 200*time.Millisecond
		truth, ok := p.Truth(f.Sensor, at+f.Taken()/2)
		if !ok {
			t.Fatal("no hand")
		}
		dark := level(f, Still(f, p, at, capture.Dark), truth)
		nir := level(f, Still(f, p, at, capture.NIR), truth)
		white := level(f, Still(f, p, at, capture.White), truth)
		t.Logf("%v: dark %.0f, 850 nm %.0f, white %.0f", hand, dark, nir, white)
		if dark > 20 || nir < 90 || nir > 200 || white < 70 || white > 180 {
			t.Errorf("%v: dark %.0f, 850 nm %.0f, white %.0f", hand, dark, nir, white)
		}
		if math.Abs(truth.Rotation) > 15 || truth.Side < 100 || truth.Side > 180 {
			t.Errorf("%v: turned by %.1f, %.0f px wide", hand, truth.Rotation, truth.Side)
		}
	}
}

func TestRegionTurnsWithTheHand(t *testing.T) {
	base := Live(Options{Person: 5, Arrive: -1})
	turned := Live(Options{Person: 5, Arrive: -1, Roll: 25, Scale: 1.2})
	a, _ := base.Truth(Sensor{}, 0)
	b, _ := turned.Truth(Sensor{}, 0)
	if d := b.Rotation - a.Rotation; math.Abs(d-25) > 1 {
		t.Errorf("turned by %.2f degrees, want 25", d)
	}
	if r := b.Side / a.Side; math.Abs(r-1.2) > 0.03 {
		t.Errorf("%.3f times as large, want 1.2", r)
	}
}

func TestRecordIsTheSameEachTime(t *testing.T) {
	order := []capture.Light{capture.White, capture.Dark, capture.NIR}
	p := Live(Vary(3))
	a := Record(NewFilm(Sensor{}), p, p.Settled(), order...)
	b := Record(NewFilm(Sensor{}), Live(Vary(3)), p.Settled(), order...)
	if len(a) != PhaseFrames*len(order) {
		t.Fatalf("%d frames", len(a))
	}
	for i := range a {
		if !bytes.Equal(a[i].Luma, b[i].Luma) {
			t.Fatalf("frame %d differs", i)
		}
		if !a[i].Settled {
			t.Errorf("frame %d is a mixture", i)
		}
	}
}

func BenchmarkExpose(b *testing.B) {
	f := NewFilm(Sensor{})
	p := Live(Options{Person: 5})
	dst := make([]byte, f.Width*f.Height)
	f.Expose(dst, p, time.Second, nil)
	for i := 0; b.Loop(); i++ {
		f.Expose(dst, p, time.Second+time.Duration(i)*time.Second/30, Lighting{{0, Lamps{NIR: true}}})
	}
}

func BenchmarkLive(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		Live(Vary(uint64(i)))
	}
}

// TestWay follows a hand that comes, is held too far away, and then where it shall be.
func TestWay(t *testing.T) {
	p := Live(Options{Person: 5, Arrive: 200 * time.Millisecond, Leave: 3 * time.Second,
		Stops: []Stop{{Scale: 0.5, Stay: 300 * time.Millisecond}}})
	for _, c := range []struct {
		at    time.Duration
		there bool
		z     float64
	}{
		{-time.Millisecond, false, 0}, {350 * time.Millisecond, true, 360}, {p.Settled(), true, 180},
		{2 * time.Second, true, 180}, {4 * time.Second, false, 0},
	} {
		truth, ok := p.Truth(Sensor{}, c.at)
		if ok != c.there || math.Abs(truth.Pose.Z-c.z) > 6 {
			t.Errorf("at %v: %v, %.0f mm, want %v, %.0f mm", c.at, ok, truth.Pose.Z, c.there, c.z)
		}
	}
	if p.Settled() != 700*time.Millisecond {
		t.Errorf("settled after %v", p.Settled())
	}
}
