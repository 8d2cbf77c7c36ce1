package biometric

import (
	"fmt"
	"math/bits"
)

// Comparison is how far a probe is from a reference.
type Comparison struct {
	// Distance is the smallest share of differing bits over all shifts and samples: near 0.5
	// for somebody else. Which distance is a match is the provider's to say, by its own
	// false match rate; .36 is a start with regions that are cut well.
	Distance float64
	// WrongHand says that one is a left hand and the other a right one. It explains why a
	// distance is large and is no reason to refuse a small one: the hand is a guess from the
	// picture, the distance is not.
	WrongHand bool
}

// Match compares a probe with a stored reference. They can only be compared if they were
// made with the same epoch, length, algorithm and characteristic; that the key and the salt
// are the same ones cannot be seen, and shows as a distance near 0.5. Both are only read.
func Match(reference, probe *Protected) (Comparison, error) {
	r, p := &reference.h, &probe.h
	switch {
	case r.Probe || !p.Probe:
		return Comparison{}, fmt.Errorf("compare templates: want a reference and a probe, in this order")
	case r.Epoch != p.Epoch:
		return Comparison{}, fmt.Errorf("compare templates: reference of epoch %d, probe of epoch %d", r.Epoch, p.Epoch)
	case r.Bits != p.Bits:
		return Comparison{}, fmt.Errorf("compare templates: reference of %d bits a sample, probe of %d", r.Bits, p.Bits)
	case r.Algorithm != p.Algorithm || r.Characteristic != p.Characteristic:
		return Comparison{}, fmt.Errorf("compare templates: reference of algorithm %d and characteristic %d, probe of %d and %d",
			r.Algorithm, r.Characteristic, p.Algorithm, p.Characteristic)
	}
	best := r.Bits
	n := r.Bits / 64
	for a := reference.words; len(a) >= n && n > 0; a = a[n:] {
		for b := probe.words; len(b) >= n; b = b[n:] {
			best = min(best, Hamming(a[:n], b[:n]))
		}
	}
	return Comparison{
		Distance:  float64(best) / float64(r.Bits),
		WrongHand: r.Hand != UnknownHand && p.Hand != UnknownHand && r.Hand != p.Hand,
	}, nil
}

// Hamming is how many bits of a and b differ. They have the same length.
func Hamming(a, b []uint64) int {
	b = b[:len(a)]
	d0, d1 := 0, 0
	i := 0
	for ; i+3 < len(a); i += 4 {
		d0 += bits.OnesCount64(a[i]^b[i]) + bits.OnesCount64(a[i+1]^b[i+1])
		d1 += bits.OnesCount64(a[i+2]^b[i+2]) + bits.OnesCount64(a[i+3]^b[i+3])
	}
	for ; i < len(a); i++ {
		d0 += bits.OnesCount64(a[i] ^ b[i])
	}
	return d0 + d1
}
