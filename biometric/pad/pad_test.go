package pad

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
)

const (
	dark  = capture.Dark
	nir   = capture.NIR
	white = capture.White
)

var driven = []capture.Light{nir, white, dark, white, nir, dark, nir, nir}

func judged(t *testing.T, in *Input) Result {
	t.Helper()
	r := New(Config{}).Judge(in)
	for _, c := range r.Cues {
		t.Logf("%-16s %9.3f %q", c.Name, c.Score, c.Decision)
	}
	t.Logf("%q %s, missing %v", r.Decision, r.Reason, r.Missing)
	return r
}

func TestALivingPalm(t *testing.T) {
	for seed := range uint64(3) {
		in := living(seed).shoot(driven, seed)
		if seed == 1 {
			in.Corners = [4]roi.Point{}
		}
		// What the simulated skin's codes are apart is not this test's business.
		in.Distance = 0.38
		if r := judged(t, in); r.Decision != biometric.BonaFide || r.Reason != "" || len(r.Missing) != 0 {
			t.Errorf("seed %d: %q because of %s, missing %v", seed, r.Decision, r.Reason, r.Missing)
		}
	}
}

// One shot under each light is the least that can be judged.
func TestOneShotOfEachLight(t *testing.T) {
	in := living(4).shoot([]capture.Light{white, dark, nir}, 4)
	in.Distance = 0.38
	if r := judged(t, in); r.Decision != biometric.BonaFide {
		t.Errorf("%q because of %s, missing %v", r.Decision, r.Reason, r.Missing)
	}
	in.Order = []capture.Light{dark, white, nir}
	in.Shots[0].Light, in.Shots[1].Light = dark, white
	if r := judged(t, in); r.Decision != biometric.Attack {
		t.Errorf("changed over: %q", r.Decision)
	}
	if r := judged(t, living(4).shoot([]capture.Light{nir, white}, 4)); r.Decision == biometric.BonaFide || !slices.Contains(r.Missing, NIRReturn) {
		t.Errorf("without a dark one: %q, missing %v", r.Decision, r.Missing)
	}
}

func TestWhatEachDetectorStops(t *testing.T) {
	other := palms.New(99)
	plain := living(3).shoot(driven, 3)
	for _, c := range []struct {
		name   string
		reason string
		want   biometric.Decision
		change func(u *subject)
		after  func(in *Input)
	}{
		{"recording with one phase changed", LampOrder, biometric.Attack, nil, func(in *Input) {
			in.Shots[4].Light, in.Shots[5].Light = dark, nir
			in.Order = slices.Clone(in.Order)
			in.Order[4], in.Order[5] = dark, nir
		}},
		{"lamps that light nothing", LampOrder, biometric.Attack, func(u *subject) { u.nir, u.white = 0, 0; u.dark = 100 }, nil},
		{"the same picture again", Frozen, biometric.Attack, nil, func(in *Input) { in.Shots[6].Luma = in.Shots[0].Luma }},
		{"display", NIRReturn, biometric.Attack, func(u *subject) { u.nir, u.white = 3, 8; u.emit = [3]float64{2, 3, 100} }, nil},
		{"sheet larger than the picture", NIRBackground, biometric.Attack, func(u *subject) { u.ground = 0.9 }, nil},
		{"gloss", Highlight, biometric.Attack, func(u *subject) { u.nir, u.white = 30, 30; u.spot = 150 }, nil},
		{"lamp too near", Saturation, biometric.Undetermined, func(u *subject) { u.nir = 300 }, nil},
		{"one pigment", CrossBand, biometric.Attack, func(u *subject) { u.vein = u.band }, nil},
		{"two palms", LineMatch, biometric.Attack, func(u *subject) {
			u.vein = (*[128 * 128]byte)(other.Capture(1, palms.Held(), palms.Vein))
		}, nil},
		{"blank under NIR", VeinContrast, biometric.Attack, func(u *subject) {
			blank := [128 * 128]byte{}
			for i := range blank {
				blank[i] = 120
			}
			u.vein = &blank
		}, func(in *Input) { in.HasDistance = false }},
		{"sun", Ambient, biometric.Undetermined, func(u *subject) { u.dark = 180 }, nil},
		{"blinding sun", Ambient, biometric.Undetermined, func(u *subject) { u.dark = 250 }, nil},
		{"no order known", LampOrder, biometric.Undetermined, nil, func(in *Input) { in.Order = nil }},
		{"a phase without a shot", LampOrder, biometric.Undetermined, nil, func(in *Input) { in.Shots = in.Shots[:7] }},
		{"a shot of another light than its phase", LampOrder, biometric.Undetermined, nil, func(in *Input) { in.Shots[3].Phase = 4 }},
		{"no codes", CrossBand, biometric.Undetermined, nil, func(in *Input) { in.HasDistance = false }},
		{"no region", VeinContrast, biometric.Undetermined, nil, func(in *Input) { in.Vein = nil }},
		{"exposure by itself", NIRReturn, biometric.Undetermined, nil, func(in *Input) { in.Unlocked = true }},
		{"nothing", Ambient, biometric.Undetermined, nil, func(in *Input) { *in = Input{} }},
		{"half a picture", Ambient, biometric.Undetermined, nil, func(in *Input) {
			for i := range in.Shots {
				in.Shots[i].Luma = in.Shots[i].Luma[:len(in.Shots[i].Luma)/2]
			}
		}},
		{"nothing settled", Ambient, biometric.Undetermined, nil, func(in *Input) {
			for i := range in.Shots {
				in.Shots[i].Settled = false
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := new(Input)
			*in = *plain
			in.Shots = slices.Clone(in.Shots)
			if c.change != nil {
				u := living(3)
				c.change(u)
				in = u.shoot(driven, 3)
			}
			if c.reason != CrossBand {
				in.Distance = 0.38
			}
			if c.after != nil {
				c.after(in)
			}
			r := judged(t, in)
			if r.Decision != c.want {
				t.Errorf("%q because of %s", r.Decision, r.Reason)
			}
			said := slices.Contains(r.Missing, c.reason)
			for _, cue := range r.Cues {
				said = said || cue.Name == c.reason && cue.Decision == c.want
			}
			if !said {
				t.Errorf("%s does not say so", c.reason)
			}
		})
	}
}

func TestJudgeDoesNotAllocate(t *testing.T) {
	in, p := living(1).shoot(driven, 1), New(Config{Balance: 1})
	if n := testing.AllocsPerRun(5, func() { p.Judge(in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	p.Wipe()
	if p.scene.mean[0][2000] != 0 || p.scene.n != 0 {
		t.Error("not wiped")
	}
}

func TestVerdict(t *testing.T) {
	p := New(Config{})
	in := living(1).shoot(driven, 1)
	in.Distance = 0.38
	r := p.Judge(in)
	f := Facts{Modality: biometric.Palm, LampBits: capture.OrderBits(), Level: biometric.LevelFile, Build: "ab",
		At: time.Date(2026, 11, 23, 5, 4, 3, 2, time.FixedZone("CST", 8*3600)), Simulated: true}
	v := Verdict(r, f)
	p.Judge(&Input{})
	if v.Decision != biometric.BonaFide || !v.PaymentGrade || v.Cues[0].Score == 0 || len(v.Cues) < 10 ||
		!v.At.Equal(time.Date(2026, 11, 22, 21, 4, 0, 0, time.UTC)) || v.Lamps != 12 || !v.Simulated {
		t.Errorf("%+v", v)
	}
	if _, err := json.Marshal(v); err != nil {
		t.Error(err)
	}
	r = p.Judge(in)
	f.LampBits = 7
	if v := Verdict(r, f); v.Decision != biometric.Undetermined || v.PaymentGrade || v.Reason != LampOrder {
		t.Errorf("7 bits: %+v", v)
	}
	if v := Verdict(p.Judge(&Input{}), f); v.Decision != biometric.Undetermined || v.PaymentGrade || len(v.Missing) == 0 {
		t.Errorf("nothing: %+v", v)
	}
}

// Whatever is shown, nothing is read outside of it, and it is not bona fide by accident.
func TestOddInputs(t *testing.T) {
	p := New(Config{Balance: 1})
	rng := rand.New(rand.NewPCG(8, 8))
	corners := [][4]roi.Point{{}, {{X: -50, Y: -50}, {X: 9000, Y: -50}, {X: 9000, Y: 9000}, {X: -50, Y: 9000}},
		{{X: math.NaN(), Y: 1}, {X: 5, Y: 5}, {X: 9, Y: math.Inf(1)}, {X: 1, Y: 9}}, {{X: 40, Y: 40}, {X: 41, Y: 40}, {X: 41, Y: 41}, {X: 40, Y: 41}}}
	for _, size := range [][2]int{{64, 64}, {63, 400}, {65, 71}, {128, 128}, {4096, 64}, {64, 4096}, {333, 501}, {4097, 64}} {
		w, h := size[0], size[1]
		for _, c := range corners {
			in := &Input{Order: driven, Corners: c, Vein: new(roi.Region), Print: new(roi.Region), HasDistance: true, Distance: math.NaN()}
			for i, l := range driven {
				luma := make([]byte, w*h)
				for k := range luma {
					luma[k] = byte(rng.Uint32() >> (i % 7))
				}
				in.Shots = append(in.Shots, capture.Shot{Light: l, Phase: i, Settled: true, Width: w, Height: h, Luma: luma})
			}
			if r := p.Judge(in); r.Decision == biometric.BonaFide {
				t.Errorf("%dx%d of noise is bona fide", w, h)
			}
		}
	}
	in := living(2).shoot(driven, 2)
	in.Shots[3].Light, in.Shots[4].Phase, in.Shots[5].Phase = 77, -1, 99
	in.Shots[6].Width, in.Shots[6].Height = 480, 640
	if r := p.Judge(in); r.Decision == biometric.BonaFide {
		t.Error("shots of no phase are bona fide")
	}
}

func TestNumber(t *testing.T) {
	shots := []capture.Shot{{Light: nir}, {Light: nir}, {Light: dark}, {Light: nir}}
	if order := Number(shots); !slices.Equal(order, []capture.Light{nir, dark, nir}) || shots[1].Phase != 0 || shots[3].Phase != 2 {
		t.Errorf("%v %d", order, shots[3].Phase)
	}
}

func BenchmarkJudge(b *testing.B) {
	order := append(slices.Clone(driven), driven...)
	in, p := living(1).shoot(order, 1), New(Config{Balance: 1})
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		p.Judge(in)
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	b.ReportMetric(float64(after.Utime.Nano()-before.Utime.Nano())/float64(b.N), "cpu-ns/op")
}
