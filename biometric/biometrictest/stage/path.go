package stage

import (
	"math"
	"math/rand/v2"
	"time"
)

// path is how a thing moves: it comes in, settles, is held with drift and tremor, and goes.
type path struct {
	hold     Pose
	from     Pose // added to hold in the beginning
	start    time.Duration
	stops    []stop        // where it is held before
	arrive   time.Duration // how long it takes to come, and from stop to stop
	leave    time.Duration // when it goes; 0: never
	sway     [6][4]wave
	unsteady float64 // 1: a hand's usual drift and tremor
}

// stop is a place on the way.
type stop struct {
	off  Pose // added to hold
	stay time.Duration
}

type wave struct{ amount, speed, phase float64 }

// sways are the drift (slow) and the tremor (8 to 11 Hz) of a hand that is held still, in mm
// and degrees.
func newSways(rng *rand.Rand) (s [6][4]wave) {
	slow := [6]float64{0.9, 0.9, 1.4, 0.5, 0.7, 0.7}
	quick := [6]float64{0.10, 0.10, 0.12, 0.05, 0.08, 0.08}
	for i := range s {
		for k := range s[i] {
			w := wave{slow[i] * (0.3 + 0.7*rng.Float64()), 2 * math.Pi * (0.15 + 0.9*rng.Float64()), 2 * math.Pi * rng.Float64()}
			if k == 3 {
				w.amount, w.speed = quick[i]*(0.3+rng.Float64()), 2*math.Pi*(8+3*rng.Float64())
			}
			s[i][k] = w
		}
	}
	return s
}

// settled is when the thing is held still where it shall be.
func (p *path) settled() time.Duration {
	t := p.start + p.arrive
	for _, s := range p.stops {
		t += s.stay + p.arrive
	}
	return t
}

// off is how far off its last place the thing is, but for drift and tremor.
func (p *path) off(t time.Duration) Pose {
	if p.leave > 0 && t > p.leave {
		return p.from.times(ease(float64(t-p.leave) / float64(max(p.arrive, 1))))
	}
	t -= p.start
	at := p.from
	for _, s := range p.stops {
		if t < p.arrive {
			return at.towards(s.off, ease(float64(t)/float64(p.arrive)))
		}
		if t -= p.arrive + s.stay; t < 0 {
			return s.off
		}
		at = s.off
	}
	if t < p.arrive {
		return at.towards(Pose{}, ease(float64(t)/float64(p.arrive)))
	}
	return Pose{}
}

// at is the pose at a time; false while it is not there.
func (p *path) at(t time.Duration) (Pose, bool) {
	if t < p.start || p.leave > 0 && t > p.leave+p.arrive {
		return Pose{}, false
	}
	q := p.hold.plus(p.off(t))
	sec := t.Seconds()
	for i, to := range q.all() {
		for _, w := range p.sway[i] {
			*to += p.unsteady * w.amount * math.Sin(w.speed*sec+w.phase)
		}
	}
	return q, true
}

// ease goes from 0 to 1 with a soft beginning and end.
func ease(x float64) float64 {
	x = clamp(x, 0, 1)
	return x * x * x * (10 + x*(6*x-15))
}
