package palm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/template"
	"github.com/tilld/tilld/internal/secret"
)

// taken is a presentation whose frames are there and nothing else.
func taken(tb testing.TB) *take {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	public, _, err := biometric.NewSealKey("day-1")
	if err != nil {
		tb.Fatal(err)
	}
	transform := biometric.Transform{Epoch: 1, Key: secret.New(make([]byte, 32)), Salt: make([]byte, 16), Profile: biometric.Standard}
	ch := biometric.Challenge{Binding: biometric.Binding{Purpose: biometric.Pay, Modality: biometric.Palm, Provider: "palm.example",
		Merchant: "M-1", Terminal: "000158000000001", Payment: "P-1", Minor: 1280, Currency: "CNY", Claim: "100200300", Nonce: make([]byte, 32)},
		Expires: time.Now().Add(time.Hour), SealKey: public, Transform: transform, Samples: 1}
	protector, err := template.New(ch.Provider, transform)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := newBench(640, 480, pad.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	t := &take{p: &Pipeline{o: Options{Signer: key, Level: biometric.LevelFile, Build: "build", Now: time.Now}}, ch: ch,
		guide: func(biometric.Guidance) {}, stream: &capture.Stream{}, b: b, protector: protector,
		order: capture.Order{capture.Dark, capture.NIR, capture.White, capture.NIR, capture.Dark, capture.White, capture.Dark, capture.NIR}}
	hand := stage.Live(stage.Options{Person: 7, Try: 1, Arrive: -1})
	for _, s := range stage.Record(stage.NewFilm(stage.Sensor{}), hand, hand.Settled(), t.order[:]...) {
		if s.Settled && (len(b.shots) == 0 || b.shots[len(b.shots)-1].Phase != s.Phase) {
			copy(b.luma[len(b.shots)*640*480:], s.Luma)
			s.Luma = b.luma[len(b.shots)*640*480:][:640*480]
			b.shots = append(b.shots, s)
		}
	}
	if len(b.shots) != capture.Phases {
		tb.Fatalf("%d shots", len(b.shots))
	}
	return t
}

// work is all that stands between the last frame and the sealed template.
func (t *take) work(tb testing.TB) {
	t.taken = 0
	if err := t.cut(); err != nil {
		tb.Fatal(err)
	}
	v := t.judge()
	if !t.fits() {
		tb.Fatal("the sample does not fit")
	}
	v.Decision = biometric.BonaFide // a stream that was never opened holds no exposure still
	t.taken = 1
	if _, err := t.seal(v); err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkFramesToSealed(b *testing.B) {
	t := taken(b)
	for b.Loop() {
		t.work(b)
	}
}

// From the frames to the code of the palm nothing is allocated.
func TestFramesToCodeAllocateNothing(t *testing.T) {
	x := taken(t)
	if n := testing.AllocsPerRun(5, func() {
		x.taken = 0
		if err := x.cut(); err != nil {
			t.Fatal(err)
		}
		b := x.b
		b.extract.Code(b.codes[0], b.vein)
		b.extract.Code(b.lines, b.print)
		if !x.fits() {
			t.Fatal("the sample does not fit")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
