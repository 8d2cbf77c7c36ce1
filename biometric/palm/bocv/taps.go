package bocv

import "math"

// fill computes the taps as integers and returns how many units a filter's 1 is.
func (t *taps) fill() (unit float64) {
	var full [6][side * side]float64
	for p := range full {
		full[p] = gabor(p)
	}
	mix := func(a, b int, sign float64) (q [half][half]float64) {
		for y := range half {
			for x := range half {
				i := (y+radius)*side + x + radius
				q[y][x] = (full[a][i] + sign*full[b][i]) / 2
				// What lies on an axis is its own mirror image and added twice.
				if x == 0 {
					q[y][x] /= 2
				}
				if y == 0 {
					q[y][x] /= 2
				}
			}
		}
		return q
	}
	quadrants := [parts][half][half]float64{
		even0: mix(0, 0, 1), even90: mix(3, 3, 1), even30: mix(1, 5, 1),
		even60: mix(2, 4, 1), odd30: mix(1, 5, -1), odd60: mix(2, 4, -1),
	}
	greatest := 0.0
	for p := range quadrants {
		for y := range half {
			for x := range half {
				greatest = max(greatest, math.Abs(quadrants[p][y][x]))
			}
		}
	}
	unit = (math.MaxInt16 - 1) / greatest
	for p := range quadrants {
		t.round(p, &quadrants[p], unit)
	}
	for dx := range half {
		t.offset[dx] = [2]int32{start(radius + dx), start(radius - dx)}
	}
	return unit
}

// round writes one quadrant as integers. It rounds the running sum, so that the integers add
// up to zero as exactly as the filter does: a region without lines answers 0, not nearly 0.
func (t *taps) round(part int, quadrant *[half][half]float64, unit float64) {
	sum, rounded := 0.0, 0.0
	for x := range half {
		for y := range half {
			sum += quadrant[y][x] * unit
			tap := math.Round(sum) - rounded
			rounded += tap
			t.pair[x][y/2][part] |= uint32(uint16(int16(tap))) << (16 * (y % 2))
		}
	}
}

// start is where the words of padded column i, i+Cell, and so on begin in a row of folded,
// in bytes.
func start(i int) int32 { return int32(i%Cell*phase+i/Cell) * 4 }
