package roi

import (
	"math"
	"math/rand/v2"
)

// drawn is a plain hand: a palm, four fingers and a thumb as tapered capsules, in millimetres,
// the palm's middle at (0, 0), y up, the thumb on the right (a right hand).
type drawn struct {
	fingers [4]capsule // little, ring, middle, index: left to right
	thumb   capsule
	palm    float64 // half of the palm's width
}

type capsule struct{ x0, y0, x1, y1, r0, r1 float64 }

func finger(x, y, degrees, length, r float64) capsule {
	s, c := math.Sincos(degrees * math.Pi / 180)
	return capsule{x, y, x + s*length, y + c*length, r, r * 0.8}
}

func newDrawn(spread float64, r *rand.Rand) drawn {
	n := func(s float64) float64 { return 1 + s*r.NormFloat64() }
	d := drawn{palm: 42 * n(0.04)}
	d.fingers = [4]capsule{
		finger(-32, 26, -1.5*spread-2*n(0.5), 58*n(0.06), 7.6*n(0.04)),
		finger(-11, 34, -0.5*spread, 72*n(0.05), 8.8*n(0.04)),
		finger(10.5, 36, 0.5*spread, 78*n(0.05), 9.2*n(0.04)),
		finger(31.5, 32, 1.5*spread+1*n(0.5), 70*n(0.05), 9.0*n(0.04)),
	}
	d.thumb = finger(22, -44, 42*n(0.1), 78, 11.5)
	return d
}

func (c capsule) distance(x, y float64) float64 {
	dx, dy := c.x1-c.x0, c.y1-c.y0
	t := max(0, min(1, ((x-c.x0)*dx+(y-c.y0)*dy)/(dx*dx+dy*dy)))
	return math.Hypot(x-c.x0-t*dx, y-c.y0-t*dy) - c.r0 - t*(c.r1-c.r0)
}

func box(x, y, cx, cy, hx, hy, r float64) float64 {
	ax, ay := math.Abs(x-cx)-hx+r, math.Abs(y-cy)-hy+r
	return math.Hypot(max(ax, 0), max(ay, 0)) + min(max(ax, ay), 0) - r
}

// smooth is the smaller of two, rounded where they meet: a web of skin.
func smooth(a, b, k float64) float64 {
	h := max(k-math.Abs(a-b), 0) / k
	return min(a, b) - h*h*k/4
}

// distance is to the hand's outline, negative inside.
func (d *drawn) distance(x, y float64) float64 {
	v := box(x, y, 0, -4, d.palm, 44, 22)
	v = smooth(v, box(x, y, 0, -100, 27, 80, 5), 12)
	for _, c := range d.fingers {
		v = smooth(v, c.distance(x, y), 5)
	}
	return smooth(v, d.thumb.distance(x, y), 14)
}

// pose puts the hand into a picture.
type pose struct {
	x, y, turn, scale float64 // the palm's middle in pixels, degrees clockwise, pixels a millimetre
	mirror            bool    // a left hand
}

func (p pose) back(px, py float64) (x, y float64) {
	s, c := math.Sincos(p.turn * math.Pi / 180)
	px, py = (px-p.x)/p.scale, (py-p.y)/p.scale
	x, y = c*px+s*py, s*px-c*py
	if p.mirror {
		x = -x
	}
	return x, y
}

// draw is the hand under a lamp, with noise.
func (d *drawn) draw(w, h int, p pose, bright, back, noise float64, r *rand.Rand) []byte {
	out := make([]byte, w*h)
	whole := 0.0
	const block = 8 // of pixels that are all hand, or none, unless the outline is near
	for y := range h {
		for x := range w {
			if x%block == 0 {
				mx, my := p.back(float64(x)+block/2, float64(y-y%block)+block/2)
				whole = max(-1, min(2, 0.5-d.distance(mx, my)*p.scale/(2*block)))
			}
			cover := whole
			if whole > 0 && whole < 1 {
				mx, my := p.back(float64(x), float64(y))
				cover = 0.5 - d.distance(mx, my)*p.scale/1.6
			}
			cover = max(0, min(1, cover))
			lamp := 1 / (1 + sq((float64(x)-float64(w)/2)/float64(w))*1.2 + sq((float64(y)-float64(h)/2)/float64(w))*1.2)
			v := (back + (bright-back)*cover) * lamp
			out[y*w+x] = byte(max(0, min(255, v+noise*r.NormFloat64()+0.5)))
		}
	}
	return out
}
