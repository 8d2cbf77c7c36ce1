// Package pad judges whether what was presented is a live hand (presentation attack
// detection, ISO/IEC 30107-3), from frames that were taken under lamps in an order nobody
// could know. It needs no network and no training.
//
// Each detector looks at one property of light and skin, has its own score and its own
// bounds, and says bona fide, attack, undetermined, or that its input is not there. Judge
// makes one decision of them: an attack when any says so; undetermined, which offers another
// way to pay, when any that payment needs is unsure or missing. No score makes up for
// another, and no bound moves.
package pad

import (
	"math"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
)

// Input is one presentation. What is not there is left zero: the detectors that need it are
// then missing from the result.
type Input struct {
	// Shots are the frames with the light each was taken in, all of one size. Those that are
	// not Settled are passed over.
	Shots []capture.Shot
	// Order is what was driven, phase by phase, and Shot.Phase counts in it: all of a
	// capture.Order, or what Number made. Nil where nothing is known of an order: the frames
	// then only say what their light is said to be.
	Order []capture.Light
	// Corners of the palm's region, in pixels of the shots, in order around it. Where all are
	// zero the palm is looked for.
	Corners [4]roi.Point
	// Vein is the palm's region in NIR less dark, Print in white less dark.
	Vein, Print *roi.Region
	// Distance is how far the codes of Vein and Print are apart, 0..1, over shifts of up to 3
	// cells. HasDistance is false where there is none.
	Distance    float64
	HasDistance bool
	// Unlocked: the camera changes exposure or gain by itself. Brightness then means nothing,
	// and what rests on it is missing.
	Unlocked bool
}

// Result is what a Panel made of one Input.
type Result struct {
	Decision biometric.Decision
	// Reason is the name of the cue that decided; "" for bona fide.
	Reason string
	Cues   []biometric.Cue // in the order of the detectors; good until the next Judge
	// Missing names the detectors that payment needs and that had nothing to look at; good
	// until the next Judge.
	Missing []string
}

// Config is what the detectors know of the till that they work in. The zero value knows
// nothing of it.
type Config struct {
	// Balance is the brightness of a matt white sheet under the NIR lamp over that under the
	// white one, both less dark, as this camera sees them; 0 where it was not measured.
	Balance float64
}

// Panel is the detectors and the memory they work in. It is made once; Judge does not
// allocate. Not safe for concurrent use.
type Panel struct {
	detectors []detector
	scene     scene
	cues      []biometric.Cue
	missing   []string
}

// New makes a panel.
func New(c Config) *Panel {
	p := &Panel{detectors: detectors(c)}
	p.cues = make([]biometric.Cue, 0, len(p.detectors))
	p.missing = make([]string, 0, len(p.detectors))
	return p
}

// Judge judges one presentation.
func (p *Panel) Judge(in *Input) Result {
	p.cues, p.missing = p.cues[:0], p.missing[:0]
	p.scene.look(in)

	r := Result{Decision: biometric.BonaFide}
	for i := range p.detectors {
		d := &p.detectors[i]
		score, ok := d.score(&p.scene)
		if !ok || math.IsNaN(score) || math.IsInf(score, 0) {
			if d.needed {
				p.missing = append(p.missing, d.Name)
			}
			continue
		}
		cue := d.judge(score)
		p.cues = append(p.cues, cue)
		switch {
		case cue.Decision == biometric.Attack && r.Decision != biometric.Attack:
			r.Decision, r.Reason = biometric.Attack, d.Name
		case cue.Decision == biometric.Undetermined && d.needed && r.Decision == biometric.BonaFide:
			r.Decision, r.Reason = biometric.Undetermined, d.Name
		}
		if d.Name == Ambient && cue.Score > blinding {
			break
		}
	}
	if len(p.missing) > 0 && r.Decision == biometric.BonaFide {
		r.Decision, r.Reason = biometric.Undetermined, p.missing[0]
	}
	r.Cues, r.Missing = p.cues, p.missing
	p.scene.forget()
	return r
}

// Wipe overwrites what is left of a presentation.
func (p *Panel) Wipe() { p.scene = scene{} }

// Number writes to Shot.Phase which run of one light a shot belongs to, and returns the light
// of each run: for frames of which only their times and lamps are known. Shots are in the
// order of their times.
func Number(shots []capture.Shot) (order []capture.Light) {
	for i := range shots {
		if i == 0 || shots[i].Light != shots[i-1].Light {
			order = append(order, shots[i].Light)
		}
		shots[i].Phase = len(order) - 1
	}
	return order
}
