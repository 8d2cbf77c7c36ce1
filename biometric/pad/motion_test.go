package pad

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
)

// waves is a picture of smooth lines both ways, shifted.
func waves(w, h int, dx, dy float64) []byte {
	pic := make([]byte, w*h)
	for y := range h {
		for x := range w {
			u, v := float64(x)-dx, float64(y)-dy
			pic[y*w+x] = byte(120 + 30*math.Sin(u/5+v/11) + 25*math.Sin(v/6-u/17) + 20*math.Sin(u/23) + 0.5)
		}
	}
	return pic
}

func TestFlowsFollowWhatMoved(t *testing.T) {
	const w, h = 400, 320
	s := &scene{w: w, h: h, box: roi.Box{X0: 80, Y0: 60, X1: 320, Y1: 260}}
	for _, d := range [][2]float64{{0, 0}, {0.4, -0.3}, {3.5, 2.25}, {-9.75, 6.5}} {
		a, b := waves(w, h, 0, 0), waves(w, h, d[0], d[1])
		n := s.flows(&capture.Shot{Width: w, Height: h, Luma: a}, &capture.Shot{Width: w, Height: h, Luma: b})
		if n < blocks*blocks/2 {
			t.Fatalf("%v: %d blocks", d, n)
		}
		for _, f := range s.flow[:n] {
			if math.Hypot(f.u-d[0], f.v-d[1]) > 0.1 {
				t.Errorf("moved by %v: a block at %.2f, %.2f says %.2f, %.2f", d, f.x, f.y, f.u, f.v)
			}
		}
	}
	// Nothing to follow.
	blank := &capture.Shot{Width: w, Height: h, Luma: make([]byte, w*h)}
	if n := s.flows(blank, blank); n != 0 {
		t.Errorf("%d blocks of a blank picture", n)
	}
}

func TestFlatRest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var p [planar]float64
	for i := range p {
		p[i] = 4 * rng.NormFloat64()
	}
	var flat, relief []flow
	for i := range 64 {
		x, y := float64(i%8)/8-0.44, float64(i/8)/8-0.44
		f := flow{x: x, y: y, u: p[0] + p[1]*x + p[2]*y + p[6]*x*x + p[7]*x*y, v: p[3] + p[4]*x + p[5]*y + p[6]*x*y + p[7]*y*y}
		flat = append(flat, f)
		f.u += 0.5 * math.Sin(9*x*y+5*x)
		relief = append(relief, f)
	}
	if r, ok := flatRest(flat); !ok || r > 1e-9 {
		t.Errorf("a flat thing leaves %v", r)
	}
	if r, ok := flatRest(relief); !ok || r < 0.1 {
		t.Errorf("relief leaves %v", r)
	}
	if _, ok := flatRest(make([]flow, 30)); ok {
		t.Error("one place says how a plane moves")
	}
}
