package pad

import (
	"math"

	"github.com/tilld/tilld/biometric/capture"
)

const (
	// blocks is how many there are along a side of the palm.
	blocks = 8
	// reach is how far a palm may move between two shots, in pixels each way.
	reach = 24
	// edge keeps a block that moved inside of the picture.
	edge = reach + 6
	// leastMotion is what a palm must move by for its relief to show, in pixels.
	leastMotion = 1.0
	// leastBlocks is how many blocks with lines in them it takes.
	leastBlocks = 24
)

// flow is how far one block moved, in parts of the palm's side from its middle, and pixels.
type flow struct{ x, y, u, v float64 }

// parallax is how much the motion of the palm's parts between two shots under one lamp
// differs from what a flat thing's would, in percent of the motion: C6. A flat thing that is
// moved or turned moves as eight numbers say; a palm has hills and a hollow. It is reported
// and decides nothing: in half a second hands move so little that what is left over is the
// tracking's own error, .1 to .4 pixels, of simulated prints as of simulated hands.
func parallax(s *scene) (float64, bool) {
	a, b := s.apartInTime()
	if a == nil || b == nil {
		return 0, false
	}
	n := s.flows(a, b)
	if n < leastBlocks {
		return 0, false
	}
	f := s.flow[:n]
	motion := 0.0
	for i := range f {
		motion += f[i].u*f[i].u + f[i].v*f[i].v
	}
	motion = math.Sqrt(motion / float64(n))
	if motion < leastMotion {
		return 0, false
	}
	rest, ok := flatRest(f)
	return 100 * rest / motion, ok
}

// apartInTime is the first and the last shot under white light, which shows more lines, or
// else under NIR.
func (s *scene) apartInTime() (a, b *capture.Shot) {
	for _, l := range [2]capture.Light{capture.White, capture.NIR} {
		a, b = nil, nil
		for i := range s.n {
			if shot := s.views[i].shot; shot.Light == l {
				if a == nil {
					a = shot
				} else {
					b = shot
				}
			}
		}
		if b != nil && s.palmN > 0 {
			return a, b
		}
	}
	return nil, nil
}

// flows finds how far each block of the palm moved from a to b. Blocks without lines, and
// those that move unlike what is around them, are left out.
func (s *scene) flows(a, b *capture.Shot) (n int) {
	x0, y0 := max(s.box.X0, edge), max(s.box.Y0, edge)
	x1, y1 := min(s.box.X1, s.w-edge), min(s.box.Y1, s.h-edge)
	size := min(x1-x0, y1-y0) / blocks
	if size < 8 {
		return 0
	}
	dx, dy := s.shift(a.Luma, b.Luma, x0, y0, x1, y1)
	side := float64(size * blocks)
	for by := range blocks {
		for bx := range blocks {
			x, y := x0+bx*size, y0+by*size
			u, v, ok := s.track(a.Luma, b.Luma, x, y, size, float64(dx), float64(dy))
			if ok {
				half := float64(size) / 2
				s.flow[n] = flow{(float64(x-x0)+half)/side - 0.5, (float64(y-y0)+half)/side - 0.5, u, v}
				n++
			}
		}
	}
	return n
}

// shift is how far all of the palm moved, to a pixel: where the sums of its columns, and of
// its rows, fit best.
func (s *scene) shift(a, b []byte, x0, y0, x1, y1 int) (dx, dy int) {
	columns, rows := &s.columns, &s.rows
	clear(columns[0][:])
	clear(columns[1][:])
	clear(rows[0][:])
	clear(rows[1][:])
	for y := y0 - reach; y < y1+reach; y++ {
		ra, rb := a[y*s.w:][:s.w], b[y*s.w:][:s.w]
		for x := x0 - reach; x < x1+reach; x += 2 {
			columns[0][x] += int32(ra[x])
			columns[1][x] += int32(rb[x])
			rows[0][y] += int32(ra[x])
			rows[1][y] += int32(rb[x])
		}
	}
	dx = fit(columns[0][x0-reach:x1+reach], columns[1][x0-reach:x1+reach], 2)
	dy = fit(rows[0][y0-reach:y1+reach], rows[1][y0-reach:y1+reach], 1)
	return dx, dy
}

// fit is the shift of b against a at which their slopes differ least.
func fit(a, b []int32, step int) (shift int) {
	least := int64(math.MaxInt64)
	for d := -reach; d <= reach; d += step {
		sum := int64(0)
		for i := reach + step; i < len(a)-reach; i += step {
			e := int64(a[i]-a[i-step]) - int64(b[i+d]-b[i+d-step])
			sum += e * e
		}
		if sum < least {
			least, shift = sum, d
		}
	}
	return shift
}

// track finds how far one block moved, to a small part of a pixel, from a guess on: Lucas and
// Kanade's method, with the mean brightness taken out.
func (s *scene) track(a, b []byte, x0, y0, size int, u, v float64) (float64, float64, bool) {
	startU, startV := u, v
	for range 4 {
		var xx, xy, yy, xt, yt, gx, gy, gt, n float64
		iu, iv := math.Floor(u), math.Floor(v)
		fu, fv := u-iu, v-iv
		at := int(iv)*s.w + int(iu)
		for y := y0; y < y0+size; y += 2 {
			for x := x0; x < x0+size; x += 2 {
				i := y*s.w + x
				ix := float64(int(a[i+1])-int(a[i-1])) / 2
				iy := float64(int(a[i+s.w])-int(a[i-s.w])) / 2
				k := i + at
				moved := (1-fv)*((1-fu)*float64(b[k])+fu*float64(b[k+1])) +
					fv*((1-fu)*float64(b[k+s.w])+fu*float64(b[k+s.w+1]))
				t := moved - float64(a[i])
				xx, xy, yy = xx+ix*ix, xy+ix*iy, yy+iy*iy
				xt, yt = xt+ix*t, yt+iy*t
				gx, gy, gt = gx+ix, gy+iy, gt+t
				n++
			}
		}
		xx, xy, yy = xx-gx*gx/n, xy-gx*gy/n, yy-gy*gy/n
		xt, yt = xt-gx*gt/n, yt-gy*gt/n
		det := xx*yy - xy*xy
		// The smaller eigenvalue: a block must have lines both ways, and more than noise.
		if small := (xx+yy)/2 - math.Sqrt((xx-yy)*(xx-yy)/4+xy*xy); small < 2*n || det <= 0 {
			return 0, 0, false
		}
		du, dv := (xy*yt-yy*xt)/det, (xy*xt-xx*yt)/det
		u, v = u+du, v+dv
		if math.Abs(u-startU) > 4 || math.Abs(v-startV) > 4 {
			return 0, 0, false
		}
		if math.Abs(du) < 0.003 && math.Abs(dv) < 0.003 {
			break
		}
	}
	return u, v, true
}

// planar is how many numbers say how a flat thing's picture moves.
const planar = 8

// flatRest is what of a motion no flat thing would show, in pixels: the root mean square
// after the least squares fit of
//
//	u = a + b*x + c*y + g*x*x + h*x*y
//	v = d + e*x + f*y + g*x*y + h*y*y
func flatRest(f []flow) (float64, bool) {
	var m [planar][planar + 1]float64
	terms := func(p *flow) (eu, ev [planar]float64) {
		return [planar]float64{1, p.x, p.y, 0, 0, 0, p.x * p.x, p.x * p.y},
			[planar]float64{0, 0, 0, 1, p.x, p.y, p.x * p.y, p.y * p.y}
	}
	for i := range f {
		eu, ev := terms(&f[i])
		for r := range planar {
			for c := range planar {
				m[r][c] += eu[r]*eu[c] + ev[r]*ev[c]
			}
			m[r][planar] += eu[r]*f[i].u + ev[r]*f[i].v
		}
	}
	if !eliminate(&m) {
		return 0, false
	}
	sum := 0.0
	for i := range f {
		eu, ev := terms(&f[i])
		u, v := f[i].u, f[i].v
		for k := range planar {
			u -= eu[k] * m[k][planar]
			v -= ev[k] * m[k][planar]
		}
		sum += u*u + v*v
	}
	return math.Sqrt(sum / float64(len(f))), true
}

// eliminate solves a system in place; the last column becomes the solution.
func eliminate(m *[planar][planar + 1]float64) bool {
	for i := range planar {
		best := i
		for r := i + 1; r < planar; r++ {
			if math.Abs(m[r][i]) > math.Abs(m[best][i]) {
				best = r
			}
		}
		m[i], m[best] = m[best], m[i]
		if math.Abs(m[i][i]) < 1e-9 {
			return false
		}
		for r := range planar {
			if r == i {
				continue
			}
			k := m[r][i] / m[i][i]
			for c := i; c <= planar; c++ {
				m[r][c] -= k * m[i][c]
			}
		}
	}
	for i := range planar {
		m[i][planar] /= m[i][i]
	}
	return true
}
