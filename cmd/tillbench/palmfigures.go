package main

import (
	"context"
	"fmt"
	"math"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/biometrictest/rates"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/cmd/tillbench/padeval"
	"github.com/tilld/tilld/cmd/tillbench/palmeval"
)

// palmFigure is what protection costs and withstands, on simulated palms.
var palmFigure = Figure{
	Name:    "palm",
	What:    "simulated palms in near infrared: what protecting a template costs, and what it withstands",
	Target:  "unprotected EER, 3 samples ≥ 0.5 %, and loss ≤ 0.1 point; D_sys ≤ floor + 0.01; pre-image, private ≤ 1 %",
	Measure: measurePalm,
}

func measurePalm(ctx context.Context, b *Bench) (Measured, error) {
	hard, err := b.palms(ctx, palms.Hard(), 6, true)
	if err != nil {
		return Measured{}, err
	}
	careful, err := b.palms(ctx, palms.Plain(), 3, false)
	if err != nil {
		return Measured{}, err
	}
	var m Measured
	m.losses(hard)
	for _, p := range careful.Protection {
		for _, l := range p.Links {
			label := fmt.Sprintf("%s, %s, %s: D_sys %.3f less floor", p.Transform, l.Linker, l.Salt, l.DSys)
			if l.Linker == palmeval.Stolen {
				m.Values = append(m.Values, plain(label, thousandths(l.Above()), "/1000"))
			} else {
				m.Values = append(m.Values, atMost(label, thousandths(l.Above()), "/1000", 10))
			}
		}
		m.preImages(p)
	}
	m.Notes = append(m.Notes,
		fmt.Sprintf("SIMULATED palms: regression figures. Loss on %d hard ones with %d samples, the rest on %d shown with care; tillbench palm has all of it, with bounds", hard.Subjects, hard.Samples, careful.Subjects),
		"a rate below 3/n is stated as 3/n")
	return m, nil
}

// palms evaluates simulated palms in one band: three captures enrolled, and later ones.
func (b *Bench) palms(ctx context.Context, v palms.Variation, later int, brief bool) (*palmeval.Result, error) {
	b.progress("palm: simulating %d palms", b.Palms)
	src, err := palmeval.NewSynthetic(b.Palms, 3, later, v, 1, palmeval.NIR)
	if err != nil {
		return nil, err
	}
	l, err := palmeval.Load(ctx, src, func() {})
	if err != nil {
		return nil, err
	}
	b.progress("palm: comparing")
	return palmeval.Evaluate(ctx, l.Sets[0], palmeval.Options{Shift: -1, Limit: 150 * b.Palms, Seed: 1, Repeats: 0, Brief: brief}, func() {})
}

func (m *Measured) losses(r *palmeval.Result) {
	for _, f := range r.Figures {
		rate, below := f.Three.EER.Shown()
		if below {
			m.Notes = append(m.Notes, fmt.Sprintf("EER, %s ±%d: below 3/n, n %d; too few palms to be hard", f.Transform, f.Shift, f.Three.EER.N))
			continue
		}
		v := Value{Label: fmt.Sprintf("EER, %s ±%d, n %d", f.Transform, f.Shift, f.Three.EER.N), Value: percent(rate), Unit: "%"}
		if f.Transform == "unprotected" {
			v.Least = limit(0.5)
		}
		m.Values = append(m.Values, v)
	}
	for _, l := range r.Losses {
		if l.Points == nil {
			m.Notes = append(m.Notes, "loss by "+l.Transform+": not seen, both rates are below 3/n")
			continue
		}
		m.Values = append(m.Values, atMost("loss by "+l.Transform, *l.Points, "points", 0.1))
	}
}

func (m *Measured) preImages(p palmeval.Protection) {
	for _, a := range p.PreImages {
		if a.Samples > 1 || a.Why != "" {
			continue
		}
		rate, _ := a.Accepted.Shown()
		v := Value{Label: fmt.Sprintf("pre-image accepted, %s, %s, n %d", p.Transform, a.Method, a.Accepted.N), Value: percent(rate), Unit: "%"}
		if p.Transform == string(biometric.Private) {
			v.Most = limit(1)
		}
		m.Values = append(m.Values, v)
	}
}

func limit(f float64) *float64 { return &f }

// thousandths are whole ones: the table shows two decimals, and D_sys needs three.
func thousandths(f float64) float64 { return math.Round(1000 * f) }

// percent rounds up to what the table shows, so that 3/n is not shown as less.
func percent(rate float64) float64 { return math.Ceil(rate*1e4-1e-9) / 100 }

// livenessFigure is how simulated instruments are judged.
var livenessFigure = Figure{
	Name:    "liveness",
	What:    "simulated hands and attack instruments, judged as a terminal judges them",
	Target:  "attacks but the two-layer one let through ≤ 1 %; live hands refused ≤ 3 %, undetermined ≤ 5 %",
	Measure: measureLiveness,
}

func measureLiveness(ctx context.Context, b *Bench) (Measured, error) {
	src, err := padeval.NewSimulated(b.Tries, nil, 1)
	if err != nil {
		return Measured{}, err
	}
	b.progress("liveness: %d simulated presentations", src.Len())
	r, err := padeval.Evaluate(ctx, src, pad.Config{}, func() {})
	if err != nil {
		return Measured{}, err
	}
	var all, two rates.Outcomes
	for kind, o := range r.Counts {
		switch kind {
		case padeval.BonaFide:
		case stage.TwoLayer:
			two = o
		default:
			all = rates.Outcomes{BonaFide: all.BonaFide + o.BonaFide, Attack: all.Attack + o.Attack, Undetermined: all.Undetermined + o.Undetermined}
		}
	}
	live := r.Counts[padeval.BonaFide]
	// Counts, not rates: a short run has too few for a rate that means anything.
	count := func(label string, hits, n int, most float64) Value {
		return atMost(fmt.Sprintf("%s, of %d", label, n), float64(hits), "", math.Floor(most*float64(n)))
	}
	return Measured{
		Values: []Value{
			count("let through, all instruments but the two-layer one", all.BonaFide, all.N(), 0.01),
			plain(fmt.Sprintf("two-layer let through, of %d", two.N()), float64(two.BonaFide), ""),
			count("live hands refused", live.Attack, live.N(), 0.03),
			count("live hands undetermined", live.Undetermined, live.N(), 0.05),
		},
		Notes: []string{"SIMULATED hands and instruments: counts of a regression, no claim about real hands or attacks. --tries 300 or more, or tillbench palm-pad --synthetic 300, state rates: below 3/n there are none"},
	}, nil
}

// palmSpeedFigure is what a presentation costs on one core.
var palmSpeedFigure = Figure{
	Name:   "palmspeed",
	What:   "frames of 640x480 to a sealed palm template, one core",
	Target: "region and template ≥ 4 times as fast as with the plain reference; 0 allocations a frame; sealed ≤ 8 ms; ≤ 416 B / ≤ 800 B stored, ≤ 8 KB sealed",
	Measure: func(ctx context.Context, b *Bench) (Measured, error) {
		var m Measured
		for _, p := range []biometric.Profile{biometric.Private, biometric.Standard} {
			s, err := padeval.Measure(p)
			if err != nil {
				return m, err
			}
			most := 800.0
			if p == biometric.Private {
				most = 416
				m.Values = append(m.Values, plain("region", s.Region, "ms"), plain("template", s.Code, "ms"), plain("template by the plain reference", s.Reference, "ms"),
					atLeast("region and template, times as fast", (s.Region+s.Reference)/(s.Region+s.Code), "", 4), atMost("a frame", s.Allocations, "allocations", 0))
			}
			m.Values = append(m.Values, atMost("frames to sealed, "+string(p), s.Sealed, "ms", 8),
				atMost("stored, 3 samples, "+string(p), float64(s.Stored), "B", most), atMost("sealed probe, "+string(p), float64(s.Probe), "B", 8192))
		}
		m.Notes = []string{"a simulated hand; region: found in one frame and cut; sealed: key stream, regions of up to 6 frames, codes, detectors, protection, X-Wing, signature"}
		return m, nil
	},
}
