package palms

import (
	"math"
	"math/bits"
)

// code is the six planes of BOCV, plainly computed: what these palms are tuned with.
type code [6][32]uint32

type gabors [6][35 * 35]float64

func newGabors() *gabors {
	g := new(gabors)
	for p := range g {
		a := float64(p) * math.Pi / 6
		sum := 0.0
		for y := -17; y <= 17; y++ {
			for x := -17; x <= 17; x++ {
				u := float64(x)*math.Cos(a) + float64(y)*math.Sin(a)
				v := -float64(x)*math.Sin(a) + float64(y)*math.Cos(a)
				e := math.Exp(-(u*u+v*v/4)/(2*4.6*4.6)) * math.Cos(2*math.Pi*u/18)
				g[p][(y+17)*35+x+17] = e
				sum += e
			}
		}
		for i := range g[p] {
			g[p][i] -= sum / (35 * 35)
		}
	}
	return g
}

func mirror(i int) int {
	if i < 0 {
		i = -i - 1
	}
	if i >= Side {
		i = 2*Side - 1 - i
	}
	return i
}

func (g *gabors) code(r *Region) *code {
	const pad = 17
	const w = Side + 2*pad
	var wide [w * w]float64
	for y := range w {
		for x := range w {
			wide[y*w+x] = float64(r[mirror(y-pad)*Side+mirror(x-pad)])
		}
	}
	c := new(code)
	for p := range g {
		for row := range 32 {
			for col := range 32 {
				sum := 0.0
				for y := range 35 {
					k := g[p][y*35:][:35]
					s := wide[(row*4+2+y)*w+col*4+2:][:35]
					for x, f := range k {
						sum += f * s[x]
					}
				}
				if sum < 0 {
					c[p][row] |= 1 << col
				}
			}
		}
	}
	return c
}

// distance is the least part of differing bits over shifts of up to s cells.
func (c *code) distance(d *code, s int) float64 {
	best := 1.0
	for dy := -s; dy <= s; dy++ {
		for dx := -s; dx <= s; dx++ {
			mask := uint32(math.MaxUint32)
			if dx > 0 {
				mask >>= dx
			} else {
				mask <<= -dx
			}
			n, all := 0, 0
			for row := max(0, -dy); row < min(32, 32-dy); row++ {
				all += 6 * bits.OnesCount32(mask)
				for p := range c {
					o := d[p][row+dy]
					if dx > 0 {
						o >>= dx
					} else {
						o <<= -dx
					}
					n += bits.OnesCount32((c[p][row] ^ o) & mask)
				}
			}
			best = min(best, float64(n)/float64(all))
		}
	}
	return best
}
