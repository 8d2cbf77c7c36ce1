package stage

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric/capture"
)

// middling is a sensor of half the usual size.
func middling() Sensor { return Sensor{Width: 320, Height: 240, Focal: 205} }

// region is a picture's region of 32x32 points less another's.
func region(f *Film, lit, dark []byte, t Truth) (v [32 * 32]float64) {
	for i := range v {
		x, y := (float64(i%32)+0.5)/32, (float64(i/32)+0.5)/32
		c := t.Corners
		px := (1-y)*((1-x)*c[0].X+x*c[1].X) + y*((1-x)*c[3].X+x*c[2].X)
		py := (1-y)*((1-x)*c[0].Y+x*c[1].Y) + y*((1-x)*c[3].Y+x*c[2].Y)
		k := int(py+0.5)*f.Width + int(px+0.5)
		v[i] = float64(lit[k]) - float64(dark[k])
	}
	return v
}

// detail is what is not wider than a few points, as a part of the brightness there, and how
// bright most of it is.
func detail(v [32 * 32]float64) (d []float64, usual float64) {
	for y := 3; y < 29; y++ {
		for x := 3; x < 29; x++ {
			around := 0.0
			for j := -3; j <= 3; j++ {
				for i := -3; i <= 3; i++ {
					around += v[(y+j)*32+x+i] / 49
				}
			}
			d = append(d, (v[y*32+x]-around)/max(around, 5))
		}
	}
	s := slices.Sorted(slices.Values(v[:]))
	return d, s[len(s)/2]
}

func deviation(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum / float64(len(v)))
}

func correlation(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum / float64(len(a)) / (deviation(a) * deviation(b))
}

// TestPhysics holds each material to what it does with light.
func TestPhysics(t *testing.T) {
	f := NewFilm(middling())
	type seen struct{ nir, white, nirDetail, whiteDetail, same float64 }
	see := func(p *Presentation) seen {
		at := p.Settled() + 100*time.Millisecond
		truth, ok := p.Truth(f.Sensor, at+f.Taken()/2)
		if !ok {
			t.Fatal("nothing is there")
		}
		dark := Still(f, p, at, capture.Dark)
		n, nm := detail(region(f, Still(f, p, at, capture.NIR), dark, truth))
		w, wm := detail(region(f, Still(f, p, at, capture.White), dark, truth))
		return seen{nm, wm, deviation(n), deviation(w), correlation(n, w)}
	}
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	o := Options{Person: 11, Scale: 0.85, Arrive: -1, Tone: 0.45}
	live := see(Live(o))
	t.Logf("live: %.3f", live)
	for _, c := range []struct {
		name string
		ok   func(seen) bool
		want string
	}{
		{LaserPrint, func(s seen) bool { return s.same > live.same+0.15 && s.nir > 30 }, "the same lines in both lights"},
		{InkjetPrint, func(s seen) bool { return s.nirDetail < live.nirDetail*0.75 && s.nir > 100 }, "a blank sheet at 850 nm"},
		{PhoneScreen, func(s seen) bool { return s.nir < 25 && s.white < 25 }, "nothing thrown back"},
		{TabletScreen, func(s seen) bool { return s.nir < 25 && s.white < 25 }, "nothing thrown back"},
		{SecondBand, func(s seen) bool { return s.same < live.same-0.15 }, "other lines at 850 nm"},
		{BlankGlove, func(s seen) bool { return s.nirDetail < live.nirDetail*0.75 && s.whiteDetail < live.whiteDetail*0.75 }, "smooth in both lights"},
		{TwoLayer, func(s seen) bool { return math.Abs(s.same-live.same) < 0.3 && s.nir > 30 }, "as live"},
	} {
		for seed := range seeds {
			s := see(AttackOn(c.name, o, seed))
			t.Logf("%s: %.3f", c.name, s)
			if !c.ok(s) {
				t.Errorf("%s %d: %.3f, want %s", c.name, seed, s, c.want)
			}
		}
	}
}

// TestFramesKnowNothingOfTheLamps: replayed and injected frames are as bright whatever the
// lamps do.
func TestFramesKnowNothingOfTheLamps(t *testing.T) {
	f := NewFilm(small())
	order := [3]capture.Order{
		{capture.Dark, capture.NIR, capture.White, capture.Dark, capture.NIR, capture.NIR, capture.White, capture.Dark},
		{capture.White, capture.White, capture.Dark, capture.NIR, capture.Dark, capture.White, capture.NIR, capture.NIR},
	}
	for _, name := range []string{Replay, Injection} {
		for seed := range uint64(2) {
			p := Attack(name, seed)
			a := Record(f, p, p.Settled(), order[0][:]...)
			b := Record(f, p, p.Settled(), order[1][:]...)
			for i := range a {
				if !bytes.Equal(a[i].Luma, b[i].Luma) {
					t.Fatalf("%s %d: frame %d follows the lamps", name, seed, i)
				}
			}
		}
	}
}

func TestTryFollowsFromItsSeed(t *testing.T) {
	f := NewFilm(small())
	for i, name := range []string{LaserPrint, TabletScreen, Replay, BonaFide} {
		a, b := Try(f, uint64(i), name), Try(f, uint64(i), name)
		if a.Name != name || a.Order != b.Order || len(a.Shots) != 16 || !a.Shown {
			t.Errorf("%s: %v and %v, %d shots", a.Name, a.Order, b.Order, len(a.Shots))
		}
		for k := range a.Shots {
			if !bytes.Equal(a.Shots[k].Luma, b.Shots[k].Luma) {
				t.Errorf("%s: shot %d differs", name, k)
				break
			}
		}
	}
}
