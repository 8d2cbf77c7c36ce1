package biometric

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

const (
	maxVerdict = 8192 // bytes of JSON
	maxCues    = 32
	maxWord    = 128
	// noBound stands for an infinite bound of a cue, which JSON cannot say.
	noBound = 1e9
)

// EncodeVerdict is v as JSON: the bytes that are signed, and sent as they are. A score tells
// its first two digits, since skin that reflects .4711 of a lamp's light would be known again;
// bounds are rounded to three places, one without end becomes ±1e9, and the time is the minute.
func EncodeVerdict(v Verdict) ([]byte, error) {
	v.At = coarse(v.At, time.Minute)
	cues := make([]Cue, len(v.Cues))
	for i, c := range v.Cues {
		c.Score = twoDigits(c.Score)
		for _, n := range []*float64{&c.Low, &c.High, &c.DoubtLow, &c.DoubtHigh} {
			*n = finite(*n)
		}
		cues[i] = c
	}
	v.Cues = cues
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("encode verdict: %w", err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode verdict: %w", err)
	}
	if len(b) > maxVerdict {
		return nil, fmt.Errorf("encode verdict: %d bytes, want at most %d", len(b), maxVerdict)
	}
	return b, nil
}

// finite rounds to three places after the point; NaN stays for check to refuse.
func finite(x float64) float64 {
	if math.IsNaN(x) {
		return x
	}
	return math.Round(max(-noBound, min(noBound, x))*1000) / 1000
}

// twoDigits rounds to two significant digits.
func twoDigits(x float64) float64 {
	x = finite(x)
	if x == 0 || math.IsNaN(x) {
		return x
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-1)
	return finite(math.Round(x/unit) * unit)
}

// ParseVerdict reads what EncodeVerdict wrote. Nothing that it does not know is taken.
func ParseVerdict(b []byte) (Verdict, error) {
	var v Verdict
	if err := decodeStrict(b, maxVerdict, &v); err != nil {
		return Verdict{}, fmt.Errorf("parse verdict: %w", err)
	}
	if err := v.check(); err != nil {
		return Verdict{}, fmt.Errorf("parse verdict: %w", err)
	}
	return v, nil
}

func (v Verdict) check() error {
	if _, err := padCode(v.Decision); err != nil {
		return err
	}
	if v.Modality != Palm && v.Modality != Face {
		return fmt.Errorf("modality %q is not known", v.Modality)
	}
	if v.Level != LevelTPM && v.Level != LevelElement && v.Level != LevelFile {
		return fmt.Errorf("key level %q is not known", v.Level)
	}
	if v.At.UnixMilli() <= 0 || v.At.Year() > 9999 || !coarse(v.At, time.Minute).Equal(v.At) {
		return fmt.Errorf("its time is not a whole minute")
	}
	if v.Lamps < 0 || v.Lamps > 64 {
		return fmt.Errorf("%d bits of lamp order", v.Lamps)
	}
	if len(v.Reason) > maxWord || len(v.Build) > maxWord {
		return fmt.Errorf("reason or build is longer than %d bytes", maxWord)
	}
	if len(v.Cues) > maxCues || len(v.Missing) > maxCues {
		return fmt.Errorf("%d cues and %d missing, want at most %d", len(v.Cues), len(v.Missing), maxCues)
	}
	for _, c := range v.Cues {
		if err := c.check(); err != nil {
			return err
		}
	}
	for _, m := range v.Missing {
		if err := checkName(m, 1, maxWord); err != nil {
			return fmt.Errorf("missing cue %w", err)
		}
	}
	return nil
}

func (c Cue) check() error {
	if err := checkName(c.Name, 1, maxWord); err != nil {
		return fmt.Errorf("cue name %w", err)
	}
	if _, err := padCode(c.Decision); err != nil {
		return fmt.Errorf("cue %s: %w", c.Name, err)
	}
	for _, n := range []float64{c.Score, c.Low, c.High, c.DoubtLow, c.DoubtHigh} {
		if math.IsNaN(n) || math.Abs(n) > noBound {
			return fmt.Errorf("cue %s: %v is not a score", c.Name, n)
		}
	}
	return nil
}
