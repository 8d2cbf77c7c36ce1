package palmeval

import (
	"context"

	"github.com/tilld/tilld/biometric/biometrictest/attack"
	"github.com/tilld/tilld/biometric/biometrictest/rates"
	"github.com/tilld/tilld/biometric/palm/bocv"
)

// Ways to make a pre-image.
const (
	byLinear = "linear inverse"
	byClimb  = "hill climbing"
)

// PreImage is how often features made of a stolen template and its key are taken for the same
// palm by another provider.
type PreImage struct {
	Method    string     `json:"method"`
	Samples   int        `json:"samples"` // of the stolen template, and of the one attacked
	Threshold float64    `json:"threshold"`
	Accepted  rates.Rate `json:"accepted"`
	Subjects  int        `json:"subjects"`
	// Why says why it was not measured.
	Why string `json:"why,omitempty"`
}

// Bounds of what is attacked of each subject.
const (
	stolenSamples = 3
	targetSamples = 3
)

// threshold is where FAR 1e-3 lies with one sample enrolled, and with three.
type threshold struct{ single, three rates.Point }

// preImages attacks every subject with both methods: features from (K1, template of the
// first session), protected under K2, against a template of a later session, at K2's
// threshold of FAR 1e-3.
func (r *run) preImages(ctx context.Context, band int, t transform, at threshold) ([]PreImage, error) {
	out := []PreImage{
		{Method: byLinear, Samples: 1}, {Method: byClimb, Samples: 1},
		{Method: byLinear, Samples: enrolled}, {Method: byClimb, Samples: enrolled},
	}
	for i := range out {
		p := at.single
		if out[i].Samples > 1 {
			p = at.three
		}
		if out[i].Threshold = p.Threshold; !p.Known() {
			out[i].Why = "there is no threshold of FAR 1e-3: " + p.String()
			out[i].Threshold = 0
		}
	}
	parts := make([][]rates.Rate, len(r.groups))
	err := parallel(ctx, len(r.groups), func(i int) error {
		v, err := r.victim(i, band, t)
		if err != nil || v == nil {
			return err
		}
		for _, o := range out {
			if o.Why != "" {
				parts[i] = append(parts[i], rates.Rate{})
				continue
			}
			parts[i] = append(parts[i], v.attack(o, r.seed))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		for k, p := range part {
			out[k].Accepted.Hits += p.Hits
			out[k].Accepted.N += p.N
			if p.N > 0 {
				out[k].Subjects++
			}
		}
	}
	for k := range out {
		if out[k].Why == "" && out[k].Accepted.N == 0 {
			out[k].Why = "no subject has samples enough in two sessions"
		}
	}
	return out, nil
}

// victim is one subject whose template at the first provider is stolen.
type victim struct {
	one, two *attack.Map
	plate    *attack.Plate
	stolen   [][]uint64 // under the first
	targets  [][]uint64 // under the second
}

func (r *run) victim(i, band int, t transform) (*victim, error) {
	g := &r.groups[i]
	stolen, targets := g.refs, g.probes
	if !g.cross {
		half := len(g.refs) / 2
		stolen, targets = g.refs[:half], g.refs[half:]
	}
	if len(stolen) == 0 || len(targets) == 0 {
		return nil, nil
	}
	v := &victim{}
	var err error
	if v.one, err = attack.NewMap(newKey(r.seed, "stolen", i), t.Bits, t.Radius); err != nil {
		return nil, err
	}
	if v.two, err = attack.NewMap(newKey(r.seed, "verify", i), t.Bits, t.Radius); err != nil {
		return nil, err
	}
	v.plate = v.one.NewPlate()
	load := func(m *attack.Map, from []Sample, most int) (out [][]uint64) {
		for _, s := range from[:min(len(from), most)] {
			v.plate.Load(s.Codes[band])
			out = append(out, reference(m, v.plate))
		}
		return out
	}
	v.stolen, v.targets = load(v.one, stolen, stolenSamples), load(v.two, targets, targetSamples)
	return v, nil
}

// attack is how many of its attempts are accepted.
func (v *victim) attack(p PreImage, seed uint64) (r rates.Rate) {
	if p.Samples > 1 {
		if len(v.stolen) < p.Samples || len(v.targets) < p.Samples {
			return r
		}
		r.N = 1
		if v.distance(p.Method, seed, v.stolen, v.targets) <= p.Threshold {
			r.Hits = 1
		}
		return r
	}
	for x := range v.stolen {
		for y := range v.targets {
			r.N++
			if v.distance(p.Method, seed+uint64(x), v.stolen[x:x+1], v.targets[y:y+1]) <= p.Threshold {
				r.Hits++
			}
		}
	}
	return r
}

// distance is how far a pre-image is from a template: the least over its samples.
func (v *victim) distance(method string, seed uint64, stolen, target [][]uint64) float64 {
	e := v.one.Evidence(stolen...)
	var c *bocv.Code
	if method == byClimb {
		c = v.one.Climb(e, seed)
	} else {
		c = v.one.Linear(e, seed)
	}
	v.plate.Load(c)
	c.Wipe()
	sent := probe(v.two, v.plate)
	least := 1.0
	for _, y := range target {
		least = min(least, attack.Nearest(y, sent, v.two.Bits(), v.two.Words()))
	}
	return least
}
