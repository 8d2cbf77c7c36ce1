package roi

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPhotographs: single pictures of other sizes and backgrounds, fingers in any of four
// directions. The region must be where it is in a picture under the lamp.
func TestPhotographs(t *testing.T) {
	for _, c := range []struct {
		name         string
		w, h         int
		scale        float64
		bright, back float64
		uneven       float64 // grey values from one side of the background to the other
	}{
		{"small and dark", 300, 300, 1, 150, 20, 0},
		{"large and dark", 1600, 1200, 4.6, 170, 30, 20},
		{"on white paper", 800, 600, 2.3, 130, 235, 0},
		{"on uneven grey", 768, 576, 2.1, 190, 70, 70},
		{"on uneven white", 800, 600, 2.3, 90, 200, 60},
	} {
		f, err := New(c.w, c.h, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, turn := range []float64{0, 90, 180, 270} {
			if testing.Short() && c.w > 1000 && i > 0 {
				continue
			}
			r := rand.New(rand.NewPCG(uint64(i), 8))
			d := newDrawn(7, r)
			p := pose{float64(c.w) / 2, float64(c.h) / 2, turn + 8, c.scale, i%2 == 0}
			pic := d.draw(c.w, c.h, p, c.bright, c.back, 2, r)
			for k := range pic {
				if c.uneven != 0 {
					x, y := p.back(float64(k%c.w), float64(k/c.w))
					if d.distance(x, y) > 0 {
						pic[k] = byte(max(0, min(255, float64(pic[k])+c.uneven*(float64(k%c.w)/float64(c.w)-0.5))))
					}
				}
			}
			h, err := f.Find(pic, nil)
			if err != nil {
				t.Errorf("%s, turned by %v: %v", c.name, turn, err)
				continue
			}
			x, y := p.back((h.Corners[0].X+h.Corners[2].X)/2, (h.Corners[0].Y+h.Corners[2].Y)/2)
			ux, uy := p.back(h.Corners[0].X+h.Corners[1].X-h.Corners[2].X-h.Corners[3].X, h.Corners[0].Y+h.Corners[1].Y-h.Corners[2].Y-h.Corners[3].Y)
			ox, oy := p.back(0, 0)
			if math.Abs(x) > 10 || y < -10 || y > 22 || math.Abs(math.Atan2(ux-ox, uy-oy)) > 0.25 {
				t.Errorf("%s, turned by %v: the region's middle is at %.0f,%.0f mm, its top towards %.0f,%.0f", c.name, turn, x, y, ux-ox, uy-oy)
			}
		}
	}
}
