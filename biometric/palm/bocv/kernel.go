package bocv

import "github.com/tilld/tilld/biometric/internal/feature"

// foldPairGo makes one pair of rows of sum and diff: a plus and less its mirror image am in
// the low halves, b and bm in the high ones.
func foldPairGo(sum, diff *[padded]uint32, a, am, b, bm *[padded]byte) {
	for i := range padded {
		to := i%Cell*phase + i/Cell
		sum[to] = pair(int(a[i])+int(am[i]), int(b[i])+int(bm[i]))
		diff[to] = pair(int(a[i])-int(am[i]), int(b[i])-int(bm[i]))
	}
}

// pair is two int16 in a word.
func pair(low, high int) uint32 { return uint32(uint16(low)) | uint32(high)<<16 }

// respondGo computes the responses of one row of cells.
func respondGo(out *responses, sum, diff *folded, t *taps) {
	for c := range feature.Side {
		var acc [parts]int32
		for dx := range half {
			right, left := int(t.offset[dx][0])/4+c, int(t.offset[dx][1])/4+c
			for m := range pairs {
				k := &t.pair[dx][m]
				r, l := sum.pair(m)[right], sum.pair(m)[left]
				low, high := int32(int16(r))+int32(int16(l)), int32(r)>>16+int32(l)>>16
				acc[even0] += low*int32(int16(k[even0])) + high*(int32(k[even0])>>16)
				acc[even90] += low*int32(int16(k[even90])) + high*(int32(k[even90])>>16)
				acc[even30] += low*int32(int16(k[even30])) + high*(int32(k[even30])>>16)
				acc[even60] += low*int32(int16(k[even60])) + high*(int32(k[even60])>>16)
				r, l = diff.pair(m)[right], diff.pair(m)[left]
				low, high = int32(int16(r))-int32(int16(l)), int32(r)>>16-int32(l)>>16
				acc[odd30] += low*int32(int16(k[odd30])) + high*(int32(k[odd30])>>16)
				acc[odd60] += low*int32(int16(k[odd60])) + high*(int32(k[odd60])>>16)
			}
		}
		for p, v := range acc {
			out[p*feature.Side+c] = v
		}
	}
}
