package pad

import (
	"math"

	"github.com/tilld/tilld/biometric/palm/roi"
)

// scale is the widths of two boxes, odd, in pixels of a region: what is wider than the one
// and narrower than the other passes.
type scale struct{ fine, coarse int }

var (
	fine  = scale{3, 9}
	lines = scale{5, 15} // where the codes look: a wavelength of 18
	veins = scale{7, 25}
)

// margin is what the widest box keeps off the region's rim.
const margin = 12

// filtered is a region through two boxes, as a part of its local brightness.
type filtered [roi.Size * roi.Size]float32

// filter makes the difference of two boxes over the wider one.
func (s *scene) filter(dst *filtered, r *roi.Region, at scale) {
	const side, row = roi.Size, roi.Size + 1
	for y := range side {
		sum := uint32(0)
		for x := range side {
			sum += uint32(r[y*side+x])
			s.sums[(y+1)*row+x+1] = s.sums[y*row+x+1] + sum
		}
	}
	narrow, wide := 1/float32(at.fine*at.fine), 1/float32(at.coarse*at.coarse)
	for y := margin; y < side-margin; y++ {
		n0, n1 := s.sums[(y-at.fine/2)*row:][:row], s.sums[(y+at.fine/2+1)*row:][:row]
		w0, w1 := s.sums[(y-at.coarse/2)*row:][:row], s.sums[(y+at.coarse/2+1)*row:][:row]
		for x := margin; x < side-margin; x++ {
			a, b := x-at.fine/2, x+at.fine/2+1
			n := float32(n1[b]-n1[a]-n0[b]+n0[a]) * narrow
			a, b = x-at.coarse/2, x+at.coarse/2+1
			w := float32(w1[b]-w1[a]-w0[b]+w0[a]) * wide
			dst[y*side+x] = (n - w) / max(1, w)
		}
	}
}

// contrast is the root mean square of a region through two boxes, in percent.
func (s *scene) contrast(r *roi.Region, at scale) float64 {
	s.filter(&s.bands[0], r, at)
	sum := float32(0)
	for y := margin; y < roi.Size-margin; y++ {
		for _, v := range s.bands[0][y*roi.Size+margin : (y+1)*roi.Size-margin] {
			sum += v * v
		}
	}
	return 100 * math.Sqrt(float64(sum)) / (roi.Size - 2*margin)
}

// correlation is how alike two filtered regions are, b shifted by up to a pixel.
func correlation(a, b *filtered, dx, dy int) float64 {
	var ab, aa, bb float32
	const n = roi.Size - 2*margin - 2
	for y := margin + 1; y < roi.Size-margin-1; y++ {
		ra := a[y*roi.Size+margin+1:][:n]
		rb := b[(y+dy)*roi.Size+margin+1+dx:][:n]
		for i, p := range ra {
			q := rb[i]
			ab, aa, bb = ab+p*q, aa+p*p, bb+q*q
		}
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb)+1e-12)
}
