package roi

// dot is a pixel of a contour.
type dot struct{ x, y int16 }

// maxContour is how long a contour may be; a longer one is no hand's.
const maxContour = 1 << 13

// around are the eight neighbours of a pixel, clockwise as seen, from the right one on.
var around = [8]dot{{1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}, {-1, -1}, {0, -1}, {1, -1}}

// trace follows the outer border of the component that begins at (x, y), its first pixel in
// reading order: clockwise as seen, the component on the right hand. It reports false when
// the border is too long.
func (f *Finder) trace(mask []byte, w, h, x, y int) bool {
	f.edge = f.edge[:0]
	in := func(x, y int) bool { return uint(x) < uint(w) && uint(y) < uint(h) && mask[y*w+x] == 1 }
	x0, y0, way := x, y, 0
	firstWay := -1
	for len(f.edge) < maxContour {
		// Begin a quarter and an eighth to the left of where we came from.
		turn := 0
		for d := (way + 5) & 7; turn < 8; turn, d = turn+1, (d+1)&7 {
			if in(x+int(around[d].x), y+int(around[d].y)) {
				way = d
				break
			}
		}
		if turn == 8 {
			f.edge = append(f.edge, dot{int16(x), int16(y)})
			return true // a single pixel
		}
		if x == x0 && y == y0 {
			if way == firstWay {
				return true
			}
			if firstWay < 0 {
				firstWay = way
			}
		}
		f.edge = append(f.edge, dot{int16(x), int16(y)})
		x, y = x+int(around[way].x), y+int(around[way].y)
	}
	return false
}
