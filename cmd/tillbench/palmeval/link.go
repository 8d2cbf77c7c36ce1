package palmeval

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/tilld/tilld/biometric/biometrictest/attack"
	"github.com/tilld/tilld/biometric/biometrictest/rates"
	"github.com/tilld/tilld/biometric/palm/bocv"
)

// Bounds of what linkability is measured on.
const (
	linkKeys       = 3   // pairs of keys
	linkRefs       = 3   // templates of each subject under the first key
	linkProbes     = 4   // under the second
	linkSubjects   = 150 // by chance, where there are more
	linkFloor      = 100 // derangements
	fewestToLink   = 10  // subjects; fewer say nothing
	trainStrangers = 4   // mated pairs to every so many of two people, when training
)

// Stolen is the linker that has both keys.
const Stolen = "both keys stolen"

// Linkers of templates of two providers.
const (
	linkHamming    = "best-shift Hamming"
	linkLikelihood = "trained per-bit likelihood"
	linkStolen     = Stolen
)

// Salts of the templates that are linked.
const (
	saltSubject = "a salt for each subject" // 1:1, what a provider gives for a claimed wallet
	saltShard   = "one salt for all"        // 1:N within a shard
)

// Link is how far one linker links templates.
type Link struct {
	Linker string `json:"linker"`
	Salt   string `json:"salt"`
	rates.Linked
}

// linkable are the samples of one subject that are linked: by one provider and by the other.
type linkable struct{ one, two []*bocv.Code }

// linked are the subjects with samples for both providers, of two sessions where there are.
func (r *run) linked(band int) (out []linkable) {
	for _, g := range r.groups {
		one, two := g.refs, g.probes
		if !g.cross {
			half := len(g.refs) / 2
			one, two = g.refs[:half], g.refs[half:]
		}
		if len(one) == 0 || len(two) == 0 {
			continue
		}
		var l linkable
		for _, s := range one[:min(len(one), linkRefs)] {
			l.one = append(l.one, s.Codes[band])
		}
		for _, s := range two[:min(len(two), linkProbes)] {
			l.two = append(l.two, s.Codes[band])
		}
		out = append(out, l)
	}
	rng := rand.New(rand.NewPCG(r.seed, 5))
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(len(out), linkSubjects)]
}

// link measures linkability with all linkers: with a salt for each subject, and with one for
// all, as in a shard, which leaves more to link. Whoever has the keys has the salts.
func (r *run) link(ctx context.Context, band int, t transform) ([]Link, error) {
	subjects := r.linked(band)
	if len(subjects) < fewestToLink {
		return nil, nil
	}
	var out []Link
	for _, salt := range []string{saltSubject, saltShard} {
		links, err := r.linkSalted(ctx, t, subjects, salt)
		if err != nil {
			return nil, err
		}
		out = append(out, links...)
	}
	return out, nil
}

func (r *run) linkSalted(ctx context.Context, t transform, subjects []linkable, salt string) ([]Link, error) {
	names := []string{linkHamming, linkLikelihood}
	if salt == saltShard {
		names = append(names, linkStolen)
	}
	cells := map[string]*grid{}
	for _, name := range names {
		cells[name] = newGrid(len(subjects))
	}
	for k := range linkKeys {
		p, err := newProviders(r.seed, k, t, subjects, salt)
		if err != nil {
			return nil, err
		}
		if err := p.link(ctx, cells); err != nil {
			return nil, err
		}
	}
	// Trained on one half of the people and used on the other, both ways round.
	halves := make([]int, len(subjects))
	for i := range halves {
		halves[i] = i % 2
	}
	out := make([]Link, len(names))
	err := parallel(ctx, len(names), func(i int) error {
		var groups []int
		if names[i] == linkLikelihood {
			groups = halves
		}
		l, err := rates.Link(cells[names[i]].list(), groups, linkFloor, r.seed)
		out[i] = Link{names[i], salt, l}
		return err
	})
	return out, err
}

// grid is the scores of all against all.
type grid struct {
	n     int
	cells []rates.Cell
}

func newGrid(n int) *grid {
	g := &grid{n: n, cells: make([]rates.Cell, n*n)}
	for i := range g.cells {
		g.cells[i].A, g.cells[i].B = int32(i/n), int32(i%n)
	}
	return g
}

func (g *grid) add(a, b int, score float32) {
	c := &g.cells[a*g.n+b]
	c.Scores = append(c.Scores, score)
}

// list is the cells that hold anything.
func (g *grid) list() (out []rates.Cell) {
	for _, c := range g.cells {
		if len(c.Scores) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// providers are two with their keys, and what they hold of all subjects.
type providers struct {
	one, two *attack.Map // of the last subject, or of all
	subjects []linkable
	stored   [][][]uint64 // by subject and sample: references of the first
	guessed  [][][]uint64 // the same, as a thief of both keys makes probes of the second of them
	sent     [][][]uint64 // probes of the second
	kept     [][][]uint64 // references of the second
}

func newProviders(seed uint64, k int, t transform, subjects []linkable, salt string) (*providers, error) {
	p := &providers{subjects: subjects}
	var plate *attack.Plate
	for i, s := range subjects {
		if i == 0 || salt == saltSubject {
			var err error
			if p.one, err = attack.NewMap(newKey(seed, fmt.Sprintf("one%d", k), i), t.Bits, t.Radius); err != nil {
				return nil, err
			}
			if p.two, err = attack.NewMap(newKey(seed, fmt.Sprintf("two%d", k), i), t.Bits, t.Radius); err != nil {
				return nil, err
			}
		}
		if plate == nil {
			plate = p.one.NewPlate()
		}
		var stored, guessed, sent, kept [][]uint64
		for _, c := range s.one {
			plate.Load(c)
			stored = append(stored, reference(p.one, plate))
			if salt == saltShard {
				plate.Guess(p.one, p.one.Evidence(stored[len(stored)-1]))
				guessed = append(guessed, probe(p.two, plate))
			}
		}
		for _, c := range s.two {
			plate.Load(c)
			sent, kept = append(sent, probe(p.two, plate)), append(kept, reference(p.two, plate))
		}
		p.stored, p.guessed = append(p.stored, stored), append(p.guessed, guessed)
		p.sent, p.kept = append(p.sent, sent), append(p.kept, kept)
	}
	return p, nil
}

func reference(m *attack.Map, p *attack.Plate) []uint64 {
	y := make([]uint64, m.Words())
	m.Reference(y, p)
	return y
}

func probe(m *attack.Map, p *attack.Plate) []uint64 {
	y := make([]uint64, m.Words()*m.Shifts())
	m.Probe(y, p)
	return y
}

// link adds the scores of all linkers.
func (p *providers) link(ctx context.Context, cells map[string]*grid) error {
	linkers := [2]*attack.Likelihood{p.train(0), p.train(1)}
	priors := make([][][]float32, len(p.sent))
	return parallel(ctx, len(p.subjects), func(b int) error {
		l := linkers[1-b%2] // of the people who are not in this half
		for _, sent := range p.sent[b] {
			priors[b] = append(priors[b], l.Prior(sent))
		}
		// A column of the grid is this worker's alone.
		for a := range p.subjects {
			for x, stored := range p.stored[a] {
				for y, sent := range p.sent[b] {
					cells[linkHamming].add(a, b, float32(attack.Nearest(stored, sent, p.one.Bits(), p.one.Words())))
					if stolen := cells[linkStolen]; stolen != nil {
						stolen.add(a, b, float32(attack.Nearest(p.kept[b][y], p.guessed[a][x], p.two.Bits(), p.two.Words())))
					}
					if a%2 == b%2 {
						cells[linkLikelihood].add(a, b, l.Score(stored, sent, priors[b][y]))
					}
				}
			}
		}
		return nil
	})
}

// train trains a linker on one half of the people, for this pair of keys.
func (p *providers) train(half int) *attack.Likelihood {
	l := attack.NewLikelihood(p.one.Bits())
	words := p.one.Words()
	learn := func(a, b, x, y int, mated bool) {
		at, _ := p.one.Shift(0, 0)
		if mated { // where both show the same part of the palm
			_, dx, dy := bocv.Distance(p.subjects[a].one[x], p.subjects[b].two[y], p.one.Radius())
			at, _ = p.one.Shift(dx, dy) // within the radius
		}
		l.Learn(p.stored[a][x], p.sent[b][y][at*words:][:words], mated)
	}
	n := 0
	for a := half; a < len(p.subjects); a += 2 {
		for b := half; b < len(p.subjects); b += 2 {
			for x := range p.stored[a] {
				for y := range p.sent[b] {
					if n++; a == b || n%trainStrangers == 0 {
						learn(a, b, x, y, a == b)
					}
				}
			}
		}
	}
	l.Train()
	return l
}
