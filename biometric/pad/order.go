package pad

import "github.com/tilld/tilld/biometric/capture"

// lampOrder is how well each shot fits the light that was driven: C0. A shot is compared with
// the mean of the other shots said to be in its own light, and with the means of the other
// lights, cell by cell over the palm; the score is the worst shot's
// (nearest other - own) / larger of both, as in a silhouette: 1 fits perfectly, below 0 it
// looks more like another light. Nothing is assumed of how bright a light is, except that
// dark is darker: so that a recording with another order fits nowhere, whatever it shows. Of
// the 5796 orders two would fit a recording: its own, and the one with NIR and white changed
// over, which nir-return and albedo-ratio tell apart.
func lampOrder(s *scene) (float64, bool) {
	if s.in.Order == nil || s.in.Unlocked || !s.has(capture.Dark, capture.NIR, capture.White) || !s.complete() {
		return 0, false
	}
	own := s.spread()
	dark := s.level(&s.mean[capture.Dark])
	worst := 1.0
	if dark >= s.level(&s.mean[capture.NIR]) || dark >= s.level(&s.mean[capture.White]) {
		return -1, true
	}
	for i := range s.n {
		v := &s.views[i]
		mine, other := own, -1.0
		if s.count[v.shot.Light] > 1 {
			mine = max(noise, s.apart(v, v.shot.Light))
		}
		for l := range capture.White + 1 {
			if l == v.shot.Light {
				continue
			}
			if d := s.apart(v, l); other < 0 || d < other {
				other = d
			}
		}
		worst = min(worst, (other-mine)/max(other, mine))
	}
	return worst, true
}

// How far two shots of one light are apart, in grey levels: at the least, and where no light
// has two shots to learn it from.
const (
	noise = 0.5
	usual = 2.0
)

// complete reports whether each phase of the order has a shot, in the light of its phase, and
// no shot is of another phase.
func (s *scene) complete() bool {
	var seen [maxShots]bool
	if len(s.in.Order) > maxShots {
		return false
	}
	for i := range s.n {
		shot := s.views[i].shot
		if shot.Phase < 0 || shot.Phase >= len(s.in.Order) || s.in.Order[shot.Phase] != shot.Light {
			return false
		}
		seen[shot.Phase] = true
	}
	for p := range s.in.Order {
		if !seen[p] {
			return false
		}
	}
	return true
}

// spread is the mean distance of shots from the others of their own light.
func (s *scene) spread() float64 {
	sum, n := 0.0, 0
	for i := range s.n {
		if v := &s.views[i]; s.count[v.shot.Light] > 1 {
			sum += s.apart(v, v.shot.Light)
			n++
		}
	}
	if n == 0 {
		return usual
	}
	return max(noise, sum/float64(n))
}

// apart is the mean difference over the palm, in grey levels, between a shot and the mean of
// a light's shots, itself not counted.
func (s *scene) apart(v *view, l capture.Light) float64 {
	mean := &s.mean[l]
	sum := float32(0)
	if v.shot.Light != l {
		for _, j := range s.palm[:s.palmN] {
			sum += abs(v.cells[j] - mean[j])
		}
		return float64(sum) / float64(s.palmN)
	}
	// The mean holds the shot: x - (n*mean-x)/(n-1) = (x-mean) * n/(n-1).
	n := float64(s.count[l])
	for _, j := range s.palm[:s.palmN] {
		sum += abs(v.cells[j] - mean[j])
	}
	return float64(sum) / float64(s.palmN) * n / (n - 1)
}

func abs(x float32) float32 {
	if x < 0 {
		return -x
	}
	return x
}
