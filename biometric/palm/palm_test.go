package palm_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm"
	"github.com/tilld/tilld/drivers/sense"
	"github.com/tilld/tilld/internal/secret"
)

// bubble is a clock of the fake time that package synctest has: a presentation takes as long
// as drawing its frames does.
type bubble struct{ start time.Time }

func (b bubble) Now() sense.Time { return sense.Time(1 + time.Since(b.start)) }

func (b bubble) Until(ctx context.Context, t sense.Time) error {
	timer := time.NewTimer(t.Sub(b.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// till is a pipeline before a simulated camera.
type till struct {
	t         *testing.T
	set       *stage.Set
	clock     bubble
	pipeline  *palm.Pipeline
	key       *ecdsa.PrivateKey
	seal      biometric.SealKey
	open      func(s biometric.Sealed) (*biometric.Protected, error)
	transform biometric.Transform
	guided    []biometric.Guidance
	next      func() *stage.Presentation
	opened    int
	closed    int
}

type counted struct {
	sense.Camera
	closed *int
}

func (c counted) Close() error { *c.closed++; return c.Camera.Close() }

func newTill(t *testing.T) *till {
	t.Helper()
	x := &till{t: t, clock: bubble{time.Now()}}
	x.set = stage.NewSet(x.clock)
	var err error
	if x.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	public, private, err := biometric.NewSealKey("day-1")
	if err != nil {
		t.Fatal(err)
	}
	x.seal = public
	x.open = func(s biometric.Sealed) (*biometric.Protected, error) { return biometric.Open(s, private) }
	k, salt := make([]byte, 32), make([]byte, 16)
	rand.Read(k)
	rand.Read(salt)
	x.transform = biometric.Transform{Epoch: 1, Key: secret.New(k), Salt: salt, Profile: biometric.Standard}
	x.pipeline, err = palm.New(palm.Options{
		Open: func(context.Context) (sense.Camera, sense.Lamp, error) {
			x.opened++
			return counted{x.set.Camera(stage.Sensor{}), &x.closed}, x.set.Lamp(), nil
		},
		Signer: x.key, Level: biometric.LevelFile, Build: "build", Simulated: true,
		Capture: capture.Options{Now: x.clock.Now},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.pipeline.Close() })
	return x
}

func (x *till) challenge(p biometric.Purpose) biometric.Challenge {
	nonce := make([]byte, 32)
	rand.Read(nonce)
	ch := biometric.Challenge{Binding: biometric.Binding{Purpose: p, Modality: biometric.Palm, Provider: "palm.example",
		Merchant: "M-1", Terminal: "000158000000001", Payment: "P-1", Claim: "100200300", Nonce: nonce},
		Expires: time.Now().Add(time.Hour), SealKey: x.seal, Transform: x.transform, Samples: 3}
	if p == biometric.Pay {
		ch.Minor, ch.Currency, ch.Samples = 1280, "CNY", 1
	}
	return ch
}

func (x *till) present(ch biometric.Challenge) (biometric.Sealed, biometric.Verdict, error) {
	x.t.Helper()
	x.guided = nil
	sealed, verdict, err := x.pipeline.Present(x.t.Context(), ch, func(g biometric.Guidance) {
		x.guided = append(x.guided, g)
		x.moved(g)
	})
	if x.opened != x.closed {
		x.t.Errorf("the camera was opened %d times and closed %d times", x.opened, x.closed)
	}
	if lit := x.set.Lit(); lit.NIR || lit.White {
		x.t.Error("a lamp stays on")
	}
	return sealed, verdict, err
}

// moved does what a person does when an enrolment asks for the hand to go and come again.
func (x *till) moved(g biometric.Guidance) {
	switch p := x.set.Shown(); {
	case g == biometric.MoveAway && p != nil:
		x.set.Clear()
	case g == biometric.SensorReady && x.next != nil && x.set.Shown() == nil:
		x.set.Show(x.next())
	}
}

func TestEnrolAndPay(t *testing.T) { synctest.Test(t, testEnrolAndPay) }

func testEnrolAndPay(t *testing.T) {
	x := newTill(t)
	try := uint64(0)
	hand := func(person uint64) func() *stage.Presentation {
		return func() *stage.Presentation {
			try++
			return stage.Live(stage.Options{Person: person, Try: try, Arrive: -1})
		}
	}
	x.next = hand(7)
	sealed, verdict, err := x.present(x.challenge(biometric.Enrol))
	if err != nil || verdict.Decision != biometric.BonaFide {
		t.Fatalf("enrol: %v, %+v, guided %v", err, verdict, x.guided)
	}
	if err := sealed.Verify(&x.key.PublicKey); err != nil {
		t.Fatal(err)
	}
	reference, err := x.open(sealed)
	if err != nil || reference.Samples() != 3 || reference.Size() > 800 {
		t.Fatalf("%v: %d samples", err, reference.Samples())
	}
	for _, who := range []struct {
		person uint64
		match  bool
	}{{7, true}, {8, false}} {
		x.set.Show(hand(who.person)())
		began := time.Now()
		sealed, verdict, err := x.present(x.challenge(biometric.Pay))
		if err != nil || verdict.Decision != biometric.BonaFide {
			t.Fatalf("person %d: %v, %+v, guided %v", who.person, err, verdict, x.guided)
		}
		took := time.Since(began)
		probe, err := x.open(sealed)
		if err != nil {
			t.Fatal(err)
		}
		m, err := biometric.Match(reference, probe)
		t.Logf("person %d: %+v, %v, %v by the camera's clock, guided %v", who.person, m, err, took, x.guided)
		if err != nil || (m.Distance < 0.36) != who.match {
			t.Errorf("person %d: %+v, %v", who.person, m, err)
		}
	}
}

func TestNobody(t *testing.T) { synctest.Test(t, testNobody) }

func testNobody(t *testing.T) {
	x := newTill(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, verdict, err := x.pipeline.Present(ctx, x.challenge(biometric.Pay), nil)
	if err == nil || verdict.Decision != biometric.Undetermined || len(verdict.Cues) > 0 {
		t.Fatalf("%v, %+v", err, verdict)
	}
}

func TestBusy(t *testing.T) { synctest.Test(t, testBusy) }

func testBusy(t *testing.T) {
	x := newTill(t)
	var second error
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, _, err := x.pipeline.Present(ctx, x.challenge(biometric.Pay), func(biometric.Guidance) {
		_, _, second = x.pipeline.Present(ctx, x.challenge(biometric.Pay), nil)
		cancel()
	})
	var e *biometric.Error
	if !errors.As(second, &e) || e.Fault != biometric.FaultBusy {
		t.Errorf("second: %v", second)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("first: %v", err)
	}
}

// stubborn is a lamp that cannot be switched off some times.
type stubborn struct {
	sense.Lamp
	fails *int
}

func (l stubborn) Close() error {
	if *l.fails > 0 {
		*l.fails--
		return errors.New("the line is gone")
	}
	return l.Lamp.Close()
}

func TestLampThatStaysOn(t *testing.T) { synctest.Test(t, lampThatStaysOn) }

func lampThatStaysOn(t *testing.T) {
	x, fails := newTill(t), 2
	p, err := palm.New(palm.Options{Signer: x.key, Level: biometric.LevelFile, Build: "build", Capture: capture.Options{Now: x.clock.Now},
		Open: func(context.Context) (sense.Camera, sense.Lamp, error) {
			return x.set.Camera(stage.Sensor{}), stubborn{x.set.Lamp(), &fails}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	p.Present(ctx, x.challenge(biometric.Pay), nil)
	for i, wait := range []time.Duration{0, 11 * time.Second} { // the first try fails, and so does the next
		time.Sleep(wait)
		var e *biometric.Error
		if err := p.Ready(); !errors.As(err, &e) || e.Fault != biometric.FaultDevice || e.Hint == "" {
			t.Errorf("%d: ready: %v", i, err)
		}
	}
	time.Sleep(11 * time.Second)
	if err := p.Ready(); err != nil {
		t.Errorf("it could be switched off: %v", err)
	}
}
