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

// slip is how far the regions of the two bands of one hand may lie off each other, in pixels:
// they are taken within half a second, and each is found anew.
const slip = 1

// match is how alike two filtered regions are where they fit best.
func match(a, b *filtered) float64 {
	best := float32(-1)
	for dy := -slip; dy <= slip; dy++ {
		for dx := -slip; dx <= slip; dx++ {
			best = max(best, correlation(a, b, dx, dy))
		}
	}
	return float64(best)
}

// correlation is how alike two filtered regions are, b shifted, by every second row.
func correlation(a, b *filtered, dx, dy int) float32 {
	var ab, aa, bb [2]float32
	const inset = margin + slip
	const n = roi.Size - 2*inset
	for y := inset; y < roi.Size-inset; y += 2 {
		ra, rb := a[y*roi.Size+inset:][:n], b[(y+dy)*roi.Size+inset+dx:][:n]
		for i := 0; i+1 < n; i += 2 {
			p, q := ra[i], rb[i]
			ab[0], aa[0], bb[0] = ab[0]+p*q, aa[0]+p*p, bb[0]+q*q
			p, q = ra[i+1], rb[i+1]
			ab[1], aa[1], bb[1] = ab[1]+p*q, aa[1]+p*p, bb[1]+q*q
		}
	}
	power := float64(aa[0]+aa[1]) * float64(bb[0]+bb[1])
	return (ab[0] + ab[1]) / float32(math.Sqrt(power+1e-12))
}
