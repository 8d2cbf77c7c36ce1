package padeval

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/biometric/template"
	"github.com/tilld/tilld/internal/secret"
)

// Speed is what a presentation takes on one core, from its frames on, and what leaves.
type Speed struct {
	Region      float64 // ms to find a hand in a frame and cut its region: median
	Code        float64 // ms of its code
	Reference   float64 // ms of its code by the plain reference
	Allocations float64 // of region and code, a frame
	Sealed      float64 // ms from the frames to the sealed template, all of it: median
	Probe       int     // bytes sealed: the encapsulated key and the ciphertext
	Stored      int     // bytes of a stored template of three samples
}

// speedRuns is how often each step is timed.
const speedRuns = 21

// Measure takes a simulated live hand to a sealed template, with a profile.
func Measure(profile biometric.Profile) (Speed, error) {
	var s Speed
	t, err := bonaFide()
	if err != nil {
		return s, err
	}
	b, err := newBench(t.Shots[0].Width, t.Shots[0].Height, pad.Config{})
	if err != nil {
		return s, err
	}
	if err := s.steps(b, t.Shots); err != nil {
		return s, err
	}
	return s, s.seal(b, t, profile)
}

// bonaFide is the first simulated live hand that is judged to be one.
func bonaFide() (Take, error) {
	src, err := NewSimulated(20, []string{stage.BonaFide}, 1)
	if err != nil {
		return Take{}, err
	}
	for i := range src.Len() {
		t, err := src.Take(i)
		if err != nil {
			return t, err
		}
		b, err := newBench(t.Shots[0].Width, t.Shots[0].Height, pad.Config{})
		if err != nil {
			return t, err
		}
		if b.decide(t.Shots, t.Order).Decision == biometric.BonaFide {
			return t, nil
		}
	}
	return Take{}, errors.New("no simulated live hand is judged bona fide")
}

func median(f func() error) (ms float64, err error) {
	var runs []time.Duration
	for range speedRuns {
		begun := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		runs = append(runs, time.Since(begun))
	}
	slices.Sort(runs)
	return float64(runs[len(runs)/2].Nanoseconds()) / 1e6, nil
}

func (s *Speed) steps(b *bench, shots []capture.Shot) (err error) {
	var lit, dark *capture.Shot
	for i := range shots {
		switch s := &shots[i]; {
		case s.Light == capture.NIR && s.Settled:
			lit = s
		case s.Light == capture.Dark && s.Settled:
			dark = s
		}
	}
	var region roi.Region
	var code bocv.Code
	cut := func() error {
		h, err := b.finder.Find(lit.Luma, dark.Luma)
		if err != nil {
			return err
		}
		return b.finder.Difference(&region, lit.Luma, dark.Luma, h)
	}
	if s.Region, err = median(cut); err != nil {
		return err
	}
	if s.Code, err = median(func() error { b.extract.Code(&code, &region); return nil }); err != nil {
		return err
	}
	reference := bocv.NewReference()
	if s.Reference, err = median(func() error { reference.Code(&code, &region); return nil }); err != nil {
		return err
	}
	const rounds = 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		if err := cut(); err != nil {
			return err
		}
		b.extract.Code(&code, &region)
	}
	runtime.ReadMemStats(&after)
	s.Allocations = float64((after.Mallocs - before.Mallocs) / rounds)
	return nil
}

// seal takes frames to a sealed template: key stream, region, codes, detectors, protection,
// encryption and signature.
func (s *Speed) seal(b *bench, t Take, profile biometric.Profile) error {
	key, _, err := biometric.NewSealKey("bench")
	if err != nil {
		return err
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ch := biometric.Challenge{
		Binding: biometric.Binding{Purpose: biometric.Pay, Modality: biometric.Palm, Provider: "provider.example", Merchant: "M-1", Terminal: "T-1",
			Payment: "P-1", Minor: 1250, Currency: "CNY", Claim: "6200001234567890", Nonce: make([]byte, 16)},
		SealKey: key, Samples: 1, Expires: time.Now().Add(time.Hour),
		Transform: biometric.Transform{Epoch: 1, Key: secret.New(make([]byte, biometric.TransformKeySize)), Salt: make([]byte, biometric.TransformSaltSize), Profile: profile},
	}
	s.Sealed, err = median(func() error {
		p, err := template.New(ch.Provider, ch.Transform)
		if err != nil {
			return err
		}
		defer p.Wipe()
		var code bocv.Code
		j := b.decide(t.Shots, t.Order)
		b.extract.Code(&code, &b.vein) // once more: what decide computed is wiped
		at := time.Now()
		v := pad.Verdict(pad.Result{Decision: j.Decision, Reason: j.Reason, Cues: j.Cues, Missing: j.Missing},
			pad.Facts{Modality: biometric.Palm, LampBits: capture.OrderBits(), Level: biometric.LevelFile, At: at, Simulated: true})
		probe, err := p.Probe(&code, template.Fields{Characteristic: biometric.PalmVein, PAD: v.Decision, At: v.At, Quality: 75})
		if err != nil {
			return err
		}
		sealed, err := biometric.Seal(ch, probe, v, signer)
		s.Probe = len(sealed.Enc) + len(sealed.Ciphertext)
		return err
	})
	if err != nil {
		return err
	}
	p, err := template.New(ch.Provider, ch.Transform)
	if err != nil {
		return err
	}
	defer p.Wipe()
	codes := []*bocv.Code{new(bocv.Code), new(bocv.Code), new(bocv.Code)}
	stored, err := p.Enrol(codes, template.Fields{Characteristic: biometric.PalmVein, PAD: biometric.BonaFide, At: time.Now()})
	if err != nil {
		return err
	}
	s.Stored = stored.Size()
	return nil
}
