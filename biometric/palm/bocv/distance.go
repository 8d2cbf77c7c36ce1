package bocv

import (
	"encoding/binary"
	"math/bits"

	"github.com/tilld/tilld/biometric/internal/feature"
)

// MaxRadius is the furthest shift that Distance looks at, in cells.
const MaxRadius = 8

// Distance is the Hamming distance of two unprotected codes as a fraction of the bits that
// overlap, the least over all shifts of up to radius cells in both directions, and the shift
// where it was found: cell (column, row) of a is there compared with cell (column+dx,
// row+dy) of b. A radius outside 0 to MaxRadius is taken as the nearest of these. Of the
// same palm it is around .26, of two palms around .45. It does not allocate.
func Distance(a, b *Code, radius int) (fraction float64, dx, dy int) {
	radius = min(max(radius, 0), MaxRadius)
	fraction = 2
	for y := -radius; y <= radius; y++ {
		for x := -radius; x <= radius; x++ {
			overlap := feature.Planes * (feature.Side - max(x, -x)) * (feature.Side - max(y, -y))
			f := float64(differing(a.Data(), b.Data(), x, y)) / float64(overlap)
			if f < fraction {
				fraction, dx, dy = f, x, y
			}
		}
	}
	return fraction, dx, dy
}

// differing counts the bits of a that differ from those of b shifted by (dx, dy). A row of a
// plane is a little-endian word whose bit c is column c.
func differing(a, b *[feature.Bytes]byte, dx, dy int) (n int) {
	mask := ^uint32(0) >> max(dx, -dx)
	for p := range feature.Planes {
		for row := max(0, -dy); row < feature.Side-max(0, dy); row++ {
			u := binary.LittleEndian.Uint32(a[(p*feature.Side+row)*4:])
			v := binary.LittleEndian.Uint32(b[(p*feature.Side+row+dy)*4:])
			if dx >= 0 {
				n += bits.OnesCount32((u ^ v>>dx) & mask)
			} else {
				n += bits.OnesCount32((u>>-dx ^ v) & mask)
			}
		}
	}
	return n
}
