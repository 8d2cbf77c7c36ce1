package pad

import (
	"math"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
)

// crossBand is how far the palm's codes in NIR and in white are apart: C2. The same pigment
// shows the same lines in both, skin shows veins in one and creases in the other, and two
// hands have nothing in common. Measured on 10 real palms: one hand .385±.022 (.323-.443,
// n 1440), the same band twice .184±.043 (.079-.287, n 660), two hands .454±.013 (n 12960).
// The upper bound is where 1 % of two hands lie below, at the cost of 4 % of one hand.
func crossBand(s *scene) (float64, bool) { return s.in.Distance, s.in.HasDistance }

// veins are the widths of a box below and above those of veins, in pixels of a region: C3.
const (
	veinFine   = 7
	veinCoarse = 25
)

// veinContrast is how much veins darken the palm in NIR less dark, in percent: C3. It is the
// root mean square of the difference of two boxes over the wider one. The dyes of an inkjet,
// rubber and wax show nothing there.
func veinContrast(s *scene) (float64, bool) {
	r := s.in.Vein
	if r == nil {
		return 0, false
	}
	const side, margin = roi.Size, veinCoarse / 2
	s.integrate(r)
	sum := 0.0
	for y := margin; y < side-margin; y++ {
		for x := margin; x < side-margin; x++ {
			wide := s.boxMean(x, y, veinCoarse)
			d := (s.boxMean(x, y, veinFine) - wide) / max(1, wide)
			sum += d * d
		}
	}
	const n = (side - 2*margin) * (side - 2*margin)
	return 100 * math.Sqrt(sum/n), true
}

// integrate makes the sums of a region from its top left corner.
func (s *scene) integrate(r *roi.Region) {
	const side, row = roi.Size, roi.Size + 1
	for y := range side {
		sum := uint32(0)
		for x := range side {
			sum += uint32(r[y*side+x])
			s.sums[(y+1)*row+x+1] = s.sums[y*row+x+1] + sum
		}
	}
}

// boxMean is the mean of a box of an odd side around a pixel, inside of the region.
func (s *scene) boxMean(x, y, box int) float64 {
	const row = roi.Size + 1
	x0, y0 := x-box/2, y-box/2
	x1, y1 := x0+box, y0+box
	sum := s.sums[y1*row+x1] - s.sums[y1*row+x0] - s.sums[y0*row+x1] + s.sums[y0*row+x0]
	return float64(sum) / float64(box*box)
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
