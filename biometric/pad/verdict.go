package pad

import (
	"slices"
	"time"

	"github.com/tilld/tilld/biometric"
)

// Facts is what a verdict says besides the cues.
type Facts struct {
	Modality  biometric.Modality
	LampBits  int // capture.OrderBits
	Level     biometric.KeyLevel
	Build     string // SHA-256 of the running program, hex
	At        time.Time
	Simulated bool
}

// LeastLampBits is how many bits nobody could know a lamp order must have for a payment.
const LeastLampBits = 8

// Verdict makes of a result what the terminal signs. It keeps nothing of r. What misses
// something that payment needs is not of payment grade, and is never bona fide.
func Verdict(r Result, f Facts) biometric.Verdict {
	v := biometric.Verdict{
		Decision: r.Decision, Reason: r.Reason, Modality: f.Modality, Cues: slices.Clone(r.Cues),
		Lamps: f.LampBits, Level: f.Level, Build: f.Build, At: f.At.UTC().Truncate(time.Minute),
		Missing: slices.Clone(r.Missing), Simulated: f.Simulated,
	}
	if f.LampBits < LeastLampBits && !slices.Contains(v.Missing, LampOrder) {
		v.Missing = append(v.Missing, LampOrder)
	}
	v.PaymentGrade = len(v.Missing) == 0
	if !v.PaymentGrade && v.Decision == biometric.BonaFide {
		v.Decision, v.Reason = biometric.Undetermined, v.Missing[0]
	}
	return v
}
