package palm

import (
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/palm/bands"
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
)

// cut makes the regions of the shots.
func (t *take) cut() (err error) {
	b := t.b
	t.hand, err = bands.Cut(b.finder, b.shots, b.vein, b.print)
	return err
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
