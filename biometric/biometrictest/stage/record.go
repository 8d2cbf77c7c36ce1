package stage

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/drivers/sense"
)

// PhaseFrames is how many frames Record takes in each phase.
const PhaseFrames = 2

// Still is one frame of a presentation in one light, all of it, at a time since its beginning.
func Still(f *Film, p *Presentation, at time.Duration, l capture.Light) []byte {
	dst := make([]byte, f.Width*f.Height)
	f.Expose(dst, p, at, Lighting{{At: at - time.Second, Lamps: LampsOf(l)}})
	return dst
}

// Record takes a lamp order of a presentation, PhaseFrames frames a phase, beginning at a
// time since the presentation's beginning: as a camera would whose owner switches the lamps
// as soon as the last frame of a phase is delivered. Each Shot says what was driven, whatever
// its frame shows; its At counts from the presentation's beginning.
func Record(f *Film, p *Presentation, from time.Duration, order ...capture.Light) []capture.Shot {
	const react = 500 * time.Microsecond
	var shots []capture.Shot
	lighting := make(Lighting, 0, len(order))
	for i, l := range order {
		at := from - 2*time.Millisecond
		if i > 0 {
			at = from + time.Duration(i*PhaseFrames-1)*f.Interval + f.Taken() + f.Latency + react
		}
		lighting = append(lighting, Change{at, LampsOf(l)})
	}
	for i := range len(order) * PhaseFrames {
		at := from + time.Duration(i)*f.Interval
		s := capture.Shot{Light: order[i/PhaseFrames], Phase: i / PhaseFrames, Settled: true, At: sense.Time(at),
			Width: f.Width, Height: f.Height, Luma: make([]byte, f.Width*f.Height)}
		s.Settled = !slices.ContainsFunc(lighting, func(c Change) bool { return c.At > at && c.At < at+f.Taken() })
		f.Expose(s.Luma, p, at, lighting)
		shots = append(shots, s)
	}
	return shots
}

// Take is one presentation as a till would have taken it.
type Take struct {
	*Presentation
	Order capture.Order
	Shots []capture.Shot
	// Truth is where the hand is in the middle of the capture; Shown is false where none is.
	Truth Truth
	Shown bool
}

// Try is a whole presentation of a live hand (BonaFide) or an instrument, recorded under a
// lamp order. All of it follows from the seed.
func Try(f *Film, seed uint64, name string) Take {
	var t Take
	if name == BonaFide {
		t.Presentation = Live(Careful(seed))
	} else {
		t.Presentation = Attack(name, seed)
	}
	rng := rand.New(rand.NewPCG(seed, 0x0dde))
	t.Order = drawOrder(rng)
	from := t.Settled() + time.Duration(100+rng.IntN(500))*time.Millisecond
	t.Shots = Record(f, t.Presentation, from, t.Order[:]...)
	middle := from + time.Duration(len(t.Shots))*f.Interval/2
	t.Truth, t.Shown = t.Presentation.Truth(f.Sensor, middle)
	return t
}

// drawOrder is an order that a seed decides; a till's own is nobody's to know.
func drawOrder(rng *rand.Rand) capture.Order {
	for {
		var o capture.Order
		for i := range o {
			o[i] = capture.Light(rng.IntN(3))
		}
		if o.Valid() {
			return o
		}
	}
}
