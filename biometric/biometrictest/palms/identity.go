package palms

import (
	"math"
	"math/rand/v2"
)

// Side is the width and height of a region in pixels.
const Side = 128

// Hand is which hand a palm is of.
type Hand uint8

const (
	Right Hand = iota // fingers up, palm to the camera: the thumb is on the right of the picture
	Left              // the thumb is on the left
)

func (h Hand) String() string {
	if h == Left {
		return "left"
	}
	return "right"
}

// Band is the light a region was taken in.
type Band uint8

const (
	Print Band = iota // white or green light: creases and wrinkles
	Vein              // 850 nm: veins, and the creases faintly
)

// Identity is one palm. It does not change and may be used by several goroutines.
type Identity struct {
	hand        Hand
	lines       []stroke // within the region
	outerLines  []stroke // around it, for pictures of whole hands
	tubes       []stroke
	outerTubes  []stroke
	creaseInNIR float64 // how much of a line's depth shows at 850 nm
}

// New is a right palm.
func New(seed uint64) *Identity { return NewHand(seed, Right) }

// NewHand is a palm of the person with this seed. A person's two palms have nothing in
// common but the general run of the creases, mirrored.
func NewHand(seed uint64, hand Hand) *Identity {
	rng := rand.New(rand.NewPCG(seed, 0x9a1f5eed+uint64(hand)))
	id := &Identity{hand: hand, creaseInNIR: clamp(creaseInNIR+0.04*rng.NormFloat64(), 0.1, 0.8)}
	id.creases(rng)
	id.wrinkles(rng)
	id.veins(rng)
	if hand == Left {
		for _, set := range [][]stroke{id.lines, id.outerLines, id.tubes, id.outerTubes} {
			for i := range set {
				for k := range set[i].at {
					set[i].at[k].x = Side - set[i].at[k].x
				}
			}
		}
	}
	return id
}

// Hand is which hand it is of.
func (id *Identity) Hand() Hand { return id.hand }

// creaseInNIR is the mean part of a line's depth that shows at 850 nm. It sets the distance
// between the two bands of one hand.
const creaseInNIR = 0.68

// principals are the mean control points of heart, head and life line of a right hand, in
// pixels of the region; row 0 is next to the fingers.
var principals = [3][4]point{
	{{-12, 44}, {32, 50}, {76, 38}, {100, -8}},
	{{134, 42}, {96, 48}, {52, 68}, {4, 96}},
	{{136, 38}, {84, 50}, {62, 96}, {70, 160}},
}

func (id *Identity) creases(rng *rand.Rand) {
	for _, mean := range principals {
		s := stroke{at: mean, width: between(rng, 1.4, 2.6) / 2, depth: between(rng, 22, 38)}
		for i := range s.at {
			s.at[i].x += 9 * rng.NormFloat64()
			s.at[i].y += 9 * rng.NormFloat64()
		}
		if rng.Float64() >= 0.08 {
			id.lines = append(id.lines, s)
		}
	}
}

// outer is how far the skin around the region is drawn, in pixels.
const outer = 76

func (id *Identity) wrinkles(rng *rand.Rand) {
	for range 8 + rng.IntN(12) {
		id.lines = append(id.lines, segment(rng, inside(rng), between(rng, 15, 75), rng.Float64()*math.Pi,
			between(rng, 0.6, 1.4)/2, between(rng, 5, 18)))
	}
	fine := func(at point) stroke {
		return segment(rng, at, between(rng, 10, 40), math.Pi/4+0.8*rng.NormFloat64(),
			between(rng, 1, 2.5)/2, between(rng, 4, 12))
	}
	for range 120 {
		id.lines = append(id.lines, fine(inside(rng)))
	}
	for range 420 {
		id.outerLines = append(id.outerLines, fine(outside(rng)))
	}
}

// veins are a few wide trunks from the wrist, narrower links between them, and mottling.
func (id *Identity) veins(rng *rand.Rand) {
	for range 3 + rng.IntN(2) {
		x := between(rng, 5, 123)
		id.tubes = append(id.tubes, tube(rng, point{x, 165}, point{x + 30*rng.NormFloat64(), -35}, 14,
			between(rng, 10, 25), between(rng, 12, 26)))
	}
	for range 9 + rng.IntN(5) {
		id.tubes = append(id.tubes, branch(rng, inside(rng)))
	}
	for range 34 {
		id.outerTubes = append(id.outerTubes, branch(rng, outside(rng)))
	}
	for range 60 {
		id.tubes = append(id.tubes, segment(rng, inside(rng), between(rng, 10, 40), rng.Float64()*math.Pi,
			between(rng, 3, 7)/fwhm, between(rng, 3, 8)))
	}
}

func branch(rng *rand.Rand, from point) stroke {
	angle, length := rng.Float64()*2*math.Pi, between(rng, 40, 90)
	to := point{from.x + length*math.Cos(angle), from.y + length*math.Sin(angle)}
	return tube(rng, from, to, 7, between(rng, 7, 14), between(rng, 9, 20))
}

// tube is a curve from a to b whose control points stray by bend; width is its full width at
// half its depth.
func tube(rng *rand.Rand, a, b point, bend, width, depth float64) stroke {
	s := stroke{width: width / fwhm, depth: depth}
	for i := range s.at {
		t := float64(i) / 3
		s.at[i] = point{a.x + t*(b.x-a.x) + bend*rng.NormFloat64(), a.y + t*(b.y-a.y) + bend*rng.NormFloat64()}
	}
	return s
}

// segment is a slightly bent line around a middle.
func segment(rng *rand.Rand, mid point, length, angle, width, depth float64) stroke {
	dx, dy := length/2*math.Cos(angle), length/2*math.Sin(angle)
	bend := 0.12 * length * rng.NormFloat64()
	nx, ny := -math.Sin(angle)*bend, math.Cos(angle)*bend
	return stroke{width: width, depth: depth, at: [4]point{
		{mid.x - dx, mid.y - dy},
		{mid.x - dx/3 + nx, mid.y - dy/3 + ny},
		{mid.x + dx/3 + nx, mid.y + dy/3 + ny},
		{mid.x + dx, mid.y + dy},
	}}
}

func inside(rng *rand.Rand) point { return point{Side * rng.Float64(), Side * rng.Float64()} }

func outside(rng *rand.Rand) point {
	for {
		p := point{between(rng, -outer, Side+outer), between(rng, -outer, Side+outer)}
		if p.x < 0 || p.x >= Side || p.y < 0 || p.y >= Side {
			return p
		}
	}
}

func between(rng *rand.Rand, low, high float64) float64 { return low + (high-low)*rng.Float64() }

func clamp(v, low, high float64) float64 { return min(max(v, low), high) }
