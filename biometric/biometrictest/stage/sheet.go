package stage

import "math"

// density is texels a millimetre.
const density = 2.4

// texel is what a place of a thing does with light.
type texel struct {
	nir, white uint16 // reflectance with the shading, 1/65535
	height     int16  // towards the camera, 1/100 mm
	cover      uint8  // 255: all of it is there
	emit       uint8  // visible light that it makes itself
}

// sheet is a thing that stands before the camera: a relief over a plane.
type sheet struct {
	w, h   int
	u0, v1 float64 // place of the first texel, on top on the left
	data   []texel
	flat   bool    // no height anywhere
	mean   float64 // height to begin with, mm
	gloss  float64 // of a mirror-like surface: radiance of a lamp's image
	polish float64 // width of that image, radians
	spot   float64 // density, texels a millimetre

	tiles  []bool // of 16x16 texels: whether anything is there or near
	across int    // tiles in a row
}

// tileBits is the width of a tile, as a power of two; nearTiles is how far relief may move
// what is seen, in tiles.
const (
	tileBits  = 4
	nearTiles = 2
)

// tile notes where there is something. It is called when the sheet is done.
func (s *sheet) tile() {
	s.across = s.w>>tileBits + 1
	down := s.h>>tileBits + 1
	s.tiles = make([]bool, s.across*down)
	there := make([]bool, len(s.tiles))
	for y := range s.h {
		row := there[y>>tileBits*s.across:]
		for x, t := range s.data[y*s.w:][:s.w] {
			if t.cover != 0 {
				row[x>>tileBits] = true
			}
		}
	}
	for k, is := range there {
		if !is {
			continue
		}
		i, j := k%s.across, k/s.across
		for b := max(j-nearTiles, 0); b <= min(j+nearTiles, down-1); b++ {
			for a := max(i-nearTiles, 0); a <= min(i+nearTiles, s.across-1); a++ {
				s.tiles[b*s.across+a] = true
			}
		}
	}
}

// bare reports whether there is nothing in a tile. Outside of the sheet it does not say.
func (s *sheet) bare(i, j int) bool {
	k := j*s.across + i
	return i >= 0 && i < s.across && k >= 0 && k < len(s.tiles) && !s.tiles[k]
}

func newSheet(u0, u1, v0, v1, dense float64) *sheet {
	w, h := int(math.Ceil((u1-u0)*dense)), int(math.Ceil((v1-v0)*dense))
	return &sheet{w: w, h: h, u0: u0, v1: v1, data: make([]texel, w*h), spot: dense}
}

func (s *sheet) place(x, y int) mm {
	return mm{s.u0 + float64(x)/s.spot, s.v1 - float64(y)/s.spot}
}

func reflect16(v float64) uint16 { return uint16(clamp(v, 0, 1)*65535 + 0.5) }

// noise is smooth noise of about -1 to 1: values at the points of a grid, and between them.
type noise struct {
	seed uint32
	cell float64
}

func (n noise) at(u, v float64) float64 {
	x, y := u/n.cell, v/n.cell
	xi, yi := math.Floor(x), math.Floor(y)
	fx, fy := x-xi, y-yi
	fx, fy = fx*fx*(3-2*fx), fy*fy*(3-2*fy)
	i, j := int32(xi), int32(yi)
	a, b := n.lattice(i, j), n.lattice(i+1, j)
	c, d := n.lattice(i, j+1), n.lattice(i+1, j+1)
	top, low := a+fx*(b-a), c+fx*(d-c)
	return top + fy*(low-top)
}

func (n noise) lattice(i, j int32) float64 {
	h := n.seed ^ uint32(i)*0x9E3779B1 ^ uint32(j)*0x85EBCA77
	h ^= h >> 15
	h *= 0x2C1B3C6D
	h ^= h >> 12
	h *= 0x297A2D39
	h ^= h >> 15
	return float64(h)/math.MaxUint32*2 - 1
}

// at is the texel at a place; nil outside.
func (s *sheet) at(p mm) *texel {
	x, y := int((p.u-s.u0)*s.spot+0.5), int((s.v1-p.v)*s.spot+0.5)
	if x < 0 || y < 0 || x >= s.w || y >= s.h {
		return nil
	}
	return &s.data[y*s.w+x]
}

// brightest is the reflectance that next to nothing exceeds.
func (s *sheet) brightest(nir bool) float64 {
	var counts [256]int
	all := 0
	for i := range s.data {
		if t := &s.data[i]; t.cover == 255 {
			v := t.white
			if nir {
				v = t.nir
			}
			counts[v>>8]++
			all++
		}
	}
	left := all / 50
	for v := len(counts) - 1; v > 0; v-- {
		if left -= counts[v]; left < 0 {
			return float64(v<<8 | 255)
		}
	}
	return 255
}

// soften blurs both reflectances by about a width in mm: a printer's dots and the paper's fibres.
func (s *sheet) soften(width float64) {
	r := int(width*s.spot + 0.5)
	if r == 0 {
		return
	}
	for _, of := range []func(*texel) *uint16{func(t *texel) *uint16 { return &t.nir }, func(t *texel) *uint16 { return &t.white }} {
		for y := range s.h {
			soften(s.data[y*s.w:][:s.w], 1, s.w, r, of)
		}
		for x := range s.w {
			soften(s.data[x:], s.w, s.h, r, of)
		}
	}
}

// soften is the mean over r texels each way of what is there, along one line.
func soften(line []texel, step, n, r int, of func(*texel) *uint16) {
	window := make([]uint16, r+1) // what was there before it was overwritten
	for i := range n {
		t := &line[i*step]
		window[i%len(window)] = *of(t)
		if t.cover == 0 {
			continue
		}
		sum, count := 0, 0
		for k := max(i-r, 0); k <= min(i+r, n-1); k++ {
			o := &line[k*step]
			if o.cover == 0 {
				continue
			}
			v := *of(o)
			if k < i {
				v = window[k%len(window)]
			}
			sum += int(v)
			count++
		}
		*of(t) = uint16(sum / count)
	}
}
