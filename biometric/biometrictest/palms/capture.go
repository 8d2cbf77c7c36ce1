package palms

import (
	"math"
	"math/rand/v2"
)

// Variation is how captures of one palm differ: standard deviations, unless said otherwise.
type Variation struct {
	Jitter   float64 // of a control point, px
	Shift    float64 // of the region, px, each way
	Rotation float64 // degrees
	Scale    float64 // 0.02 is 2 %
	Depth    float64 // of each line's depth: 0.25 is 25 %
	Gradient float64 // of the light, grey values a px
	Base     float64 // half the range of the mean grey value around 120
	Texture  float64 // of grain of 4 px, grey values
	Noise    float64 // of each pixel, grey values
}

// Plain is captures on two occasions with care.
func Plain() Variation {
	return Variation{Jitter: 0.5, Shift: 3, Rotation: 1.5, Scale: 0.02, Depth: 0.25,
		Gradient: 0.15, Base: 20, Texture: 1.5, Noise: 1}
}

// Hard is captures with a poor region: an unprotected error rate above half a percent with
// three samples enrolled.
func Hard() Variation {
	return Variation{Jitter: 1.2, Shift: 5, Rotation: 3, Scale: 0.04, Depth: 0.5,
		Gradient: 0.25, Base: 30, Texture: 3, Noise: 3}
}

// Held is frames of one presentation.
func Held() Variation {
	return Variation{Jitter: 0.2, Shift: 1, Rotation: 0.5, Scale: 0.01, Depth: 0.15,
		Gradient: 0.1, Base: 20, Texture: 1.2, Noise: 1}
}

// Region is grey values, row by row; row 0 is next to the fingers.
type Region [Side * Side]byte

// Capture is a region of one band. The same seed and variation is the same capture.
func (id *Identity) Capture(seed uint64, v Variation, band Band) *Region {
	m := newMoment(seed, v)
	return id.develop(m, band)
}

// Pair is both bands of one capture: the same shift, rotation and scale.
func (id *Identity) Pair(seed uint64, v Variation) (print, vein *Region) {
	m := newMoment(seed, v)
	return id.develop(m, Print), id.develop(m, Vein)
}

// moment is one capture: how the region lies on the palm, and the chance of the rest.
type moment struct {
	v        Variation
	seed     uint64
	cos, sin float64 // with the scale
	dx, dy   float64
}

func newMoment(seed uint64, v Variation) *moment {
	rng := rand.New(rand.NewPCG(seed, 0xcab7))
	angle := v.Rotation * math.Pi / 180 * rng.NormFloat64()
	scale := 1 + v.Scale*rng.NormFloat64()
	return &moment{
		v: v, seed: seed, cos: scale * math.Cos(angle), sin: scale * math.Sin(angle),
		dx: v.Shift * rng.NormFloat64(), dy: v.Shift * rng.NormFloat64(),
	}
}

func (m *moment) place(s stroke, rng *rand.Rand) stroke {
	for i, p := range s.at {
		x := p.x + m.v.Jitter*rng.NormFloat64() - Side/2
		y := p.y + m.v.Jitter*rng.NormFloat64() - Side/2
		s.at[i] = point{Side/2 + m.dx + m.cos*x - m.sin*y, Side/2 + m.dy + m.sin*x + m.cos*y}
	}
	s.depth *= max(1+m.v.Depth*rng.NormFloat64(), 0)
	return s
}

func (id *Identity) develop(m *moment, band Band) *Region {
	rng := rand.New(rand.NewPCG(m.seed, 0xde7e+uint64(band)))
	c := &canvas{data: make([]float32, Side*Side), w: Side, h: Side, scale: 1}
	add := func(set []stroke, factor float64) {
		for _, s := range set {
			s.depth *= factor
			s = m.place(s, rng)
			c.draw(&s)
		}
	}
	if band == Print {
		add(id.lines, 1)
		add(id.outerLines, 1)
	} else {
		add(id.tubes, 1)
		add(id.outerTubes, 1)
		add(id.lines, id.creaseInNIR)
		add(id.outerLines, id.creaseInNIR)
	}
	return m.expose(c.data, rng)
}

// expose turns darkness into grey values under a sloping light, with grain and noise.
func (m *moment) expose(dark []float32, rng *rand.Rand) *Region {
	const cell, cells = 4, Side/4 + 2
	var grain [cells * cells]float64
	for i := range grain {
		grain[i] = m.v.Texture * rng.NormFloat64()
	}
	base := 120 + m.v.Base*(2*rng.Float64()-1)
	gx, gy := m.v.Gradient*rng.NormFloat64(), m.v.Gradient*rng.NormFloat64()
	r := new(Region)
	for y := range Side {
		for x := range Side {
			g := grain[y/cell*cells:]
			fx, fy := float64(x%cell)/cell, float64(y%cell)/cell
			i := x / cell
			top := g[i] + fx*(g[i+1]-g[i])
			low := g[cells+i] + fx*(g[cells+i+1]-g[cells+i])
			v := base + gx*float64(x-Side/2) + gy*float64(y-Side/2) - float64(dark[y*Side+x]) +
				top + fy*(low-top) + m.v.Noise*rng.NormFloat64()
			r[y*Side+x] = byte(clamp(v+0.5, 0, 255))
		}
	}
	return r
}
