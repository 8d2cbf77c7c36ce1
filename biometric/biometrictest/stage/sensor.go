package stage

import (
	"math"
	"math/rand/v2"
	"time"
)

// Sensor is the camera: its picture, its lens, its times. The zero value of a field takes
// that of DefaultSensor.
type Sensor struct {
	Width, Height int
	Focal         float64       // focal length in pixels
	Focus         float64       // mm of the sharpest distance, for which exposure and lamps are set
	Interval      time.Duration // between frames
	Exposure      time.Duration // of one row; what the lamps are set for
	Readout       time.Duration // from the first row to the last: a rolling shutter
	Latency       time.Duration // from the end of the last row to the frame's delivery
	Well          float64       // electrons at a grey value of 255: what makes shot noise
	Read          float64       // read noise in grey values
}

// DefaultSensor is 640x480 at 30 frames/s with a wide lens: a hand at 180 mm takes 2.3 pixels
// a millimetre.
func DefaultSensor() Sensor {
	return Sensor{Width: 640, Height: 480, Focal: 410, Focus: 180,
		Interval: time.Second / 30, Exposure: 10 * time.Millisecond, Readout: 8 * time.Millisecond,
		Latency: 4 * time.Millisecond, Well: 7000, Read: 0.9}
}

func (s Sensor) filled() Sensor {
	d := DefaultSensor()
	for _, f := range []struct{ have, usual *float64 }{
		{&s.Focal, &d.Focal}, {&s.Focus, &d.Focus}, {&s.Well, &d.Well}, {&s.Read, &d.Read},
	} {
		if *f.have == 0 {
			*f.have = *f.usual
		}
	}
	for _, f := range []struct{ have, usual *time.Duration }{
		{&s.Interval, &d.Interval}, {&s.Exposure, &d.Exposure}, {&s.Readout, &d.Readout}, {&s.Latency, &d.Latency},
	} {
		if *f.have == 0 {
			*f.have = *f.usual
		}
	}
	if s.Width == 0 || s.Height == 0 {
		s.Width, s.Height = d.Width, d.Height
	}
	return s
}

// Taken is how long a frame takes from the first row's beginning to the last row's end.
func (s Sensor) Taken() time.Duration { return s.Exposure + s.Readout }

// The lamps' brightness: grey values of a matt white surface that faces the camera in the
// middle of the picture at the sensor's Focus.
const (
	nirLevel   = 236.0
	whiteLevel = 232.0
)

// optics are what the pixels of one sensor have in common, worked out once.
type optics struct {
	Sensor
	nir, white []float32 // lamp's light on a matt white surface at Focus, by pixel
	chance     []float32 // of the normal distribution, chanceSize and a row more
}

const chanceSize = 1 << 16

func newOptics(s Sensor) *optics {
	o := &optics{Sensor: s.filled()}
	n := o.Width * o.Height
	o.nir, o.white = make([]float32, n), make([]float32, n)
	for y := range o.Height {
		for x := range o.Width {
			dx, dy := o.ray(float64(x), float64(y))
			i := y*o.Width + x
			o.nir[i] = float32(nirLevel * o.beam(dx, dy, -14, 0))
			o.white[i] = float32(whiteLevel * o.beam(dx, dy, 14, 0))
		}
	}
	o.chance = make([]float32, chanceSize+o.Width)
	rng := rand.New(rand.NewPCG(1, 0x401e))
	for i := range o.chance {
		o.chance[i] = float32(rng.NormFloat64())
	}
	return o
}

// ray is the way a pixel looks, for a z of 1.
func (o *optics) ray(x, y float64) (dx, dy float64) {
	return (x - float64(o.Width-1)/2) / o.Focal, (y - float64(o.Height-1)/2) / o.Focal
}

func (o *optics) project(v vec) Point {
	return Point{v.x/v.z*o.Focal + float64(o.Width-1)/2, v.y/v.z*o.Focal + float64(o.Height-1)/2}
}

// beam is the light of a lamp beside the lens on what a pixel sees at Focus: inverse square,
// the lamp's own cone, and the lens's vignetting.
func (o *optics) beam(dx, dy, lampX, lampY float64) float64 {
	z := o.Focus
	ex, ey := dx*z-lampX, dy*z-lampY
	r2 := ex*ex + ey*ey + z*z
	cos := z / math.Sqrt(r2)
	lens := 1 / (1 + dx*dx + dy*dy) // cos^2
	return z * z / r2 * math.Pow(cos, 0.7) * math.Pow(lens, 0.6)
}
