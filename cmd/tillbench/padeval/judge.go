// Package padeval evaluates liveness on recorded or simulated presentations: each is taken
// through the region, the codes and the detectors as a terminal takes it.
package padeval

import (
	"strings"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/palm/bands"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
)

const crossRadius = 3 // shifts of vein against print, in cells

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
	hand, err := bands.Cut(b.finder, shots, &b.vein, &b.print)
	if err != nil {
		return failed(err)
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
