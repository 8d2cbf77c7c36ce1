package pad

import (
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
)

// maxShots is how many shots are looked at; what comes after them is passed over.
const maxShots = 64

const grid = maxCells * maxCells

// view is one shot and the means of its cells.
type view struct {
	shot  *capture.Shot
	cells [grid]float32
}

// scene is what the detectors look at: the shots of one presentation, cell by cell, what they
// are on average under each light, and where the palm is.
type scene struct {
	in         *Input
	w, h       int // of the shots, pixels
	side       int // of a cell, pixels
	nx, ny     int // cells
	views      [maxShots]view
	n          int // views
	count      [3]int
	mean       [3][grid]float32 // by light
	nir, white [grid]float32    // lit less dark
	palm       [grid]int32      // the cells of the palm, by number
	palmN      int
	box        roi.Box // around the palm, pixels

	hist    [256]int32
	depth   [grid]int16
	ranks   ranks
	samples [grid]float32
	bands   [2]filtered
	flow    [blocks * blocks]flow
	columns [2][maxSide]int32
	rows    [2][maxSide]int32
	sums    [(roi.Size + 1) * (roi.Size + 1)]uint32
}

// look takes a presentation in.
func (s *scene) look(in *Input) {
	s.in, s.n, s.palmN = in, 0, 0
	s.w, s.h, s.nx, s.ny = 0, 0, 0, 0
	s.count = [3]int{}
	for i := range in.Shots {
		s.add(&in.Shots[i])
	}
	if s.n == 0 {
		return
	}
	for l := range s.mean {
		s.average(capture.Light(l))
	}
	s.subtract(&s.nir, capture.NIR)
	s.subtract(&s.white, capture.White)
	s.findPalm()
}

// forget lets go of the pictures.
func (s *scene) forget() {
	s.in = nil
	for i := range s.n {
		s.views[i].shot = nil
	}
	s.n = 0
}

func (s *scene) add(shot *capture.Shot) {
	if !shot.Settled || shot.Light > capture.White || s.n == maxShots ||
		shot.Width < minSide || shot.Height < minSide || shot.Width > maxSide || shot.Height > maxSide ||
		len(shot.Luma) < shot.Width*shot.Height {
		return
	}
	if s.n == 0 {
		s.w, s.h = shot.Width, shot.Height
		s.side = cellSide(s.w, s.h)
		s.nx, s.ny = s.w/s.side, s.h/s.side
	}
	if shot.Width != s.w || shot.Height != s.h {
		return
	}
	v := &s.views[s.n]
	v.shot = shot
	cells(v.cells[:s.nx*s.ny], shot.Luma, s.w, s.h, s.side)
	s.n++
	s.count[shot.Light]++
}

// Limits of a picture's side, pixels.
const (
	minSide = 64
	maxSide = 4096
)

// average makes the mean of all shots under a light.
func (s *scene) average(l capture.Light) {
	m := s.mean[l][:s.nx*s.ny]
	clear(m)
	for i := range s.n {
		if v := &s.views[i]; v.shot.Light == l {
			for j, c := range v.cells[:len(m)] {
				m[j] += c
			}
		}
	}
	scale := 1 / float32(max(1, s.count[l]))
	for j := range m {
		m[j] *= scale
	}
}

func (s *scene) subtract(dst *[grid]float32, l capture.Light) {
	for j := range s.nx * s.ny {
		dst[j] = s.mean[l][j] - s.mean[capture.Dark][j]
	}
}

// has reports whether there are shots under all of these lights, and a palm in them.
func (s *scene) has(lights ...capture.Light) bool {
	for _, l := range lights {
		if s.count[l] == 0 {
			return false
		}
	}
	return s.palmN > 0
}

// lit reports whether brightness under a lamp, less dark, is known.
func (s *scene) lit(lights ...capture.Light) bool {
	return s.count[capture.Dark] > 0 && !s.in.Unlocked && s.has(lights...)
}

// level is the mean of cells over the palm.
func (s *scene) level(cells *[grid]float32) float64 {
	sum := float32(0)
	for _, j := range s.palm[:s.palmN] {
		sum += cells[j]
	}
	return float64(sum) / float64(max(1, s.palmN))
}

// spread of grey levels: 4 bins a level, from lowest on.
const (
	bins   = 4
	lowest = -64
)

// ranks is how values are distributed.
type ranks struct {
	n     int32
	count [bins * (256 - lowest)]int32
}

func (r *ranks) add(v float32) {
	r.n++
	r.count[min(len(r.count)-1, max(0, int((v-lowest)*bins)))]++
}

// at is the value below which a share of them lies, to a quarter of a level.
func (r *ranks) at(share float64) float64 {
	want := int32(share * float64(r.n))
	for i, c := range r.count {
		if want -= c; want < 0 {
			return lowest + (float64(i)+0.5)/bins
		}
	}
	return 255
}

// over is how cells are distributed over the palm; it is good until the next call.
func (s *scene) over(cells *[grid]float32) *ranks {
	s.ranks = ranks{}
	for _, j := range s.palm[:s.palmN] {
		s.ranks.add(cells[j])
	}
	return &s.ranks
}
