package roi

import "math"

// The region's side, and how far it is from the line through the valleys towards the wrist,
// in parts of the valleys' distance.
const (
	regionSide = 1.5
	regionGap  = 0.15
)

// square is the region's corners by the two valleys it hangs on, fingers up: left is the
// valley that is on the left then.
func square(left, right Point) [4]Point {
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
