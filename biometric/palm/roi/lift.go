package roi

import "math"

// lens is the focal length of a palm camera in parts of the picture's width: 76 degrees
// across. It need not be exact: it only scales corrections of a few pixels.
const lens = 0.64

// raised is how much nearer to the camera the palm is than the webs between the fingers, in
// parts of the valleys' distance: 7 to 8 mm of 43.
const raised = 0.2

// tilt estimates from the brightness how far the palm's right side is nearer than its left,
// and its upper side than its lower, in radians. It holds for a lamp beside the lens: light
// falls off by the square of the distance, and towards the picture's rim.
func (f *Finder) tilt(c [4]Point, s looks) (yaw, pitch float64) {
	focal := lens * float64(f.w)
	side := math.Hypot(c[1].X-c[0].X, c[1].Y-c[0].Y)
	d := way{(c[1].Y - c[0].Y) / side, -(c[1].X - c[0].X) / side}
	off := Point{(c[0].X+c[2].X)/2 - float64(f.w-1)/2, (c[0].Y+c[2].Y)/2 - float64(f.h-1)/2}
	// Lens, lamp and Lambert's law together go with about the fifth power of the cosine.
	rim := 5 * side / (focal * focal)
	// What the palm's own shape does to its brightness is taken for nothing: a little less
	// than the whole slope is tilt.
	gain := 0.75 * focal / (2 * side)
	yaw = gain * (s.across + rim*d.right(off))
	pitch = gain * (-s.down + rim*d.up(off))
	return max(-0.5, min(0.5, yaw)), max(-0.5, min(0.5, pitch))
}

// lift moves the region from the plane of the webs to that of the palm, as the camera sees it:
// to the side that the palm faces. And it turns it: of a palm whose right side is nearer, the
// line through the valleys rises to the right, and what lies below rises less. Of pitch it
// needs nothing: what the palm moves by, the foreshortened region makes up for.
func (f *Finder) lift(c *[4]Point, s looks) {
	side := math.Hypot(c[1].X-c[0].X, c[1].Y-c[0].Y)
	length := side / regionSide
	yaw, _ := f.tilt(*c, s)
	sin, cos := math.Sincos((regionGap + regionSide/2) * length / (lens * float64(f.w)) * math.Tan(yaw))
	d := way{(c[1].Y - c[0].Y) / side, -(c[1].X - c[0].X) / side}
	m := d.from(Point{(c[0].X + c[2].X) / 2, (c[0].Y + c[2].Y) / 2}, -raised*length*math.Sin(yaw), 0)
	d = way{d.dx*cos - d.dy*sin, d.dx*sin + d.dy*cos}
	*c = [4]Point{d.from(m, -side/2, side/2), d.from(m, side/2, side/2), d.from(m, side/2, -side/2), d.from(m, -side/2, -side/2)}
}
