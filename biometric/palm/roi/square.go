package roi

import "math"

// Square is the region's corners by the two valleys it hangs on, fingers up: left is the
// valley that is on the left then.
func Square(left, right Point) [4]Point {
	ux, uy := right.X-left.X, right.Y-left.Y
	length := math.Hypot(ux, uy)
	d := way{uy / length, -ux / length}
	m := Point{(left.X + right.X) / 2, (left.Y + right.Y) / 2}
	half := regionSide * length / 2
	top := -regionGap * length
	bottom := top - 2*half
	return [4]Point{
		d.from(m, -half, top), d.from(m, half, top), d.from(m, half, bottom), d.from(m, -half, bottom),
	}
}
