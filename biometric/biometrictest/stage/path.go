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
	arrive   time.Duration // how long it takes to come
	leave    time.Duration // when it goes; 0: never
	sway     [6][4]wave
	unsteady float64 // 1: a hand's usual drift and tremor
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

// settled is when the thing is held still.
func (p *path) settled() time.Duration { return p.start + p.arrive }

// at is the pose at a time; false while it is not there.
func (p *path) at(t time.Duration) (Pose, bool) {
	if t < p.start || p.leave > 0 && t > p.leave+p.arrive {
		return Pose{}, false
	}
	away := 0.0
	if p.arrive > 0 {
		away = ease(1 - float64(t-p.start)/float64(p.arrive))
		if p.leave > 0 {
			away = max(away, ease(float64(t-p.leave)/float64(p.arrive)))
		}
	}
	q, f := p.hold, p.from
	sec := t.Seconds()
	add := [6]float64{f.X, f.Y, f.Z, f.Roll, f.Pitch, f.Yaw}
	to := [6]*float64{&q.X, &q.Y, &q.Z, &q.Roll, &q.Pitch, &q.Yaw}
	for i := range to {
		*to[i] += away * add[i]
		for _, w := range p.sway[i] {
			*to[i] += p.unsteady * w.amount * math.Sin(w.speed*sec+w.phase)
		}
	}
	return q, true
}

// ease goes from 0 to 1 with a soft beginning and end.
func ease(x float64) float64 {
	x = clamp(x, 0, 1)
	return x * x * x * (10 + x*(6*x-15))
}
