package roi

import (
	"fmt"
	"math"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// Limits of a picture's side.
const (
	MinSide = 64
	MaxSide = 4096
)

// smallSide is the longer side of the small picture that a hand is looked for in.
const smallSide = 320

// Finder finds hands in pictures of one size. Its memory is made once; Find and the calls
// after it do not allocate. Not safe for concurrent use.
type Finder struct {
	w, h   int // of the pictures
	step   int // one pixel of the small picture is step x step of these
	sw, sh int

	small []byte // lit minus dark, sw*sh
	mask  []byte // as Mask.Pix
	patch []byte // around the region, 16 bits a pixel
	cut   []byte // a region, 16 bits a pixel
	sum   []byte // of regions, 32 bits a pixel
	added int

	inverted bool // the hand is the darker part of the small picture

	hist  [256]int32
	runs  []run
	areas []int32
	parts []part
	edge  []dot
	found []valley
}

// New makes a finder for pictures of w by h pixels. Everything that holds a part of a picture
// comes from mem, which returns n bytes of zeros: an arena that is locked into memory; nil
// takes the heap. It fails for sides outside of MinSide..MaxSide, and when mem returns less.
func New(w, h int, mem func(n int) []byte) (*Finder, error) {
	if w < MinSide || h < MinSide || w > MaxSide || h > MaxSide {
		return nil, fmt.Errorf("make a palm finder for %dx%d pixels: a side is outside of %d to %d", w, h, MinSide, MaxSide)
	}
	if mem == nil {
		mem = func(n int) []byte { return make([]byte, n) }
	}
	step := (max(w, h) + smallSide - 1) / smallSide
	f := &Finder{w: w, h: h, step: step, sw: w / step, sh: h / step}
	for _, part := range []struct {
		b *[]byte
		n int
	}{
		{&f.small, f.sw * f.sh}, {&f.mask, f.sw * f.sh}, {&f.patch, 2 * patchSide * patchSide},
		{&f.cut, 2 * Size * Size}, {&f.sum, 4 * Size * Size},
	} {
		*part.b = mem(part.n)
		if len(*part.b) < part.n {
			return nil, fmt.Errorf("make a palm finder for %dx%d pixels: %d bytes of memory where %d are needed", w, h, len(*part.b), part.n)
		}
		*part.b = (*part.b)[:part.n:part.n]
	}
	f.runs = make([]run, 0, maxRuns)
	f.areas = make([]int32, maxRuns)
	f.parts = make([]part, 0, maxParts)
	f.edge = make([]dot, 0, maxContour)
	f.found = make([]valley, 0, maxValleys)
	return f, nil
}

// Find looks for one hand in lit minus dark, or in lit alone where dark is nil. The error is
// nil, or one of the Err values of this package.
func (f *Finder) Find(lit, dark []byte) (Hand, error) {
	if len(lit) != f.w*f.h || dark != nil && len(dark) != f.w*f.h {
		return Hand{}, ErrSize
	}
	shrink(f.small, lit, dark, f.w, f.h, f.step)
	histogram(&f.hist, f.small)
	s := otsu(&f.hist)
	if s.high-s.low < minContrast {
		return f.nothing(dark)
	}
	found := f.search(s, dark == nil)
	if len(f.parts) == 0 || f.parts[0].area < f.sw*f.sh/100 {
		return f.nothing(dark)
	}
	if found.cost > maxCost {
		if dark != nil && s.high-s.low < dim {
			return f.nothing(dark) // clothes and walls farther away
		}
		return f.shapeless(&f.parts[0], dark)
	}
	back := s.low
	if f.inverted {
		back = s.high
	}
	h := f.measure(lit, dark, &f.parts[found.part], &found, back)
	if dark != nil && f.another(&found) {
		h.Guide, h.Quality = biometric.OneOnly, 0
		return h, ErrMany
	}
	return h, nil
}

// measure makes a Hand of three valleys. back is how bright the background is.
func (f *Finder) measure(lit, dark []byte, p *part, t *triple, back float64) Hand {
	h := f.outline(p)
	a, c := t.v[0].p, t.v[2].p
	length := math.Hypot(c.X-a.X, c.Y-a.Y)
	width := math.Inf(1)
	for i := range t.v {
		g := f.gap(t.v[i], t.ahead, 0.3*length)
		if g.ok {
			width = min(width, g.width)
		}
		h.Valleys[i] = f.refine(lit, dark, f.full(t.v[i].p), g.axis, length*float64(f.step))
	}
	d := way{(c.Y - a.Y) / length, -(c.X - a.X) / length}
	h.Side = f.side(a, c, d, length)
	h.Corners = square(h.Valleys[0], h.Valleys[2])
	s := f.survey(lit, dark, h.Corners)
	if dark != nil {
		f.lift(&h.Corners, s)
	}
	f.judge(&h, s, dark != nil, back, width/length)
	if h.Side == SideRight { // left to right it is the little finger first
		h.Valleys[0], h.Valleys[2] = h.Valleys[2], h.Valleys[0]
	}
	return h
}

// full is a point of the small picture in the whole one.
func (f *Finder) full(p Point) Point {
	s := float64(f.step)
	return Point{(p.X+0.5)*s - 0.5, (p.Y+0.5)*s - 0.5}
}

// Mask is which parts of the picture were the hand when Find last looked, in blocks of
// Step x Step pixels: 0 background, 1 hand, 2 something else that is bright. Pix belongs to
// the finder and is good until the next Find.
type Mask struct {
	Width, Height, Step int
	Pix                 []byte
}

// Mask is where the hand was found last.
func (f *Finder) Mask() Mask { return Mask{f.sw, f.sh, f.step, f.mask} }

// Wipe overwrites all that is left of pictures. The finder can be used again.
func (f *Finder) Wipe() {
	for _, b := range [][]byte{f.small, f.mask, f.patch, f.cut, f.sum} {
		secret.Zero(b)
	}
	f.added, f.inverted = 0, false
	f.hist = [256]int32{}
	clear(f.runs[:cap(f.runs)])
	clear(f.areas)
	clear(f.parts[:cap(f.parts)])
	clear(f.edge[:cap(f.edge)])
	clear(f.found[:cap(f.found)])
}
