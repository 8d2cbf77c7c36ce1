package attack

import "math/bits"

// Hamming counts the bits that differ. Both are of one length.
func Hamming(a, b []uint64) (n int) {
	b = b[:len(a)]
	for i, w := range a {
		n += bits.OnesCount64(w ^ b[i])
	}
	return n
}

// Nearest is the least share of bits in which a reference differs from any string of a
// probe, over the first used bits of strings that stand words words apart.
func Nearest(reference, probe []uint64, used, words int) float64 {
	n := used / 64
	reference = reference[:n]
	least := used
	for ; len(probe) >= words; probe = probe[words:] {
		least = min(least, Hamming(reference, probe[:n]))
	}
	return float64(least) / float64(used)
}
