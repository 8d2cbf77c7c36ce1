package roi

// run is a piece of a row that is bright, x0 <= x < x1, and the component it belongs to:
// the index of another run of it, in the end of its first one.
type run struct {
	x0, x1, y int16
	part      int32
}

// part is a connected component.
type part struct {
	first  int32 // its first run
	area   int
	box    Box
	border [4]int // how many of its pixels lie on the picture's left, top, right, bottom border
}

const (
	maxRuns  = 1 << 14 // more runs than this are noise, not a hand
	maxParts = 8       // the largest components that are kept
)

// label finds the connected components (8 neighbours) of what is above level, or not above it
// where dark is the hand, and keeps the largest ones, largest first. It reports false when
// there are too many pieces to be anything.
func (f *Finder) label(pix []byte, w, h int, level byte, inverted bool) bool {
	f.runs = f.runs[:0]
	before := 0 // the first run of the row above
	for y := range h {
		row := pix[y*w : y*w+w]
		start := len(f.runs)
		above := before
		for x := 0; x < w; {
			for x < w && (row[x] > level) == inverted {
				x++
			}
			x0 := x
			for x < w && (row[x] > level) != inverted {
				x++
			}
			if x == x0 {
				break
			}
			if len(f.runs) == maxRuns {
				return false
			}
			me := int32(len(f.runs))
			f.runs = append(f.runs, run{int16(x0), int16(x), int16(y), me})
			for above < start && int(f.runs[above].x1) < x0 {
				above++
			}
			for k := above; k < start && int(f.runs[k].x0) <= x; k++ {
				f.join(me, int32(k))
			}
		}
		before = start
	}
	f.gather(w, h)
	return true
}

func (f *Finder) root(i int32) int32 {
	for f.runs[i].part != i {
		f.runs[i].part = f.runs[f.runs[i].part].part
		i = f.runs[i].part
	}
	return i
}

func (f *Finder) join(a, b int32) {
	a, b = f.root(a), f.root(b)
	f.runs[max(a, b)].part = min(a, b)
}

// gather measures the components. Roots come before the other runs of their component.
func (f *Finder) gather(w, h int) {
	f.parts = f.parts[:0]
	clear(f.areas[:len(f.runs)])
	for i := range f.runs {
		r := &f.runs[i]
		r.part = f.root(int32(i))
		f.areas[r.part] += int32(r.x1 - r.x0)
	}
	for i := range f.runs {
		if f.runs[i].part == int32(i) {
			f.keep(int32(i))
		}
	}
	for i := range f.runs {
		r := &f.runs[i]
		for k := range f.parts {
			if f.parts[k].first == r.part {
				f.parts[k].add(r, w, h)
				break
			}
		}
	}
}

// keep puts a component among the largest.
func (f *Finder) keep(first int32) {
	area := int(f.areas[first])
	at := len(f.parts)
	for at > 0 && f.parts[at-1].area < area {
		at--
	}
	if at == maxParts {
		return
	}
	if len(f.parts) < maxParts {
		f.parts = append(f.parts, part{})
	}
	copy(f.parts[at+1:], f.parts[at:])
	f.parts[at] = part{first: first, area: area, box: Box{1 << 15, 1 << 15, 0, 0}}
}

func (p *part) add(r *run, w, h int) {
	x0, x1, y := int(r.x0), int(r.x1), int(r.y)
	p.box.X0, p.box.X1 = min(p.box.X0, x0), max(p.box.X1, x1)
	p.box.Y0, p.box.Y1 = min(p.box.Y0, y), max(p.box.Y1, y+1)
	if x0 == 0 {
		p.border[0]++
	}
	if y == 0 {
		p.border[1] += x1 - x0
	}
	if x1 == w {
		p.border[2]++
	}
	if y == h-1 {
		p.border[3] += x1 - x0
	}
}

// paint writes the mask: 1 where the component is, 2 where another one is.
func (f *Finder) paint(mask []byte, w int, first int32) {
	clear(mask)
	for i := range f.runs {
		r := &f.runs[i]
		v := byte(2)
		if r.part == first {
			v = 1
		}
		row := mask[int(r.y)*w+int(r.x0) : int(r.y)*w+int(r.x1)]
		for x := range row {
			row[x] = v
		}
	}
}
