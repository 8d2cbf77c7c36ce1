package palmeval

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/tilld/tilld/biometric/biometrictest/attack"
	"github.com/tilld/tilld/biometric/biometrictest/rates"
	"github.com/tilld/tilld/biometric/palm/bocv"
)

// transform is how codes are compared: as they are, or protected.
type transform struct {
	Name   string // "unprotected", "standard", "private"
	Bits   int    // of a protected sample; 0 for unprotected
	Radius int    // of shifts, in cells
}

// scores are the distances of one band under one transform, in the same order for all.
type scores struct{ single, three []float32 }

// compared is all comparisons of a set: who against whom, and the distances.
type compared struct {
	single, three [][2]int32 // enrolled subject, probe's subject
	by            [][]scores // by band, by transform
	sampled       bool       // not all impostors were compared
}

// run is what a comparison of a set needs.
type run struct {
	bands      int
	transforms []transform
	groups     []group
	seed       uint64
	limit      int // probes compared with subjects, over all
}

// compare compares every subject's references with the probes of the subject and of others.
// Under protection a probe is protected as the claimed subject's, with a salt of the subject.
func (r *run) compare(ctx context.Context, tick func()) (*compared, error) {
	probes := 0
	for _, g := range r.groups {
		probes += len(g.probes)
	}
	each, sampled := r.share(probes)
	parts := make([]*compared, len(r.groups))
	err := parallel(ctx, len(r.groups), func(i int) error {
		defer tick()
		var err error
		parts[i], err = r.subject(i, each)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := newCompared(r.bands, len(r.transforms))
	all.sampled = sampled
	for _, p := range parts {
		all.append(p)
	}
	return all, nil
}

// share is how many probes of others each subject is compared with.
func (r *run) share(probes int) (each int, sampled bool) {
	if subjects := len(r.groups); probes*subjects > r.limit {
		return max((r.limit-probes)/max(subjects, 1), 1), true
	}
	return probes, false
}

func newCompared(bands, transforms int) *compared {
	c := &compared{by: make([][]scores, bands)}
	for b := range c.by {
		c.by[b] = make([]scores, transforms)
	}
	return c
}

func (c *compared) append(p *compared) {
	c.single, c.three = append(c.single, p.single...), append(c.three, p.three...)
	for b := range c.by {
		for t := range c.by[b] {
			c.by[b][t].single = append(c.by[b][t].single, p.by[b][t].single...)
			c.by[b][t].three = append(c.by[b][t].three, p.by[b][t].three...)
		}
	}
}

// place is a probe by its subject and its place in the group.
type place struct{ subject, probe int }

// against are the probes that subject i is compared with: all of its own, and each others by
// chance of the seed.
func (r *run) against(i, each int) (out []place) {
	var others []place
	for s, g := range r.groups {
		for p := range g.probes {
			if s == i {
				out = append(out, place{s, p})
			} else {
				others = append(others, place{s, p})
			}
		}
	}
	if len(others) > each {
		rng := rand.New(rand.NewPCG(r.seed, uint64(i)))
		rng.Shuffle(len(others), func(a, b int) { others[a], others[b] = others[b], others[a] })
		others = others[:each]
	}
	return append(out, others...)
}

// subject compares one subject's references.
func (r *run) subject(i, each int) (*compared, error) {
	g := &r.groups[i]
	out := newCompared(r.bands, len(r.transforms))
	if len(g.refs) == 0 {
		return out, nil
	}
	matchers := make([][]matcher, r.bands)
	for b := range matchers {
		for _, t := range r.transforms {
			m, err := newMatcher(t, newKey(r.seed, "verify", i), g.refs, b)
			if err != nil {
				return nil, err
			}
			matchers[b] = append(matchers[b], m)
		}
	}
	templates := g.templates()
	distances := make([]float32, len(g.refs))
	for _, p := range r.against(i, each) {
		own := p.subject == i
		var single []int
		for ref := range g.refs {
			if !own || g.genuine(ref, p.probe) {
				single = append(single, ref)
				out.single = append(out.single, [2]int32{int32(i), int32(p.subject)})
			}
		}
		three := templates
		if own && !g.apart(p.probe) {
			three = nil
		}
		for range three {
			out.three = append(out.three, [2]int32{int32(i), int32(p.subject)})
		}
		for b := range matchers {
			for t, m := range matchers[b] {
				m.match(distances, r.groups[p.subject].probes[p.probe].Codes[b])
				s := &out.by[b][t]
				for _, ref := range single {
					s.single = append(s.single, distances[ref])
				}
				for _, refs := range three {
					s.three = append(s.three, min(distances[refs[0]], distances[refs[1]], distances[refs[2]]))
				}
			}
		}
	}
	return out, nil
}

// matcher compares probes with references of one subject. Not safe for concurrent use.
type matcher interface {
	match(dst []float32, probe *bocv.Code)
}

func newMatcher(t transform, k attack.Key, refs []Sample, band int) (matcher, error) {
	if t.Bits == 0 {
		o := &open{radius: t.Radius}
		for _, s := range refs {
			o.refs = append(o.refs, s.Codes[band])
		}
		return o, nil
	}
	m, err := attack.NewMap(k, t.Bits, t.Radius)
	if err != nil {
		return nil, err
	}
	p := &protected{m: m, plate: m.NewPlate(), probe: make([]uint64, m.Shifts()*m.Words())}
	for _, s := range refs {
		p.plate.Load(s.Codes[band])
		y := make([]uint64, m.Words())
		m.Reference(y, p.plate)
		p.refs = append(p.refs, y)
	}
	return p, nil
}

// open compares codes as they are.
type open struct {
	refs   []*bocv.Code
	radius int
}

func (o *open) match(dst []float32, probe *bocv.Code) {
	for i, ref := range o.refs {
		d, _, _ := bocv.Distance(ref, probe, o.radius)
		dst[i] = float32(d)
	}
}

// protected compares under one subject's key.
type protected struct {
	m     *attack.Map
	plate *attack.Plate
	refs  [][]uint64
	probe []uint64
}

func (p *protected) match(dst []float32, probe *bocv.Code) {
	p.plate.Load(probe)
	p.m.Probe(p.probe, p.plate)
	for i, ref := range p.refs {
		dst[i] = float32(attack.Nearest(ref, p.probe, p.m.Bits(), p.m.Words()))
	}
}

// newKey is a key of its own for each purpose and number, from the seed.
func newKey(seed uint64, purpose string, n int) attack.Key {
	h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("key "+purpose), seed))
	k := attack.Key{Provider: purpose + ".example", Epoch: 1, K: h}
	s := sha256.Sum256(fmt.Appendf(nil, "salt %s %d %d", purpose, seed, n))
	copy(k.Salt[:], s[:])
	return k
}

// pairs are one band's distances under one transform for the statistics.
func pairs(who [][2]int32, distances []float32) []rates.Pair {
	out := make([]rates.Pair, len(who))
	for i, w := range who {
		out[i] = rates.Pair{Distance: float64(distances[i]), A: w[0], B: w[1]}
	}
	return out
}

// parallel runs f for 0 to n-1 on all cores, and stops at the first error or at the end of
// ctx.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := range next {
				if err := f(i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// fuse is the sum of what both distances deviate from their impostors' mean, in standard
// deviations of the impostors.
func fuse(who [][2]int32, a, b []float32) []float32 {
	za, zb := normal(who, a), normal(who, b)
	out := make([]float32, len(a))
	for i := range out {
		out[i] = za[i] + zb[i]
	}
	return out
}

func normal(who [][2]int32, d []float32) []float32 {
	mean, dev, n := 0.0, 0.0, 0.0
	for i, w := range who {
		if w[0] != w[1] {
			v := float64(d[i])
			mean, dev, n = mean+v, dev+v*v, n+1
		}
	}
	out := slices.Clone(d)
	if n < 2 {
		return out
	}
	mean /= n
	dev = max(dev/n-mean*mean, 1e-12)
	for i, v := range d {
		out[i] = float32((float64(v) - mean) / math.Sqrt(dev))
	}
	return out
}
