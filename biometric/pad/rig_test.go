package pad

import (
	"math/rand/v2"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/drivers/sense"
)

const (
	picW, picH = 640, 480
	palmX      = 192 // the palm's square in the picture
	palmY      = 112
	palmSide   = 256
)

// subject is the least that looks like a palm: a square with lines under NIR and white light,
// around it less and less, and then nothing. What a whole hand looks like is the business of
// the simulated instruments.
type subject struct {
	dark       float64 // light around
	nir, white float64 // how bright the lamps make the palm
	vein, band *[128 * 128]byte
	emit       [3]float64 // light of its own by phase's light: a display
	ground     float64    // the background's part of the palm's brightness
	spot       float64    // a mirrored lamp
	noise      float64
	drift      int // pixels from shot to shot
}

func living(seed uint64) *subject {
	p, v := palms.New(seed).Pair(seed, palms.Held())
	return &subject{dark: 12, nir: 110, white: 140, vein: (*[128 * 128]byte)(v), band: (*[128 * 128]byte)(p), ground: 0.05, noise: 1.5}
}

// shoot takes one shot of each phase.
func (u *subject) shoot(order []capture.Light, seed uint64) *Input {
	rng := rand.New(rand.NewPCG(seed, 5))
	in := &Input{Order: order, Corners: [4]roi.Point{{X: palmX, Y: palmY}, {X: palmX + palmSide, Y: palmY},
		{X: palmX + palmSide, Y: palmY + palmSide}, {X: palmX, Y: palmY + palmSide}}}
	for p, l := range order {
		in.Shots = append(in.Shots, capture.Shot{Light: l, Phase: p, Settled: true, At: sense.Time(p) * 66e6,
			Width: picW, Height: picH, Luma: u.picture(l, p*u.drift, rng)})
	}
	in.Vein, in.Print = (*roi.Region)(u.vein), (*roi.Region)(u.band)
	in.measure()
	return in
}

// measure sets the distance between the two regions.
func (in *Input) measure() {
	var a, b bocv.Code
	e := bocv.New()
	e.Code(&a, in.Vein)
	e.Code(&b, in.Print)
	in.Distance, _, _ = bocv.Distance(&a, &b, 3)
	in.HasDistance = true
}

func (u *subject) picture(l capture.Light, shift int, rng *rand.Rand) []byte {
	pic := make([]byte, picW*picH)
	level := [3]float64{0, u.nir, u.white}[l]
	lines := [3]*[128 * 128]byte{u.vein, u.vein, u.band}[l]
	for y := range picH {
		for x := range picW {
			u0, v0 := x-palmX-shift, y-palmY-shift
			part := u.ground
			if u0 > -100 && v0 > -80 && u0 < palmSide+100 && v0 < palmSide+80 {
				part = 1
				if u0 >= 0 && v0 >= 0 && u0 < palmSide && v0 < palmSide {
					part = float64(lines[v0/2*128+u0/2]) / 120
				}
			}
			slope := 1 + [3]float64{0, 0.2, -0.15}[l]*float64(u0-palmSide/2)/palmSide
			v := u.dark + level*part*slope + u.emit[l]*part + u.noise*grain(rng)
			if u.spot > 0 && l != capture.Dark && u0 > 60 && u0 < 100 && v0 > 60 && v0 < 100 {
				v += u.spot
			}
			pic[y*picW+x] = byte(min(255, max(0, v+0.5)))
		}
	}
	return pic
}

// grain is noise of about unit variance, cheaply.
func grain(rng *rand.Rand) float64 {
	v := rng.Uint64()
	return (float64(v&0xFFFF+v>>16&0xFFFF+v>>32&0xFFFF+v>>48)/65536 - 2) * 1.73
}
