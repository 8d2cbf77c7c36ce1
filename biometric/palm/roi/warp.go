package roi

import (
	"encoding/binary"
	"math"
)

// patchSide bounds the square around a region, turned by 45 degrees, after it was shrunk to
// at most 1.5 pixels for each of the region's.
const patchSide = 300

// fine is how much finer than a grey level the pixels of a patch and of a cut region are.
const fine = 16

// Region cuts the region of h out of one picture.
func (f *Finder) Region(dst *Region, luma []byte, h Hand) error {
	if err := f.warp(luma, nil, h); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = byte((binary.LittleEndian.Uint16(f.cut[2*i:]) + fine/2) / fine)
	}
	return nil
}

// Difference cuts the region of h out of lit minus dark, stretched so that its mean is near
// the middle of the range. The stretch is even over the region: no line is changed by it.
func (f *Finder) Difference(dst *Region, lit, dark []byte, h Hand) error {
	if err := f.warp(lit, dark, h); err != nil {
		return err
	}
	sum := uint64(0)
	for i := range dst {
		sum += uint64(binary.LittleEndian.Uint16(f.cut[2*i:]))
	}
	gain := stretch(sum)
	for i := range dst {
		dst[i] = scaled(uint32(binary.LittleEndian.Uint16(f.cut[2*i:])), gain)
	}
	return nil
}

// Add cuts the region of h out of lit minus dark, or of lit where dark is nil, and adds it to
// the sum that Mean takes. Each pair comes with the hand as it was found in that pair: a hand
// that moves between the pairs stays sharp.
func (f *Finder) Add(lit, dark []byte, h Hand) error {
	if f.added == maxAdded {
		return nil
	}
	if err := f.warp(lit, dark, h); err != nil {
		return err
	}
	for i := range Size * Size {
		s := f.sum[4*i : 4*i+4 : 4*i+4]
		binary.LittleEndian.PutUint32(s, binary.LittleEndian.Uint32(s)+uint32(binary.LittleEndian.Uint16(f.cut[2*i:])))
	}
	f.added++
	return nil
}

// maxAdded keeps a sum within 32 bits; what comes after is left out.
const maxAdded = 1 << 12

// Mean writes the mean of all regions that were added since the last Mean, stretched as
// Difference does, and forgets them. It returns how many they were; of none dst is not
// written.
func (f *Finder) Mean(dst *Region) int {
	n := f.added
	if n == 0 {
		return 0
	}
	sum := uint64(0)
	for i := range dst {
		sum += uint64(binary.LittleEndian.Uint32(f.sum[4*i:]))
	}
	gain := stretch(sum)
	for i := range dst {
		dst[i] = scaled(binary.LittleEndian.Uint32(f.sum[4*i:]), gain)
	}
	clear(f.sum)
	f.added = 0
	return n
}

// middle is the mean that a stretched region has.
const middle = 120

// stretch is the gain, in 1/2^20, that brings the mean of a region with this sum to middle.
func stretch(sum uint64) uint64 {
	return middle << 20 * (Size * Size) / max(sum, 1)
}

func scaled(v uint32, gain uint64) byte { return byte(min((uint64(v)*gain+1<<19)>>20, 255)) }

// warp cuts a region into f.cut, bilinear from a patch that was averaged down first where the
// region shrinks.
func (f *Finder) warp(lit, dark []byte, h Hand) error {
	if len(lit) != f.w*f.h || dark != nil && len(dark) != f.w*f.h {
		return ErrSize
	}
	tl, tr, bl := h.Corners[0], h.Corners[1], h.Corners[3]
	ax, ay := (tr.X-tl.X)/Size, (tr.Y-tl.Y)/Size // one pixel to the right
	bx, by := (bl.X-tl.X)/Size, (bl.Y-tl.Y)/Size // one down
	scale := max(math.Hypot(ax, ay), math.Hypot(bx, by))
	for _, c := range h.Corners {
		if !(math.Abs(c.X) < 4*MaxSide && math.Abs(c.Y) < 4*MaxSide) {
			return ErrShape
		}
	}
	if !(scale > 1.0/16 && scale < float64(MaxSide)/Size*2) {
		return ErrShape
	}
	k := max(1, int(scale+0.5))
	// Where the middle of the region's first pixel lies.
	x0, y0 := tl.X+(ax+bx)/2, tl.Y+(ay+by)/2
	px, py, pw, ph := f.fill(lit, dark, k, x0, y0, (Size-1)*ax, (Size-1)*ay, (Size-1)*bx, (Size-1)*by)
	if pw < 2 || ph < 2 {
		return ErrShape
	}
	// A patch pixel's middle is at px + (i+0.5)*k - 0.5.
	const one = 1 << 16
	s := 1 / float64(k)
	sx, sy := ((x0-float64(px)+0.5)*s-0.5)*one, ((y0-float64(py)+0.5)*s-0.5)*one
	dax, day := int(math.Round(ax*s*one)), int(math.Round(ay*s*one))
	top, left := (ph-1)*one-1, (pw-1)*one-1
	for y := range Size {
		u := int(sx + float64(y)*bx*s*one)
		v := int(sy + float64(y)*by*s*one)
		out := f.cut[2*y*Size : 2*(y+1)*Size]
		inner := u >= 0 && v >= 0 && u <= left && v <= top &&
			u+dax*(Size-1) >= 0 && v+day*(Size-1) >= 0 && u+dax*(Size-1) <= left && v+day*(Size-1) <= top
		for x := 0; x < 2*Size; x += 2 {
			cu, cv := u, v
			if !inner {
				cu, cv = max(0, min(u, left)), max(0, min(v, top))
			}
			at := 2 * (cv>>16*pw + cu>>16)
			r0 := binary.LittleEndian.Uint32(f.patch[at:])
			r1 := binary.LittleEndian.Uint32(f.patch[at+2*pw:])
			fu, fv := uint32(cu&(one-1))>>8, uint32(cv&(one-1))>>8
			m0 := (r0&0xFFFF)*(256-fu) + (r0>>16)*fu
			m1 := (r1&0xFFFF)*(256-fu) + (r1>>16)*fu
			binary.LittleEndian.PutUint16(out[x:], uint16((m0*(256-fv)+m1*fv+1<<15)>>16))
			u += dax
			v += day
		}
	}
	return nil
}

// fill makes the patch: lit minus dark, at least 0, in means of k x k pixels, around the
// square that begins at (x, y) with the sides a and b. It returns where the patch begins in
// the picture, and its size.
func (f *Finder) fill(lit, dark []byte, k int, x, y, ax, ay, bx, by float64) (px, py, pw, ph int) {
	px = f.clip(x+min(0, ax)+min(0, bx)-float64(k), f.w-2*k)
	py = f.clip(y+min(0, ay)+min(0, by)-float64(k), f.h-2*k)
	ex := f.clip(x+max(0, ax)+max(0, bx)+float64(2*k), f.w)
	ey := f.clip(y+max(0, ay)+max(0, by)+float64(2*k), f.h)
	pw, ph = min((ex-px)/k, patchSide), min((ey-py)/k, patchSide)
	if pw < 2 || ph < 2 {
		return px, py, 0, 0
	}
	unit := fine << 16 / (k * k)
	for j := range ph {
		out := f.patch[2*j*pw : 2*(j+1)*pw]
		at := (py+j*k)*f.w + px
		switch {
		case k == 1:
			ones(out, lit[at:at+pw], part2(dark, at, pw))
		case k == 2:
			twos(out, lit[at:at+2*pw], lit[at+f.w:][:2*pw], part2(dark, at, 2*pw), part2(dark, at+f.w, 2*pw))
		default:
			for i := range pw {
				sum := 0
				for r := range k {
					from := at + r*f.w + i*k
					for _, v := range lit[from : from+k] {
						sum += int(v)
					}
					if dark != nil {
						for _, v := range dark[from : from+k] {
							sum -= int(v)
						}
					}
				}
				binary.LittleEndian.PutUint16(out[2*i:], uint16(max(sum, 0)*unit>>16))
			}
		}
	}
	return px, py, pw, ph
}

func part2(b []byte, at, n int) []byte {
	if b == nil {
		return nil
	}
	return b[at : at+n]
}

func (f *Finder) clip(v float64, most int) int { return int(max(0, min(v, float64(most)))) }

func ones(out, lit, dark []byte) {
	if dark == nil {
		for i, v := range lit {
			binary.LittleEndian.PutUint16(out[2*i:], uint16(v)*fine)
		}
		return
	}
	for i, v := range lit {
		binary.LittleEndian.PutUint16(out[2*i:], uint16(max(int(v)-int(dark[i]), 0))*fine)
	}
}

// twos sums blocks of two by two, four of them at a time.
func twos(out, a, b, c, d []byte) {
	n := len(out) / 2
	i := 0
	for ; i+4 <= n; i += 4 {
		sum := pairs(a[2*i:]) + pairs(b[2*i:]) + 0x0400040004000400
		if c != nil {
			sum -= pairs(c[2*i:]) + pairs(d[2*i:])
		}
		o := out[2*i : 2*i+8 : 2*i+8]
		binary.LittleEndian.PutUint64(o, positive(sum)*(fine/4))
	}
	for ; i < n; i++ {
		sum := int(a[2*i]) + int(a[2*i+1]) + int(b[2*i]) + int(b[2*i+1])
		if c != nil {
			sum -= int(c[2*i]) + int(c[2*i+1]) + int(d[2*i]) + int(d[2*i+1])
		}
		binary.LittleEndian.PutUint16(out[2*i:], uint16(max(sum, 0)*fine/4))
	}
}

// positive takes 1024 from each lane, and makes 0 of what would be negative.
func positive(sum uint64) uint64 {
	// Bit 10 of a lane is set where it holds 1024 or more.
	keep := sum >> 10 & 0x0001000100010001
	// 2044 is the most a lane holds: bits 0 to 9 are what is over 1024.
	return sum & (keep * 0x03FF)
}
