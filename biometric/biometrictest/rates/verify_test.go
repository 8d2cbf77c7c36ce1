package rates

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// uniform are genuine distances 0, 1, ... n-1 and impostor distances from shift on, of
// identities that come round in turn.
func uniform(n, shift, identities int) []Pair {
	var pairs []Pair
	for i := range n {
		a := int32(i % identities)
		pairs = append(pairs, Pair{float64(i), a, a}, Pair{float64(i + shift), a, (a + 1) % int32(identities)})
	}
	return pairs
}

func TestEERClosedForm(t *testing.T) {
	// Both uniform over 1000, shifted by s: FRR(t) = 1-(t+1)/1000, FAR(t) = (t+1-s)/1000;
	// they meet at (1000-s)/2000.
	for _, shift := range []int{0, 1, 333, 500, 900} {
		v := Verify(uniform(1000, shift, 10), 0, 1)
		near(t, "EER", v.EER.Value, float64(1000-shift)/2000, 1e-9)
	}
	near(t, "EER of separate ones", Verify(uniform(1000, 1000, 10), 0, 1).EER.Value, 0, 0)
	// All at one distance: the straight line from (0, 1) to (1, 0).
	same := []Pair{{1, 0, 0}, {1, 0, 1}, {1, 1, 1}, {1, 1, 0}}
	near(t, "EER of what is all the same", Verify(same, 0, 1).EER.Value, 0.5, 1e-12)
}

func TestFRRAtFAR(t *testing.T) {
	// 1000 of each, shifted by 500. FAR 1e-2 accepts ten impostors, up to 509.
	v := Verify(uniform(1000, 500, 10), 0, 1)
	if got := v.At[0]; got.FRR != (Rate{490, 1000}) || got.Threshold != 509 {
		t.Errorf("at FAR 1e-2: %d of %d at %g", got.FRR.Hits, got.FRR.N, got.Threshold)
	}
	if got := v.At[1].String(); got != "n.a. (needs 3000 impostor comparisons, there are 1000)" {
		t.Errorf("1000 impostors say of FAR 1e-3: %q", got)
	}
	// Ties: a threshold takes all of a distance or none.
	var tied []Pair
	for i := range 1000 {
		tied = append(tied, Pair{1, 0, 0}, Pair{float64(1 + i/20), 0, 1}) // 20 impostors at 1
	}
	if got := Verify(tied, 0, 1).At[0].FRR.Hits; got != 1000 {
		t.Errorf("20 of 1000 impostors at the genuine distance, FAR 1e-2: FRR %d of 1000", got)
	}
}

func TestVerifyWithout(t *testing.T) {
	for name, pairs := range map[string][]Pair{
		"anything": nil, "genuine": {{1, 0, 1}, {2, 0, 1}, {3, 1, 0}}, "impostors": {{1, 0, 0}, {2, 0, 0}, {3, 1, 1}},
	} {
		v := Verify(pairs, 10, 1)
		if v.EER.Known() || v.At[0].Known() {
			t.Errorf("without %s there is an EER %v", name, v.EER)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestBootstrapOverIdentities(t *testing.T) {
	// One bad identity of ten has all the errors: bounds of independent pairs are far too
	// narrow, those of identities hold none to about three of it.
	r := rand.New(rand.NewPCG(1, 1))
	var pairs []Pair
	for id := range int32(10) {
		for range 100 {
			d := r.Float64() * 0.3
			if id == 0 {
				d += 0.5
			}
			pairs = append(pairs, Pair{d, id, id})
			for other := range int32(10) {
				if other != id {
					pairs = append(pairs, Pair{0.4 + r.Float64()*0.1, id, other})
				}
			}
		}
	}
	v := Verify(pairs, 300, 7)
	point := v.At[0]
	if point.FRR != (Rate{100, 1000}) {
		t.Fatalf("FRR %v", point.FRR)
	}
	near(t, "lower bound of identities", point.Clusters.Low, 0, 1e-9)
	if point.Clusters.High < 0.19 || point.FRR.Bounds().High > 0.13 {
		t.Errorf("bounds of identities %v, of pairs %v", point.Clusters, point.FRR.Bounds())
	}
	again := Verify(pairs, 300, 7)
	if diff := cmp.Diff(v, again); diff != "" {
		t.Errorf("the same seed gives something else:\n%s", diff)
	}
	if !strings.Contains(point.String(), "bootstrap over identities up to ") {
		t.Errorf("%q", point)
	}
}

func TestIdentify(t *testing.T) {
	// Everybody's own template is at 0.1, all others at 0.4; the last of 40 is never found.
	var searches []Search
	for id := range int32(40) {
		for range 8 {
			s := Search{Identity: id, Distances: make([]float32, 40)}
			for i := range s.Distances {
				s.Distances[i] = 0.4
			}
			s.Distances[id] = 0.1
			if id == 39 {
				s.Distances[id] = 0.6
			}
			searches = append(searches, s)
		}
	}
	got := Identify(searches, 10, 1)
	if got.Mated != 320 || got.NonMated != 320*3 {
		t.Fatalf("%d mated and %d non-mated searches", got.Mated, got.NonMated)
	}
	if m := got.Points[0]; m.FNIR != (Rate{8, 320}) || !m.Known() {
		t.Errorf("FNIR at 1e-2: %v", m)
	}
	if m := got.Points[1]; m.Known() || m.String() != "n.a. (needs 3000 non-mated searches, there are 960)" {
		t.Errorf("FNIR at 1e-3: %v", m)
	}
	if got := Identify(searches, 40, 1); !got.NotEnough {
		t.Error("40 of 40 subjects leave nobody who is not enrolled")
	}
	if got := Identify(searches, 1, 1); got.Points[0].FNIR != (Rate{8, 320}) {
		t.Errorf("one of one: %v", got.Points[0])
	}
}
