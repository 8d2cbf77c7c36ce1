package palm

import (
	"errors"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
)

const (
	// leastQuality is what a region is worth taking from.
	leastQuality = 0.3
	// sameHand is how far the codes of two samples of one enrolment may be apart: well inside
	// of what one palm shows of itself (.26 ± .04), far outside of what two do (.45 ± .02).
	sameHand = 0.36
	// sampleRadius is how far two samples, and crossRadius how far vein and print, are shifted
	// against each other, in cells.
	sampleRadius = 3
	crossRadius  = 3
	// mostPairs is how many frames of one light a region is made of: more cost time and blur.
	mostPairs = 2
)

var errNoDark = errors.New("no frame without a lamp")

// cut makes the regions of the shots: veins of the NIR frames, print of the white ones, each
// less what is seen without a lamp.
func (t *take) cut() error {
	b := t.b
	hand, err := t.mean(capture.NIR, roi.Hand{})
	if err != nil {
		return err
	}
	t.hand = hand
	if b.finder.Mean(b.vein) == 0 {
		return roi.ErrNone
	}
	if _, err := t.mean(capture.White, hand); err != nil {
		return err
	}
	if b.finder.Mean(b.print) == 0 {
		return roi.ErrNone
	}
	return nil
}

// mean adds up the regions of the frames in one light. Where the hand is not found in a
// frame it is taken to be where it was found under the other lamp. It returns the best hand.
func (t *take) mean(light capture.Light, fallback roi.Hand) (best roi.Hand, err error) {
	b, pairs := t.b, 0
	for i := range b.shots {
		lit := &b.shots[i]
		if lit.Light != light || !lit.Settled || pairs == mostPairs {
			continue
		}
		dark := t.nearestDark(lit)
		if dark == nil {
			return best, errNoDark
		}
		h, findErr := b.finder.Find(lit.Luma, dark.Luma)
		switch {
		case findErr == nil:
		case errors.Is(findErr, roi.ErrMany):
			return best, findErr
		case fallback.Area > 0:
			h = fallback
		default:
			err = findErr
			continue
		}
		if err := b.finder.Add(lit.Luma, dark.Luma, h); err != nil {
			return best, err
		}
		if pairs++; pairs == 1 || h.Quality > best.Quality {
			best = h
		}
	}
	if pairs > 0 {
		err = nil
	}
	return best, err
}

func (t *take) nearestDark(lit *capture.Shot) (best *capture.Shot) {
	for i := range t.b.shots {
		s := &t.b.shots[i]
		if s.Light == capture.Dark && s.Settled && (best == nil || apart(s, lit) < apart(best, lit)) {
			best = s
		}
	}
	return best
}

func apart(a, b *capture.Shot) int64 {
	d := int64(a.At - b.At)
	return max(d, -d)
}

// judge computes the codes and lets the detectors look at the frames.
func (t *take) judge() biometric.Verdict {
	b, in := t.b, t.frames()
	code := b.codes[t.taken]
	b.extract.Code(code, b.vein)
	b.extract.Code(b.lines, b.print)
	in.Corners, in.Vein, in.Print = t.hand.Corners, b.vein, b.print
	in.Distance, _, _ = bocv.Distance(b.lines, code, crossRadius)
	in.HasDistance = true
	return t.verdict(in)
}

// frames is what the detectors are given where no hand was found.
func (t *take) frames() pad.Input {
	held := t.stream.Held()
	return pad.Input{Shots: t.b.shots, Order: t.order[:], Unlocked: !held.TimeFixed || !held.GainFixed}
}

func (t *take) verdict(in pad.Input) biometric.Verdict {
	o := &t.p.o
	return pad.Verdict(t.b.panel.Judge(&in), pad.Facts{Modality: biometric.Palm, LampBits: capture.OrderBits(), Level: o.Level, Build: o.Build,
		At: o.Now(), Simulated: o.Simulated})
}

// fits reports whether the sample is good enough, and of the same hand as those before.
func (t *take) fits() bool {
	if t.hand.Quality < leastQuality {
		return false
	}
	if t.taken == 0 {
		t.side, t.worst = t.hand.Side, t.hand.Quality
		return true
	}
	if t.hand.Side != roi.SideUnknown && t.side != roi.SideUnknown && t.hand.Side != t.side {
		return false
	}
	for i := range t.taken {
		if d, _, _ := bocv.Distance(t.b.codes[i], t.b.codes[t.taken], sampleRadius); d > sameHand {
			return false
		}
	}
	if t.side == roi.SideUnknown {
		t.side = t.hand.Side
	}
	t.worst = min(t.worst, t.hand.Quality)
	return true
}
