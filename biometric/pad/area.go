package pad

import (
	"math"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
)

const (
	// leastLight is the difference in grey levels from which on a lamp is believed to have
	// lit something.
	leastLight = 12
	// leastPalm is how many cells a palm takes.
	leastPalm = 9
)

// findPalm sets the cells of the palm and the box around them: those inside the corners that
// were given, or else those around the thickest part of what is bright.
func (s *scene) findPalm() {
	if s.in.Corners != [4]roi.Point{} {
		s.inside(&s.in.Corners)
	} else {
		s.thickest(s.brightest())
	}
	if s.palmN < leastPalm {
		s.palmN = 0
		return
	}
	s.box = roi.Box{X0: s.w, Y0: s.h}
	for _, j := range s.palm[:s.palmN] {
		x, y := int(j)%s.nx*s.side, int(j)/s.nx*s.side
		s.box.X0, s.box.Y0 = min(s.box.X0, x), min(s.box.Y0, y)
		s.box.X1, s.box.Y1 = max(s.box.X1, x+s.side), max(s.box.Y1, y+s.side)
	}
}

// inside takes the cells whose middle is inside a convex quadrilateral, whichever way round.
func (s *scene) inside(c *[4]roi.Point) {
	for j := range s.nx * s.ny {
		x := (float64(j%s.nx) + 0.5) * float64(s.side)
		y := (float64(j/s.nx) + 0.5) * float64(s.side)
		left, right := 0, 0
		for i := range c {
			a, b := c[i], c[(i+1)%4]
			cross := (b.X-a.X)*(y-a.Y) - (b.Y-a.Y)*(x-a.X)
			if cross > 0 {
				left++
			} else if cross < 0 {
				right++
			}
		}
		if left == 4 || right == 4 {
			s.palm[s.palmN] = int32(j)
			s.palmN++
		}
	}
}

// brightest is the cells that show best where something is: what a lamp lit, or what shines
// by itself.
func (s *scene) brightest() []float32 {
	n := s.nx * s.ny
	if s.count[capture.Dark] == 0 {
		if s.count[capture.NIR] > 0 {
			return s.mean[capture.NIR][:n]
		}
		return s.mean[capture.White][:n]
	}
	if s.count[capture.NIR] > 0 && most(s.nir[:n]) >= leastLight {
		return s.nir[:n]
	}
	if s.count[capture.White] > 0 && most(s.white[:n]) >= leastLight {
		return s.white[:n]
	}
	return s.mean[capture.Dark][:n]
}

func most(v []float32) float32 {
	m := v[0]
	for _, x := range v {
		m = max(m, x)
	}
	return m
}

// thickest takes the cells in a square around the cell that is farthest from anything dark.
func (s *scene) thickest(v []float32) {
	threshold := s.otsu(v)
	// Distance to the nearest dark cell in steps to any of 8 neighbours; the picture's edge
	// is dark. Two passes are exact for this distance.
	d := s.depth[:len(v)]
	at := func(x, y int) int16 {
		if x < 0 || y < 0 || x >= s.nx || y >= s.ny {
			return 0
		}
		return d[y*s.nx+x]
	}
	for y := range s.ny {
		for x := range s.nx {
			d[y*s.nx+x] = 0
			if v[y*s.nx+x] > threshold {
				d[y*s.nx+x] = 1 + min(at(x-1, y), at(x-1, y-1), at(x, y-1), at(x+1, y-1))
			}
		}
	}
	best := 0
	for y := s.ny - 1; y >= 0; y-- {
		for x := s.nx - 1; x >= 0; x-- {
			j := y*s.nx + x
			if d[j] > 0 {
				d[j] = min(d[j], 1+min(at(x+1, y), at(x+1, y+1), at(x, y+1), at(x-1, y+1)))
			}
			if d[j] > d[best] {
				best = j
			}
		}
	}
	// One cell less than reaches the edge, so that no cell is half background.
	r, bx, by := int(d[best])-2, best%s.nx, best/s.nx
	for y := by - r; y <= by+r; y++ {
		for x := bx - r; x <= bx+r; x++ {
			s.palm[s.palmN] = int32(y*s.nx + x)
			s.palmN++
		}
	}
}

// otsu is the threshold that parts values best into two classes.
func (s *scene) otsu(v []float32) float32 {
	low, high := v[0], v[0]
	for _, x := range v {
		low, high = min(low, x), max(high, x)
	}
	if high <= low {
		return high
	}
	clear(s.hist[:])
	scale := 255 / (high - low)
	total := 0.0
	for _, x := range v {
		b := int((x - low) * scale)
		s.hist[b]++
		total += float64(b)
	}
	n, sum, best, cut := 0.0, 0.0, -1.0, 0
	all := float64(len(v))
	for b, c := range s.hist {
		n += float64(c)
		sum += float64(b) * float64(c)
		if n == 0 || n == all {
			continue
		}
		apart := sum/n - (total-sum)/(all-n)
		if between := n * (all - n) * apart * apart; between > best {
			best, cut = between, b
		}
	}
	return low + float32(math.Min(255, float64(cut)+1))/scale
}
