package picture

import "fmt"

// Square is a square picture in another size: the mean over the area of each new pixel where
// it becomes smaller, linear between pixels where it becomes larger.
func (g *Grey) Square(side int) ([]byte, error) {
	if g.Width != g.Height {
		return nil, fmt.Errorf("%d x %d pixels: a region is square", g.Width, g.Height)
	}
	if g.Width == side {
		return g.Pix, nil
	}
	weights := cover(g.Width, side)
	// Rows first, then columns.
	mid := make([]float32, g.Height*side)
	for y := range g.Height {
		row := g.Pix[y*g.Width:][:g.Width]
		for x, w := range weights {
			var sum float32
			for i, f := range w.share {
				sum += f * float32(row[w.from+i])
			}
			mid[y*side+x] = sum
		}
	}
	out := make([]byte, side*side)
	for y, w := range weights {
		for x := range side {
			var sum float32
			for i, f := range w.share {
				sum += f * mid[(w.from+i)*side+x]
			}
			out[y*side+x] = byte(min(max(sum+0.5, 0), 255))
		}
	}
	return out, nil
}

// shares are the old pixels that make one new one, with shares that sum to 1.
type shares struct {
	from  int
	share []float32
}

func cover(old, side int) []shares {
	out := make([]shares, side)
	scale := float64(old) / float64(side)
	for i := range out {
		low, high := float64(i)*scale, float64(i+1)*scale
		if scale < 1 { // a new pixel is as wide as an old one, so that it lies between two
			mid := (low + high) / 2
			low, high = mid-0.5, mid+0.5
		}
		low, high = max(low, 0), min(high, float64(old))
		first, last := int(low), min(int(high), old-1)
		s := shares{from: first}
		for p := first; p <= last; p++ {
			part := min(high, float64(p+1)) - max(low, float64(p))
			s.share = append(s.share, float32(max(part, 0)/(high-low)))
		}
		out[i] = s
	}
	return out
}

// Shrink is the picture with the mean of factor x factor pixels for each; what is left over
// at the right and below is cut off. A factor below 2 is the picture itself.
func (g *Grey) Shrink(factor int) *Grey {
	if factor < 2 || g.Width < factor || g.Height < factor {
		return g
	}
	out := newGrey(g.Width/factor, g.Height/factor)
	for y := range out.Height {
		for x := range out.Width {
			sum := 0
			for dy := range factor {
				for _, v := range g.Pix[(y*factor+dy)*g.Width+x*factor:][:factor] {
					sum += int(v)
				}
			}
			out.Pix[y*out.Width+x] = byte((sum + factor*factor/2) / (factor * factor))
		}
	}
	return out
}
