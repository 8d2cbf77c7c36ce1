package roi

import "math"

// another reports whether a second hand is in view, in one piece with the first or apart, or
// anything else that is as bright and no part of the first.
func (f *Finder) another(first *triple) bool {
	if f.foreign(first) > maxForeign {
		return true
	}
	if t := f.look(0, first); t.cost < maxCost*0.7 {
		return true
	}
	for k := 1; k < len(f.parts) && f.parts[k].area*5 > f.parts[0].area; k++ {
		t := f.look(k, nil)
		f.paint(f.mask, f.sw, f.parts[0].first)
		if t.cost < maxCost {
			return true
		}
	}
	return false
}

// maxForeign is how much brightness may lie beside a hand, in squares of the valleys'
// distance: half of a finger.
const maxForeign = 0.35

// foreign is the area of what is bright where no part of this hand can be, in squares of the
// valleys' distance.
func (f *Finder) foreign(t *triple) float64 {
	a, c := t.v[0].p, t.v[2].p
	length := math.Hypot(c.X-a.X, c.Y-a.Y)
	d := way{(c.Y - a.Y) / length, -(c.X - a.X) / length}
	m := Point{(a.X + c.X) / 2, (a.Y + c.Y) / 2}
	count := 0
	for i := range f.runs {
		run := &f.runs[i]
		if run.y&1 != 0 {
			continue
		}
		q := Point{float64(run.x0) - m.X, float64(run.y) - m.Y}
		r, u := d.right(q)/length, d.up(q)/length
		dr, du := -2*d.dy/length, 2*d.dx/length
		for x := run.x0; x < run.x1; x += 2 {
			if !belongs(math.Abs(r), u) {
				count++
			}
			r += dr
			u += du
		}
	}
	return 4 * float64(count) / (length * length)
}

// belongs reports whether a hand reaches to a place r beside the valleys' middle and u above
// it, in parts of the valleys' distance: fingers spread upwards, a thumb to either side, and
// the forearm, bent at the wrist, with its sleeve.
func belongs(r, u float64) bool {
	switch {
	case u > 0.6:
		return u < 3 && r < 1.5+0.7*u
	case u > -2.2:
		return r < 2.3
	}
	return r < 1.5-0.35*u
}
