package stage

import "math"

// Pose is how a thing stands before the camera. The camera looks along z; x is to the right
// of its picture and y down, in millimetres.
type Pose struct {
	X, Y, Z    float64 // of the middle of the region, mm
	Roll       float64 // degrees clockwise, as the camera sees it; 0: fingers up
	Pitch, Yaw float64 // degrees about the hand's own axes: finger tips nearer; right side nearer
}

// all is its six numbers.
func (p *Pose) all() [6]*float64 { return [6]*float64{&p.X, &p.Y, &p.Z, &p.Roll, &p.Pitch, &p.Yaw} }

func (p Pose) plus(q Pose) Pose {
	for i, v := range p.all() {
		*v += *q.all()[i]
	}
	return p
}

func (p Pose) times(f float64) Pose {
	for _, v := range p.all() {
		*v *= f
	}
	return p
}

// towards is the pose a part of the way to q.
func (p Pose) towards(q Pose, part float64) Pose { return p.times(1 - part).plus(q.times(part)) }

type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec          { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) times(f float64) vec    { return vec{a.x * f, a.y * f, a.z * f} }
func (a vec) dot(b vec) float64      { return a.x*b.x + a.y*b.y + a.z*b.z }
func mix(a, b vec, c, d float64) vec { return a.times(c).add(b.times(d)) }

// stand is a pose worked out: the axes of the thing's plane in the camera's, and its origin.
type stand struct {
	u, v, n vec // across, up, and out of the plane towards the camera
	at      vec // of the plane's origin
}

// stand puts the point of the plane that the pose speaks of, at its height, where it says.
func (p Pose) stand(of mm, height float64) stand {
	rad := math.Pi / 180
	s := stand{u: vec{1, 0, 0}, v: vec{0, -1, 0}, n: vec{0, 0, -1}}
	sin, cos := math.Sincos(p.Yaw * rad)
	s.u, s.n = mix(s.u, s.n, cos, sin), mix(s.n, s.u, cos, -sin)
	sin, cos = math.Sincos(p.Pitch * rad)
	s.v, s.n = mix(s.v, s.n, cos, sin), mix(s.n, s.v, cos, -sin)
	sin, cos = math.Sincos(p.Roll * rad)
	for _, a := range []*vec{&s.u, &s.v, &s.n} {
		a.x, a.y = a.x*cos-a.y*sin, a.x*sin+a.y*cos
	}
	s.at = vec{p.X, p.Y, p.Z}.add(s.u.times(-of.u)).add(s.v.times(-of.v)).add(s.n.times(-height))
	return s
}

// spot is the place in space of a point of the plane at a height.
func (s *stand) spot(p mm, height float64) vec {
	return s.at.add(s.u.times(p.u)).add(s.v.times(p.v)).add(s.n.times(height))
}

// eye is the camera's place in the thing's own axes.
func (s *stand) eye() vec {
	c := s.at.times(-1)
	return vec{c.dot(s.u), c.dot(s.v), c.dot(s.n)}
}

// Point is a place in a picture in pixels: (0, 0) is the middle of the first pixel, y down.
type Point struct{ X, Y float64 }
