package roi

// side tells the hand by its thumb: how far the hand reaches to the right and to the left of
// the palm's middle, beside the palm. l and r are the outer valleys, length their distance.
func (f *Finder) side(l, r Point, d way, length float64) Side {
	m := Point{(l.X + r.X) / 2, (l.Y + r.Y) / 2}
	left := f.reach(m, d, -length)
	right := f.reach(m, d, length)
	switch {
	case right > left+0.28 && right > 1.25:
		return SideRight
	case left > right+0.28 && left > 1.25:
		return SideLeft
	}
	return SideUnknown
}

// reach is how far the hand reaches to a side, in parts of length, where a thumb may be: from
// a little above the valleys down to the thumb's root. Little fingers are left out: what is
// above the line counts only if it hangs together with what is below it.
func (f *Finder) reach(m Point, d way, length float64) float64 {
	far := 0.0
	sign := 1.0
	if length < 0 {
		sign, length = -1, -length
	}
	for i := range 12 {
		u := -(0.25 + 0.1*float64(i)) * length
		gap := 0
		for k := 8; k < 26; k++ {
			t := float64(k) * 0.1
			if f.inside(d.from(m, sign*t*length, u)) {
				far = max(far, t)
				gap = 0
			} else if gap++; gap > 4 {
				break
			}
		}
	}
	return far
}
