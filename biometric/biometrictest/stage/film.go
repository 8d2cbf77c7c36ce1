package stage

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/tilld/tilld/biometric/capture"
)

// Lamps is which lamps shine.
type Lamps struct{ NIR, White bool }

// LampsOf is the lamps of a light.
func LampsOf(l capture.Light) Lamps {
	return Lamps{NIR: l == capture.NIR, White: l == capture.White}
}

// Change is when lamps were switched.
type Change struct {
	At time.Duration // since the presentation's beginning
	Lamps
}

// Lighting is what the lamps did, in the order of time. Before the first Change all are off.
type Lighting []Change

// shares are the parts of a span of time that each lamp shone in.
func (l Lighting) shares(from, to time.Duration) (nir, white float32) {
	for i, c := range l {
		a, b := max(c.At, from), to
		if i+1 < len(l) {
			b = min(b, l[i+1].At)
		}
		if a >= b {
			continue
		}
		part := float32(b-a) / float32(to-from)
		if c.NIR {
			nir += part
		}
		if c.White {
			white += part
		}
	}
	return nir, white
}

// Film is a camera's pixels and the memory that frames are drawn in. It is made once. Not
// safe for concurrent use.
type Film struct {
	*optics
	light  []float32
	spare  []float32
	column []float32 // as long as a row
	nir    []float32 // by row: the part of its exposure that the lamp shone
	white  []float32
	mirror [1024]float32 // exp(-x) for a lamp's image

	exposed time.Duration // of a row
	bright  float32       // what exposure and gain make of the light; 1 as the lamps are set for
	sigma   [256]float32  // noise by grey value
}

// NewFilm makes the film of a sensor.
func NewFilm(s Sensor) *Film {
	f := &Film{optics: newOptics(s)}
	n := f.Width * f.Height
	f.light, f.spare = make([]float32, n), make([]float32, n)
	f.column = make([]float32, f.Width)
	f.setting(f.Exposure, 1)
	f.nir, f.white = make([]float32, f.Height), make([]float32, f.Height)
	for i := range f.mirror {
		f.mirror[i] = float32(math.Exp(-8 * float64(i) / float64(len(f.mirror))))
	}
	return f
}

// Expose takes a frame of a presentation whose first row begins at a time since the
// presentation's beginning, and writes Width*Height grey values to dst.
func (f *Film) Expose(dst []byte, p *Presentation, at time.Duration, l Lighting) {
	if p.feed != nil {
		at, l = p.feed(at, l)
	}
	for y := range f.Height {
		from := at + f.Readout*time.Duration(y)/time.Duration(f.Height)
		f.nir[y], f.white[y] = l.shares(from, from+f.exposed)
	}
	middle := at + (f.exposed+f.Readout)/2
	p.back(f.optics).draw(f)
	blurX, blurY := 0.0, 0.0
	for i := range p.things {
		t := &p.things[i]
		pose, ok := t.path.at(middle)
		if !ok {
			continue
		}
		f.draw(t, pose, middle)
		if i == len(p.things)-1 {
			blurX, blurY = f.blur(t, pose, middle)
		}
	}
	f.smear(blurX, blurY)
	rng := rand.New(rand.NewPCG(p.seed, uint64(at)))
	f.develop(dst, rng)
}

// blur is the width in pixels, each way, of what focus and motion smear.
func (f *Film) blur(t *thing, p Pose, at time.Duration) (x, y float64) {
	focus := max(7*math.Abs(f.Focus/p.Z-1)-1.4, 0)
	q, ok := t.path.at(at + f.exposed)
	if !ok {
		return focus, focus
	}
	a, b := f.project(vec{p.X, p.Y, p.Z}), f.project(vec{q.X, q.Y, q.Z})
	return math.Hypot(focus, b.X-a.X), math.Hypot(focus, b.Y-a.Y)
}

// smear is a box of a width in pixels over rows and columns; less than half a pixel is none.
func (f *Film) smear(x, y float64) {
	if x >= 0.5 {
		for row := range f.Height {
			box(f.spare[:f.Width], f.light[row*f.Width:][:f.Width], x)
		}
	}
	if y >= 0.5 {
		f.smearDown(y)
	}
}

// box replaces a row by its mean over a width; tmp is as long as the row.
func box(tmp, row []float32, width float64) {
	copy(tmp, row)
	r := int(width / 2)
	edge := float32((width - float64(2*r)) / 2) // of the next pixel on each side
	n := len(row)
	at := func(i int) float32 { return tmp[min(max(i, 0), n-1)] }
	sum := float32(0)
	for i := -r; i <= r; i++ {
		sum += at(i)
	}
	k := 1 / (float32(2*r+1) + 2*edge)
	for i := range row {
		row[i] = k * (sum + edge*(at(i-r-1)+at(i+r+1)))
		sum += at(i+r+1) - at(i-r)
	}
}

func (f *Film) smearDown(width float64) {
	w, h := f.Width, f.Height
	copy(f.spare, f.light)
	r := int(width / 2)
	edge := float32((width - float64(2*r)) / 2)
	at := func(y int) []float32 { return f.spare[min(max(y, 0), h-1)*w:][:w] }
	sum := f.column
	clear(sum)
	for y := -r; y <= r; y++ {
		for x, v := range at(y) {
			sum[x] += v
		}
	}
	k := 1 / (float32(2*r+1) + 2*edge)
	for y := range h {
		out := f.light[y*w:][:w]
		before, after, gone := at(y-r-1), at(y+r+1), at(y-r)
		for x := range out {
			out[x] = k * (sum[x] + edge*(before[x]+after[x]))
			sum[x] += after[x] - gone[x]
		}
	}
}

// setting changes how long rows are exposed, and the gain: both make frames brighter, and a
// gain makes their noise more.
func (f *Film) setting(exposure time.Duration, gain float64) {
	f.exposed = exposure
	f.bright = float32(gain * float64(exposure) / float64(f.Exposure))
	for v := range f.sigma {
		f.sigma[v] = float32(math.Sqrt(float64(v)*255/f.Well*gain + square(f.Read*gain)))
	}
}

// develop turns linear light into grey values with noise.
func (f *Film) develop(dst []byte, rng *rand.Rand) {
	for y := range f.Height {
		row := f.light[y*f.Width:][:f.Width]
		out := dst[y*f.Width:][:f.Width]
		noise := f.chance[rng.IntN(chanceSize):][:f.Width]
		for x, v := range row {
			v = min(max(v*f.bright, 0), 255)
			v += noise[x]*f.sigma[uint8(v)] + 0.5
			out[x] = uint8(min(max(v, 0), 255))
		}
	}
}
