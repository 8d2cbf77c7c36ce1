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
// same palm it is around .26, of two palms around .45. It does not allocate, and may be
// called by several goroutines.
func Distance(a, b *Code, radius int) (fraction float64, dx, dy int) {
	radius = min(max(radius, 0), MaxRadius)
	var u, v, shifted stacked
	u.stack(a)
	v.stack(b)
	fraction = 2
	for x := -radius; x <= radius; x++ {
		from, to := &u, &v
		if x < 0 {
			shifted.shift(&u, -x)
			from = &shifted
		} else {
			shifted.shift(&v, x)
			to = &shifted
		}
		columns := feature.Side - max(x, -x)
		mask := uint64(1)<<columns - 1
		mask |= mask << feature.Side
		for y := -radius; y <= radius; y++ {
			rows := feature.Side - max(y, -y)
			n := differing(from[max(0, -y):][:rows], to[max(0, y):][:rows], mask)
			f := float64(n) / float64(rows*columns*feature.Planes)
			// Of equal distances the one of the least dy counts, then that of the least dx.
			if f < fraction || f == fraction && y < dy {
				fraction, dx, dy = f, x, y
			}
		}
	}
	for _, s := range []*stacked{&u, &v, &shifted} {
		clear(s[:])
	}
	return fraction, dx, dy
}

// stackedRow is one row of all planes, two planes in a word, bit c of either half column c.
// The last word is zero and makes a row as wide as a vector.
type stackedRow [4]uint64

// stacked is a code with the planes innermost: rows that are compared at any dy lie in one
// piece.
type stacked [feature.Side]stackedRow

func (s *stacked) stack(c *Code) {
	data := c.Data()
	for row := range s {
		for i := range feature.Planes / 2 {
			low := binary.LittleEndian.Uint32(data[(2*i*feature.Side+row)*4:])
			high := binary.LittleEndian.Uint32(data[((2*i+1)*feature.Side+row)*4:])
			s[row][i] = uint64(low) | uint64(high)<<32
		}
	}
}

// shift drops the first columns. What comes in at the other side is not of this row.
func (s *stacked) shift(from *stacked, columns int) {
	for row := range s {
		f := &from[row]
		s[row] = stackedRow{f[0] >> columns, f[1] >> columns, f[2] >> columns}
	}
}

// differingGo counts the bits under the mask that differ in a number of rows.
func differingGo(a, b []stackedRow, mask uint64) (n int) {
	for i := range a {
		u, v := &a[i], &b[i]
		n += bits.OnesCount64((u[0]^v[0])&mask) + bits.OnesCount64((u[1]^v[1])&mask) + bits.OnesCount64((u[2]^v[2])&mask)
	}
	return n
}
