package roi

import "math"

// gap is the space between two fingers at a valley.
type gap struct {
	axis  way     // from the valley outwards, midway between the fingers
	width float64 // where it was measured, in pixels of the small picture
	ok    bool    // both fingers reach as far
}

// gap measures the gap at a valley where its sides are reach from the valley, along the
// contour's own direction there.
func (f *Finder) gap(v valley, d way, reach float64) gap {
	left, ok := f.climb(v.at, -1, d, v.up+reach)
	right, ok2 := f.climb(v.at, 1, d, v.up+reach)
	if !ok || !ok2 {
		return gap{axis: d}
	}
	m := Point{(left.X+right.X)/2 - v.p.X, (left.Y+right.Y)/2 - v.p.Y}
	length := math.Hypot(m.X, m.Y)
	if length == 0 {
		return gap{axis: d}
	}
	return gap{way{m.X / length, m.Y / length}, math.Hypot(right.X-left.X, right.Y-left.Y) - 1, true}
}

// climb walks along the contour until it is as high as up.
func (f *Finder) climb(at, step int, d way, up float64) (Point, bool) {
	n := len(f.edge)
	for range n / 4 {
		at += step
		if at < 0 {
			at = n - 1
		} else if at == n {
			at = 0
		}
		p := Point{float64(f.edge[at].x), float64(f.edge[at].y)}
		if d.up(p) >= up {
			return p, true
		}
	}
	return Point{}, false
}

// refine looks for the valley at p in the whole picture: it follows the gap between the
// fingers down to where it ends. length is the distance between the outer valleys. Coming
// from outside it does not mistake the creases and shadows at the fingers' roots for the gap.
func (f *Finder) refine(lit, dark []byte, p Point, axis way, length float64) Point {
	bright, dim := 0.0, math.Inf(1)
	for _, q := range [4][2]float64{{-0.22, 0.05}, {0.22, 0.05}, {-0.1, -0.2}, {0.1, -0.2}} {
		bright += f.at(lit, dark, axis.from(p, q[0]*length, q[1]*length)) / 4
	}
	start := math.Floor(0.12 * length)
	for u := 0.0; u <= start; u++ {
		dim = min(dim, f.at(lit, dark, axis.from(p, 0, u)))
	}
	level := dim + 0.4*(bright-dim)
	if bright-dim < 8 {
		return p
	}
	far := 0.22 * length
	var side, last, lastV, sideSum, sideN float64
	found := false
	for u := start; u > -0.16*length; u-- {
		l, r, ok := f.darkAt(lit, dark, p, axis, side, u, far, level)
		if !ok {
			if found {
				v := f.at(lit, dark, axis.from(p, side, u))
				part := 0.5
				if v > lastV {
					part = min(1, max(0, (level-lastV)/(v-lastV)))
				}
				return axis.from(p, sideSum/sideN, last-part+shade*length)
			}
			continue
		}
		found = true
		side = (l + r) / 2
		last, lastV = u, f.at(lit, dark, axis.from(p, side, u))
		// The lowest rows count most.
		sideSum, sideN = sideSum*0.7+side, sideN*0.7+1
	}
	return p
}

// shade is how far below the web's edge the shadow in front of it reaches, in parts of the
// valleys' distance.
const shade = 0.016

// darkAt is from where to where it is darker than level, across a gap at the height u, around
// side or close to it.
func (f *Finder) darkAt(lit, dark []byte, p Point, axis way, side, u, far, level float64) (l, r float64, ok bool) {
	for _, d := range [5]float64{0, -1, 1, -2, 2} {
		if f.at(lit, dark, axis.from(p, side+d, u)) < level {
			l, r, ok = side+d, side+d, true
			break
		}
	}
	if !ok {
		return 0, 0, false
	}
	for _, e := range [2]struct {
		end  *float64
		step float64
	}{{&l, -1}, {&r, 1}} {
		before := f.at(lit, dark, axis.from(p, *e.end, u))
		for math.Abs(*e.end) < far {
			v := f.at(lit, dark, axis.from(p, *e.end+e.step, u))
			if v >= level {
				*e.end += e.step * (level - before) / (v - before)
				break
			}
			*e.end += e.step
			before = v
		}
	}
	return l, r, true
}

// at is lit minus dark between the pixels; less than 0 where the hand is what is darker.
func (f *Finder) at(lit, dark []byte, p Point) float64 {
	x, y := max(0, min(p.X, float64(f.w)-1.001)), max(0, min(p.Y, float64(f.h)-1.001))
	i := int(y)*f.w + int(x)
	fx, fy := x-math.Floor(x), y-math.Floor(y)
	a, b, c, d := float64(lit[i]), float64(lit[i+1]), float64(lit[i+f.w]), float64(lit[i+f.w+1])
	if dark != nil {
		a -= float64(dark[i])
		b -= float64(dark[i+1])
		c -= float64(dark[i+f.w])
		d -= float64(dark[i+f.w+1])
	}
	v := (a*(1-fx)+b*fx)*(1-fy) + (c*(1-fx)+d*fx)*fy
	if f.inverted {
		return -v
	}
	return v
}
