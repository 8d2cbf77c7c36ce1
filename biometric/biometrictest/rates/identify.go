package rates

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Search is the distances of one probe to every identity, by the identity's number: NaN
// where there is no template.
type Search struct {
	Identity  int32
	Distances []float32
}

// FPIRs are the false positive identification rates that misses are stated at.
var FPIRs = [3]float64{1e-2, 1e-3, 1e-4}

// Identification is how well one of N is found.
type Identification struct {
	N         int    `json:"n"`        // enrolled identities
	Subjects  int    `json:"subjects"` // that there were to draw from
	Mated     int    `json:"mated"`    // searches of somebody enrolled
	NonMated  int    `json:"non_mated"`
	Points    []Miss `json:"at,omitempty"`
	NotEnough bool   `json:"not_enough,omitempty"` // fewer than N+1 subjects
}

// Miss is the rate of false negatives at the greatest threshold whose rate of false
// positives is no more than FPIR.
type Miss struct {
	FPIR     float64
	NonMated int
	FNIR     Rate
}

// Known reports whether there are searches enough.
func (m Miss) Known() bool { return m.NonMated >= Need(m.FPIR) && m.FNIR.Known() }

// Short is "1.25 %", "< 0.30 %" or "n.a.".
func (m Miss) Short() string {
	if !m.Known() {
		return "n.a."
	}
	return m.FNIR.Short()
}

// String is the rate with its bounds, or why there is none.
func (m Miss) String() string {
	if m.NonMated < Need(m.FPIR) {
		return fmt.Sprintf("n.a. (needs %d non-mated searches, there are %d)", Need(m.FPIR), m.NonMated)
	}
	return m.FNIR.String()
}

// MarshalJSON writes the rate as shown, or the n that it would need.
func (m Miss) MarshalJSON() ([]byte, error) {
	out := struct {
		FPIR  float64 `json:"fpir"`
		Needs int     `json:"needs_non_mated,omitempty"`
		FNIR  *Rate   `json:"fnir,omitempty"`
	}{FPIR: m.FPIR}
	if m.Known() {
		out.FNIR = &m.FNIR
	} else {
		out.Needs = Need(m.FPIR)
	}
	return json.Marshal(out)
}

// mated is one search of somebody enrolled: how far their own template is, and the nearest
// of the others.
type mated struct{ own, other float32 }

// Identify states the rates of a gallery of n. For each probe the other identities are put
// in an order of seed and cut into as many galleries of n as there are: no template is met
// twice by one probe. A miss is an own template beyond the threshold, or not the nearest.
func Identify(searches []Search, n int, seed uint64) Identification {
	out := Identification{N: n, Subjects: enrolled(searches)}
	if n < 1 || out.Subjects < n+1 {
		out.NotEnough = true
		return out
	}
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	var found []mated
	var nonMated []float32
	for _, s := range searches {
		others := s.others(r)
		for g := 0; g+n <= len(others); g += n {
			nonMated = append(nonMated, slices.Min(others[g:g+n]))
		}
		if own, ok := s.own(); ok && len(others) >= n-1 {
			m := mated{own, float32(math.Inf(1))}
			if n > 1 {
				m.other = slices.Min(others[:n-1])
			}
			found = append(found, m)
		}
	}
	slices.Sort(nonMated)
	out.Mated, out.NonMated = len(found), len(nonMated)
	for _, fpir := range FPIRs {
		m := Miss{FPIR: fpir, NonMated: len(nonMated), FNIR: Rate{N: len(found)}}
		if m.NonMated > 0 {
			// accepted below the first distance that may not be accepted any more
			first := nonMated[min(int(fpir*float64(len(nonMated))+1e-9), len(nonMated)-1)]
			for _, f := range found {
				if f.own >= first || f.own >= f.other {
					m.FNIR.Hits++
				}
			}
		}
		out.Points = append(out.Points, m)
	}
	return out
}

// enrolled is how many identities any search found a template of.
func enrolled(searches []Search) int {
	seen := map[int]bool{}
	for _, s := range searches {
		for i, d := range s.Distances {
			if d == d {
				seen[i] = true
			}
		}
	}
	return len(seen)
}

func (s Search) own() (float32, bool) {
	if int(s.Identity) >= len(s.Distances) {
		return 0, false
	}
	d := s.Distances[s.Identity]
	return d, d == d
}

// others are the distances to everybody else, in a random order.
func (s Search) others(r *rand.Rand) []float32 {
	out := make([]float32, 0, len(s.Distances))
	for i, d := range s.Distances {
		if d == d && int32(i) != s.Identity {
			out = append(out, d)
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
