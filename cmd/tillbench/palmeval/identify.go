package palmeval

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/tilld/tilld/biometric/biometrictest/rates"
)

// galleries are the sizes that identification is stated for.
var galleries = [3]int{10, 100, 300}

// searchLimit bounds the comparisons of all searches.
const searchLimit = 600_000

// identify searches every probe among all subjects' templates of three samples. Protected,
// all of them have one salt: that of a shard.
func (r *run) identify(ctx context.Context, band int, t transform) ([]rates.Identification, error) {
	var all []Sample // the samples of all templates, three by three
	at := make([]int, len(r.groups))
	for i, g := range r.groups {
		at[i] = -1
		if len(g.refs) >= enrolled && (g.cross || len(g.refs) > enrolled) {
			at[i] = len(all)
			all = append(all, g.refs[:enrolled]...)
		}
	}
	probes := r.searched(at, len(all))
	searches := make([]rates.Search, len(probes))
	workers := make(chan matcher, 64)
	err := parallel(ctx, len(probes), func(n int) error {
		var m matcher
		select {
		case m = <-workers:
		default:
			var err error
			if m, err = newMatcher(t, newKey(r.seed, "shard", 0), all, band); err != nil {
				return err
			}
		}
		p := probes[n]
		distances := make([]float32, len(all))
		m.match(distances, r.groups[p.subject].probes[p.probe].Codes[band])
		workers <- m
		s := rates.Search{Identity: int32(p.subject), Distances: make([]float32, len(r.groups))}
		for i := range s.Distances {
			s.Distances[i] = float32(math.NaN())
			if at[i] >= 0 {
				s.Distances[i] = min(distances[at[i]], distances[at[i]+1], distances[at[i]+2])
			}
		}
		searches[n] = s
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []rates.Identification
	for _, n := range galleries {
		out = append(out, rates.Identify(searches, n, r.seed))
	}
	return out, nil
}

// searched are the probes that are searched: all, or as many as the limit allows, by chance.
func (r *run) searched(at []int, samples int) (probes []place) {
	for i, g := range r.groups {
		for p := range g.probes {
			if at[i] < 0 || g.apart(p) {
				probes = append(probes, place{i, p})
			}
		}
	}
	if most := searchLimit / max(samples, 1); len(probes) > most {
		rng := rand.New(rand.NewPCG(r.seed, 77))
		rng.Shuffle(len(probes), func(a, b int) { probes[a], probes[b] = probes[b], probes[a] })
		probes = probes[:most]
	}
	return probes
}
