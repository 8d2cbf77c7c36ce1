package palms

import "math"

type point struct{ x, y float64 }

// fwhm is the full width at half the depth of a stroke of width 1.
const fwhm = 2.355

// stroke is a dark line along a cubic Bezier curve with a Gaussian profile across: width is
// its standard deviation in pixels, depth the grey values it takes away in the middle.
type stroke struct {
	at           [4]point
	width, depth float64
}

// canvas adds up darkness on a grid. scale is grid points a pixel of the region; x0, y0 is
// the region's point at the grid's first.
type canvas struct {
	data   []float32
	w, h   int
	x0, y0 float64
	scale  float64
	ex, ey []float32
}

// draw adds a stroke: Gaussian spots along the curve, each weighted by the length that it
// stands for, so that their sum is the stroke's depth however dense they are.
func (c *canvas) draw(s *stroke) {
	width := s.width * c.scale
	if width < 0.45 {
		width = 0.45
	}
	step := 0.8 * width
	length := 0.0
	for i := range 3 {
		length += math.Hypot(s.at[i+1].x-s.at[i].x, s.at[i+1].y-s.at[i].y)
	}
	n := max(int(length*c.scale/step), 2)
	prev := c.place(s.curve(0))
	for i := range n {
		next := c.place(s.curve(float64(i+1) / float64(n)))
		ds := math.Hypot(next.x-prev.x, next.y-prev.y)
		c.spot((prev.x+next.x)/2, (prev.y+next.y)/2, width, s.depth*s.width*c.scale/width*ds/(math.Sqrt(2*math.Pi)*width))
		prev = next
	}
}

func (c *canvas) place(p point) point { return point{(p.x - c.x0) * c.scale, (p.y - c.y0) * c.scale} }

func (s *stroke) curve(t float64) point {
	u := 1 - t
	b0, b1, b2, b3 := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	return point{
		b0*s.at[0].x + b1*s.at[1].x + b2*s.at[2].x + b3*s.at[3].x,
		b0*s.at[0].y + b1*s.at[1].y + b2*s.at[2].y + b3*s.at[3].y,
	}
}

func (c *canvas) spot(x, y, width, weight float64) {
	r := 2.8 * width
	xa, xb := max(int(math.Ceil(x-r)), 0), min(int(math.Floor(x+r)), c.w-1)
	ya, yb := max(int(math.Ceil(y-r)), 0), min(int(math.Floor(y+r)), c.h-1)
	if xa > xb || ya > yb {
		return
	}
	c.ex = bell(c.ex[:0], float64(xa)-x, xb-xa+1, width, 1)
	c.ey = bell(c.ey[:0], float64(ya)-y, yb-ya+1, width, weight)
	for i, wy := range c.ey {
		row := c.data[(ya+i)*c.w+xa:][:len(c.ex)]
		for j, wx := range c.ex {
			row[j] += wx * wy
		}
	}
}

// bell appends n values of a Gaussian curve of a width and height, from d on in steps of one.
// Neighbours differ by a factor that itself grows evenly, which spares an exponential each.
func bell(to []float32, d float64, n int, width, height float64) []float32 {
	k := 1 / (2 * width * width)
	v, factor, growth := height*math.Exp(-d*d*k), math.Exp(-(2*d+1)*k), math.Exp(-2*k)
	for range n {
		to = append(to, float32(v))
		v *= factor
		factor *= growth
	}
	return to
}

// Darkness adds the palm's lines in one band to dst, a grid of w by h points: grey values
// that the lines take away from skin of 120. (x0, y0) is the region's point, in its pixels,
// at the grid's first; scale is grid points a pixel. The palm's skin goes on for about half a
// region on all sides. creases is how much of what creases take away at 850 nm is left to be
// seen: 1 as in a Capture, less where the picture shows relief besides.
func (id *Identity) Darkness(band Band, dst []float32, w, h int, x0, y0, scale, creases float64) {
	c := &canvas{data: dst, w: w, h: h, x0: x0, y0: y0, scale: scale}
	add := func(set []stroke, factor float64) {
		for _, s := range set {
			s.depth *= factor
			c.draw(&s)
		}
	}
	if band == Vein {
		add(id.tubes, 1)
		add(id.outerTubes, 1)
		add(id.lines, id.creaseInNIR*creases)
		add(id.outerLines, id.creaseInNIR*creases)
		return
	}
	add(id.lines, 1)
	add(id.outerLines, 1)
}
