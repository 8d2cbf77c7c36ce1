package biometric_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// What a provider does with a sealed probe. It takes nothing but this package: no camera, no
// features.
func Example_provider() {
	sealKey, private, err := biometric.NewSealKey("2026-05-06")
	if err != nil {
		fmt.Println(err)
		return
	}
	terminal, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	body, stored := fromTerminal(sealKey, terminal)

	// The body of the request.
	var s biometric.Sealed
	if err := json.Unmarshal(body, &s); err != nil {
		fmt.Println(err)
		return
	}
	// Here the provider compares s.Binding with what it gave the nonce for, once, and finds the
	// terminal's registered key. Then:
	if err := s.Verify(&terminal.PublicKey); err != nil {
		fmt.Println(err)
		return
	}
	probe, err := biometric.Open(s, private)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer probe.Wipe()
	reference, err := biometric.ParseProtected(stored)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := biometric.Match(reference, probe)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("distance %.3f, wrong hand: %v\n", c.Distance, c.WrongHand)
	// Output: distance 0.000, wrong hand: false
}

// fromTerminal stands for a terminal and what was enrolled before. A real one makes templates
// with biometric/template.
func fromTerminal(key biometric.SealKey, signer *ecdsa.PrivateKey) (body, stored []byte) {
	at := time.Date(2026, 5, 6, 7, 8, 0, 0, time.UTC)
	h := biometric.Header{
		Characteristic: biometric.PalmVein, Hand: biometric.LeftHand, Algorithm: biometric.BOCV,
		Bits: biometric.Private.Bits(), Epoch: 1, Quality: 80, PAD: biometric.BonaFide, At: at,
	}
	reference := biometric.NewProtected(nil)
	if err := reference.Reset(h.Coarse(), 3); err != nil {
		panic(err)
	}
	stored, err := reference.AppendBinary(nil)
	if err != nil {
		panic(err)
	}
	h.Probe, h.Shifts = true, biometric.Private.Shifts()
	probe := biometric.NewProtected(nil)
	if err := probe.Reset(h.Coarse(), h.Samples()); err != nil {
		panic(err)
	}
	s, err := biometric.Seal(biometric.Challenge{
		Binding: biometric.Binding{
			Purpose: biometric.Pay, Modality: biometric.Palm, Provider: "provider.example", Merchant: "M-1", Terminal: "T-1",
			Payment: "P-1", Minor: 1250, Currency: "CNY", Claim: "6200001234567890", Nonce: []byte("used only once 1"),
		},
		SealKey: key, Samples: 1,
		Transform: biometric.Transform{Epoch: 1, Key: secret.New(make([]byte, 32)), Salt: make([]byte, 16), Profile: biometric.Private},
	}, probe, biometric.Verdict{Decision: biometric.BonaFide, Modality: biometric.Palm, Level: biometric.LevelTPM, At: at}, signer)
	if err != nil {
		panic(err)
	}
	if body, err = json.Marshal(s); err != nil {
		panic(err)
	}
	return body, stored
}
