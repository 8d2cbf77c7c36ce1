package roi

import (
	"math"

	"github.com/tilld/tilld/biometric"
)

// minContrast is how many grey values lie at least between a hand and what is behind it.
const minContrast = 12

// dim is how much brighter than the rest something must be under the lamp to be taken for
// anything when it has not the shape of a hand.
const dim = 30

// grid is how many places of the region are looked at, each way.
const grid = 16

// looks is what was measured over the region's places in the whole picture.
type looks struct {
	level     float64 // mean of lit minus dark
	dark      float64 // mean of dark
	saturated float64 // part of the places where lit is at its end
	texture   float64 // mean of how far a place differs from those two pixels beside it, parts of level
	across    float64 // how much brighter the right side is than the left, log
	down      float64 // and the lower side than the upper
}

func (f *Finder) survey(lit, dark []byte, c [4]Point) (s looks) {
	n := 0.0
	var logs [grid * grid]float64
	var known [grid * grid]bool
	for y := range grid {
		for x := range grid {
			u, v := (float64(x)+0.5)/grid, (float64(y)+0.5)/grid
			px := c[0].X + u*(c[1].X-c[0].X) + v*(c[3].X-c[0].X)
			py := c[0].Y + u*(c[1].Y-c[0].Y) + v*(c[3].Y-c[0].Y)
			ix, iy := int(px+0.5), int(py+0.5)
			if ix < 2 || iy < 2 || ix >= f.w-2 || iy >= f.h-2 {
				continue
			}
			i := iy*f.w + ix
			at := func(i int) float64 {
				if dark == nil {
					return float64(lit[i])
				}
				return float64(lit[i]) - float64(dark[i])
			}
			m := at(i)
			n++
			s.level += m
			if dark != nil {
				s.dark += float64(dark[i])
			}
			if lit[i] >= 253 {
				s.saturated++
			}
			l, r, a, b := at(i-2), at(i+2), at(i-2*f.w), at(i+2*f.w)
			s.texture += math.Abs(l+r-2*m) + math.Abs(a+b-2*m)
			logs[y*grid+x], known[y*grid+x] = math.Log(max(1, (m+l+r+a+b)/5)), true
		}
	}
	if n == 0 {
		return looks{}
	}
	s.level /= n
	s.dark /= n
	s.saturated /= n
	s.texture /= 4 * n * max(1, s.level)
	p := slope(&logs, &known)
	s.across, s.down = p.across, p.down
	return s
}

// judge fills in Level, Reasons, Quality and Guide.
func (f *Finder) judge(h *Hand, s looks, lamp bool, back, gap float64) {
	side := math.Hypot(h.Corners[1].X-h.Corners[0].X, h.Corners[1].Y-h.Corners[0].Y)
	part := side / float64(min(f.w, f.h))
	off := f.outside(h.Corners)
	h.Level = s.level
	h.Reasons = Reasons{
		Sharpness: ramp(s.texture, 0.004, 0.016),
		Contrast:  ramp(math.Abs(s.level-back), minContrast/2, 40),
		Exposure:  min(ramp(s.saturated, 0.3, 0.05), ramp(s.level, 10, 40)),
		Size:      min(ramp(side, 40, 110), ramp(part, 0.13, 0.22), ramp(part, 0.62, 0.48)),
		Tilt:      1,
		Centring:  ramp(off, 0.15, 0),
		Spread:    ramp(gap, 0, 0.1),
		Motion:    1,
	}
	if lamp {
		yaw, pitch := f.tilt(h.Corners, s)
		h.Reasons.Tilt = ramp(math.Hypot(yaw, pitch)*180/math.Pi, 45, 15)
	}
	h.Quality = h.Reasons.least()
	if lamp {
		h.Guide = f.advise(h, s, part)
	}
}

// ramp is 0 at zero, 1 at one, and straight in between.
func ramp(v, zero, one float64) float64 { return max(0, min(1, (v-zero)/(one-zero))) }

func (r Reasons) least() float64 {
	return min(r.Sharpness, r.Contrast, r.Exposure, r.Size, r.Tilt, r.Centring, r.Spread, r.Motion)
}

// outside is how far the region reaches over the picture's border, in parts of its side.
func (f *Finder) outside(c [4]Point) float64 {
	far := 0.0
	for _, p := range c {
		far = max(far, -p.X, -p.Y, p.X-float64(f.w-1), p.Y-float64(f.h-1))
	}
	return far / math.Hypot(c[1].X-c[0].X, c[1].Y-c[0].Y)
}

// enough is what a reason must reach for the hand to be taken.
const enough = 0.2

// advise is what the person should do. The camera looks at the palm from below or from the
// front, so what is right in the picture is left to the person.
func (f *Finder) advise(h *Hand, s looks, part float64) biometric.Guidance {
	r := h.Reasons
	switch {
	case s.dark > 200 || s.saturated > 0.2 && s.dark > 80:
		return biometric.TooBright
	case r.Size < enough && part < 0.3:
		return biometric.MoveCloser
	case r.Size < enough:
		return biometric.MoveAway
	case r.Centring < 0.7:
		return f.recentre(h.Corners)
	case r.Exposure < enough && s.saturated > 0.2:
		return biometric.MoveAway
	case r.Exposure < enough, r.Contrast < enough:
		return biometric.MoveCloser
	case r.Spread < enough:
		return biometric.SpreadFingers
	case r.Sharpness < enough:
		return biometric.FailedRead
	}
	return ""
}

// recentre is the way that brings the region into the picture.
func (f *Finder) recentre(c [4]Point) biometric.Guidance {
	x := (c[0].X+c[2].X)/2 - float64(f.w)/2
	y := (c[0].Y+c[2].Y)/2 - float64(f.h)/2
	return steer(x/float64(f.w), y/float64(f.h))
}

// steer is the way back to the middle for what is x to the right of it and y below.
func steer(x, y float64) biometric.Guidance {
	switch {
	case math.Abs(x) > math.Abs(y) && x > 0:
		return biometric.MoveRight
	case math.Abs(x) > math.Abs(y):
		return biometric.MoveLeft
	case y > 0:
		return biometric.MoveForward
	}
	return biometric.MoveBackward
}

// nothing is the answer where no hand is: is it because the sun outshines the lamp?
func (f *Finder) nothing(dark []byte) (Hand, error) {
	clear(f.mask)
	if f.glare(dark) > 0.3 {
		return Hand{Guide: biometric.TooBright}, ErrBright
	}
	return Hand{Guide: biometric.SensorReady}, ErrNone
}

// glare is the part of a dark picture that is at its end.
func (f *Finder) glare(dark []byte) float64 {
	n, over := 0, 0
	for y := 0; y < f.h && dark != nil; y += 8 {
		for x := 0; x < f.w; x += 8 {
			n++
			if dark[y*f.w+x] >= 250 {
				over++
			}
		}
	}
	return float64(over) / float64(max(1, n))
}

// shapeless is the answer where something is bright and has no finger valleys.
func (f *Finder) shapeless(p *part, dark []byte) (Hand, error) {
	h := f.outline(p)
	switch {
	case f.glare(dark) > 0.3:
		h.Guide = biometric.TooBright
		return h, ErrBright
	case h.Area > 0.6:
		h.Guide = biometric.MoveAway
	case h.Area < 0.05:
		h.Guide = biometric.MoveCloser
	case p.border[1] > f.sw/4:
		h.Guide = biometric.MoveBackward
	default:
		h.Guide = biometric.SpreadFingers
	}
	return h, ErrShape
}

// outline is what is known of any component.
func (f *Finder) outline(p *part) Hand {
	b := p.box
	return Hand{
		Area: float64(p.area) / float64(f.sw*f.sh),
		Box:  Box{b.X0 * f.step, b.Y0 * f.step, b.X1 * f.step, b.Y1 * f.step},
	}
}
