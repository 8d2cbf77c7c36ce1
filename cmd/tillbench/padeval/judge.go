// Package padeval evaluates liveness on recorded or simulated presentations: each is taken
// through the region, the codes and the detectors as a terminal takes it.
package padeval

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
)

const (
	crossRadius = 3 // shifts of vein against print, in cells
	mostPairs   = 3 // frames of one light that make a region
)

// Judged is what became of one presentation.
type Judged struct {
	Kind     string             `json:"kind"` // bonafide, or the instrument
	Try      string             `json:"try"`
	Decision biometric.Decision `json:"decision"`
	Reason   string             `json:"reason,omitempty"` // the cue that decided, or why there was nothing to judge
	Missing  []string           `json:"missing,omitempty"`
	Cues     []biometric.Cue    `json:"cues,omitempty"`
	MS       float64            `json:"ms"` // region, codes and detectors
}

// bench is what one goroutine judges with, for frames of one size.
type bench struct {
	w, h        int
	finder      *roi.Finder
	extract     *bocv.Extractor
	panel       *pad.Panel
	vein, print roi.Region
}

func newBench(w, h int, light pad.Config) (*bench, error) {
	f, err := roi.New(w, h, nil)
	if err != nil {
		return nil, err
	}
	return &bench{w: w, h: h, finder: f, extract: bocv.New(), panel: pad.New(light)}, nil
}

// judge judges shots of one size, taken in an order.
func (b *bench) judge(shots []capture.Shot, order []capture.Light) Judged {
	begun := time.Now()
	j := b.decide(shots, order)
	j.MS = float64(time.Since(begun).Microseconds()) / 1000
	return j
}

func (b *bench) decide(shots []capture.Shot, order []capture.Light) Judged {
	hand, err := b.mean(shots, capture.NIR, roi.Hand{})
	if err != nil {
		return failed(err)
	}
	if b.finder.Mean(&b.vein) == 0 {
		return failed(errors.New("no settled frame under the NIR lamp"))
	}
	if _, err := b.mean(shots, capture.White, hand); err != nil {
		return failed(err)
	}
	if b.finder.Mean(&b.print) == 0 {
		return failed(errors.New("no settled frame under the white lamp"))
	}
	var vein, print bocv.Code
	defer vein.Wipe()
	defer print.Wipe()
	b.extract.Code(&vein, &b.vein)
	b.extract.Code(&print, &b.print)
	distance, _, _ := bocv.Distance(&print, &vein, crossRadius)
	r := b.panel.Judge(&pad.Input{Shots: shots, Order: order, Corners: hand.Corners, Vein: &b.vein, Print: &b.print,
		Distance: distance, HasDistance: true})
	return Judged{Decision: r.Decision, Reason: r.Reason, Missing: append([]string(nil), r.Missing...), Cues: append([]biometric.Cue(nil), r.Cues...)}
}

// failed is a presentation that nothing could be judged of.
func failed(err error) Judged {
	return Judged{Decision: biometric.Undetermined, Reason: "not acquired: " + strings.TrimPrefix(err.Error(), "find the palm: ")}
}

// mean adds up the regions of the frames in one light; the finder's Mean takes them. Where
// the hand is not found in a frame it is taken to be where fallback is.
func (b *bench) mean(shots []capture.Shot, light capture.Light, fallback roi.Hand) (best roi.Hand, err error) {
	pairs := 0
	for i := range shots {
		lit := &shots[i]
		if lit.Light != light || !lit.Settled || pairs == mostPairs {
			continue
		}
		dark := nearestDark(shots, lit)
		if dark == nil {
			return best, errors.New("no settled frame without a lamp")
		}
		h, findErr := b.finder.Find(lit.Luma, dark.Luma)
		if findErr != nil {
			if fallback.Area == 0 {
				err = findErr
				continue
			}
			h = fallback
		}
		if err := b.finder.Add(lit.Luma, dark.Luma, h); err != nil {
			return best, err
		}
		if pairs++; pairs == 1 || h.Quality > best.Quality {
			best = h
		}
	}
	if pairs > 0 {
		return best, nil
	}
	if err == nil {
		err = fmt.Errorf("no settled frame under the %s lamp", light)
	}
	return best, err
}

func nearestDark(shots []capture.Shot, lit *capture.Shot) (best *capture.Shot) {
	apart := func(s *capture.Shot) int64 { return max(int64(s.At-lit.At), int64(lit.At-s.At)) }
	for i := range shots {
		if s := &shots[i]; s.Light == capture.Dark && s.Settled && (best == nil || apart(s) < apart(best)) {
			best = s
		}
	}
	return best
}
