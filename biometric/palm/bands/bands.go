// Package bands cuts the palm's region out of the frames of one presentation, in both lights.
package bands

import (
	"errors"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
)

// What Cut says besides the errors of package roi.
var (
	ErrNoDark  = errors.New("find the palm: no settled frame without a lamp")
	ErrNoNIR   = errors.New("find the palm: no settled frame under the NIR lamp")
	ErrNoWhite = errors.New("find the palm: no settled frame under the white lamp")
)

// tries is how many pairs of frames are looked at until a hand is found in one.
const tries = 3

// Cut writes the veins' region, NIR less dark, and the print's, white less dark. Both are cut
// at the place where the hand was found under the NIR lamp, of the two frames that are next
// to each other in time: what the detectors compare line by line must not have moved, and no
// two findings agree as well as one does with itself. It does not allocate.
func Cut(f *roi.Finder, shots []capture.Shot, vein, print *roi.Region) (hand roi.Hand, err error) {
	var least int64 = -1 // pairs that are no farther apart were looked at
	var last [2]int
	for range tries {
		nir, white, ok := next(shots, least, last)
		if !ok {
			break
		}
		least, last = apart(&shots[nir], &shots[white]), [2]int{nir, white}
		dark := nearestDark(shots, &shots[nir])
		if dark == nil {
			return hand, ErrNoDark
		}
		if hand, err = f.Find(shots[nir].Luma, dark.Luma); errors.Is(err, roi.ErrMany) {
			return hand, err
		} else if err != nil {
			continue
		}
		if err := f.Difference(vein, shots[nir].Luma, dark.Luma, hand); err != nil {
			return hand, err
		}
		return hand, f.Difference(print, shots[white].Luma, nearestDark(shots, &shots[white]).Luma, hand)
	}
	if least < 0 {
		return hand, lacking(shots)
	}
	return hand, err
}

// next is the NIR and the white frame that are nearest to each other in time, of the pairs
// that come after last in the order of that and of their places.
func next(shots []capture.Shot, least int64, last [2]int) (nir, white int, ok bool) {
	after := func(d int64, i, j int) bool {
		return d > least || d == least && (i > last[0] || i == last[0] && j > last[1])
	}
	var best int64
	for i := range shots {
		if shots[i].Light != capture.NIR || !shots[i].Settled {
			continue
		}
		for j := range shots {
			if shots[j].Light != capture.White || !shots[j].Settled {
				continue
			}
			if d := apart(&shots[i], &shots[j]); after(d, i, j) && (!ok || d < best) {
				nir, white, best, ok = i, j, d, true
			}
		}
	}
	return nir, white, ok
}

// lacking is why there is no pair.
func lacking(shots []capture.Shot) error {
	for i := range shots {
		if shots[i].Light == capture.NIR && shots[i].Settled {
			return ErrNoWhite
		}
	}
	return ErrNoNIR
}

func nearestDark(shots []capture.Shot, lit *capture.Shot) (best *capture.Shot) {
	for i := range shots {
		if s := &shots[i]; s.Light == capture.Dark && s.Settled && (best == nil || apart(s, lit) < apart(best, lit)) {
			best = s
		}
	}
	return best
}

func apart(a, b *capture.Shot) int64 { return max(int64(a.At-b.At), int64(b.At-a.At)) }
