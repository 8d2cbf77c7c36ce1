package pad

import (
	"math"

	"github.com/tilld/tilld/biometric/capture"
)

// focus is the root mean square of the Laplacian over the palm in percent of its brightness,
// in the first shot under white light: C4. What is out of the depth of focus is no hand that
// is held right, but it may be one: never an attack.
func focus(s *scene) (float64, bool) {
	if !s.has(capture.White) {
		return 0, false
	}
	for i := range s.n {
		if shot := s.views[i].shot; shot.Light == capture.White {
			return s.laplacian(shot.Luma), true
		}
	}
	return 0, false
}

func (s *scene) laplacian(luma []byte) float64 {
	sum, mean, n := 0, 0, 0
	b := s.box
	for y := max(1, b.Y0); y < min(s.h-1, b.Y1); y += 2 {
		up, row, down := luma[(y-1)*s.w:][:s.w], luma[y*s.w:][:s.w], luma[(y+1)*s.w:][:s.w]
		for x := max(1, b.X0); x < min(s.w-1, b.X1); x++ {
			d := 4*int(row[x]) - int(row[x-1]) - int(row[x+1]) - int(up[x]) - int(down[x])
			sum += d * d
			mean += int(row[x])
			n++
		}
	}
	if n == 0 || mean == 0 {
		return 0
	}
	return 100 * math.Sqrt(float64(sum)/float64(n)) / (float64(mean) / float64(n))
}

// frozen is the largest share of the palm's pixels that are the same in two shots under one
// lamp. A sensor's noise never comes twice; a picture that is injected does.
func frozen(s *scene) (float64, bool) {
	worst := -1.0
	for i := range s.n {
		a := s.views[i].shot
		for k := range i {
			if b := s.views[k].shot; a.Light == b.Light && a.Light != capture.Dark && s.palmN > 0 {
				worst = max(worst, s.same(a.Luma, b.Luma))
			}
		}
	}
	return worst, worst >= 0
}

// same is the share of pixels that are the same in two pictures, in every fourth row of the
// palm; negative where most are at the end of the scale, where noise does not show.
func (s *scene) same(a, b []byte) float64 {
	n, all := 0, 0
	for y := s.box.Y0; y < s.box.Y1; y += 4 {
		from, to := y*s.w+s.box.X0, y*s.w+s.box.X1
		flat := saturated(a[from:to])
		n += max(0, alike(a[from:to], b[from:to])-flat)
		all += to - from - flat
	}
	if all < (s.box.X1-s.box.X0)*(s.box.Y1-s.box.Y0)/8 {
		return -1
	}
	return float64(n) / float64(all)
}
