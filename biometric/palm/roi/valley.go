package roi

import "math"

// maxValleys bounds how many valleys of one direction are looked at.
const maxValleys = 12

// valley is a place of the contour that is lower than both of its sides, seen in a direction
// in which fingers might point.
type valley struct {
	at    int     // index into the contour
	p     Point   // in pixels of the small picture
	up    float64 // height along the direction
	depth float64 // to the lower one of the two peaks beside it
	left  peak
	right peak
}

// peak is the tip of a finger beside a valley.
type peak struct {
	up  float64
	cut bool // it lies on the picture's border: the finger goes on
}

// way is a direction in which fingers might point, and the one to its right.
type way struct{ dx, dy float64 }

func (d way) up(p Point) float64    { return p.X*d.dx + p.Y*d.dy }
func (d way) right(p Point) float64 { return -p.X*d.dy + p.Y*d.dx }

// from is the point that lies r to the right of a and u up.
func (d way) from(a Point, r, u float64) Point {
	return Point{a.X - r*d.dy + u*d.dx, a.Y + r*d.dx + u*d.dy}
}

func toward(angle float64) way {
	s, c := math.Sincos(angle)
	return way{s, -c} // 0 is up, clockwise as seen
}

// valleys lists the valleys of the contour in a direction, left to right, that are at least
// least deep. What it finds does not depend on how the contour trembles: a valley is what
// lies between two rises of least.
func (f *Finder) valleys(d way, least float64) []valley {
	out := f.found[:0]
	n := len(f.edge)
	if n < 8 {
		return out
	}
	low, lo := 0, math.Inf(1)
	for i, e := range f.edge {
		if u := float64(e.x)*d.dx + float64(e.y)*d.dy; u < lo {
			low, lo = i, u
		}
	}
	rising := true // from the lowest place of all
	hi, at, hiAt := lo, low, low
	var tip peak
	for k := 1; k <= n; k++ {
		i := low + k
		if i >= n {
			i -= n
		}
		u := float64(f.edge[i].x)*d.dx + float64(f.edge[i].y)*d.dy
		if rising {
			if u > hi {
				hi, hiAt = u, i
			}
			if u < hi-least {
				tip = peak{hi, f.atBorder(f.edge[hiAt])}
				if len(out) > 0 {
					v := &out[len(out)-1]
					v.depth, v.right = min(v.depth, hi-v.up), tip
				}
				rising, lo, at = false, u, i
			}
			continue
		}
		if u < lo {
			lo, at = u, i
		}
		if u > lo+least {
			if len(out) == maxValleys {
				break
			}
			e := f.edge[at]
			out = append(out, valley{at: at, p: Point{float64(e.x), float64(e.y)}, up: lo, depth: tip.up - lo, left: tip, right: tip})
			rising, hi, hiAt = true, u, i
		}
	}
	// The far end of the hand is low as well, but there the contour runs backwards.
	kept := out[:0]
	for _, v := range out {
		a, b := f.edge[(v.at+n-3)%n], f.edge[(v.at+3)%n]
		if d.right(Point{float64(b.x - a.x), float64(b.y - a.y)}) > 0 {
			kept = append(kept, v)
		}
	}
	return kept
}

// triple is three finger valleys, left to right, fingers up.
type triple struct {
	v     [3]valley
	cost  float64 // how unlike a hand; 0 is the best
	ahead way     // in which the fingers were looked for
	part  int     // the component
}

// maxCost is what a triple may cost to be taken for a hand.
const maxCost = 9

// triples finds the three valleys that look most like those of a hand. Where another hand was
// found before, none of them may be one of its own.
func (f *Finder) triples(d way, vs []valley, size float64, other *triple) triple {
	best := triple{cost: math.Inf(1)}
	for i := range vs {
		for j := i + 1; j < len(vs) && j <= i+3; j++ {
			for k := j + 1; k < len(vs) && k <= j+3; k++ {
				t := triple{v: [3]valley{vs[i], vs[j], vs[k]}, ahead: d}
				if other != nil && t.near(other) {
					continue
				}
				t.cost = f.cost(d, &t, size) + 1.5*float64(k-i-2)
				if t.cost < best.cost {
					best = t
				}
			}
		}
	}
	return best
}

// near reports whether valleys of both may belong to one hand.
func (t *triple) near(o *triple) bool {
	a, c := o.v[0].p, o.v[2].p
	far := 1.3 * math.Hypot(c.X-a.X, c.Y-a.Y)
	for i := range t.v {
		for k := range o.v {
			if math.Hypot(t.v[i].p.X-o.v[k].p.X, t.v[i].p.Y-o.v[k].p.Y) < far {
				return true
			}
		}
	}
	return false
}

// cost compares three valleys with those of hands: evenly apart, nearly on a line across the
// fingers, each with a finger on both sides and the palm below.
func (f *Finder) cost(d way, t *triple, size float64) float64 {
	a, b, c := t.v[0].p, t.v[1].p, t.v[2].p
	ux, uy := c.X-a.X, c.Y-a.Y
	length := math.Hypot(ux, uy)
	if length < 0.1*size || length > 0.8*size {
		return math.Inf(1)
	}
	along := ((b.X-a.X)*ux + (b.Y-a.Y)*uy) / (length * length)
	off := ((b.X-a.X)*uy - (b.Y-a.Y)*ux) / (length * length)
	if along < 0.2 || along > 0.8 || off < -0.3 || off > 0.45 {
		return math.Inf(1)
	}
	depth := min(t.v[0].depth, t.v[1].depth, t.v[2].depth) / length
	slant := math.Asin(max(-1, min(1, d.up(Point{ux, uy})/length))) * 180 / math.Pi
	if c := short(t, length); c > maxCost {
		return c
	}
	cost := short(t, length) + sq((along-0.5)/0.12) + sq((off-0.07)/0.12) + sq(slant/20) + sq(max(0, 0.6-depth)/0.3)
	if cost > maxCost {
		return cost
	}
	across := way{uy / length, -ux / length} // up, square to the line
	cost += f.misfit(across, a, c, length)
	if cost > maxCost {
		return cost
	}
	return cost + f.splay(d, across, t, length)
}

// short is what outer fingers cost that are shorter than little fingers are beside their
// neighbours: thumbs.
func short(t *triple, length float64) float64 {
	cost := 0.0
	for _, e := range [2]struct {
		outer, inner peak
		up           float64
	}{
		{t.v[0].left, t.v[0].right, t.v[0].up}, {t.v[2].right, t.v[2].left, t.v[2].up},
	} {
		if !e.outer.cut {
			cost += sq(max(0, 1.05-(e.outer.up-e.up)/length) / 0.25)
			if !e.inner.cut {
				cost += sq(max(0, 0.7-(e.outer.up-e.up)/(e.inner.up-e.up)) / 0.15)
			}
		}
	}
	return cost
}

func (f *Finder) atBorder(e dot) bool {
	return e.x <= 0 || e.y <= 0 || int(e.x) >= f.sw-1 || int(e.y) >= f.sh-1
}

// misfit counts where the mask is not what it is of a hand: four fingers above the line, a
// palm below.
func (f *Finder) misfit(d way, a, c Point, length float64) float64 {
	m := Point{(a.X + c.X) / 2, (a.Y + c.Y) / 2}
	cost := 0.0
	for i := range 4 {
		if !f.inside(d.from(m, (float64(i)-1.5)*0.5*length, 0.25*length)) {
			cost += 1.5
		}
	}
	for y := range 4 {
		for x := range 5 {
			if !f.inside(d.from(m, (float64(x)-2)*0.3*length, -(0.15+0.35*float64(y))*length)) {
				cost++
			}
		}
	}
	return cost
}

// splay compares where the gaps point: those of fingers nearly the same way and square to the
// line, that of the thumb far to the side.
func (f *Finder) splay(d, across way, t *triple, length float64) float64 {
	var g [3]gap
	for i := range t.v {
		g[i] = f.gap(t.v[i], d, 0.3*length)
	}
	cost := 0.0
	for i := range g {
		if !g[i].ok {
			cost++
			continue
		}
		cost += sq(angle(across, g[i].axis) / 25)
		if i > 0 && g[i-1].ok {
			cost += sq(angle(g[i-1].axis, g[i].axis) / 25)
		}
	}
	return cost
}

// angle is between two directions, in degrees, positive clockwise as seen.
func angle(a, b way) float64 {
	return math.Atan2(a.dx*b.dy-a.dy*b.dx, a.dx*b.dx+a.dy*b.dy) * 180 / math.Pi
}

func (f *Finder) inside(p Point) bool {
	x, y := int(p.X+0.5), int(p.Y+0.5)
	return uint(x) < uint(f.sw) && uint(y) < uint(f.sh) && f.mask[y*f.sw+x] == 1
}

func sq(x float64) float64 { return x * x }
