package palmeval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/rates"
)

// Options are how a set is evaluated.
type Options struct {
	Shift   int    // of all comparisons, in cells; -1 is each profile's own
	Limit   int    // probes compared with subjects, over all
	Seed    uint64 // of keys, of samples by chance, of bootstraps
	Repeats int    // of bootstraps over identities
	Brief   bool   // no linkability and no pre-images
}

// Figures are the rates of one kind of comparison.
type Figures struct {
	Band      string             `json:"band"` // or "fusion"
	Transform string             `json:"transform"`
	Shift     int                `json:"shift_cells"`
	Single    rates.Verification `json:"one_sample"`
	Three     rates.Verification `json:"three_samples"`
}

// Loss is what protection costs: the EER with three samples under protection less that of the
// same comparisons without, in points of a percent.
type Loss struct {
	Band      string   `json:"band"`
	Transform string   `json:"transform"`
	Points    *float64 `json:"points,omitempty"` // absent where both are below 3/n
}

// Protection is what a profile withstands.
type Protection struct {
	Band      string     `json:"band"`
	Transform string     `json:"transform"`
	Links     []Link     `json:"links,omitempty"`
	PreImages []PreImage `json:"pre_images,omitempty"`
}

// Found is identification under one transform.
type Found struct {
	Band      string                 `json:"band"`
	Transform string                 `json:"transform"`
	Shift     int                    `json:"shift_cells"`
	Of        []rates.Identification `json:"of"`
}

// Result is the evaluation of one set.
type Result struct {
	Bands      []string     `json:"bands"`
	Subjects   int          `json:"subjects"`
	Samples    int          `json:"samples"`
	Incomplete int          `json:"incomplete,omitempty"` // samples that lack a band
	Protocol   []string     `json:"protocol"`
	Figures    []Figures    `json:"figures"`
	Losses     []Loss       `json:"losses"`
	Found      []Found      `json:"identification"`
	Protection []Protection `json:"protection,omitempty"`
}

// Stages is how many steps Evaluate ticks for a set.
func Stages(s *Set) int { return len(s.Subjects) }

// transforms are the comparisons that are made: each profile at its shifts, and the codes as
// they are at the same.
func transforms(shift int) (out []transform) {
	for _, p := range []biometric.Profile{biometric.Standard, biometric.Private} {
		radius := p.Shifts()
		if shift >= 0 {
			radius = shift
		}
		if plain := (transform{"unprotected", 0, radius}); !slices.Contains(out, plain) {
			out = append(out, plain)
		}
		out = append(out, transform{string(p), p.Bits(), radius})
	}
	return out
}

// Evaluate measures everything about one set. tick is called for each subject.
func Evaluate(ctx context.Context, s *Set, o Options, tick func()) (*Result, error) {
	r := &run{bands: len(s.Bands), transforms: transforms(o.Shift), groups: s.groups(), seed: o.Seed, limit: max(o.Limit, 1)}
	out := &Result{Bands: s.Bands, Samples: len(s.Samples)}
	for _, m := range s.Samples {
		if slices.Contains(m.Codes, nil) {
			out.Incomplete++
		}
	}
	for _, g := range r.groups {
		if len(g.refs) > 0 {
			out.Subjects++
		}
	}
	if out.Subjects < 2 {
		return nil, errors.New("evaluate palms: fewer than two subjects have a sample")
	}
	c, err := r.compare(ctx, tick)
	if err != nil {
		return nil, err
	}
	out.Protocol = r.protocol(c)
	if err := out.verify(ctx, r, c, o); err != nil {
		return nil, err
	}
	for b, name := range s.Bands {
		for _, t := range r.transforms {
			of, err := r.identify(ctx, b, t)
			if err != nil {
				return nil, err
			}
			out.Found = append(out.Found, Found{name, t.Name, t.Radius, of})
		}
		if b > 0 || o.Brief { // of two bands templates are made of the first, the veins
			continue
		}
		for _, t := range r.transforms {
			if t.Bits > 0 {
				p, err := r.protection(ctx, b, name, t, out)
				if err != nil {
					return nil, err
				}
				out.Protection = append(out.Protection, p)
			}
		}
	}
	return out, nil
}

// verify makes the figures of all bands and of their fusion.
func (out *Result) verify(ctx context.Context, r *run, c *compared, o Options) error {
	type job struct {
		band          string
		transform     int
		single, three []float32
	}
	var jobs []job
	for b, name := range out.Bands {
		for t := range r.transforms {
			jobs = append(jobs, job{name, t, c.by[b][t].single, c.by[b][t].three})
		}
	}
	if len(out.Bands) == 2 {
		for t := range r.transforms {
			jobs = append(jobs, job{"fusion", t, fuse(c.single, c.by[0][t].single, c.by[1][t].single),
				fuse(c.three, c.by[0][t].three, c.by[1][t].three)})
		}
	}
	out.Figures = make([]Figures, len(jobs))
	err := parallel(ctx, len(jobs), func(i int) error {
		j := jobs[i]
		t := r.transforms[j.transform]
		out.Figures[i] = Figures{Band: j.band, Transform: t.Name, Shift: t.Radius,
			Single: rates.Verify(pairs(c.single, j.single), o.Repeats, o.Seed),
			Three:  rates.Verify(pairs(c.three, j.three), o.Repeats, o.Seed)}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range out.Figures {
		if plain, ok := out.figures(f.Band, "unprotected", f.Shift); ok && f.Transform != "unprotected" {
			out.Losses = append(out.Losses, loss(f, plain))
		}
	}
	return nil
}

func loss(f, plain Figures) Loss {
	l := Loss{Band: f.Band, Transform: f.Transform}
	a, b := f.Three.EER, plain.Three.EER
	_, below := a.Shown()
	_, plainBelow := b.Shown()
	if a.Known() && b.Known() && !(below && plainBelow) {
		points := 100 * (a.Value - b.Value)
		l.Points = &points
	}
	return l
}

// figures finds those of a band, a transform and a shift.
func (out *Result) figures(band, transform string, shift int) (Figures, bool) {
	for _, f := range out.Figures {
		if f.Band == band && f.Transform == transform && f.Shift == shift {
			return f, true
		}
	}
	return Figures{}, false
}

func (r *run) protection(ctx context.Context, band int, name string, t transform, out *Result) (Protection, error) {
	p := Protection{Band: name, Transform: t.Name}
	var err error
	if p.Links, err = r.link(ctx, band, t); err != nil {
		return p, err
	}
	f, _ := out.figures(name, t.Name, t.Radius)
	p.PreImages, err = r.preImages(ctx, band, t, threshold{f.Single.At[1], f.Three.At[1]})
	return p, err
}

// protocol says how samples were paired.
func (r *run) protocol(c *compared) (said []string) {
	cross, single, few := 0, 0, 0
	for _, g := range r.groups {
		switch {
		case len(g.refs) == 0:
			continue
		case g.cross:
			cross++
		default:
			single++
		}
		if len(g.templates()) == 0 || !g.cross && len(g.refs) <= enrolled {
			few++
		}
	}
	if cross > 0 {
		said = append(said, fmt.Sprintf("%d subjects with two sessions or more: the first session is enrolled, the later ones are compared with it", cross))
	}
	if single > 0 {
		said = append(said, fmt.Sprintf("%d subjects with one session: all pairs of its samples, no session is crossed; such rates are too good", single))
	}
	if few > 0 {
		said = append(said, fmt.Sprintf("%d subjects have too few samples for a template of three", few))
	}
	if c.sampled {
		said = append(said, fmt.Sprintf("impostors by chance of a fixed seed: about %d probes for each subject (--limit)", len(c.single)/max(len(r.groups), 1)/max(c.refs(r), 1)))
	} else {
		said = append(said, "impostors are all other pairs")
	}
	return said
}

// refs is how many references a subject has on average.
func (c *compared) refs(r *run) int {
	n, with := 0, 0
	for _, g := range r.groups {
		if n += len(g.refs); len(g.refs) > 0 {
			with++
		}
	}
	return int(math.Round(float64(n) / float64(max(with, 1))))
}
