package rates

import "math"

// operation is what a set of weighted comparisons comes to.
type operation struct {
	eer float64 // NaN without genuine or without impostor pairs
	at  [len(FARs)]struct{ frr, threshold float64 }
}

// operate walks sorted pairs, each of which counts with the product of its identities'
// weights, or with the one weight of a genuine pair.
func operate(pairs []Pair, weights []float64) operation {
	var genuine, impostor float64
	for _, p := range pairs {
		if p.A == p.B {
			genuine += weights[p.A]
		} else {
			impostor += weights[p.A] * weights[p.B]
		}
	}
	o := operation{eer: math.NaN()}
	for i := range o.at {
		o.at[i].frr, o.at[i].threshold = 1, math.Inf(-1)
	}
	if genuine == 0 || impostor == 0 {
		return o
	}
	var accepted, falsely float64
	far, frr := 0.0, 1.0 // of the threshold before
	for i := 0; i < len(pairs); {
		d := pairs[i].Distance
		for ; i < len(pairs) && pairs[i].Distance == d; i++ { // a threshold cannot part them
			if p := pairs[i]; p.A == p.B {
				accepted += weights[p.A]
			} else {
				falsely += weights[p.A] * weights[p.B]
			}
		}
		nowFAR, nowFRR := falsely/impostor, 1-accepted/genuine
		for k, limit := range FARs {
			if nowFAR <= limit {
				o.at[k].frr, o.at[k].threshold = max(nowFRR, 0), d
			}
		}
		if math.IsNaN(o.eer) && nowFAR >= nowFRR {
			o.eer = crossing(far, frr, nowFAR, nowFRR)
		}
		far, frr = nowFAR, nowFRR
	}
	return o
}

// crossing is where both rates are the same between two operating points: the first has
// more false rejects than false accepts, the second has not.
func crossing(far0, frr0, far1, frr1 float64) float64 {
	before, after := frr0-far0, far1-frr1
	if before+after == 0 {
		return far1
	}
	return max(far0+before/(before+after)*(far1-far0), 0)
}
