package padeval

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tilld/tilld/biometric/biometrictest/stage"
)

// Simulated is presentations that were never before a camera: live hands and attack
// instruments, made by what their materials do with light.
type Simulated struct {
	n     int
	seed  uint64
	kinds []string
}

// NewSimulated is n presentations of each of these kinds: BonaFide, and instruments. No kinds
// are all of them.
func NewSimulated(n int, kinds []string, seed uint64) (*Simulated, error) {
	all := append([]string{stage.BonaFide}, stage.Instruments()...)
	if n < 1 || n > 1e6 {
		return nil, errors.New("simulate presentations: want 1 or more of each kind")
	}
	for _, k := range kinds {
		if !slices.Contains(all, k) {
			return nil, fmt.Errorf("simulate presentations: there is no instrument %q; there are %s", k, strings.Join(all, ", "))
		}
	}
	if len(kinds) == 0 {
		kinds = all
	}
	return &Simulated{n: n, seed: seed, kinds: kinds}, nil
}

func (s *Simulated) Len() int          { return s.n * len(s.kinds) }
func (s *Simulated) Kind(i int) string { return s.kinds[i/s.n] }
func (s *Simulated) Try(i int) string  { return fmt.Sprintf("%03d", i%s.n+1) }

// Take records a presentation.
func (s *Simulated) Take(i int) (Take, error) {
	t := stage.Try(stage.NewFilm(stage.DefaultSensor()), s.seed*1_000_003+uint64(i%s.n), s.Kind(i))
	return Take{Shots: t.Shots, Order: t.Order[:]}, nil
}
