package atecc608

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/i2cdev"
	"github.com/tilld/tilld/internal/secret"
)

// DefaultAddress is the address of a chip as Microchip sells it.
const DefaultAddress = 0x60

// Bus is what a Device needs of periph.io's i2c.Bus. A Bus that is also a
// Lock(context.Context) (unlock func(), err error) is locked during each exchange.
type Bus interface {
	// Tx writes w, then reads r, in one transaction. An address that is not acknowledged is
	// an error.
	Tx(addr uint16, w, r []byte) error
	String() string
}

// Times. The chip's own are shorter; a clock in a busy till is late.
const (
	wakeTime   = 1500 * time.Microsecond // after the wake pulse; the A needs 1.5 ms
	firstLook  = time.Millisecond        // after a command
	looks      = 4 * time.Millisecond    // between two tries to read an answer
	mostAnswer = 1400 * time.Millisecond // a chip that has not answered by then fell asleep
	tries      = 3                       // of a whole exchange
)

// Device is one chip. It is safe for concurrent use: exchanges take turns.
type Device struct {
	bus  Bus
	addr uint16

	turn chan struct{} // holds a token during an exchange
	in   [maxFrame]byte
	out  [1 + maxFrame]byte
}

// Open opens the chip on a bus of this machine: "/dev/i2c-1", or a part of its adapter's
// name. It fails when no chip answers. Address 0 is DefaultAddress.
func Open(ctx context.Context, bus string, addr uint16) (*Device, error) {
	b, err := i2cdev.Open(bus)
	if err != nil {
		return nil, err
	}
	d := New(b, addr)
	if _, err := d.Info(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return d, nil
}

// New makes a Device on a bus. Nothing is sent yet. Address 0 is DefaultAddress.
func New(bus Bus, addr uint16) *Device {
	if addr == 0 {
		addr = DefaultAddress
	}
	return &Device{bus: bus, addr: addr, turn: make(chan struct{}, 1)}
}

// String is the bus and the address: "/dev/i2c-1 60".
func (d *Device) String() string { return fmt.Sprintf("%s %02X", d.bus, d.addr) }

// Close puts the chip to sleep and closes its bus.
func (d *Device) Close() error {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	_ = d.bus.Tx(d.addr, []byte{wordSleep}, nil) // a chip that idles does not listen; it draws 1 mA
	if c, ok := d.bus.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// StatusError is an answer that says why a command was not done.
type StatusError struct {
	Op     Op
	Status Status
}

func (e *StatusError) Error() string { return fmt.Sprintf("%s: %s", e.Op, e.Status) }

// again reports whether the command was certainly not done and may be when it is repeated.
func (e *StatusError) again() bool {
	return e.Status == Watchdog || e.Status == CRCError || e.Status == ECCFault
}

// ErrNoAnswer: the chip does not acknowledge its address.
var ErrNoAnswer = errors.New("no answer")

// talk is an exchange under way: the chip is awake.
type talk struct {
	d   *Device
	ctx context.Context
}

// exchange wakes the chip, runs f, and lets it idle. What the chip says it has not done is
// tried again, and what got lost on the bus too, unless once says that doing it twice would
// do harm.
func (d *Device) exchange(ctx context.Context, op string, once bool, f func(talk) error) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return d.fail(op, ctx.Err())
	}
	defer secret.Zero(d.in[:])
	defer secret.Zero(d.out[:])
	if l, ok := d.bus.(interface {
		Lock(context.Context) (func(), error)
	}); ok {
		unlock, err := l.Lock(ctx)
		if err != nil {
			return d.fail(op, err)
		}
		defer unlock()
	}
	var err error
	for range tries {
		if err = d.wake(ctx); err == nil {
			err = f(talk{d, ctx})
			// A chip that does not hear this falls asleep by itself.
			_ = d.bus.Tx(d.addr, []byte{wordIdle}, nil)
			var se *StatusError
			if err == nil || errors.As(err, &se) && !se.again() || se == nil && once {
				break
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return d.fail(op, err)
	}
	return nil
}

func (d *Device) fail(op string, err error) error {
	e := &drivers.Error{Op: op, Subject: "secure element " + d.String(), Err: err}
	var se *StatusError
	switch {
	case errors.Is(err, ErrNoAnswer):
		e.Hint = "check its wiring and address; the bus must run at 100 kHz or less to wake it (dtparam=i2c_arm_baudrate=100000)"
	case errors.As(err, &se) && se.Status == ExecError:
		e.Hint = "the chip is not configured for this: see the package's notes on what it must hold"
	case errors.As(err, &se) && (se.Status == SelfTest || se.Status == Health):
		e.Hint = "power the chip off and on; if that does not help, it is broken"
	}
	return e
}

// wake ends sleep and idle. A chip that was awake does not notice the pulse, and answers
// nothing: it is put to sleep and woken.
func (d *Device) wake(ctx context.Context) error {
	for i := range 2 * tries {
		// SDA is low for the address and the byte; nobody acknowledges.
		_ = d.bus.Tx(0, []byte{0}, nil)
		if err := pause(ctx, wakeTime); err != nil {
			return err
		}
		in := d.in[:minFrame]
		if err := d.bus.Tx(d.addr, nil, in); err == nil {
			r, err := Parse(in)
			if err == nil && r.Status == Awake && r.Data == nil {
				return nil
			}
			if err == nil && r.Status == SelfTest {
				return &StatusError{Op: 0, Status: SelfTest}
			}
		}
		if i%2 == 1 {
			_ = d.bus.Tx(d.addr, []byte{wordSleep}, nil)
			if err := pause(ctx, wakeTime); err != nil {
				return err
			}
		}
	}
	return ErrNoAnswer
}

// do sends a command and reads its answer of n bytes of data, 0 for a status. Data is valid
// until the next do.
func (t talk) do(c Command, n int) ([]byte, error) {
	d := t.d
	if err := d.bus.Tx(d.addr, c.Append(d.out[:0]), nil); err != nil {
		return nil, fmt.Errorf("send %s: %w", c.Op, err)
	}
	size := minFrame
	if n > 0 {
		size = n + 3
	}
	in := d.in[:size]
	if err := t.receive(c.Op, in); err != nil {
		return nil, err
	}
	r, err := Parse(in)
	for range tries - 1 {
		if err == nil || errors.Is(err, ErrPartial) {
			break
		}
		// The chip keeps its answer and gives it again.
		if err := d.bus.Tx(d.addr, []byte{wordReset}, nil); err != nil {
			return nil, fmt.Errorf("read the answer to %s again: %w", c.Op, err)
		}
		if err := t.receive(c.Op, in); err != nil {
			return nil, err
		}
		r, err = Parse(in)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", c.Op, err)
	case r.Data == nil && (r.Status != OK || n > 0):
		return nil, &StatusError{c.Op, r.Status}
	case len(r.Data) != n:
		return nil, fmt.Errorf("%s: %d bytes of data, want %d: %w", c.Op, len(r.Data), n, ErrMalformed)
	}
	return r.Data, nil
}

// receive reads until the chip acknowledges its address: it does not while it works. A short
// answer is followed by ones.
func (t talk) receive(op Op, in []byte) error {
	if err := pause(t.ctx, firstLook); err != nil {
		return err
	}
	for began := time.Now(); ; {
		err := t.d.bus.Tx(t.d.addr, nil, in)
		if err == nil && in[0] != 0xFF { // adapters that do not report a missing acknowledge read ones
			return nil
		}
		if time.Since(began) > mostAnswer {
			return fmt.Errorf("%s: %w", op, ErrNoAnswer)
		}
		if err := pause(t.ctx, looks); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
