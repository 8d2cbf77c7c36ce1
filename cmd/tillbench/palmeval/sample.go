// Package palmeval evaluates palm recognition and template protection on a set of samples:
// error rates of comparison and identification, linkability, pre-images, and times.
package palmeval

import (
	"slices"

	"github.com/tilld/tilld/biometric/palm/bocv"
)

// Sample is what one capture left: a code for each band of the set.
type Sample struct {
	Subject int // from 0
	Session string
	Codes   []*bocv.Code // by band; nil where the band gave none
}

// Set is samples to be compared.
type Set struct {
	Bands    []string // "" is a set of one band without a name
	Subjects []string
	Samples  []Sample // by subject and session
}

// group is one subject's samples by what they are for.
type group struct {
	refs   []Sample // to enrol
	probes []Sample
	cross  bool // probes are of other sessions than refs; else they are the same samples
}

// enrolled is how many samples make one template.
const enrolled = 3

// groups parts each subject's samples: the first session against the later ones where there
// are two, else all against all.
func (s *Set) groups() []group {
	out := make([]group, len(s.Subjects))
	for _, m := range s.Samples {
		if slices.Contains(m.Codes, nil) {
			continue
		}
		g := &out[m.Subject]
		if len(g.refs) > 0 && m.Session != g.refs[0].Session {
			g.cross = true
			g.probes = append(g.probes, m)
		} else {
			g.refs = append(g.refs, m)
		}
	}
	for i := range out {
		if g := &out[i]; !g.cross {
			g.probes = g.refs
		}
	}
	return out
}

// genuine reports whether a reference and a probe of the same subject, by their places in the
// group, make a pair: each pair once, and no sample with itself.
func (g *group) genuine(ref, probe int) bool { return g.cross || ref < probe }

// templates are the references of templates of three samples, by their places: as many as
// there are where probes are of another session, else the first three.
func (g *group) templates() (out [][]int) {
	for i := 0; i+enrolled <= len(g.refs); i += enrolled {
		out = append(out, []int{i, i + 1, i + 2})
		if !g.cross {
			break
		}
	}
	return out
}

// apart reports whether a probe is none of the samples of a template.
func (g *group) apart(probe int) bool { return g.cross || probe >= enrolled }
