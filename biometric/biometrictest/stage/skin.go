package stage

import (
	"math"
	"math/rand/v2"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
)

// look is how a hand's surface meets the light.
type look struct {
	tone     float64 // reflectance of the palm under white light
	nir      float64 // and at 850 nm
	lines    float64 // how deep the creases show, 1 is usual
	veins    float64 // how deep the veins show; a cold hand's less
	dirt     float64 // part of the skin that is dirty
	dirtSeed uint64
	glove    bool       // latex instead of skin: smooth, no lines, no veins
	sleeve   float64    // v in mm where a sleeve begins; 0: none
	cloth    [2]float64 // reflectance of the sleeve at 850 nm and white
	rings    []int
	plaster  bool
	gloss    float64
}

// Extent of a hand's sheet, mm.
const (
	handLeft, handRight = -105.0, 105.0
	handLow, handHigh   = -255.0, 112.0
)

// field is what was worked out of an anatomy on a coarse grid.
type field struct {
	w, h             int
	distance, height []float32
}

const coarse = 1.2 // grid points a millimetre: density/2

func newField(h *anatomy) *field {
	f := &field{w: int(math.Ceil((handRight-handLeft)*coarse)) + 2, h: int(math.Ceil((handHigh-handLow)*coarse)) + 2}
	f.distance, f.height = make([]float32, f.w*f.h), make([]float32, f.w*f.h)
	// First every few points: what is far from the hand there needs no closer look.
	const few, far = 8, 8 * 1.5 / coarse
	place := func(x, y int) mm { return mm{handLeft + float64(x)/coarse, handHigh - float64(y)/coarse} }
	for y0 := 0; y0 < f.h; y0 += few {
		for x0 := 0; x0 < f.w; x0 += few {
			d, _ := h.at(place(x0+few/2, y0+few/2))
			for y := y0; y < min(y0+few, f.h); y++ {
				for x := x0; x < min(x0+few, f.w); x++ {
					up := 0.0
					if d < far {
						e, height := h.at(place(x, y))
						f.distance[y*f.w+x], up = float32(e), height
					} else {
						f.distance[y*f.w+x] = float32(d)
					}
					f.height[y*f.w+x] = float32(up)
				}
			}
		}
	}
	return f
}

// lookup reads a grid between its points.
func (f *field) lookup(grid []float32, x, y float64) float64 {
	i, j := int(x), int(y)
	i, j = min(i, f.w-2), min(j, f.h-2)
	fx, fy := float32(x-float64(i)), float32(y-float64(j))
	g := grid[j*f.w+i:]
	top := g[0] + fx*(g[1]-g[0])
	low := g[f.w] + fx*(g[f.w+1]-g[f.w])
	return float64(top + fy*(low-top))
}

// skinOf makes the sheet of a hand: its shape, its palm's lines and veins where the relaxed
// hand's region lies, and what it wears.
func skinOf(h *anatomy, id *palms.Identity, at frame, l look, seed uint64) *sheet {
	s := newSheet(handLeft, handRight, handLow, handHigh, density)
	s.mean, s.gloss, s.polish = 9, l.gloss, 0.35
	f := newField(h)
	print, vein := make([]float32, s.w*s.h), make([]float32, s.w*s.h)
	if !l.glove {
		paint(s, id, at, print, vein)
		creases(h, s, print, vein)
	}
	k := newPainter(h, l, seed)
	for y := range s.h {
		for x := range s.w {
			cx, cy := float64(x)*coarse/density, float64(y)*coarse/density
			d := f.lookup(f.distance, cx, cy)
			p := s.place(x, y)
			if l.sleeve != 0 {
				d = min(d, k.sleeveEdge(p))
			}
			if d > 1/density {
				continue
			}
			up := f.lookup(f.height, cx, cy)
			gx := (f.lookup(f.height, cx+1, cy) - up) * coarse
			gy := (up - f.lookup(f.height, cx, cy+1)) * coarse
			t := &s.data[y*s.w+x]
			t.cover = uint8(clamp(0.5-d*density, 0, 1)*255 + 0.5)
			i := y*s.w + x
			k.texel(t, p, up, gx, gy, float64(print[i]), float64(vein[i]), d)
		}
	}
	return s
}

// creasesAt850 keeps the distance between the two bands of a hand to what live hands have:
// shading adds to what both bands share.
const creasesAt850 = 0.7

// paint draws the palm's lines onto the sheet's grid, turned as the region lies.
func paint(s *sheet, id *palms.Identity, at frame, print, vein []float32) {
	side := math.Hypot(at.across.u, at.across.v)
	scale := side * density / palms.Side // texels a pixel of the region
	const margin = 70.0
	n := int((palms.Side + 2*margin) * scale)
	a, b := make([]float32, n*n), make([]float32, n*n)
	id.Darkness(palms.Print, a, n, n, -margin, -margin, scale, 1)
	id.Darkness(palms.Vein, b, n, n, -margin, -margin, scale, creasesAt850)
	for y := range s.h {
		for x := range s.w {
			rx, ry := at.within(s.place(x, y))
			gx, gy := (rx*palms.Side+margin)*scale, (ry*palms.Side+margin)*scale
			i, j := int(gx), int(gy)
			if gx < 0 || gy < 0 || i >= n-1 || j >= n-1 {
				continue
			}
			fx, fy := float32(gx-float64(i)), float32(gy-float64(j))
			mix := func(g []float32) float32 {
				g = g[j*n+i:]
				top, low := g[0]+fx*(g[1]-g[0]), g[n]+fx*(g[n+1]-g[n])
				return top + fy*(low-top)
			}
			fade := float32(clamp(8*min(rx+0.5, ry+0.5, 1.5-rx, 1.5-ry), 0, 1))
			print[y*s.w+x], vein[y*s.w+x] = fade*mix(a), fade*mix(b)
		}
	}
}

// creases darkens the joints of the fingers and the wrist.
func creases(h *anatomy, s *sheet, print, vein []float32) {
	across := func(c capsule, r, depth, width float64) {
		sin, cos := c.b.u-c.a.u, c.b.v-c.a.v
		l := math.Hypot(sin, cos)
		ux, uy := cos/l, -sin/l
		for t := -r; t <= r; t += 0.3 {
			p := mm{(c.a.u + t*ux + 0.04*t*t*sin/l) * h.size, (c.a.v + t*uy + 0.02*t*t*cos/l) * h.size}
			if h.left {
				p.u = -p.u
			}
			s.dab(print, p, width, depth)
			s.dab(vein, p, width, depth*0.6)
		}
	}
	for _, f := range h.fingers {
		base := capsule{along(f, f[0].a, 21), f[0].b, 0, 0}
		across(base, f[0].ra, 9, 0.7)
		across(f[1], f[1].ra, 10, 0.7)
		across(capsule{mm{f[1].a.u + 0.1*(f[1].b.u-f[1].a.u), f[1].a.v + 0.1*(f[1].b.v-f[1].a.v)}, f[1].b, 0, 0}, f[1].ra, 6, 0.6)
		across(f[2], f[2].ra, 9, 0.6)
	}
	across(h.thumb[2], h.thumb[2].ra, 10, 0.7)
	across(h.thumb[1], h.thumb[1].ra, 7, 0.7)
	wrist := capsule{mm{0, -99}, mm{0, -60}, 0, 0}
	across(wrist, 22, 7, 0.7)
	wrist.a.v = -105
	across(wrist, 20, 4, 0.6)
}

// dab adds a small dark spot.
func (s *sheet) dab(grid []float32, p mm, width, depth float64) {
	x, y := (p.u-s.u0)*s.spot, (s.v1-p.v)*s.spot
	w := width * s.spot
	r := int(3 * w)
	depth *= 0.3 / width
	k := 1 / (2 * w * w)
	for j := max(int(y)-r, 0); j <= min(int(y)+r, s.h-1); j++ {
		i := max(int(x)-r, 0)
		dx, dy := float64(i)-x, float64(j)-y
		v, factor, growth := depth*math.Exp(-(dx*dx+dy*dy)*k), math.Exp(-(2*dx+1)*k), math.Exp(-2*k)
		for ; i <= min(int(x)+r, s.w-1); i++ {
			grid[j*s.w+i] += float32(v)
			v *= factor
			factor *= growth
		}
	}
}

// painter works out what one place of a hand looks like.
type painter struct {
	l                        look
	h                        *anatomy
	blotch, grain, fold, mud noise
	rings                    []capsule
	patch                    mm
	patchCos, patchSin       float64
}

func newPainter(h *anatomy, l look, seed uint64) *painter {
	rng := rand.New(rand.NewPCG(seed, 0x5c1))
	k := &painter{l: l, h: h,
		blotch: noise{rng.Uint32(), 14}, grain: noise{rng.Uint32(), 0.9},
		fold: noise{rng.Uint32(), 9}, mud: noise{rng.Uint32() ^ uint32(l.dirtSeed), 6}}
	for _, i := range l.rings {
		f := h.fingers[i]
		at := func(d float64) mm { p := along(f, f[0].a, d); return mm{p.u * h.size, p.v * h.size} }
		c := capsule{a: at(27), b: at(27 + 2 + 3*rng.Float64())}
		k.rings = append(k.rings, c)
	}
	k.patch = mm{40 * (rng.Float64() - 0.5), 20 - 50*rng.Float64()}
	k.patchSin, k.patchCos = math.Sincos(rng.Float64() * math.Pi)
	return k
}

func (k *painter) sleeveEdge(p mm) float64 {
	edge := p.v - k.l.sleeve - 1.2*k.fold.at(p.u, 7)
	side := math.Abs(p.u) - 41*k.h.size - 2.5*k.fold.at(p.v, 3) + 0.06*(p.v-k.l.sleeve)
	return max(edge, side)
}

func (k *painter) texel(t *texel, p mm, up, gx, gy, print, vein, d float64) {
	n := 1 / math.Sqrt(1+gx*gx+gy*gy)
	if d > -0.8 { // the outline turns away from the light
		n = min(n, 0.4-0.3*d)
	}
	blotch, grain := k.blotch.at(p.u, p.v), k.grain.at(p.u, p.v)
	white, nir := k.l.tone, k.l.nir
	if k.l.glove {
		white *= (0.5 + 0.5*n) * (1 + 0.02*blotch)
		nir *= (0.5 + 0.5*n) * (1 + 0.02*blotch)
	} else {
		white *= (0.22 + 0.78*n) * (1 + 0.05*blotch + 0.025*grain) * max(1-k.l.lines*print/120, 0.15)
		nir *= (0.38 + 0.62*n) * (1 + 0.035*blotch + 0.012*grain) * max(1-k.l.veins*vein/120, 0.15)
		if m := k.mud.at(p.u, p.v); m > 1-2*k.l.dirt {
			white *= 0.55
			nir *= 0.75
		}
	}
	q := p
	if k.h.left {
		q.u = -q.u
	}
	for _, r := range k.rings {
		if part, side := slice(r, q); part > 0 && part < 1 && math.Abs(side) < 12 {
			shine := 0.35 + 0.6*square(square(n))*(0.5+0.5*math.Sin(part*9))
			white, nir = shine, shine
		}
	}
	if k.l.plaster {
		du, dv := p.u-k.patch.u, p.v-k.patch.v
		if a, b := du*k.patchCos+dv*k.patchSin, dv*k.patchCos-du*k.patchSin; math.Abs(a) < 20 && math.Abs(b) < 8 {
			white, nir = 0.55*(0.3+0.7*n), 0.66*(0.3+0.7*n)
		}
	}
	if k.l.sleeve != 0 {
		if e := k.sleeveEdge(p); e < 0 {
			round := math.Sqrt(max(1-square(p.u/46), 0.05))
			folds := 0.75 + 0.25*k.fold.at(p.u*0.6, p.v)
			hem := clamp(-e/1.5, 0.4, 1)
			nir, white = k.l.cloth[0]*round*folds*hem, k.l.cloth[1]*round*folds*hem
			up = 12 + 10*round
		}
	}
	t.nir, t.white, t.height = reflect16(nir), reflect16(white), int16(up*100)
}

// slice is where p lies between a capsule's ends, 0 to 1, and how far off its axis.
func slice(c capsule, p mm) (part, side float64) {
	dx, dy := c.b.u-c.a.u, c.b.v-c.a.v
	l := dx*dx + dy*dy
	ex, ey := p.u-c.a.u, p.v-c.a.v
	return (ex*dx + ey*dy) / l, (ex*dy - ey*dx) / math.Sqrt(l)
}
