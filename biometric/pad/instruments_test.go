package pad

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/rates"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/drivers/sense"
)

// presentations is how many of each kind TestInstruments judges; 0: as many as a test has
// time for, which is too few to be a figure.
var presentations = flag.Int("presentations", 0, "how many presentations of each kind to judge")

// shown is a presentation as the till would see it, but that the region lies where the
// simulation says.
func shown(f *stage.Film, p *stage.Presentation, seed uint64) *Input {
	order, err := capture.DrawOrder(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}))
	if err != nil {
		panic(err)
	}
	in := &Input{Order: order[:], Shots: settled(f, p, order)}
	truth, ok := p.Truth(f.Sensor, p.Settled())
	if !ok {
		return in
	}
	for i, c := range truth.Corners {
		in.Corners[i] = roi.Point(c)
	}
	in.Vein, in.Print = cut(f, p, in.Shots, capture.NIR), cut(f, p, in.Shots, capture.White)
	in.measure()
	return in
}

// settled is stage.Record without the frames that nobody looks at.
func settled(f *stage.Film, p *stage.Presentation, order capture.Order) []capture.Shot {
	var lighting stage.Lighting
	var shots []capture.Shot
	at := func(i int) time.Duration { return p.Settled() + time.Duration(2*i+1)*f.Interval }
	for i, l := range order {
		lighting = append(lighting, stage.Change{At: at(i) - f.Interval/2, Lamps: stage.LampsOf(l)})
	}
	for i, l := range order {
		s := capture.Shot{Light: l, Phase: i, Settled: true, At: sense.Time(at(i)), Width: f.Width, Height: f.Height,
			Luma: make([]byte, f.Width*f.Height)}
		f.Expose(s.Luma, p, at(i), lighting)
		shots = append(shots, s)
	}
	return shots
}

// cut is the mean of a light's shots less the mean of the dark ones, each cut out where the
// region was at that time.
func cut(f *stage.Film, p *stage.Presentation, shots []capture.Shot, l capture.Light) *roi.Region {
	var sum [roi.Size * roi.Size]float64
	counts := map[capture.Light]float64{}
	for _, s := range shots {
		counts[s.Light]++
	}
	for _, s := range shots {
		truth, ok := p.Truth(f.Sensor, time.Duration(s.At))
		if !ok || s.Light != l && s.Light != capture.Dark {
			continue
		}
		weight := 1 / counts[s.Light]
		if s.Light != l {
			weight = -weight
		}
		c := truth.Corners
		for i := range sum {
			u, v := (float64(i%roi.Size)+0.5)/roi.Size, (float64(i/roi.Size)+0.5)/roi.Size
			x := (1-v)*((1-u)*c[0].X+u*c[1].X) + v*((1-u)*c[3].X+u*c[2].X)
			y := (1-v)*((1-u)*c[0].Y+u*c[1].Y) + v*((1-u)*c[3].Y+u*c[2].Y)
			sum[i] += weight * between(&s, x, y)
		}
	}
	mean := 0.0
	for _, v := range sum {
		mean += v / float64(len(sum))
	}
	r := new(roi.Region)
	for i, v := range sum {
		r[i] = byte(min(255, max(0, v*120/max(1, mean)+0.5)))
	}
	return r
}

// between reads a picture between its pixels.
func between(s *capture.Shot, x, y float64) float64 {
	x, y = min(float64(s.Width-2), max(0, x)), min(float64(s.Height-2), max(0, y))
	i, j := int(x), int(y)
	fx, fy := x-float64(i), y-float64(j)
	a, b := s.Luma[j*s.Width+i:], s.Luma[(j+1)*s.Width+i:]
	return (1-fy)*((1-fx)*float64(a[0])+fx*float64(a[1])) + fy*((1-fx)*float64(b[0])+fx*float64(b[1]))
}

// TestInstruments judges live hands and all attack instruments of the simulation, and prints
// the rates of ISO/IEC 30107-3. The two-layer artefact, which is made to pass, has no bound.
func TestInstruments(t *testing.T) {
	n := *presentations
	if n == 0 {
		n = 4
		if testing.Short() {
			n = 1
		}
	}
	f := stage.NewFilm(stage.DefaultSensor())
	bonaFide := judgeAll(t, f, stage.BonaFide, n)
	attacks := map[string]rates.Outcomes{}
	for _, name := range stage.Instruments() {
		attacks[name] = judgeAll(t, f, name, n)
	}
	l := rates.Judge(bonaFide, attacks)
	var b strings.Builder
	fmt.Fprintf(&b, "simulated instruments, a regression figure and no claim about attacks; n %d of each, no rate below 3/n\n", n)
	fmt.Fprintf(&b, "%-18s BPCER %s  undetermined %s\n", stage.BonaFide, l.BPCER, l.BPNRR)
	for _, i := range l.Instruments {
		fmt.Fprintf(&b, "%-18s APCER %s  undetermined %s\n", i.Name, i.APCER, i.APNRR)
	}
	t.Logf("%sworst: %s", &b, l.Worst)
	// Of a few presentations one alone exceeds a rate.
	over := func(what string, r rates.Rate, bound float64) {
		if float64(r.Hits) > max(1, bound*float64(r.N)) {
			t.Errorf("%s: %d of %d, more than %.0f %%", what, r.Hits, r.N, 100*bound)
		}
	}
	over("bona fide judged attacks", l.BPCER, 0.03)
	over("bona fide undetermined", l.BPNRR, 0.05)
	for _, i := range l.Instruments {
		if i.Name != stage.TwoLayer {
			over(i.Name+" judged bona fide", i.APCER, 0.01)
			over(i.Name+" undetermined", i.APNRR, 0.05)
		}
	}
}

// judgeAll judges n presentations of a kind.
func judgeAll(t *testing.T, f *stage.Film, name string, n int) (o rates.Outcomes) {
	p := New(Config{})
	reasons, scores := map[string]int{}, map[string][]float64{}
	for i := range uint64(n) {
		shownTo := stage.Live(stage.Careful(i))
		if name != stage.BonaFide {
			shownTo = stage.Attack(name, i)
		}
		r := p.Judge(shown(f, shownTo, i))
		switch r.Decision {
		case biometric.BonaFide:
			o.BonaFide++
		case biometric.Attack:
			o.Attack++
		default:
			o.Undetermined++
		}
		reasons[strings.TrimSpace(string(r.Decision)+" "+r.Reason)]++
		for _, c := range r.Cues {
			scores[c.Name] = append(scores[c.Name], c.Score)
		}
	}
	t.Logf("%s: %v", name, reasons)
	for _, c := range slices.Sorted(maps.Keys(scores)) {
		v := scores[c]
		slices.Sort(v)
		t.Logf("   %-14s n %d: min %.3f, 2 %% %.3f, median %.3f, 98 %% %.3f, max %.3f", c, len(v), v[0], v[len(v)/50], v[len(v)/2], v[len(v)*49/50], v[len(v)-1])
	}
	return o
}
