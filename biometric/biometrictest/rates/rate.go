// Package rates is the statistics of a biometric evaluation: error rates of comparison,
// identification and liveness with what bounds them, and how far protected templates can be
// linked. It knows numbers only. A distance is small where two samples are alike.
//
// No rate is ever shown below 3/n, the rule of three: where fewer than three errors were
// seen in n comparisons, what is shown is "< 3/n". Comparisons of one palm depend on each
// other, so beside the bounds of independent comparisons stand those of a bootstrap that
// draws identities. All randomness comes from a seed: the same input gives the same output.
package rates

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Rate is how often something happened in n comparisons, searches or presentations.
type Rate struct{ Hits, N int }

// Floor is 3/n, below which no rate of n observations is shown; 1 where n is less than 3.
func Floor(n int) float64 {
	if n < 3 {
		return 1
	}
	return 3 / float64(n)
}

// Known reports whether anything can be said: three observations or more.
func (r Rate) Known() bool { return r.N >= 3 }

// Shown is the rate, or 3/n with below set where fewer than three were seen.
func (r Rate) Shown() (rate float64, below bool) {
	if r.Hits < 3 {
		return Floor(r.N), true
	}
	return float64(r.Hits) / float64(r.N), false
}

// Bounds are the 95 % bounds of Clopper and Pearson, for independent observations.
func (r Rate) Bounds() Bounds {
	if r.N <= 0 {
		return Bounds{0, 1}
	}
	return clopperPearson(r.Hits, r.N, 0.05)
}

// AtMost reports whether the rate as shown is no more than limit: a limit below 3/n is never
// reached.
func (r Rate) AtMost(limit float64) bool {
	shown, _ := r.Shown()
	return r.Known() && shown <= limit
}

// String is "1.25 % (5 of 400, 95 %: 0.41 to 2.89 %)", or "< 0.30 % (0 of 1000, ...)", or
// "n.a. (n = 2)".
func (r Rate) String() string {
	if !r.Known() {
		return fmt.Sprintf("n.a. (n = %d)", r.N)
	}
	shown, below := r.Shown()
	return fmt.Sprintf("%s (%d of %d, 95 %%: %s)", percent(shown, below), r.Hits, r.N, r.Bounds().Text(Floor(r.N)))
}

// Short is the rate alone: "1.25 %", "< 0.30 %" or "n.a.".
func (r Rate) Short() string {
	if !r.Known() {
		return "n.a."
	}
	return percent(r.Shown())
}

// MarshalJSON writes the counts, the rate as shown, and the bounds. rate is absent where
// nothing can be said; below says that it is 3/n.
func (r Rate) MarshalJSON() ([]byte, error) {
	out := shownRate{Hits: &r.Hits, N: r.N}
	if r.Known() {
		rate, below := r.Shown()
		b := r.Bounds().above(Floor(r.N))
		out.Rate, out.Below, out.Bounds = &rate, below, &b
	}
	return json.Marshal(out)
}

type shownRate struct {
	Hits     *int     `json:"hits,omitempty"`
	N        int      `json:"n"`
	Rate     *float64 `json:"rate,omitempty"`
	Below    bool     `json:"below,omitempty"`
	Bounds   *Bounds  `json:"bounds_95,omitempty"`
	Clusters *Bounds  `json:"bootstrap_95,omitempty"`
}

// Bounds are what a rate lies between.
type Bounds struct{ Low, High float64 }

// above lifts both to what may be shown.
func (b Bounds) above(floor float64) Bounds { return Bounds{max(b.Low, floor), max(b.High, floor)} }

// MarshalJSON writes [low, high].
func (b Bounds) MarshalJSON() ([]byte, error) { return json.Marshal([2]float64{b.Low, b.High}) }

// Text is "0.41 to 2.89 %", or "up to 2.89 %" where the lower one is below floor, or
// "< 0.30 %" where both are.
func (b Bounds) Text(floor float64) string {
	switch {
	case b.High < floor:
		return percent(floor, true)
	case b.Low < floor:
		return "up to " + percent(b.High, false)
	}
	return number(100*b.Low) + " to " + percent(b.High, false)
}

// percent is "1.25 %" or "< 1.25 %".
func percent(rate float64, below bool) string {
	if below {
		return "< " + number(100*rate) + " %"
	}
	return number(100*rate) + " %"
}

// digits is how many of a number's decimals are shown: three figures that say something.
func digits(f float64) int {
	switch {
	case f >= 99.95:
		return 0
	case f >= 9.995:
		return 1
	case f >= 0.0995:
		return 2
	case f <= 0:
		return 2
	}
	return int(math.Ceil(-math.Log10(f))) + 1
}

// number rounds up, so that a rate of 3/n is not shown as less.
func number(f float64) string {
	scale := math.Pow(10, float64(digits(f)))
	return strconv.FormatFloat(math.Ceil(f*scale-1e-9)/scale, 'f', digits(f), 64)
}
