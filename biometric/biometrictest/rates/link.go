package rates

import (
	"errors"
	"math/rand/v2"
	"slices"
)

// DSys is the linkability of Gomez-Barrero et al. (IEEE TIFS 13(6), 2018) at a prior ratio
// of 1: 0 where templates of one person under two keys are not told from those of two, 1
// where they always are. The densities are histograms of min(len(mated)/10, 100) bins over
// the common range, the integral is a trapezoid. Finite samples push it up: compare it with
// the Floor of Link.
func DSys(mated, nonMated []float32) float64 {
	bins := min(len(mated)/10, 100)
	if bins < 2 || len(nonMated) == 0 {
		return 0
	}
	low := min(slices.Min(mated), slices.Min(nonMated))
	high := max(slices.Max(mated), slices.Max(nonMated))
	if low == high {
		return 0
	}
	of, against := density(mated, low, high, bins), density(nonMated, low, high, bins)
	width := float64(high-low) / float64(bins)
	local := func(i int) float64 { return of[i] * linkable(of[i], against[i]) }
	sum := 0.0
	for i := 1; i < bins; i++ {
		sum += (local(i-1) + local(i)) / 2 * width
	}
	return sum
}

// linkable is D(s) of the densities at s.
func linkable(mated, nonMated float64) float64 {
	switch {
	case nonMated == 0:
		return 1
	case mated <= nonMated:
		return 0
	}
	ratio := mated / nonMated
	return 2*ratio/(1+ratio) - 1
}

func density(values []float32, low, high float32, bins int) []float64 {
	out := make([]float64, bins)
	scale := float64(bins) / float64(high-low)
	each := scale / float64(len(values))
	for _, v := range values {
		out[min(int(float64(v-low)*scale), bins-1)] += each
	}
	return out
}

// Cell is what a linker says of identity A's templates under one key against identity B's
// under another.
type Cell struct {
	A, B   int32
	Scores []float32
}

// Linked is how far templates can be linked, with what the same statistic gives for
// identities that have nothing to do with each other.
type Linked struct {
	DSys       float64 `json:"d_sys"`
	Mean       float64 `json:"floor_mean"`
	P95        float64 `json:"floor_p95"`
	Identities int     `json:"identities"`
	Mated      int     `json:"mated"`
	NonMated   int     `json:"non_mated"`
	Repeats    int     `json:"repeats"`
}

// Above is D_sys minus the mean of its floor.
func (l Linked) Above() float64 { return l.DSys - l.Mean }

// Link measures D_sys and its floor. The floor takes, repeats times, a random derangement of
// the identities and calls the scores of i against its image mated: the same count and the
// same clusters as the real ones. Identities of different groups are never compared with
// each other (a linker trained on one group is used on the others); groups[i] is the group
// of identity i, nil is one group. Cells that are missing are left out.
func Link(cells []Cell, groups []int, repeats int, seed uint64) (Linked, error) {
	t := newTable(cells, groups)
	l := Linked{Identities: len(t.own), Repeats: repeats}
	for _, g := range t.groups {
		if len(g) < 2 {
			return l, errors.New("measure linkability: a group of one identity has nobody to be exchanged with")
		}
	}
	if len(t.own) < 2 {
		return l, errors.New("measure linkability: fewer than two identities")
	}
	var mated, others []float32
	for _, c := range cells {
		if c.A == c.B {
			mated = append(mated, c.Scores...)
		} else {
			others = append(others, c.Scores...)
		}
	}
	l.Mated, l.NonMated = len(mated), len(others)
	l.DSys = DSys(mated, others)
	floor := t.floor(repeats, seed)
	if len(floor) == 0 {
		return l, nil
	}
	for _, f := range floor {
		l.Mean += f / float64(len(floor))
	}
	slices.Sort(floor)
	l.P95 = Quantile(floor, 0.95)
	return l, nil
}

// table finds cells by their identities.
type table struct {
	cells  []Cell
	at     map[[2]int32]int
	own    []int32   // identities that have a cell of their own
	groups [][]int32 // the same, by group
}

func newTable(cells []Cell, groups []int) *table {
	t := &table{cells: cells, at: map[[2]int32]int{}}
	for i, c := range cells {
		t.at[[2]int32{c.A, c.B}] = i
		if c.A == c.B && len(c.Scores) > 0 {
			t.own = append(t.own, c.A)
		}
	}
	slices.Sort(t.own)
	by := map[int][]int32{}
	var order []int
	for _, id := range t.own {
		g := 0
		if groups != nil {
			g = groups[id]
		}
		if by[g] == nil {
			order = append(order, g)
		}
		by[g] = append(by[g], id)
	}
	for _, g := range order {
		t.groups = append(t.groups, by[g])
	}
	return t
}

func (t *table) floor(repeats int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, uint64(len(t.cells))))
	var out []float64
	chosen := make([]bool, len(t.cells))
	var mated, others []float32
	for range repeats {
		clear(chosen)
		for _, g := range t.groups {
			for i, j := range derangement(r, len(g)) {
				if at, ok := t.at[[2]int32{g[i], g[j]}]; ok {
					chosen[at] = true
				}
			}
		}
		mated, others = mated[:0], others[:0]
		for i, c := range t.cells {
			switch {
			case chosen[i]:
				mated = append(mated, c.Scores...)
			case c.A != c.B:
				others = append(others, c.Scores...)
			}
		}
		out = append(out, DSys(mated, others))
	}
	return out
}

// derangement is a random permutation of n >= 2 that leaves nothing in its place.
func derangement(r *rand.Rand, n int) []int {
	for {
		p := r.Perm(n)
		fixed := false
		for i, j := range p {
			fixed = fixed || i == j
		}
		if !fixed {
			return p
		}
	}
}
