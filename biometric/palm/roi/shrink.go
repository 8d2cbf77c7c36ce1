package roi

import "encoding/binary"

// lanes picks every second byte of eight, as four numbers of 16 bits.
const lanes = 0x00FF00FF00FF00FF

// shrink writes the mean of lit minus dark over blocks of step x step pixels to dst, never
// less than 0. dark may be nil. What is left over at the right and at the bottom is left out.
func shrink(dst, lit, dark []byte, w, h, step int) {
	if step == 2 {
		shrink2(dst, lit, dark, w, h)
		return
	}
	sw, sh := w/step, h/step
	for y := range sh {
		for x := range sw {
			sum := 0
			for k := range step {
				at := (y*step+k)*w + x*step
				for _, v := range lit[at : at+step] {
					sum += int(v)
				}
				if dark != nil {
					for _, v := range dark[at : at+step] {
						sum -= int(v)
					}
				}
			}
			dst[y*sw+x] = byte(max(sum, 0) / (step * step))
		}
	}
}

// shrink2 is shrink by two, four blocks at a time.
func shrink2(dst, lit, dark []byte, w, h int) {
	sw, sh := w/2, h/2
	for y := range sh {
		out := dst[y*sw : y*sw+sw]
		a, b := lit[2*y*w:][:w], lit[(2*y+1)*w:][:w]
		var c, d []byte
		if dark != nil {
			c, d = dark[2*y*w:][:w], dark[(2*y+1)*w:][:w]
		}
		x := 0
		for ; x+4 <= sw; x += 4 {
			sum := pairs(a[2*x:]) + pairs(b[2*x:])
			if dark != nil {
				// 1024 in each lane keeps it from borrowing of its neighbour.
				sum += 0x0400040004000400 - pairs(c[2*x:]) - pairs(d[2*x:])
			} else {
				sum += 0x0400040004000400
			}
			o := out[x : x+4 : x+4]
			o[0] = quarter(sum)
			o[1] = quarter(sum >> 16)
			o[2] = quarter(sum >> 32)
			o[3] = quarter(sum >> 48)
		}
		for ; x < sw; x++ {
			sum := int(a[2*x]) + int(a[2*x+1]) + int(b[2*x]) + int(b[2*x+1])
			if dark != nil {
				sum -= int(c[2*x]) + int(c[2*x+1]) + int(d[2*x]) + int(d[2*x+1])
			}
			out[x] = byte(max(sum, 0) / 4)
		}
	}
}

// pairs is the sums of neighbours among the next eight bytes.
func pairs(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	return v&lanes + v>>8&lanes
}

func quarter(sum uint64) byte { return byte(max(int(sum&0xFFFF)-1024, 0) >> 2) }

// split is where a histogram falls into two: Otsu's threshold, the means of both sides, and
// the share that lies above.
type split struct {
	at        int // values above it are the upper side
	low, high float64
	share     float64
}

// otsu splits a histogram so that its two sides are each as uniform as can be.
// N. Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9(1), 1979.
func otsu(hist *[256]int32) split {
	var n, sum float64
	for v, c := range hist {
		n += float64(c)
		sum += float64(v) * float64(c)
	}
	var best split
	var most, below, mass float64
	for v, c := range hist[:255] {
		below += float64(c)
		mass += float64(v) * float64(c)
		if below == 0 || below == n {
			continue
		}
		low, high := mass/below, (sum-mass)/(n-below)
		if between := below * (n - below) * (high - low) * (high - low); between > most {
			most = between
			best = split{v, low, high, (n - below) / n}
		}
	}
	return best
}

func histogram(hist *[256]int32, pix []byte) {
	var second [256]int32 // two, as runs of one value would wait for each other
	*hist = [256]int32{}
	n := len(pix) &^ 1
	for i := 0; i < n; i += 2 {
		hist[pix[i]]++
		second[pix[i+1]]++
	}
	for _, v := range pix[n:] {
		hist[v]++
	}
	for v, c := range second {
		hist[v] += c
	}
}
