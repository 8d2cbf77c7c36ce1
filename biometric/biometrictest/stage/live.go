package stage

import (
	"math/rand/v2"
	"time"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
)

// BonaFide is the name of presentations of live hands.
const BonaFide = "bonafide"

// Options are how a live hand is presented. The zero value is a medium hand in the middle.
type Options struct {
	Person uint64 // whose hand
	Hand   palms.Hand
	Try    uint64 // which presentation of this hand: drift, noise, the room

	X, Y       float64 // mm off the picture's middle
	Scale      float64 // 1 (or 0) is at the sensor's Focus, 1.25 nearer
	Roll       float64 // degrees
	Pitch, Yaw float64 // degrees
	Spread     float64 // degrees between fingers more than relaxed: 0 partly spread, 8 wide
	Thumb      float64 // degrees off the palm; 0 is 42
	Curl       float64 // mm that the finger tips come up

	Tone    float64 // reflectance under white light, .12 (very dark) to .62; 0: the person's
	Cold    bool
	Dirt    float64 // part of the skin, 0 to .3
	Sleeve  bool
	Rings   int // of fingers: 1 ring, 2 middle, 4 index, as bits
	Plaster bool
	Light   float64 // ambient, grey values on white: 0 to 60; a shop has 4 to 15
	Sun     float64 // 850 nm of the sun, grey values on white

	Arrive time.Duration // how long the hand takes to come; 0: 500 ms; less than 0: it is there
	Stops  []Stop        // where it is held before: too far, too near, at the side
	Leave  time.Duration // when it goes; 0: it stays
	Second bool          // another hand is in view
}

// Stop is a place where a hand is held on its way. From one to the next it takes as long as
// to arrive.
type Stop struct {
	Scale float64 // 0.5 is too far, 1.6 too near
	X, Y  float64 // mm off the picture's middle
	Stay  time.Duration
}

// Vary draws options over all that a till must cope with: roll within 30 degrees, scale
// within 25 %, pitch and yaw within 15 degrees, both hands, every skin, sleeves, rings, partly
// spread to wide fingers, the light of shops.
func Vary(seed uint64) Options {
	rng := rand.New(rand.NewPCG(seed, 0x0b71))
	u := func(low, high float64) float64 { return low + (high-low)*rng.Float64() }
	o := Options{Person: rng.Uint64(), Try: rng.Uint64(), Hand: palms.Hand(rng.IntN(2)),
		X: u(-10, 10), Y: u(-8, 8), Scale: u(0.75, 1.25), Roll: u(-30, 30), Pitch: u(-15, 15), Yaw: u(-15, 15),
		Spread: u(-1.5, 8), Thumb: u(28, 58), Curl: u(-4, 10), Light: u(0, 20),
		Sleeve: rng.Float64() < 0.5, Cold: rng.Float64() < 0.1, Plaster: rng.Float64() < 0.04}
	if rng.Float64() < 0.3 {
		o.Rings = 1 << rng.IntN(3)
	}
	if rng.Float64() < 0.1 {
		o.Dirt = u(0, 0.15)
	}
	if rng.Float64() < 0.1 {
		o.Sun = u(0, 20)
	}
	return o
}

// Live is a live hand held over the camera.
func Live(o Options) *Presentation {
	rng := rand.New(rand.NewPCG(o.Try, o.Person^0x11fe))
	p := &Presentation{Name: BonaFide, Person: o.Person, Hand: o.Hand, seed: rng.Uint64()}
	p.room = newRoom(rng, max(o.Light, 0.5))
	p.room.nir += float32(o.Sun)
	p.room.white += float32(o.Sun)
	if o.Second {
		other := o
		other.Second, other.Person, other.Hand = false, o.Person+1, 1-o.Hand
		other.X, other.Roll = o.X+120, o.Roll+8
		t := handOf(other, rng)
		t.room = p.room.ambient
		p.things = append(p.things, t)
	}
	t := handOf(o, rng)
	t.room = p.room.ambient
	p.things = append(p.things, t)
	p.done()
	return p
}

// done is called when the sheets are as they shall be.
func (p *Presentation) done() {
	for i := range p.things {
		p.things[i].sheet.tile()
	}
}

// handOf is the hand of a person as options say, without the room.
func handOf(o Options, rng *rand.Rand) thing {
	h := newAnatomy(o.Person, o.Hand, o.posture())
	rest := newAnatomy(o.Person, o.Hand, posture{spread: 3, thumb: 42})
	skin, _ := rest.region()
	frame, valleys := h.region()
	l := o.look()
	if o.Sleeve {
		l.sleeve = -112*h.size - 45*rng.Float64()
		l.cloth = [2]float64{0.1 + 0.6*rng.Float64(), 0.04 + 0.6*rng.Float64()}
	}
	t := thing{
		sheet:  skinOf(h, palms.NewHand(o.Person, o.Hand), skin, l, o.Try),
		anchor: frame.place(0.5, 0.5),
		truth:  &truth{frame: frame, valleys: valleys, height: 7 * h.size},
	}
	t.path = o.path(rng)
	return t
}

func (o *Options) posture() posture {
	p := posture{spread: o.Spread, thumb: o.Thumb, curl: o.Curl}
	if p.thumb == 0 {
		p.thumb = 42
	}
	return p
}

// look is the skin of the person, and what the options make of it.
func (o *Options) look() look {
	rng := rand.New(rand.NewPCG(o.Person, 0x5e1f))
	l := look{tone: 0.14 + 0.48*rng.Float64(), lines: 0.8 + 0.3*rng.Float64(), veins: 0.75 + 0.35*rng.Float64(),
		dirt: o.Dirt, plaster: o.Plaster}
	if o.Tone > 0 {
		l.tone = o.Tone
	}
	// Melanin takes much less at 850 nm.
	l.nir = 0.40 + 0.30*(l.tone-0.14)/0.48*0.6 + 0.03*rng.NormFloat64()
	if o.Cold {
		l.veins *= 0.6
		l.nir *= 1.03
		l.tone *= 1.05
	}
	for i, f := range []int{ring, middle, index} {
		if o.Rings&(1<<i) != 0 {
			l.rings = append(l.rings, f)
		}
	}
	return l
}

// path comes from below and farther away.
func (o *Options) path(rng *rand.Rand) path {
	scale := o.Scale
	if scale == 0 {
		scale = 1
	}
	p := path{
		hold:     Pose{X: o.X, Y: o.Y, Z: DefaultSensor().Focus / scale, Roll: o.Roll, Pitch: o.Pitch, Yaw: o.Yaw},
		from:     Pose{X: 30 * (rng.Float64() - 0.5), Y: 260, Z: 110 + 60*rng.Float64(), Roll: 8 * rng.NormFloat64(), Pitch: -12},
		arrive:   o.Arrive,
		leave:    o.Leave,
		sway:     newSways(rng),
		unsteady: 1,
	}
	if o.Arrive == 0 {
		p.arrive = 500 * time.Millisecond
	}
	p.arrive = max(p.arrive, 0)
	for _, s := range o.Stops {
		p.stops = append(p.stops, stop{Pose{X: s.X - o.X, Y: s.Y - o.Y, Z: DefaultSensor().Focus/s.Scale - p.hold.Z}, s.Stay})
	}
	return p
}
