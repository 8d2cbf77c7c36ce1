package bocv

import "math"

// Turn writes src to dst, turned clockwise about its middle by any finite number of degrees.
// What comes in at the corners is mirrored. A code is of little use for a palm that is turned
// by more than about 4 degrees: two codes of one region, turned by -3 and by 3, find what is
// turned by up to 7, and lose little where nothing is turned. dst and src must not overlap.
// It does not allocate.
func Turn(dst, src *Region, degrees float64) {
	const one, middle = 1 << 16, float64(Size-1) / 2
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	dx, dy := int(math.Round(cos*one)), int(math.Round(-sin*one))
	for y := range Size {
		v := float64(y) - middle
		sx := int(math.Round((middle - cos*middle + sin*v) * one))
		sy := int(math.Round((middle + sin*middle + cos*v) * one))
		to := dst[y*Size:][:Size]
		for x := range to {
			to[x] = between(src, sx, sy)
			sx += dx
			sy += dy
		}
	}
}

// between is the grey value at a point in 65536ths of a pixel, from the four pixels around it.
func between(src *Region, x, y int) byte {
	left, top := x>>16, y>>16
	fx, fy := x>>8&255, y>>8&255
	var a, b, c, d int
	if uint(left) < Size-1 && uint(top) < Size-1 {
		p := src[top*Size+left:][:Size+2]
		a, b, c, d = int(p[0]), int(p[1]), int(p[Size]), int(p[Size+1])
	} else {
		x0, x1, y0, y1 := mirror(left), mirror(left+1), mirror(top)*Size, mirror(top+1)*Size
		a, b, c, d = int(src[y0+x0]), int(src[y0+x1]), int(src[y1+x0]), int(src[y1+x1])
	}
	upper := a<<8 + (b-a)*fx
	lower := c<<8 + (d-c)*fx
	return byte((upper<<8 + (lower-upper)*fy + 1<<15) >> 16)
}
