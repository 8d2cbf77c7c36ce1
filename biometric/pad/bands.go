package pad

import (
	"math"

	"github.com/tilld/tilld/biometric/capture"
)

// crossBand is how far the palm's codes in NIR and in white are apart: C2. The same pigment
// shows the same lines in both, skin shows veins in one and creases in the other, and two
// hands have nothing in common. Measured on 10 real palms: one hand .385±.022 (.323-.443,
// n 1440), the same band twice .184±.043 (.079-.287, n 660), two hands .454±.013 (n 12960).
// The bounds hold prints off; two hands overlap with one and are line-match's.
func crossBand(s *scene) (float64, bool) { return s.in.Distance, s.in.HasDistance }

// veinContrast is how much veins darken the palm in NIR less dark, in percent: C3. The dyes
// of an inkjet, rubber and wax show nothing there.
func veinContrast(s *scene) (float64, bool) {
	if s.in.Vein == nil {
		return 0, false
	}
	return s.contrast(s.in.Vein, veins), true
}

// lineRatio is how much more contrast fine lines have under white light than under NIR, which
// goes deeper into skin and comes out blurred: C5. An ink that is clear in NIR has lines in
// white only.
func lineRatio(s *scene) (float64, bool) {
	if s.in.Vein == nil || s.in.Print == nil {
		return 0, false
	}
	return s.contrast(s.in.Print, fine) / max(0.1, s.contrast(s.in.Vein, fine)), true
}

// lineMatch is how alike the lines of both bands are in one place, as a correlation: C2 with
// next to no search over shifts, which is what lets two hands look alike. Codes of one hand
// that are .385 apart correlate by sin(pi/2*(1-2*.385)) = .35, at .43 by .22, at .45 by .15;
// two hands by 0 but for chance, whose standard deviation over a region is about .06.
func lineMatch(s *scene) (float64, bool) {
	if s.in.Vein == nil || s.in.Print == nil {
		return 0, false
	}
	s.filter(&s.bands[0], s.in.Vein, lines)
	s.filter(&s.bands[1], s.in.Print, lines)
	return match(&s.bands[0], &s.bands[1]), true
}

// albedoRatio is how much more the palm sends back of NIR than of white light, where a white
// sheet is 1: C5. Blood and melanin absorb what is visible; toner absorbs both alike.
func albedoRatio(balance float64) func(s *scene) (float64, bool) {
	return func(s *scene) (float64, bool) {
		if balance <= 0 || !s.lit(capture.NIR, capture.White) {
			return 0, false
		}
		white := s.level(&s.white)
		if white < 1 {
			return 0, false
		}
		return s.level(&s.nir) / white / balance, true
	}
}

// albedoRelief is how much the ratio of NIR to white differs from place to place on the palm,
// in percent, when the slope that two lamps in two places make is taken out: C5. One pigment
// on a sheet has one ratio; skin has veins and creases.
func albedoRelief(s *scene) (float64, bool) {
	if !s.lit(capture.NIR, capture.White) || s.palmN < 3*leastPalm {
		return 0, false
	}
	var f plane
	for i, j := range s.palm[:s.palmN] {
		if s.nir[j] < 2 || s.white[j] < 2 {
			return 0, false
		}
		v := math.Log(float64(s.nir[j] / s.white[j]))
		s.samples[i] = float32(v)
		f.add(float64(int(j)%s.nx), float64(int(j)/s.nx), v)
	}
	f.solve()
	sum := 0.0
	for i, j := range s.palm[:s.palmN] {
		d := float64(s.samples[i]) - f.at(float64(int(j)%s.nx), float64(int(j)/s.nx))
		sum += d * d
	}
	return 100 * math.Sqrt(sum/float64(s.palmN)), true
}

// plane is the least squares fit of a + b*x + c*y.
type plane struct {
	n, x, y, xx, xy, yy, v, xv, yv float64
	b, c                           float64
}

func (p *plane) add(x, y, v float64) {
	p.n++
	p.x, p.y, p.xx, p.xy, p.yy = p.x+x, p.y+y, p.xx+x*x, p.xy+x*y, p.yy+y*y
	p.v, p.xv, p.yv = p.v+v, p.xv+x*v, p.yv+y*v
}

func (p *plane) solve() {
	xx, xy, yy := p.xx-p.x*p.x/p.n, p.xy-p.x*p.y/p.n, p.yy-p.y*p.y/p.n
	xv, yv := p.xv-p.x*p.v/p.n, p.yv-p.y*p.v/p.n
	if d := xx*yy - xy*xy; d > 1e-9 {
		p.b, p.c = (xv*yy-yv*xy)/d, (yv*xx-xv*xy)/d
	}
}

func (p *plane) at(x, y float64) float64 {
	return p.v/p.n + p.b*(x-p.x/p.n) + p.c*(y-p.y/p.n)
}
