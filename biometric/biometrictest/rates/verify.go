package rates

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Pair is one comparison of two samples: of one identity (genuine) where A and B are the
// same, else of two (impostor). Identities are counted from 0.
type Pair struct {
	Distance float64
	A, B     int32
}

// FARs are the false accept rates that the rate of false rejects is stated at.
var FARs = [3]float64{1e-2, 1e-3, 1e-4}

// Verification is how well a comparison tells palms apart.
type Verification struct {
	Genuine    int      `json:"genuine"`
	Impostor   int      `json:"impostor"`
	Identities int      `json:"identities"` // that are in a genuine pair
	EER        EER      `json:"eer"`
	At         [3]Point `json:"at"` // in the order of FARs
}

// EER is the equal error rate, on the straight line between the two operating points that
// it lies between.
type EER struct {
	Value    float64
	N        int    // of the fewer: genuine or impostor pairs
	Clusters Bounds // 95 %, identities drawn
}

// Shown is the rate, or 3/n with below set where it lies below.
func (e EER) Shown() (rate float64, below bool) {
	floor := Floor(e.N)
	return max(e.Value, floor), e.Value < floor
}

// Known reports whether anything can be said.
func (e EER) Known() bool { return e.N >= 3 && !math.IsNaN(e.Value) }

// Short is "0.67 %", "< 0.30 %" or "n.a.".
func (e EER) Short() string {
	if !e.Known() {
		return "n.a."
	}
	return percent(e.Shown())
}

// String is "0.67 % (n = 297, bootstrap over identities 95 %: 0.41 to 1.10 %)".
func (e EER) String() string {
	if !e.Known() {
		return fmt.Sprintf("n.a. (n = %d)", e.N)
	}
	return fmt.Sprintf("%s (n = %d, bootstrap over identities 95 %%: %s)", e.Short(), e.N, e.Clusters.Text(Floor(e.N)))
}

// MarshalJSON writes the rate as shown with its n and bounds.
func (e EER) MarshalJSON() ([]byte, error) {
	out := shownRate{N: e.N}
	if e.Known() {
		rate, below := e.Shown()
		b := e.Clusters.above(Floor(e.N))
		out.Rate, out.Below, out.Clusters = &rate, below, &b
	}
	return json.Marshal(out)
}

// Point is the rate of false rejects at the greatest threshold whose rate of false accepts
// is no more than FAR.
type Point struct {
	FAR       float64
	Impostor  int // how many impostor pairs the threshold was set on
	FRR       Rate
	Threshold float64 // accepted up to this distance
	Clusters  Bounds  // 95 %, identities drawn, threshold set anew each time
}

// Need is how many impostor pairs it takes to speak of a rate of false accepts: 3/FAR.
func Need(far float64) int { return int(math.Ceil(3/far - 1e-9)) }

// Known reports whether there are pairs enough for the FAR and for the FRR.
func (p Point) Known() bool { return p.Impostor >= Need(p.FAR) && p.FRR.Known() }

// Short is "1.25 %", "< 0.30 %" or "n.a.".
func (p Point) Short() string {
	if !p.Known() {
		return "n.a."
	}
	return p.FRR.Short()
}

// String is the rate with its bounds, or why there is none.
func (p Point) String() string {
	switch {
	case p.Impostor < Need(p.FAR):
		return fmt.Sprintf("n.a. (needs %d impostor comparisons, there are %d)", Need(p.FAR), p.Impostor)
	case !p.FRR.Known():
		return p.FRR.String()
	}
	floor := Floor(p.FRR.N)
	return fmt.Sprintf("%s (%d of %d, 95 %%: %s, bootstrap over identities %s)", p.FRR.Short(), p.FRR.Hits, p.FRR.N,
		p.FRR.Bounds().Text(floor), p.Clusters.Text(floor))
}

// MarshalJSON writes the rate as shown, or the n that it would need.
func (p Point) MarshalJSON() ([]byte, error) {
	out := struct {
		FAR       float64  `json:"far"`
		Impostor  int      `json:"impostor"`
		Needs     int      `json:"needs_impostor,omitempty"`
		FRR       *Rate    `json:"frr,omitempty"`
		Threshold *float64 `json:"threshold,omitempty"`
		Clusters  *Bounds  `json:"frr_bootstrap_95,omitempty"`
	}{FAR: p.FAR, Impostor: p.Impostor}
	if !p.Known() {
		out.Needs = Need(p.FAR)
		return json.Marshal(out)
	}
	b := p.Clusters.above(Floor(p.FRR.N))
	out.FRR, out.Clusters = &p.FRR, &b
	if !math.IsInf(p.Threshold, 0) {
		out.Threshold = &p.Threshold
	}
	return json.Marshal(out)
}

// Verify states the rates of pairs, which it sorts. The bounds over identities take repeats
// draws from seed; 0 draws none, and the bounds are then 0 to 1.
func Verify(pairs []Pair, repeats int, seed uint64) Verification {
	slices.SortFunc(pairs, func(p, q Pair) int { return cmp.Compare(p.Distance, q.Distance) })
	v := Verification{}
	identities := 0
	for _, p := range pairs {
		identities = max(identities, int(p.A)+1, int(p.B)+1)
	}
	present := make([]bool, identities)
	for _, p := range pairs {
		if p.A != p.B {
			v.Impostor++
			continue
		}
		v.Genuine++
		present[p.A] = true
	}
	var drawn []int32 // the identities that are drawn from
	ones := make([]float64, identities)
	for i := range ones {
		ones[i] = 1
		if present[i] {
			drawn = append(drawn, int32(i))
		}
	}
	v.Identities = len(drawn)
	all := operate(pairs, ones)
	v.EER = EER{Value: all.eer, N: min(v.Genuine, v.Impostor), Clusters: Bounds{0, 1}}
	for i, far := range FARs {
		v.At[i] = Point{FAR: far, Impostor: v.Impostor, Threshold: all.at[i].threshold, Clusters: Bounds{0, 1},
			FRR: Rate{Hits: int(math.Round(all.at[i].frr * float64(v.Genuine))), N: v.Genuine}}
	}
	if repeats > 0 && v.Genuine > 0 && v.Impostor > 0 {
		v.bootstrap(pairs, drawn, identities, repeats, seed)
	}
	return v
}

// bootstrap draws as many identities as there are, with replacement. A pair counts as often
// as both of its identities were drawn together; one identity against its own copy is
// neither genuine nor impostor.
func (v *Verification) bootstrap(pairs []Pair, drawn []int32, identities, repeats int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, uint64(len(pairs))))
	var eer []float64
	var frr [len(FARs)][]float64
	weights := make([]float64, identities)
	for range repeats {
		clear(weights)
		for range drawn {
			weights[drawn[r.IntN(len(drawn))]]++
		}
		o := operate(pairs, weights)
		if math.IsNaN(o.eer) {
			continue
		}
		eer = append(eer, o.eer)
		for i := range frr {
			frr[i] = append(frr[i], o.at[i].frr)
		}
	}
	v.EER.Clusters = middle95(eer)
	for i := range frr {
		v.At[i].Clusters = middle95(frr[i])
	}
}

// middle95 sorts values and cuts 2.5 % off each end; 0 to 1 for none.
func middle95(values []float64) Bounds {
	if len(values) == 0 {
		return Bounds{0, 1}
	}
	slices.Sort(values)
	return Bounds{Quantile(values, 0.025), Quantile(values, 0.975)}
}

// Quantile is the q-th quantile of sorted values, by the nearest rank.
func Quantile(sorted []float64, q float64) float64 {
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
