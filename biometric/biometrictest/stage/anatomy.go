package stage

import (
	"math"
	"math/rand/v2"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
)

// The square region hangs on the valley between index and middle finger and the one between
// ring and little finger. Of their distance it is
const (
	RegionSide = 1.5  // wide and high, centred between the valleys, and
	RegionGap  = 0.15 // away from the line through them, towards the wrist.
)

// mm is a place on the hand's plane in millimetres: u to the right and v towards the fingers
// as the camera sees it, from the middle between the two valleys of a relaxed hand.
type mm struct{ u, v float64 }

// capsule is a tapered rod with round ends: a bone with its flesh.
type capsule struct {
	a, b   mm
	ra, rb float64
}

// near is how far p is from the rod's surface, and from its axis as part of the radius there.
func (c *capsule) near(p mm) (distance, r float64) {
	dx, dy := c.b.u-c.a.u, c.b.v-c.a.v
	t := clamp(((p.u-c.a.u)*dx+(p.v-c.a.v)*dy)/(dx*dx+dy*dy), 0, 1)
	ex, ey := p.u-c.a.u-t*dx, p.v-c.a.v-t*dy
	r = c.ra + t*(c.rb-c.ra)
	return math.Sqrt(ex*ex+ey*ey) - r, r
}

// anatomy is the shape of one hand in one posture. All is of a right hand; left mirrors it.
type anatomy struct {
	left    bool
	size    float64 // 1 is a hand of 185 mm
	fingers [4][3]capsule
	thumb   [3]capsule
	body    []capsule
	webs    [3]capsule
	arm     capsule
	curl    float64 // how far finger tips come up, mm
}

const (
	index = iota
	middle
	ring
	little
)

var knuckles = [4]mm{{30, -21}, {10, -17}, {-10, -19.5}, {-28.5, -27}}

// lengths of the fingers from the knuckle on, and their radii at the knuckle, middle joint
// and tip, for a hand of size 1.
var (
	lengths = [4]float64{92, 99, 93, 79}
	radii   = [4][3]float64{{10.1, 9.3, 7.5}, {10.2, 9.5, 7.6}, {9.7, 9.0, 7.2}, {8.7, 7.8, 6.3}}
	fan     = [4]float64{3.5, 0.5, -3.5, -9} // degrees, relaxed, towards the thumb
	spreads = [4]float64{1, 0.25, -0.55, -1.5}
)

// posture is how a hand is held.
type posture struct {
	spread float64 // degrees more between neighbours than relaxed
	thumb  float64 // degrees off the palm's axis
	curl   float64 // mm
}

// newAnatomy is the hand of a person, whose bones follow from the seed, in a posture.
func newAnatomy(seed uint64, hand palms.Hand, p posture) *anatomy {
	rng := rand.New(rand.NewPCG(seed, 0xb0e5))
	size := clamp(1+0.06*rng.NormFloat64(), 0.86, 1.14)
	slim := clamp(1+0.04*rng.NormFloat64(), 0.92, 1.08)
	h := &anatomy{left: hand == palms.Left, size: size, curl: p.curl}
	for i := range h.fingers {
		angle := (fan[i] + spreads[i]*p.spread + 0.8*rng.NormFloat64()) * math.Pi / 180
		h.fingers[i] = fingerOf(i, angle, 1+0.03*rng.NormFloat64(), slim)
	}
	h.palm(rng)
	h.thumbAt((p.thumb + 2*rng.NormFloat64()) * math.Pi / 180)
	return h
}

func fingerOf(i int, angle, long, slim float64) (f [3]capsule) {
	sin, cos := math.Sincos(angle)
	l, r := lengths[i]*long, radii[i]
	at := func(part float64) mm { return mm{knuckles[i].u + part*l*sin, knuckles[i].v + part*l*cos} }
	tip := at(1)
	tip.u, tip.v = tip.u-sin*r[2]*slim, tip.v-cos*r[2]*slim
	f[0] = capsule{knuckles[i], at(0.36), r[0] * slim, r[1] * slim * 0.97}
	f[1] = capsule{at(0.36), at(0.6), r[1] * slim * 1.02, r[1] * slim * 0.94}
	f[2] = capsule{at(0.6), tip, r[1] * slim * 0.95, r[2] * slim}
	return f
}

func (h *anatomy) palm(rng *rand.Rand) {
	wide := 1 + 0.02*rng.NormFloat64()
	wrist := [4]mm{{13, -92}, {5, -94}, {-5, -94}, {-14, -91}}
	for i, k := range knuckles {
		h.body = append(h.body, capsule{mm{k.u * wide, k.v}, wrist[i], 13.2, 15})
	}
	h.body = append(h.body,
		capsule{mm{-28, -40}, mm{-20, -84}, 16, 15}, // the little finger's ball
		capsule{mm{30, -44}, mm{18, -80}, 15, 18},   // the thumb's
	)
	for i := range h.webs {
		a, b := knuckles[i], knuckles[i+1]
		m := mm{(a.u + b.u) / 2, (a.v + b.v) / 2}
		height := [3]float64{14.5, 15, 14.5}[i] + 0.7*rng.NormFloat64()
		h.webs[i] = capsule{mm{m.u, m.v - 10}, mm{m.u, m.v + height - 4}, 9, 4}
	}
	h.arm = capsule{mm{0, -94}, mm{rng.NormFloat64() * 6, -330}, 26.5, 40}
}

func (h *anatomy) thumbAt(angle float64) {
	sin, cos := math.Sincos(angle)
	root := mm{24, -74}
	at := func(d, bend float64) mm {
		s, c := math.Sincos(angle - bend)
		return mm{root.u + 38*sin + d*s, root.v + 38*cos + d*c}
	}
	knuckle := at(0, 0)
	h.thumb = [3]capsule{
		{root, knuckle, 18, 12.2},
		{knuckle, at(31, 0.1), 12, 10.4},
		{at(31, 0.1), at(54, 0.18), 10.6, 8.2},
	}
}

// blend is the smaller of two distances, with a fillet of about k where they meet.
func blend(a, b, k float64) float64 {
	h := max(k-math.Abs(a-b), 0) / k
	return min(a, b) - h*h*k/4
}

// at is the distance of a place from the hand's outline, negative on the hand, and how far
// its skin stands out towards the camera. arm is whether the place belongs to the forearm.
func (h *anatomy) at(p mm) (distance, height float64) {
	if h.left {
		p.u = -p.u
	}
	p.u, p.v = p.u/h.size, p.v/h.size
	body := math.Inf(1)
	for i := range h.body {
		d, _ := h.body[i].near(p)
		body = blend(body, d, 9)
	}
	d, _ := h.thumb[0].near(p)
	body = blend(body, d, 14)
	for i := range h.webs {
		d, _ := h.webs[i].near(p)
		body = blend(body, d, 3)
	}
	if p.v < -60 {
		d, _ := h.arm.near(p)
		body = blend(body, d, 16)
	}
	height = h.relief(p, body)
	distance = body
	if p.v > -60 {
		for i := range h.fingers {
			d, up := h.finger(h.fingers[i][:], p)
			distance = min(distance, blend(body, d, 5))
			height = soft(height, up)
		}
		d, up := h.finger(h.thumb[1:], p)
		distance = min(distance, blend(body, d, 8))
		height = soft(height, up)
	}
	if distance < 0 { // the fillets between bones
		height = max(height, 6.5*math.Sqrt(1-square(1-min(-distance/11, 1))))
	}
	return distance * h.size, height * h.size
}

// finger is the distance from a finger's bones and the skin's height over it.
func (h *anatomy) finger(bones []capsule, p mm) (distance, height float64) {
	distance = math.Inf(1)
	for i := range bones {
		d, r := bones[i].near(p)
		if d < distance {
			distance = d
			if e := d + r; e < r {
				height = math.Sqrt(r*r-e*e) * 1.02
			} else {
				height = 0
			}
		}
	}
	if height > 0 {
		a := bones[0].a
		height += h.curl * square(math.Hypot(p.u-a.u, p.v-a.v)/90)
	}
	return distance, height
}

// relief is the height of the palm: round at the rim, the two balls, and the hollow between.
func (h *anatomy) relief(p mm, body float64) float64 {
	if body >= 0 {
		return 0
	}
	v := 8.5 * math.Sqrt(1-square(1-min(-body/13, 1)))
	v += 5 * bump(p, mm{30, -62}, 17, 26)
	v += 3.5 * bump(p, mm{-26, -66}, 14, 26)
	v += 2 * bump(p, mm{0, -14}, 42, 9)
	return v - 1.5*bump(p, mm{2, -50}, 14, 20)
}

func bump(p, at mm, wu, wv float64) float64 {
	return math.Exp(-(square((p.u-at.u)/wu) + square((p.v-at.v)/wv)) / 2)
}

// soft is the larger of two heights, rounded where they meet.
func soft(a, b float64) float64 { return -blend(-a, -b, 4) }

func square(v float64) float64 { return v * v }

func clamp(v, low, high float64) float64 { return min(max(v, low), high) }

// valley is where the outline is deepest between two neighbouring fingers: the first place
// beyond the web that is not skin.
func (h *anatomy) valley(i int) mm {
	a, b := knuckles[i], knuckles[i+1]
	fa, fb := h.fingers[i], h.fingers[i+1]
	for up := 0.0; up < 45; up += 0.25 {
		left, right := along(fb, b, up), along(fa, a, up)
		best, at := math.Inf(-1), mm{}
		for t := 0.2; t <= 0.8; t += 0.02 {
			p := mm{left.u + t*(right.u-left.u), left.v + t*(right.v-left.v)}
			q := mm{p.u * h.size, p.v * h.size}
			if h.left {
				q.u = -q.u
			}
			if d, _ := h.at(q); d > best {
				best, at = d, q
			}
		}
		if best > 0 {
			return at
		}
	}
	m := mm{(a.u + b.u) / 2 * h.size, (a.v + b.v + 40) / 2 * h.size}
	if h.left {
		m.u = -m.u
	}
	return m
}

func along(f [3]capsule, from mm, d float64) mm {
	dx, dy := f[0].b.u-f[0].a.u, f[0].b.v-f[0].a.v
	l := math.Hypot(dx, dy)
	return mm{from.u + d*dx/l, from.v + d*dy/l}
}

// frame is the region on the hand's plane: its first corner, and the way of one side along a
// row and down a column.
type frame struct {
	at           mm
	across, down mm
}

// newFrame is the region that hangs on two valleys, left and right as seen with the fingers up.
func newFrame(left, right mm) frame {
	d := math.Hypot(right.u-left.u, right.v-left.v)
	e := mm{(right.u - left.u) / d, (right.v - left.v) / d}
	n := mm{e.v, -e.u} // towards the wrist
	side := RegionSide * d
	m := mm{(left.u + right.u) / 2, (left.v + right.v) / 2}
	return frame{
		at:     mm{m.u - e.u*side/2 + n.u*RegionGap*d, m.v - e.v*side/2 + n.v*RegionGap*d},
		across: mm{e.u * side, e.v * side},
		down:   mm{n.u * side, n.v * side},
	}
}

// place is the point of the region at parts x and y of its sides.
func (f frame) place(x, y float64) mm {
	return mm{f.at.u + x*f.across.u + y*f.down.u, f.at.v + x*f.across.v + y*f.down.v}
}

// within is place's inverse.
func (f frame) within(p mm) (x, y float64) {
	l := f.across.u*f.across.u + f.across.v*f.across.v
	du, dv := p.u-f.at.u, p.v-f.at.v
	return (du*f.across.u + dv*f.across.v) / l, (du*f.down.u + dv*f.down.v) / l
}

// region is where the valleys of this posture put the region, and the valleys: index to
// middle, middle to ring, ring to little finger.
func (h *anatomy) region() (frame, [3]mm) {
	v := [3]mm{h.valley(index), h.valley(middle), h.valley(ring)}
	if h.left {
		return newFrame(v[0], v[2]), v
	}
	return newFrame(v[2], v[0]), v
}
