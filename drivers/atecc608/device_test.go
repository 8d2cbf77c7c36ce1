package atecc608

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/board/device"
)

// bubble runs a test with a chip, in time that costs nothing.
func bubble(t *testing.T, o device.ATECCOptions, f func(t *testing.T, chip *device.ATECC, d *Device)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		chip := device.NewATECC(o)
		f(t, chip, New(chip, 0))
		if chip.Awake() {
			t.Error("the chip was left awake")
		}
		for _, fault := range chip.Faults() {
			t.Error("fault: " + fault)
		}
	})
}

func TestDevice(t *testing.T) {
	bubble(t, device.ATECCOptions{Busy: 100 * time.Millisecond}, func(t *testing.T, chip *device.ATECC, d *Device) {
		ctx := t.Context()
		if rev, err := d.Info(ctx); err != nil || rev != [4]byte{0, 0, 0x60, 2} {
			t.Errorf("revision % x, %v", rev, err)
		}
		a, err := d.Random(ctx)
		b, err2 := d.Random(ctx)
		if err != nil || err2 != nil || a == b {
			t.Errorf("random %x, %x, %v, %v", a, b, err, err2)
		}
		id, err := d.Identify(ctx)
		if err != nil || !id.Locked || !id.ConfigLocked || id.Serial != [9]byte{1, 0x23, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6, 0xEE} {
			t.Errorf("%+v, %v", id, err)
		}
		public, err := d.PublicKey(ctx, 0)
		if err != nil || !public.Equal(chip.PublicKey(0)) {
			t.Fatalf("public key: %v", err)
		}
		digest := sha256.Sum256([]byte("pay"))
		sig, err := d.Sign(ctx, 0, digest)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := d.Verify(ctx, public, digest, sig); !ok || err != nil {
			t.Errorf("the chip does not know its signature: %v", err)
		}
		sig[5] ^= 1
		if ok, err := d.Verify(ctx, public, digest, sig); ok || err != nil {
			t.Errorf("the chip takes a wrong signature: %v, %v", ok, err)
		}
		for want := range uint32(3) {
			if n, err := d.Counter(ctx, 1); n != want || err != nil {
				t.Errorf("count %d, %v; want %d", n, err, want)
			}
			if n, err := d.Increment(ctx, 1); n != want+1 || err != nil {
				t.Errorf("count %d, %v; want %d", n, err, want+1)
			}
		}
		if n, err := d.Monotonic(0).Count(ctx); n != 0 || err != nil {
			t.Errorf("counter 0: %d, %v", n, err)
		}
		if n, err := d.Monotonic(1).Increment(ctx); n != 4 || err != nil {
			t.Errorf("counter 1: %d, %v", n, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestKeys(t *testing.T) {
	bubble(t, device.ATECCOptions{}, func(t *testing.T, chip *device.ATECC, d *Device) {
		key, err := d.Key(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte("pay"))
		sig, err := key.Sign(nil, digest[:], crypto.SHA256)
		if err != nil || !ecdsa.VerifyASN1(chip.PublicKey(2), digest[:], sig) || !key.public.Equal(key.Public()) {
			t.Errorf("signature %x, %v", sig, err)
		}
		if _, err := key.Sign(nil, digest[:20], crypto.SHA1); err == nil {
			t.Error("signs SHA-1")
		}
		root, err := d.Root(t.Context(), 9)
		if err != nil {
			t.Fatal(err)
		}
		a, err := root.Derive("journal")
		b, err2 := root.Derive("journal")
		c, err3 := root.Derive("codes")
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		message := sha256.Sum256([]byte("tilld record key 1 journal"))
		h := hmac.New(sha256.New, chip.Secret(9))
		h.Write(message[:])
		if len(a) != 32 || !bytes.Equal(a, b) || bytes.Equal(a, c) || !bytes.Equal(a, h.Sum(nil)) {
			t.Errorf("derived %x, %x, %x", a, b, c)
		}
		if _, err := root.Derive(""); err == nil {
			t.Error("an empty label derives a key")
		}
	})
}

func TestRefusals(t *testing.T) {
	hint := func(t *testing.T, err error) {
		t.Helper()
		var e *drivers.Error
		if !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("no hint with %v", err)
		}
	}
	bubble(t, device.ATECCOptions{Unlocked: true}, func(t *testing.T, _ *device.ATECC, d *Device) {
		_, err1 := d.Random(t.Context())
		_, err2 := d.Key(t.Context(), 0)
		_, err3 := d.Root(t.Context(), 9)
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, ErrUnlocked) {
				t.Errorf("unlocked: %v", err)
			}
			hint(t, err)
		}
	})
	bubble(t, device.ATECCOptions{EmptyRoot: true}, func(t *testing.T, _ *device.ATECC, d *Device) {
		_, err := d.Root(t.Context(), 9)
		if err == nil {
			t.Error("an empty slot is a root")
		}
		hint(t, err)
		for _, slot := range []int{-1, 16} {
			if _, err := d.PublicKey(t.Context(), slot); err == nil {
				t.Errorf("slot %d", slot)
			}
		}
		_, err = d.PublicKey(t.Context(), 5)
		var se *StatusError
		if !errors.As(err, &se) || se.Status != ExecError {
			t.Errorf("a slot without a key: %v", err)
		}
		hint(t, err)
		if _, err := d.Counter(t.Context(), 2); err == nil {
			t.Error("counter 2")
		}
	})
	bubble(t, device.ATECCOptions{}, func(t *testing.T, chip *device.ATECC, d *Device) {
		chip.SetCounter(0, MaxCount)
		if _, err := d.Increment(t.Context(), 0); err == nil {
			t.Error("counted beyond the end")
		}
		chip.Stall(true)
		began := time.Now()
		_, err := d.Info(t.Context())
		if !errors.Is(err, ErrNoAnswer) || time.Since(began) > 5*time.Second {
			t.Errorf("a dead chip: %v after %v", err, time.Since(began))
		}
		hint(t, err)
		chip.Stall(false)
		if _, err := d.Info(t.Context()); err != nil {
			t.Errorf("after a power cycle: %v", err)
		}
	})
}

// What is damaged on the bus is read again; what the chip has not done is done again; nothing
// is counted twice.
func TestDamageOnTheBus(t *testing.T) {
	digest := sha256.Sum256([]byte("pay"))
	bubble(t, device.ATECCOptions{}, func(t *testing.T, chip *device.ATECC, d *Device) {
		for n := range 4 {
			chip.DamageAnswers(n)
			if _, err := d.Sign(t.Context(), 0, digest); err != nil {
				t.Errorf("%d damaged answers: %v", n, err)
			}
			chip.DamageCommands(min(n, 2))
			if _, err := d.Sign(t.Context(), 0, digest); err != nil {
				t.Errorf("%d damaged commands: %v", n, err)
			}
		}
		for want := uint32(1); want < 20; want++ {
			if want%2 == 0 {
				chip.DamageCommands(1)
			}
			n, err := d.Increment(t.Context(), 0)
			if err != nil || n != want {
				t.Fatalf("count %d, %v; want %d", n, err, want)
			}
		}
		if _, err := d.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// An answer to Increment that is lost for good is an error, not a second increment.
func TestIncrementOnce(t *testing.T) {
	bubble(t, device.ATECCOptions{}, func(t *testing.T, chip *device.ATECC, _ *Device) {
		lossy := &lossyBus{ATECC: chip, op: byte(OpCounter)}
		d := New(lossy, 0)
		if _, err := d.Increment(t.Context(), 0); !errors.Is(err, ErrChecksum) {
			t.Errorf("%v", err)
		}
		lossy.op = 0xFF
		if n, err := d.Counter(t.Context(), 0); n != 1 || err != nil {
			t.Errorf("count %d, %v; want 1", n, err)
		}
	})
}

// lossyBus damages every answer to one opcode.
type lossyBus struct {
	*device.ATECC
	op, last byte
}

func (l *lossyBus) Tx(addr uint16, w, r []byte) error {
	err := l.ATECC.Tx(addr, w, r)
	if len(w) > 2 {
		l.last = w[2]
	} else if addr == 0 {
		l.last = 0
	}
	if err == nil && len(r) > 0 && l.last == l.op {
		r[len(r)-1] ^= 0x40
	}
	return err
}

// The watchdog bites in the middle: the exchange begins anew.
func TestWatchdog(t *testing.T) {
	digest := sha256.Sum256([]byte("pay"))
	// Random and Nonce take so long that no time is left for Sign, at first.
	bubble(t, device.ATECCOptions{Busy: 400 * time.Millisecond, Watchdog: time.Second}, func(t *testing.T, _ *device.ATECC, d *Device) {
		_, err := d.Sign(t.Context(), 0, digest)
		if err == nil {
			t.Error("three commands of 400 ms fit into a second")
		}
	})
	// A chip that another program left awake, late in its second.
	bubble(t, device.ATECCOptions{Busy: 100 * time.Millisecond}, func(t *testing.T, chip *device.ATECC, d *Device) {
		_ = chip.Tx(0, []byte{0}, nil)
		time.Sleep(1150 * time.Millisecond)
		if _, err := d.Sign(t.Context(), 0, digest); err != nil {
			t.Error(err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	bubble(t, device.ATECCOptions{}, func(t *testing.T, chip *device.ATECC, d *Device) {
		key, err := d.Key(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				digest := sha256.Sum256([]byte{byte(i)})
				if sig, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil || !ecdsa.VerifyASN1(chip.PublicKey(0), digest[:], sig) {
					t.Error(err)
				}
				if _, err := d.Increment(t.Context(), 0); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n, err := d.Counter(t.Context(), 0); n != 8 || err != nil {
			t.Errorf("count %d, %v", n, err)
		}
	})
}

func TestContextEnds(t *testing.T) {
	bubble(t, device.ATECCOptions{Busy: 500 * time.Millisecond}, func(t *testing.T, _ *device.ATECC, d *Device) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := d.Info(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
	})
}

// bridge drives a CP2112 as the kernel does.
type bridge struct{ c *device.CP2112 }

func (b bridge) String() string { return "CP2112" }

func (b bridge) Tx(addr uint16, w, r []byte) error {
	a := byte(addr << 1)
	switch {
	case len(w) > 61 || len(w) > 16 && len(r) > 0:
		return errors.New("too long for the bridge")
	case len(r) == 0:
		b.c.Output(append([]byte{0x14, a, byte(len(w))}, w...))
	case len(w) == 0:
		b.c.Output([]byte{0x10, a, byte(len(r) >> 8), byte(len(r))})
	default:
		b.c.Output(append([]byte{0x11, a, byte(len(r) >> 8), byte(len(r)), byte(len(w))}, w...))
	}
	status := b.c.Output([]byte{0x15, 1})
	if len(status) != 1 || status[0][0] != 0x16 || status[0][1] != 2 {
		b.c.Output([]byte{0x17, 1})
		return device.ErrNACK
	}
	for n := 0; n < len(r); {
		in := b.c.Output([]byte{0x12, 0, byte(len(r) - n)})
		if len(in) != 1 || in[0][0] != 0x13 || in[0][2] == 0 {
			return errors.New("no data")
		}
		n += copy(r[n:], in[0][3:3+in[0][2]])
	}
	return nil
}

func TestThroughBridge(t *testing.T) {
	bubble(t, device.ATECCOptions{}, func(t *testing.T, chip *device.ATECC, _ *Device) {
		c := device.NewCP2112(chip)
		d := New(bridge{c}, 0)
		key, err := d.Key(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte("pay"))
		if sig, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil || !ecdsa.VerifyASN1(chip.PublicKey(0), digest[:], sig) {
			t.Error(err)
		}
		if root, err := d.Root(t.Context(), 9); err != nil {
			t.Error(err)
		} else if _, err := root.Derive("journal"); err != nil {
			t.Error(err)
		}
		if _, err := New(bridge{c}, 0x35).Info(t.Context()); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("another address: %v", err)
		}
		time.Sleep(2 * time.Second) // that woke the chip as well
		for _, f := range c.Faults() {
			t.Error("fault: " + f)
		}
	})
}
