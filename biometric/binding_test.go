package biometric

import (
	"strings"
	"testing"

	"github.com/tilld/tilld/internal/secret"
)

func TestBindingCheck(t *testing.T) {
	for _, b := range []Binding{payBinding(), enrolBinding()} {
		if err := b.Check(); err != nil {
			t.Error(err)
		}
	}
	nobody := payBinding()
	nobody.Claim = ""
	if err := nobody.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Binding){
		"purpose":    func(b *Binding) { b.Purpose = "pays" },
		"modality":   func(b *Binding) { b.Modality = "" },
		"provider":   func(b *Binding) { b.Provider = "a\x00b" },
		"merchant":   func(b *Binding) { b.Merchant = "" },
		"terminal":   func(b *Binding) { b.Terminal = "T 1" },
		"payment":    func(b *Binding) { b.Payment = strings.Repeat("9", 129) },
		"claim":      func(b *Binding) { b.Claim = "é" },
		"amount":     func(b *Binding) { b.Minor = -1 },
		"currency":   func(b *Binding) { b.Currency = "cny" },
		"nonce":      func(b *Binding) { b.Nonce = b.Nonce[:15] },
		"long nonce": func(b *Binding) { b.Nonce = make([]byte, 65) },
	} {
		b := payBinding()
		spoil(&b)
		err := b.Check()
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		word := name[strings.LastIndex(name, " ")+1:]
		if !strings.HasPrefix(err.Error(), "check binding: ") || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", name, err)
		}
	}
	priced := enrolBinding()
	priced.Minor = 1
	if priced.Check() == nil {
		t.Error("an enrolment with an amount was taken")
	}
}

func TestChallengeCheck(t *testing.T) {
	good := func() Challenge {
		return Challenge{
			Binding: payBinding(), Samples: 1, SealKey: SealKey{ID: "k-1", Public: make([]byte, SealPublicSize)},
			Transform: Transform{Epoch: 1, Key: secret.New(make([]byte, 32)), Salt: make([]byte, 16), Profile: Private},
		}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Challenge){
		"binding":        func(ch *Challenge) { ch.Minor = 0 },
		"no samples":     func(ch *Challenge) { ch.Samples = 0 },
		"two samples":    func(ch *Challenge) { ch.Samples = 2 },
		"4 references":   func(ch *Challenge) { ch.Binding, ch.Samples = enrolBinding(), 4 },
		"seal key":       func(ch *Challenge) { ch.SealKey.Public = ch.SealKey.Public[1:] },
		"id of a key":    func(ch *Challenge) { ch.SealKey.ID = "k 1" },
		"epoch":          func(ch *Challenge) { ch.Transform.Epoch = 0 },
		"key":            func(ch *Challenge) { ch.Transform.Key = nil },
		"salt":           func(ch *Challenge) { ch.Transform.Salt = nil },
		"unknown length": func(ch *Challenge) { ch.Transform.Profile = "tiny" },
	} {
		ch := good()
		spoil(&ch)
		if ch.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestProfilesFit computes what a probe takes when sealed.
func TestProfilesFit(t *testing.T) {
	for _, p := range []Profile{Standard, Private} {
		side := 2*p.Shifts() + 1
		sealed := sealEncSize + sealTagSize + HeaderSize + side*side*p.Bits()/8
		wider := sealed + ((side+2)*(side+2)-side*side)*p.Bits()/8
		if sealed > 8192 || wider <= 8192 {
			t.Errorf("%s: %d bytes sealed, %d if it reached one cell further", p, sealed, wider)
		}
	}
}
