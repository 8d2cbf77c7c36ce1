package stage

import (
	"math"
	"math/rand/v2"
)

// ambient is the light that is there without the lamps, on a matt white surface: grey values.
type ambient struct{ nir, white float32 }

// room is what is behind: a ceiling far away with its lamps, and a person's clothes below.
type room struct {
	ambient // on what is held over the camera
	ceiling float64
	lamps   []glare
	torso   float64 // mm away; 0: nobody's clothes are in view
	cloth   [2]float64
	seed    uint32
}

type glare struct{ x, y, rx, ry, level float64 }

func newRoom(rng *rand.Rand, bright float64) room {
	r := room{seed: rng.Uint32(), ceiling: bright * (0.5 + rng.Float64())}
	r.ambient = ambient{nir: float32(bright * 0.25 * rng.Float64()), white: float32(bright * (0.3 + 0.7*rng.Float64()))}
	for range rng.IntN(3) {
		r.lamps = append(r.lamps, glare{rng.Float64(), rng.Float64(), 0.02 + 0.05*rng.Float64(),
			0.01 + 0.03*rng.Float64(), bright * (4 + 10*rng.Float64())})
	}
	if rng.Float64() < 0.7 {
		r.torso = 380 + 250*rng.Float64()
		r.cloth = [2]float64{0.1 + 0.5*rng.Float64(), 0.05 + 0.5*rng.Float64()}
	}
	return r
}

// backdrop is the room's light by pixel: what is always there, and what each lamp adds.
type backdrop struct{ always, nir, white []float32 }

func (r *room) backdrop(o *optics) *backdrop {
	n := o.Width * o.Height
	b := &backdrop{make([]float32, n), make([]float32, n), make([]float32, n)}
	const few = 4 // pixels: what is behind is out of focus
	w := o.Width/few + 2
	above, below := make([]sight, w), make([]sight, w)
	look := func(to []sight, row int) {
		for i := range to {
			to[i] = r.sight(float64(i*few)/float64(o.Width), float64(row*few)/float64(o.Height), o.Focus)
		}
	}
	look(below, 0)
	for y := range o.Height {
		if y%few == 0 {
			above, below = below, above
			look(below, y/few+1)
		}
		fy := float32(y%few) / few
		for x := range o.Width {
			k, fx := x/few, float32(x%few)/few
			a, c := above[k].to(above[k+1], fx), below[k].to(below[k+1], fx)
			s := a.to(c, fy)
			i := y*o.Width + x
			b.always[i], b.nir[i], b.white[i] = s.always, o.nir[i]*s.nir, o.white[i]*s.white
		}
	}
	return b
}

// sight is what is seen of the room in one direction: its own light, and what it throws back
// of the lamps compared with a matt white surface at the camera's Focus.
type sight struct{ always, nir, white float32 }

func (s sight) to(t sight, part float32) sight {
	return sight{s.always + part*(t.always-s.always), s.nir + part*(t.nir-s.nir), s.white + part*(t.white-s.white)}
}

// sight looks at parts u and v of the picture's width and height.
func (r *room) sight(u, v, focus float64) sight {
	rough := noise{r.seed, 0.2}
	always := r.ceiling * (1 + 0.35*rough.at(u, v))
	reflect, z := [2]float64{0.6, 0.6}, 1900.0
	if edge := 0.86 + 0.08*math.Cos(7*(u-0.5)) + 0.02*rough.at(4*u, 4*v); r.torso > 0 && v > edge {
		part := clamp((v-edge)*30, 0, 1)
		z = r.torso
		for k := range reflect {
			reflect[k] = r.cloth[k] * part * (1 + 0.3*rough.at(3*u, 2*v))
		}
		always *= 1 - 0.8*part
	} else {
		for _, l := range r.lamps {
			if e := math.Pow(math.Abs((u-l.x)/l.rx), 4) + math.Pow(math.Abs((v-l.y)/l.ry), 4); e < 12 {
				always += l.level * math.Exp(-e)
			}
		}
	}
	fall := square(focus / z)
	return sight{float32(always), float32(fall * reflect[0]), float32(fall * reflect[1])}
}

// draw puts the room into the light, where nothing else is yet.
func (b *backdrop) draw(f *Film) {
	for y := range f.Height {
		n, w := f.nir[y], f.white[y]
		at := y * f.Width
		out, always := f.light[at:][:f.Width], b.always[at:][:f.Width]
		nir, white := b.nir[at:][:f.Width], b.white[at:][:f.Width]
		for x := range out {
			out[x] = always[x] + n*nir[x] + w*white[x]
		}
	}
}
