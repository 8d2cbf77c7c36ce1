package bocv

import (
	"math"

	"github.com/tilld/tilld/biometric/internal/feature"
)

// The filters. The envelope is twice as long along the line as across it.
const (
	radius     = 17 // the side is 35
	side       = 2*radius + 1
	sigma      = 4.6 // pixels, across the line
	wavelength = 18  // pixels
	origin     = 2   // the pixel of cell 0
)

// Reference computes codes as they are defined, one filter and one cell after the other. It
// is the oracle that Extractor is tested and timed against, and not for use on a till. It is
// not safe for concurrent use.
type Reference struct {
	filters [feature.Planes][side * side]float32
	padded  [reach * reach]float32
}

// reach is the side of a region with the border that the filters look at.
const reach = Size + 2*radius

// NewReference computes the filters.
func NewReference() *Reference {
	r := new(Reference)
	for p := range r.filters {
		for i, k := range gabor(p) {
			r.filters[p][i] = float32(k)
		}
	}
	return r
}

// gabor is filter p: a cosine across lines in direction p*30 degrees under a Gaussian, less
// its mean, so that a region without lines answers zero.
func gabor(p int) (k [side * side]float64) {
	sin, cos := math.Sincos(float64(p) * math.Pi / feature.Planes)
	sum := 0.0
	for y := -radius; y <= radius; y++ {
		for x := -radius; x <= radius; x++ {
			across := float64(x)*cos + float64(y)*sin
			along := float64(y)*cos - float64(x)*sin
			v := math.Exp(-(across*across+along*along/4)/(2*sigma*sigma)) * math.Cos(2*math.Pi*across/wavelength)
			k[(y+radius)*side+x+radius] = v
			sum += v
		}
	}
	for i := range k {
		k[i] -= sum / (side * side)
	}
	return k
}

// mirror reflects a coordinate at the region's edge; the edge itself is not repeated.
func mirror(i int) int {
	if i < 0 {
		return -i
	}
	if i >= Size {
		return 2*(Size-1) - i
	}
	return i
}

// Code writes the code of a region to dst.
func (r *Reference) Code(dst *Code, region *Region) {
	r.pad(region)
	dst.Wipe()
	bits := dst.Data()
	for p := range feature.Planes {
		for row := range feature.Side {
			for column := range feature.Side {
				if r.response(p, column, row) < 0 {
					i := (p*feature.Side+row)*feature.Side + column
					bits[i/8] |= 1 << (i % 8)
				}
			}
		}
	}
}

func (r *Reference) pad(region *Region) {
	for y := range reach {
		for x := range reach {
			r.padded[y*reach+x] = float32(region[mirror(y-radius)*Size+mirror(x-radius)])
		}
	}
}

// response is filter p at one cell of the padded region: negative on a dark line.
func (r *Reference) response(p, column, row int) float32 {
	var sum float32
	for y := range side {
		k := r.filters[p][y*side:][:side]
		g := r.padded[(row*Cell+origin+y)*reach+column*Cell+origin:][:side]
		for x, v := range k {
			sum += v * g[x]
		}
	}
	return sum
}

// Wipe overwrites what is left of the last region.
func (r *Reference) Wipe() {
	clear(r.padded[:])
}
