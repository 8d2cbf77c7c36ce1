package atecc608

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tilld/tilld/drivers"
)

// Modes of commands.
const (
	nonceLoad    = 0x03 // take 32 bytes into TempKey as they are
	signExternal = 0x80 // what TempKey holds
	verifyExtern = 0x02 // with a public key that is sent along
	keyTypeP256  = 0x0004
	shaHMACStart = 0x04
	shaEnd       = 0x02 | 0xC0 // the 608's end of an HMAC too; the digest goes to the answer alone
	read32       = 0x80
	zoneConfig   = 0x00
)

// MaxCount is the highest count of a counter.
const MaxCount = 2097151

// slots is how many slots there are.
const slots = 16

func (d *Device) slot(op string, slot int) error {
	if slot < 0 || slot >= slots {
		return d.fail(op, fmt.Errorf("slot %d: there are 0 to %d", slot, slots-1))
	}
	return nil
}

// Info is the chip's revision: 00 00 60 02 is an ATECC608A, 00 00 60 03 a B.
func (d *Device) Info(ctx context.Context) (rev [4]byte, err error) {
	err = d.exchange(ctx, "ask revision of", false, func(t talk) error {
		b, err := t.do(Command{Op: OpInfo}, 4)
		copy(rev[:], b)
		return err
	})
	return rev, err
}

// ErrUnlocked: the chip's configuration is still open. Everything it does is a rehearsal.
var ErrUnlocked = errors.New("the chip is not locked")

// Random is 32 bytes of the chip's generator.
func (d *Device) Random(ctx context.Context) (r [32]byte, err error) {
	err = d.exchange(ctx, "take random bytes of", false, func(t talk) error {
		b, err := t.do(Command{Op: OpRandom}, 32)
		copy(r[:], b)
		return err
	})
	if err == nil && binary.BigEndian.Uint64(r[:]) == 0xFFFF0000FFFF0000 {
		return r, d.unlocked("take random bytes of")
	}
	return r, err
}

func (d *Device) unlocked(op string) error {
	return &drivers.Error{Op: op, Subject: "secure element " + d.String(), Err: ErrUnlocked,
		Hint: "configure and lock both of its zones first, with Microchip's tools"}
}

// Identity is who the chip is and how it stands.
type Identity struct {
	Serial               [9]byte
	ConfigLocked, Locked bool // the configuration zone; the zones of keys and data
}

// Identify reads the configuration zone.
func (d *Device) Identify(ctx context.Context) (id Identity, err error) {
	err = d.exchange(ctx, "read configuration of", false, func(t talk) error {
		b, err := t.do(Command{Op: OpRead, P1: read32 | zoneConfig}, 32)
		if err != nil {
			return err
		}
		copy(id.Serial[:], b[:4])
		copy(id.Serial[4:], b[8:13])
		// Bytes 84 to 87: the last two are LockValue and LockConfig, 55 while unlocked.
		b, err = t.do(Command{Op: OpRead, P1: zoneConfig, P2: 84 / 4}, 4)
		if err == nil {
			id.Locked, id.ConfigLocked = b[2] != 0x55, b[3] != 0x55
		}
		return err
	})
	return id, err
}

// Ready fails when the chip is not locked.
func (d *Device) Ready(ctx context.Context) error {
	id, err := d.Identify(ctx)
	if err == nil && (!id.Locked || !id.ConfigLocked) {
		err = d.unlocked("use")
	}
	return err
}

// PublicKey computes the public half of the private key in a slot.
func (d *Device) PublicKey(ctx context.Context, slot int) (*ecdsa.PublicKey, error) {
	const op = "compute public key of"
	if err := d.slot(op, slot); err != nil {
		return nil, err
	}
	var point [65]byte
	point[0] = 4
	err := d.exchange(ctx, op, false, func(t talk) error {
		b, err := t.do(Command{Op: OpGenKey, P2: uint16(slot)}, 64)
		copy(point[1:], b)
		return err
	})
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point[:])
	if err != nil {
		return nil, d.fail(op, fmt.Errorf("slot %d: %w", slot, err))
	}
	return key, nil
}

// Sign signs a digest with the private key in a slot. The signature is r and s, 32 bytes
// each.
func (d *Device) Sign(ctx context.Context, slot int, digest [32]byte) (sig [64]byte, err error) {
	const op = "sign with"
	if err := d.slot(op, slot); err != nil {
		return sig, err
	}
	err = d.exchange(ctx, op, false, func(t talk) error {
		// A signature's secret number comes from the generator, whose seed Random renews.
		if _, err := t.do(Command{Op: OpRandom}, 32); err != nil {
			return err
		}
		if _, err := t.do(Command{Op: OpNonce, P1: nonceLoad, Data: digest[:]}, 0); err != nil {
			return err
		}
		b, err := t.do(Command{Op: OpSign, P1: signExternal, P2: uint16(slot)}, 64)
		copy(sig[:], b)
		return err
	})
	return sig, err
}

// Verify lets the chip verify a signature with a public key. A command of that length does
// not fit through every USB bridge.
func (d *Device) Verify(ctx context.Context, key *ecdsa.PublicKey, digest [32]byte, sig [64]byte) (bool, error) {
	const op = "verify with"
	point, err := key.Bytes()
	if err != nil || len(point) != 65 {
		return false, d.fail(op, errors.New("not a P-256 key"))
	}
	data := append(sig[:], point[1:]...)
	err = d.exchange(ctx, op, false, func(t talk) error {
		if _, err := t.do(Command{Op: OpNonce, P1: nonceLoad, Data: digest[:]}, 0); err != nil {
			return err
		}
		_, err := t.do(Command{Op: OpVerify, P1: verifyExtern, P2: keyTypeP256, Data: data}, 0)
		return err
	})
	var se *StatusError
	if errors.As(err, &se) && se.Status == Miscompare {
		return false, nil
	}
	return err == nil, err
}

// HMAC is the HMAC-SHA256 of 32 bytes under the secret in a slot. A slot that holds the
// factory's ones, or zeros, is refused. The caller wipes the result.
func (d *Device) HMAC(ctx context.Context, slot int, message [32]byte) (mac [32]byte, err error) {
	const op = "compute HMAC with"
	if err := d.slot(op, slot); err != nil {
		return mac, err
	}
	err = d.exchange(ctx, op, false, func(t talk) error {
		if _, err := t.do(Command{Op: OpSHA, P1: shaHMACStart, P2: uint16(slot)}, 0); err != nil {
			return err
		}
		b, err := t.do(Command{Op: OpSHA, P1: shaEnd, P2: 32, Data: message[:]}, 32)
		copy(mac[:], b)
		return err
	})
	if err != nil {
		return mac, err
	}
	for _, fill := range []byte{0x00, 0xFF} {
		var key [32]byte
		for i := range key {
			key[i] = fill
		}
		h := hmac.New(sha256.New, key[:])
		h.Write(message[:])
		if hmac.Equal(h.Sum(nil), mac[:]) {
			clear(mac[:])
			return mac, &drivers.Error{Op: op, Subject: "secure element " + d.String(),
				Err: fmt.Errorf("slot %d is empty", slot), Hint: "write 32 random bytes to it before the data zone is locked"}
		}
	}
	return mac, nil
}

// Counter reads counter 0 or 1.
func (d *Device) Counter(ctx context.Context, n int) (uint32, error) {
	return d.counter(ctx, "read counter of", n, 0, false)
}

// Increment counts counter 0 or 1 up by one and returns the new count. When its error says
// that the answer got lost, the count may have gone up or not: read it. The chip's memory is
// made for some hundred thousand increments, and MaxCount is the end.
func (d *Device) Increment(ctx context.Context, n int) (uint32, error) {
	return d.counter(ctx, "count up", n, counterIncrement, true)
}

func (d *Device) counter(ctx context.Context, op string, n int, mode byte, once bool) (count uint32, err error) {
	if n != 0 && n != 1 {
		return 0, d.fail(op, fmt.Errorf("counter %d: there are 0 and 1", n))
	}
	err = d.exchange(ctx, op, once, func(t talk) error {
		b, err := t.do(Command{Op: OpCounter, P1: mode, P2: uint16(n)}, 4)
		if err == nil {
			count = binary.LittleEndian.Uint32(b)
		}
		return err
	})
	return count, err
}
