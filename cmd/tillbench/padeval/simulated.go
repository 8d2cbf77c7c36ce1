package padeval

import (
	"fmt"

	"github.com/tilld/tilld/biometric/biometrictest/stage"
)

// Simulated is presentations that were never before a camera: live hands and attack
// instruments, made by what their materials do with light.
type Simulated struct {
	n     int
	seed  uint64
	kinds []string
}

// NewSimulated is n presentations of live hands and of each instrument.
func NewSimulated(n int, seed uint64) *Simulated {
	return &Simulated{n: n, seed: seed, kinds: append([]string{stage.BonaFide}, stage.Instruments()...)}
}

func (s *Simulated) Len() int          { return s.n * len(s.kinds) }
func (s *Simulated) Kind(i int) string { return s.kinds[i/s.n] }
func (s *Simulated) Try(i int) string  { return fmt.Sprintf("%03d", i%s.n+1) }

// Take records a presentation.
func (s *Simulated) Take(i int) (Take, error) {
	t := stage.Try(stage.NewFilm(stage.DefaultSensor()), s.seed*1_000_003+uint64(i%s.n), s.Kind(i))
	return Take{Shots: t.Shots, Order: t.Order[:]}, nil
}
