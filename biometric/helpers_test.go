package biometric

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

func at() time.Time { return time.Date(2026, 5, 6, 7, 8, 0, 0, time.UTC) }

func payBinding() Binding {
	return Binding{
		Purpose: Pay, Modality: Palm, Provider: "provider.example", Merchant: "M-1", Terminal: "T-1", Payment: "P-1",
		Minor: 1250, Currency: "CNY", Claim: "6200001234567890", Nonce: []byte("0123456789abcdef"),
	}
}

func enrolBinding() Binding {
	b := payBinding()
	b.Purpose, b.Minor, b.Currency = Enrol, 0, ""
	return b
}

func verdict() Verdict {
	return Verdict{
		Decision: BonaFide, Modality: Palm, Lamps: 12, Level: LevelFile, Build: "00ff", At: at(), PaymentGrade: true,
		Cues: []Cue{{Name: "nir-reflectance", Version: 1, Score: .4711, Low: .1, High: .9, DoubtLow: .05, DoubtHigh: .95, Decision: BonaFide}},
	}
}

func header(probe bool) Header {
	h := Header{
		Characteristic: PalmVein, Hand: RightHand, Algorithm: BOCV, Bits: 2048, Epoch: 3, Quality: 80, PAD: BonaFide, At: at(), Probe: probe,
	}
	if probe {
		h.Shifts = 2
	}
	return h.Coarse()
}

// template is a protected template of noise.
func protected(t testing.TB, h Header, samples int) *Protected {
	t.Helper()
	p := NewProtected(nil)
	if err := p.Reset(h, samples); err != nil {
		t.Fatal(err)
	}
	x := uint64(88172645463325252)
	for i := range p.words {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p.words[i] = x
	}
	return p
}

// till is a terminal and a provider that know each other.
type till struct {
	ch      Challenge
	private hpke.PrivateKey
	signer  *ecdsa.PrivateKey
}

func newTill(t testing.TB, b Binding) till {
	t.Helper()
	key, private, err := NewSealKey("k-1")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	samples := 1
	if b.Purpose == Enrol {
		samples = 3
	}
	return till{
		ch: Challenge{
			Binding: b, SealKey: key, Samples: samples,
			Transform: Transform{Epoch: 3, Key: secret.New(make([]byte, 32)), Salt: make([]byte, 16), Profile: Standard},
		},
		private: private, signer: signer,
	}
}

// template fits the till's challenge.
func (l till) template(t testing.TB) *Protected {
	if l.ch.Purpose == Pay {
		return protected(t, header(true), 25)
	}
	return protected(t, header(false), l.ch.Samples)
}

func (l till) seal(t testing.TB) Sealed {
	t.Helper()
	s, err := Seal(l.ch, l.template(t), verdict(), l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
