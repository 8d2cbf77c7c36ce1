package stage

import (
	"math"
	"sync"
	"time"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
)

// Presentation is what is shown to the camera, from its beginning on. It does not change and
// may be used by several films at the same time.
type Presentation struct {
	Name   string // BonaFide, or the instrument's
	Person uint64 // whose palm it is, or pretends to be
	Hand   palms.Hand

	seed   uint64
	room   room
	things []thing // the farthest first; the last one is what is presented
	feed   func(time.Duration, Lighting) (time.Duration, Lighting)

	mu    sync.Mutex
	backs map[*optics]*backdrop
}

// thing is a sheet on its path.
type thing struct {
	sheet  *sheet
	anchor mm // the place of the sheet that its path's poses speak of
	path   path
	room   ambient
	glow   func(time.Duration) float64 // grey values of what it emits; nil: nothing
	truth  *truth
}

func (t *thing) glowAt(at time.Duration) float32 {
	if t.glow == nil {
		return 0
	}
	return float32(t.glow(at))
}

// back is the room as a sensor sees it, worked out once.
func (p *Presentation) back(o *optics) *backdrop {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.backs == nil {
		p.backs = map[*optics]*backdrop{}
	}
	if p.backs[o] == nil {
		p.backs[o] = p.room.backdrop(o)
	}
	return p.backs[o]
}

// Settled is when it is held still.
func (p *Presentation) Settled() time.Duration {
	if len(p.things) == 0 {
		return 0
	}
	return p.things[len(p.things)-1].path.settled()
}

// truth is where the region is on the sheet.
type truth struct {
	frame   frame
	valleys [3]mm
	height  float64
}

// Truth is where the hand is in a picture.
type Truth struct {
	Hand palms.Hand
	// Corners of the region: top left, top right, bottom right, bottom left, fingers up.
	Corners [4]Point
	// Valleys between index and middle, middle and ring, ring and little finger.
	Valleys  [3]Point
	Rotation float64 // of the region, degrees clockwise
	Side     float64 // mean length of the region's sides, px
	Scale    float64 // px a millimetre, in the region's middle
	Pose     Pose
}

// Truth says where the hand is at a time; false while it is not there, or where no hand's
// picture is shown at all.
func (p *Presentation) Truth(s Sensor, at time.Duration) (Truth, bool) {
	if len(p.things) == 0 {
		return Truth{}, false
	}
	t := &p.things[len(p.things)-1]
	pose, ok := t.path.at(at)
	if !ok || t.truth == nil {
		return Truth{}, false
	}
	o := &optics{Sensor: s.filled()}
	st := pose.stand(t.anchor, t.sheet.mean)
	put := func(q mm) Point { return o.project(st.spot(q, t.truth.height)) }
	r := Truth{Hand: p.Hand, Pose: pose, Scale: o.Focal / pose.Z}
	for i, c := range [4][2]float64{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
		r.Corners[i] = put(t.truth.frame.place(c[0], c[1]))
	}
	for i, v := range t.truth.valleys {
		r.Valleys[i] = put(v)
	}
	c := r.Corners
	ex, ey := c[1].X+c[2].X-c[0].X-c[3].X, c[1].Y+c[2].Y-c[0].Y-c[3].Y
	r.Rotation = math.Atan2(ey, ex) * 180 / math.Pi
	for i := range c {
		n := c[(i+1)%4]
		r.Side += math.Hypot(n.X-c[i].X, n.Y-c[i].Y) / 4
	}
	return r, true
}
