package hw

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/drivers/atecc608"
	"github.com/tilld/tilld/drivers/tpm"
	"github.com/tilld/tilld/internal/board/hands"
)

const signatures = 5

// chipsCheck signs with the secure element on I²C, and seals and signs with the TPM.
func chipsCheck(ctx context.Context, b *Bench) error {
	for _, d := range b.Of("i2c") {
		v := hands.Verdict{Device: d.Class, Rule: "a secure element signs", Of: signatures}
		b.judged(&v, b.elementSigns(ctx, d, &v))
	}
	for _, d := range b.Of("tpm") {
		v := hands.Verdict{Device: d.Class, Rule: "seals, unseals and signs", Of: signatures}
		b.judged(&v, tpmSigns(&v))
	}
	return nil
}

func (b *Bench) elementSigns(ctx context.Context, d hands.Device, v *hands.Verdict) error {
	if d.Ports > 0 {
		if _, err := b.Do(ctx, hands.Order{Do: hands.Plug, Device: d.Name, Port: 1}); err != nil {
			return err
		}
		defer b.Do(ctx, hands.Order{Do: hands.Unplug, Device: d.Name}) // the next check plugs it in where it likes
	}
	bus := d.Node
	if bus == "" {
		bus = "CP2112"
	}
	var chip *atecc608.Device
	opened := errors.New("no bus")
	err := Await(ctx, 10*time.Second, "secure element", func() bool {
		if chip, opened = atecc608.Open(ctx, bus, 0); opened != nil {
			return false
		}
		if opened = chip.Ready(ctx); opened != nil {
			chip.Close()
		}
		return opened == nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, opened)
	}
	defer chip.Close()
	key, err := chip.Key(ctx, 0)
	if err != nil {
		return err
	}
	var slowest time.Duration
	for i := range signatures {
		begun := time.Now()
		if err := signOnce(key, i); err != nil {
			return err
		}
		slowest = max(slowest, time.Since(begun))
		v.Done++
	}
	v.Found = "in at most " + ms(slowest)
	return nil
}

// signOnce signs with a P-256 key and verifies.
func signOnce(key crypto.Signer, n int) error {
	digest := sha256.Sum256(fmt.Appendf(nil, "board %d", n))
	sig, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	if pub, ok := key.Public().(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(pub, digest[:], sig) {
		return errors.New("the signature is wrong")
	}
	return nil
}

func tpmSigns(v *hands.Verdict) error {
	t, err := tpm.Open("")
	if err != nil {
		return err
	}
	defer t.Close()
	file, err := t.NewKey(tpm.P256)
	if err != nil {
		return err
	}
	key, err := t.LoadKey(file)
	if err != nil {
		return err
	}
	var slowest time.Duration
	for i := range signatures {
		begun := time.Now()
		secret := fmt.Appendf(nil, "a secret of 32 bytes, number %4d", i)
		sealed, err := t.Seal(secret, tpm.Policy{})
		if err != nil {
			return err
		}
		back, err := t.Unseal(sealed, nil)
		if err != nil {
			return err
		}
		if !bytes.Equal(back, secret) {
			return errors.New("another secret came out")
		}
		if err := signOnce(key, i); err != nil {
			return err
		}
		slowest = max(slowest, time.Since(begun))
		v.Done++
	}
	v.Found = "in at most " + ms(slowest)
	return nil
}
