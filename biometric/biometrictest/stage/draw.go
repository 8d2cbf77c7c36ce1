package stage

import (
	"math"
	"time"
)

// draw puts a thing over what is in the light already.
func (f *Film) draw(t *thing, p Pose, at time.Duration) {
	s := t.sheet
	st := p.stand(t.anchor, s.mean)
	x0, y0, x1, y1 := f.bounds(s, &st)
	if x0 >= x1 || y0 >= y1 {
		return
	}
	d := &drawing{f: f, s: s, eye: st.eye(), room: t.room, glow: t.glowAt(at)}
	for y := y0; y < y1; y++ {
		dx, dy := f.ray(float64(x0), float64(y))
		ray := vec{dx, dy, 1}
		step := 1 / f.Focal
		d.row(y, x0, x1,
			[3]float32{float32(ray.dot(st.u)), float32(ray.dot(st.v)), float32(ray.dot(st.n))},
			[3]float32{float32(st.u.x * step), float32(st.v.x * step), float32(st.n.x * step)})
	}
}

// bounds is the part of the picture that a sheet may reach.
func (f *Film) bounds(s *sheet, st *stand) (x0, y0, x1, y1 int) {
	low, high := Point{math.Inf(1), math.Inf(1)}, Point{math.Inf(-1), math.Inf(-1)}
	u1, v0 := s.u0+float64(s.w)/s.spot, s.v1-float64(s.h)/s.spot
	for _, c := range []mm{{s.u0, s.v1}, {u1, s.v1}, {s.u0, v0}, {u1, v0}} {
		v := st.spot(c, 0)
		if v.z < 10 {
			return 0, 0, f.Width, f.Height
		}
		p := f.project(v)
		low.X, low.Y = min(low.X, p.X), min(low.Y, p.Y)
		high.X, high.Y = max(high.X, p.X), max(high.Y, p.Y)
	}
	const margin = 24 // relief that stands out over the rim
	in := func(v float64, n int) int { return int(clamp(v, 0, float64(n))) }
	return in(low.X-margin, f.Width), in(low.Y-margin, f.Height), in(high.X+margin, f.Width), in(high.Y+margin, f.Height)
}

type drawing struct {
	f    *Film
	s    *sheet
	eye  vec
	room ambient
	glow float32 // grey values of a texel that emits all it can
}

// row draws one row of pixels; ray is the first pixel's way in the thing's own axes.
func (d *drawing) row(y, x0, x1 int, ray, step [3]float32) {
	f, s := d.f, d.s
	eu, ev, en := float32(d.eye.x), float32(d.eye.y), float32(d.eye.z)
	dense := float32(s.spot)
	originX, originY := float32(-s.u0)*dense, float32(s.v1)*dense
	nirOn, whiteOn := f.nir[y], f.white[y]
	focus2 := float32(f.Focus * f.Focus)
	limX, limY := float32(s.w-1), float32(s.h-1)
	out := f.light[y*f.Width:][:f.Width]
	beamN, beamW := f.optics.nir[y*f.Width:][:f.Width], f.optics.white[y*f.Width:][:f.Width]
	mean := float32(s.mean)
	data, w := s.data, s.w
	for x := x0; x < x1; x++ {
		inv := 1 / ray[2]
		ru, rv := ray[0]*inv, ray[1]*inv
		ray[0] += step[0]
		ray[1] += step[1]
		ray[2] += step[2]
		up := mean - en
		tx, ty := (eu+up*ru)*dense+originX, originY-(ev+up*rv)*dense
		if tx < 0 || ty < 0 || tx >= limX || ty >= limY {
			if s.flat || tx < -40 || ty < -40 || tx >= limX+40 || ty >= limY+40 {
				continue
			}
		}
		if i, j := int(tx)>>tileBits, int(ty)>>tileBits; s.bare(i, j) {
			continue
		}
		if !s.flat {
			for range 2 {
				i, j := int(tx+0.5), int(ty+0.5)
				if uint(i) >= uint(w) || uint(j) >= uint(s.h) {
					break
				}
				up = float32(data[j*w+i].height)*0.01 - en
				tx, ty = (eu+up*ru)*dense+originX, originY-(ev+up*rv)*dense
			}
			if tx < 0 || ty < 0 || tx >= limX || ty >= limY {
				continue
			}
		}
		i, j := int(tx), int(ty)
		q := data[j*w+i : j*w+i+w+2]
		a, b, c, e := &q[0], &q[1], &q[w], &q[w+1]
		if a.cover|b.cover|c.cover|e.cover == 0 {
			continue
		}
		fx, fy := tx-float32(i), ty-float32(j)
		wa, wb, wc, we := (1-fx)*(1-fy), fx*(1-fy), (1-fx)*fy, fx*fy
		cover := float32(1)
		if a.cover&b.cover&c.cover&e.cover != 255 {
			wa, wb = wa*float32(a.cover)*(1.0/255), wb*float32(b.cover)*(1.0/255)
			wc, we = wc*float32(c.cover)*(1.0/255), we*float32(e.cover)*(1.0/255)
			cover = wa + wb + wc + we
		}
		z := up * inv // along the ray, whose z is 1 before the camera
		fall := focus2 / (z * z)
		toN := nirOn*beamN[x]*fall + d.room.nir
		toW := whiteOn*beamW[x]*fall + d.room.white
		nir := wa*float32(a.nir) + wb*float32(b.nir) + wc*float32(c.nir) + we*float32(e.nir)
		white := wa*float32(a.white) + wb*float32(b.white) + wc*float32(c.white) + we*float32(e.white)
		v := (nir*toN + white*toW) * (1.0 / 65535)
		if d.glow != 0 {
			v += d.glow * (1.0 / 255) * (wa*float32(a.emit) + wb*float32(b.emit) + wc*float32(c.emit) + we*float32(e.emit))
		}
		if s.gloss != 0 {
			v += cover * d.shine(ru, rv, nirOn*beamN[x]*fall, whiteOn*beamW[x]*fall)
		}
		out[x] = out[x]*(1-cover) + v
	}
}

// shine is the light of the lamps that a polished surface throws back: bright where it faces
// half-way between lamp and camera.
func (d *drawing) shine(ru, rv, nir, white float32) float32 {
	if nir+white == 0 {
		return 0
	}
	// Slopes against the plane's normal; the lamps stand beside the lens by half of this.
	half := float32(7 / d.eye.z)
	k := float32(1/(2*d.s.polish*d.s.polish)) * float32(len(d.f.mirror)) / 8
	sum := float32(0)
	for _, l := range [2][2]float32{{-half, nir}, {half, white}} {
		e := (square32(ru-l[0]) + square32(rv)) * k
		if l[1] != 0 && e < float32(len(d.f.mirror)) {
			sum += l[1] * d.f.mirror[int(e)]
		}
	}
	return sum * float32(d.s.gloss)
}

func square32(v float32) float32 { return v * v }
