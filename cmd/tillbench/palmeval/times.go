package palmeval

import (
	"slices"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/biometric/template"
	"github.com/tilld/tilld/internal/secret"
)

// Step is what one step takes on one core: the median of several runs.
type Step struct {
	Name string  `json:"step"`
	MS   float64 `json:"ms"`
}

// timeRuns is how often each step is timed.
const timeRuns = 31

// took is the median time of f in ms.
func took(f func()) float64 {
	f()
	runs := make([]time.Duration, timeRuns)
	for i := range runs {
		begun := time.Now()
		f()
		runs[i] = time.Since(begun)
	}
	slices.Sort(runs)
	return float64(runs[timeRuns/2].Nanoseconds()) / 1e6
}

// Times measures the steps of the product on one region, and the plain code for comparison.
func Times(region *roi.Region) ([]Step, error) {
	var code bocv.Code
	e := bocv.New()
	steps := []Step{{"code of a region", took(func() { e.Code(&code, region) })}}
	reference := bocv.NewReference()
	steps = append(steps, Step{"the same by the plain reference", took(func() { reference.Code(&code, region) })},
		Step{"compare two codes, shifts of 2 cells", took(func() { bocv.Distance(&code, &code, 2) })})
	fields := template.Fields{Characteristic: biometric.PalmVein, PAD: biometric.BonaFide, At: time.Now()}
	for _, profile := range []biometric.Profile{biometric.Standard, biometric.Private} {
		k := newKey(1, "times", 0)
		tr := biometric.Transform{Epoch: 1, Key: secret.Copy(k.K[:]), Salt: k.Salt[:], Profile: profile}
		p, err := template.New(k.Provider, tr)
		if err != nil {
			return nil, err
		}
		defer p.Wipe()
		enrolled, err := p.Enrol([]*bocv.Code{&code, &code, &code}, fields)
		if err != nil {
			return nil, err
		}
		data, err := enrolled.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		kept, err := biometric.ParseProtected(data)
		if err != nil {
			return nil, err
		}
		name := ", " + string(profile)
		steps = append(steps, Step{"key stream of a subject" + name, took(func() {
			if p, err := template.New(k.Provider, tr); err == nil {
				p.Wipe()
			}
		})})
		var sent *biometric.Protected
		probing := took(func() { sent, err = p.Probe(&code, fields) })
		if err != nil {
			return nil, err
		}
		matching := took(func() { _, err = biometric.Match(kept, sent) })
		if err != nil {
			return nil, err
		}
		steps = append(steps, Step{"protect a probe" + name, probing}, Step{"compare it with 3 samples" + name, matching})
	}
	return steps, nil
}
