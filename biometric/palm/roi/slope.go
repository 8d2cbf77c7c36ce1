package roi

// plane is a straight change of brightness over the region.
type plane struct{ mean, across, down float64 }

func (p plane) at(u, v float64) float64 { return p.mean + p.across*u + p.down*v }

// slope fits a plane to the grid's values at u, v from -0.5 to 0.5. What lies far below the
// plane is a vein or a crease and is left out the second time; so are places without a value.
func slope(values *[grid * grid]float64, known *[grid * grid]bool) plane {
	var p plane
	for pass := range 4 {
		// Normal equations of 1, u, v.
		var n, su, sv, suu, suv, svv, sz, szu, szv float64
		var below float64
		if pass > 0 {
			below = spread(values, known, p)
		}
		for i, z := range values {
			u, v := (float64(i%grid)+0.5)/grid-0.5, (float64(i/grid)+0.5)/grid-0.5
			if !known[i] || pass > 0 && (z < p.at(u, v)-0.5*below || z > p.at(u, v)+2*below) {
				continue
			}
			n++
			su += u
			sv += v
			suu += u * u
			suv += u * v
			svv += v * v
			sz += z
			szu += z * u
			szv += z * v
		}
		if n < grid {
			return p
		}
		// About the mean, two unknowns are left.
		suu -= su * su / n
		suv -= su * sv / n
		svv -= sv * sv / n
		szu -= sz * su / n
		szv -= sz * sv / n
		det := suu*svv - suv*suv
		if det < 1e-9 {
			return p
		}
		p.across = (szu*svv - szv*suv) / det
		p.down = (szv*suu - szu*suv) / det
		p.mean = (sz - p.across*su - p.down*sv) / n
	}
	return p
}

// spread is the mean distance of the values from a plane.
func spread(values *[grid * grid]float64, known *[grid * grid]bool, p plane) float64 {
	n, sum := 0.0, 0.0
	for i, z := range values {
		if known[i] {
			d := z - p.at((float64(i%grid)+0.5)/grid-0.5, (float64(i/grid)+0.5)/grid-0.5)
			sum += max(d, -d)
			n++
		}
	}
	return sum / max(1, n)
}
