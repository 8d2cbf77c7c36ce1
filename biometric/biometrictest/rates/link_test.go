package rates

import (
	"math/rand/v2"
	"testing"
)

func TestDSysClosedForm(t *testing.T) {
	ramp := func(n int, from, to float32) (out []float32) {
		for i := range n {
			out = append(out, from+(to-from)*(float32(i)+0.5)/float32(n))
		}
		return out
	}
	for _, c := range []struct {
		name            string
		mated, nonMated []float32
		want, tolerance float64
	}{
		{"the same", ramp(10000, 0, 1), ramp(10000, 0, 1), 0, 1e-6},
		// LR is 2 on [0, 1] and 0 beyond: D is 1/3 where all mated scores are.
		{"half as wide", ramp(10000, 0, 1), ramp(20000, 0, 2), 1. / 3, 0.01},
		{"apart", ramp(10000, 0, 1), ramp(10000, 3, 4), 1, 0.03}, // the trapezoid leaves out half a bin
		{"too few", ramp(19, 0, 1), ramp(19, 3, 4), 0, 0},
		{"one value", make([]float32, 100), make([]float32, 100), 0, 0},
	} {
		near(t, c.name, DSys(c.mated, c.nonMated), c.want, c.tolerance)
	}
}

// cells are scores of identities of which a share of the mated ones is moved by offset.
func cells(identities, each int, offset float32, seed uint64) (out []Cell) {
	r := rand.New(rand.NewPCG(seed, 9))
	for a := range int32(identities) {
		for b := range int32(identities) {
			c := Cell{A: a, B: b}
			for range each {
				s := float32(r.NormFloat64())
				if a == b {
					s += offset
				}
				c.Scores = append(c.Scores, s)
			}
			out = append(out, c)
		}
	}
	return out
}

func TestLink(t *testing.T) {
	unlinked, err := Link(cells(60, 20, 0, 1), nil, 100, 5)
	if err != nil {
		t.Fatal(err)
	}
	if unlinked.Mated != 1200 || unlinked.NonMated != 60*59*20 || unlinked.Identities != 60 || unlinked.Repeats != 100 {
		t.Errorf("%+v", unlinked)
	}
	if above := unlinked.Above(); above > 0.03 || above < -0.03 || unlinked.DSys > unlinked.P95+0.02 {
		t.Errorf("scores that say nothing: %+v", unlinked)
	}
	linked, err := Link(cells(60, 20, 3, 1), nil, 20, 5)
	if err != nil || linked.DSys < 0.7 || linked.P95 > 0.15 {
		t.Errorf("scores that say much: %+v, %v", linked, err)
	}
	again, _ := Link(cells(60, 20, 3, 1), nil, 20, 5)
	if again != linked {
		t.Errorf("the same seed gives %+v and %+v", linked, again)
	}
}

func TestLinkInGroups(t *testing.T) {
	groups := make([]int, 20)
	var within []Cell
	for i := range groups {
		groups[i] = i % 2
	}
	for _, c := range cells(20, 20, 0, 2) {
		if groups[c.A] == groups[c.B] {
			within = append(within, c)
		}
	}
	l, err := Link(within, groups, 50, 1)
	if err != nil || l.Mated != 400 || l.NonMated != 2*10*9*20 {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := Link(cells(3, 20, 0, 2), []int{0, 0, 1}, 1, 1); err == nil {
		t.Error("a group of one was taken")
	}
	if _, err := Link(nil, nil, 1, 1); err == nil {
		t.Error("nothing was taken")
	}
}

func TestDerangement(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 2; n < 40; n++ {
		for i, j := range derangement(r, n) {
			if i == j {
				t.Fatalf("%d of %d stays in its place", i, n)
			}
		}
	}
}

func TestJudge(t *testing.T) {
	l := Judge(Outcomes{BonaFide: 290, Attack: 6, Undetermined: 4}, map[string]Outcomes{
		"laser":  {BonaFide: 0, Attack: 299, Undetermined: 1},
		"glove":  {BonaFide: 30, Attack: 60, Undetermined: 10},
		"tablet": {BonaFide: 1, Attack: 1},
	})
	if l.Worst != "glove" || l.BPCER != (Rate{6, 300}) || l.BPNRR != (Rate{4, 300}) {
		t.Errorf("%+v", l)
	}
	if i, ok := l.Of("laser"); !ok || i.APCER.Short() != "< 1.00 %" {
		t.Errorf("laser: %+v", i)
	}
	acer, below, ok := l.ACER()
	near(t, "ACER", acer, (0.3+0.02)/2, 1e-12)
	if below || !ok {
		t.Error("ACER is known here")
	}
	if _, _, ok := Judge(Outcomes{}, nil).ACER(); ok {
		t.Error("there is an ACER of nothing")
	}
}
