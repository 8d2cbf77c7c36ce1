package pad

import (
	"math"

	"github.com/tilld/tilld/biometric"
)

// detector looks at one thing. Its Cue is what it says but for the score: the name, the
// version, which goes up when the score or a bound changes, and the bounds.
type detector struct {
	biometric.Cue
	needed bool // payment does not go without it
	// score is false where there is nothing to look at.
	score func(s *scene) (float64, bool)
}

// judge makes the cue of a score. What is reported is what was compared: the rounded one.
func (d *detector) judge(score float64) biometric.Cue {
	c := d.Cue
	c.Score = math.Round(score*1000) / 1000
	switch {
	case c.Score >= c.Low && c.Score <= c.High:
		c.Decision = biometric.BonaFide
	case c.Score >= c.DoubtLow && c.Score <= c.DoubtHigh:
		c.Decision = biometric.Undetermined
	default:
		c.Decision = biometric.Attack
	}
	return c
}

// Names of the detectors, as they stand in a verdict.
const (
	LampOrder     = "lamp-order"
	Ambient       = "ambient"
	NIRReturn     = "nir-return"
	NIRBackground = "nir-background"
	Saturation    = "saturation"
	Highlight     = "highlight"
	CrossBand     = "cross-band"
	VeinContrast  = "vein-contrast"
	Focus         = "focus"
	AlbedoRatio   = "albedo-ratio"
	AlbedoRelief  = "albedo-relief"
	Frozen        = "frozen"
	Parallax      = "parallax"
	LineMatch     = "line-match"
	LineRatio     = "line-ratio"
)

// far is a bound that no score of percent or grey levels reaches: the detector has no upper
// one. A verdict is JSON, which has no infinity.
const far = 1e6

// detectors is the table of them. Bounds are low, high, and the wider ones between which it
// is undetermined.
func detectors(c Config) []detector {
	cue := func(name string, low, high, doubtLow, doubtHigh float64) biometric.Cue {
		return biometric.Cue{Name: name, Version: 1, Low: low, High: high, DoubtLow: doubtLow, DoubtHigh: doubtHigh}
	}
	return []detector{
		{cue(Ambient, 0, 140, 0, 255), true, ambient},
		{cue(LampOrder, 0.5, 1, 0.25, 1), true, lampOrder},
		{cue(Frozen, 0, 0.95, 0, 0.98), false, frozen}, // a till always has two shots of a light
		{cue(NIRReturn, 20, 235, 10, 255), true, nirReturn},
		{cue(NIRBackground, -1, 0.35, -1, 0.5), true, nirBackground},
		{cue(Highlight, 0, 2, 0, 3), true, highlight},
		{cue(CrossBand, 0.30, 0.443, 0.287, 0.454), true, crossBand},
		{cue(LineMatch, 0.24, 0.93, 0.17, 0.99), true, lineMatch},
		{cue(LineRatio, 0.4, 3.5, 0.25, 4.5), true, lineRatio},
		{cue(VeinContrast, 1, 20, 0.6, 30), true, veinContrast},
		{cue(AlbedoRelief, 0.5, 40, 0.3, 60), true, albedoRelief},
		{cue(AlbedoRatio, 0.6, 4, 0.5, 6), c.Balance > 0, albedoRatio(c.Balance)},
		{cue(Saturation, 0, 0.02, 0, 1), true, saturation},
		{cue(Parallax, 0, far, 0, far), false, parallax},
		{cue(Focus, 0.5, far, 0, far), true, focus},
	}
}
