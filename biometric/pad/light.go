package pad

import "github.com/tilld/tilld/biometric/capture"

// ambient is how bright the palm is with the lamps off, in grey levels. Nothing is judged by
// what the sun outshines, so it is never an attack, and where it is blinding nobody else is
// asked. Below that the lamps still add enough for a display to be told from the sun.
func ambient(s *scene) (float64, bool) {
	return s.level(&s.mean[capture.Dark]), s.has(capture.Dark)
}

// blinding is the brightness above which the scale has no room left for a lamp.
const blinding = 230

// nirReturn is how much of the NIR lamp's light comes back from the palm, in grey levels: C1.
// A display sends no 850 nm, and its glass sends back none but of a spot.
func nirReturn(s *scene) (float64, bool) {
	if !s.lit(capture.NIR) {
		return 0, false
	}
	return s.over(&s.nir).at(0.5), true
}

// nirBackground is how bright the darkest tenth of the picture is in NIR less dark, over the
// palm: C1. Behind a hand over a till is nothing near; a sheet has paper around its hand.
func nirBackground(s *scene) (float64, bool) {
	if !s.lit(capture.NIR) {
		return 0, false
	}
	palm := s.over(&s.nir).at(0.5)
	s.ranks = ranks{}
	for _, v := range s.nir[:s.nx*s.ny] {
		s.ranks.add(v)
	}
	return min(2, max(-1, s.ranks.at(0.1)/max(1, palm))), true
}

// saturation is the share of the palm's pixels at the end of the scale, in every second row
// of the lit shot that has most of them: C1 and C4. White paper and gloss do it, and so does
// a hand too near: never an attack.
func saturation(s *scene) (float64, bool) {
	if !s.has() || s.count[capture.NIR]+s.count[capture.White] == 0 {
		return 0, false
	}
	worst := 0
	b := s.box
	for i := range s.n {
		shot := s.views[i].shot
		if shot.Light == capture.Dark {
			continue
		}
		n := 0
		for y := b.Y0; y < b.Y1; y += 2 {
			n += saturated(shot.Luma[y*s.w+b.X0 : y*s.w+b.X1])
		}
		worst = max(worst, n)
	}
	return float64(worst) / float64((b.X1-b.X0)*(b.Y1-b.Y0)/2), true
}

// highlight is how much brighter the brightest hundredth of the palm is than its middle, in
// the light that shows it less: C4. Skin scatters; glass and gloss mirror every lamp. What is
// bright in one light only, as a plaster is on dark skin, is no mirror.
func highlight(s *scene) (float64, bool) {
	if !s.lit(capture.NIR, capture.White) {
		return 0, false
	}
	return min(s.peak(&s.nir), s.peak(&s.white)), true
}

func (s *scene) peak(cells *[grid]float32) float64 {
	v := s.over(cells)
	return v.at(0.99) / max(4, v.at(0.5))
}
