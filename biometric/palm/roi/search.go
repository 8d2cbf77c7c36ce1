package roi

import "math"

// guess is one way to tell the hand from what is behind it.
type guess struct {
	level    float64 // from the darker side's mean (0) to the brighter one's (1)
	inverted bool    // the hand is the darker side
}

// plain is how a hand stands out under a lamp. The level is low enough for fingers at the
// rim of the lamp's light, and high enough for narrow gaps.
var plain = [...]guess{{0.45, false}, {0.3, false}, {0.62, false}}

// photo is how it may in a picture of any light and background.
var photo = [...]guess{
	{0.45, false}, {0.45, true}, {0.25, false}, {0.7, false}, {0.25, true}, {0.7, true}, {0.1, false}, {0.9, false},
	{0.9, true}, {0.1, true}, {1.1, false}, {-0.1, true},
}

// certain is the cost of a hand that there is no doubt about.
const certain = 3

// search finds the hand by one guess after the other, until it is certain.
func (f *Finder) search(s split, single bool) triple {
	guesses := plain[:]
	if single {
		guesses = photo[:]
	}
	best := triple{cost: math.Inf(1)}
	chosen, last := 0, 0
	for i := range guesses {
		t := f.try(s, guesses[i], single)
		last = i
		if t.cost+0.1*float64(i) < best.cost || i == 0 {
			best, chosen = t, i
		}
		if best.cost < certain {
			break
		}
	}
	if last != chosen { // what was worked out since is of another guess
		best = f.try(s, guesses[chosen], single)
	}
	return best
}

// try looks for a hand by one guess: in the largest component, or in a single picture also in
// the next ones, as the background may be the largest.
func (f *Finder) try(s split, g guess, single bool) triple {
	level := max(1, min(254, s.low+g.level*(s.high-s.low)))
	f.inverted = g.inverted
	best := triple{cost: math.Inf(1)}
	if !f.label(f.small, f.sw, f.sh, byte(level), g.inverted) {
		f.parts = f.parts[:0]
		return best
	}
	tries := 1
	if single {
		tries = 3
	}
	last := 0
	for k := 0; k < min(tries, len(f.parts)) && f.parts[k].area >= f.sw*f.sh/100; k++ {
		last = k
		if t := f.look(k, nil); t.cost < best.cost {
			best = t
			best.part = k
		}
	}
	if best.part != last {
		return f.look(best.part, nil)
	}
	return best
}

// look takes a component for a hand and looks for its valleys, away from those of another.
func (f *Finder) look(k int, other *triple) triple {
	p := &f.parts[k]
	first := f.runs[p.first]
	best := triple{cost: math.Inf(1), part: k}
	f.paint(f.mask, f.sw, p.first)
	if !f.trace(f.mask, f.sw, f.sh, int(first.x0), int(first.y)) {
		return best
	}
	size := math.Sqrt(float64(p.area))
	for i := range 12 {
		d := toward(float64(i) * math.Pi / 6)
		if t := f.triples(d, f.valleys(d, 0.05*size), size, other); t.cost < best.cost {
			best = t
			best.part = k
		}
	}
	return best
}
