// Package evdev opens keyboards as events: /dev/input/event*. A scanner that pretends to be a
// keyboard is grabbed, so that what it types goes nowhere else. One Read is one or more whole
// events: 24 bytes each in 64-bit programs, 16 in 32-bit ones, whatever the kernel is.
//
// A device is grabbed because the configuration names it, never because of its name: words
// like "reader" fit card readers, and the cashier's keyboard must keep working.
//
// Sources: include/uapi/linux/input.h, Documentation/input/event-codes.rst.
package evdev

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/internal/chardev"
)

const (
	// A key that is down at the moment of the grab would stay down for the console: its
	// release comes to us. So long is waited for all keys to be up.
	grabPatience = time.Second
	grabPause    = 20 * time.Millisecond
)

// Config names a device.
type Config struct {
	Path    string // "/dev/input/event3"
	LockDir string // holds the lock files; empty: see drivers.LockNode
	// Listen leaves the events to the other programs too: to look whether a device is a
	// scanner.
	Listen bool
}

// Info is what a device tells of itself.
type Info struct {
	Bus, Vendor, Product uint16
	Name                 string
	Phys                 string // the place: "usb-xhci-hcd.0-1.2/input0"
	Uniq                 string // serial number; empty if it has none
}

// Device is an open keyboard. It implements drivers.Transport; what is written is refused.
type Device struct {
	file *chardev.File
	info Info
}

var (
	errHeld     = errors.New("a key is held down")
	errReadOnly = errors.New("a keyboard takes no bytes")
)

// Open opens a node, grabs it when all its keys are up, and drops the events that waited. It
// waits up to a second for the node to appear and to become accessible, and up to a second
// for the keys. The error is a *drivers.Error: fs.ErrNotExist when the device is absent,
// drivers.ErrBusy when another program has grabbed it.
func Open(ctx context.Context, c Config) (*Device, error) {
	f, err := chardev.Open(ctx, chardev.Config{Path: c.Path, LockDir: c.LockDir})
	if err != nil {
		return nil, err
	}
	return begin(ctx, f, ioctls{f}, c.Listen)
}

// begin makes a device of an open file.
func begin(ctx context.Context, f *chardev.File, ctl control, listen bool) (*Device, error) {
	d := &Device{file: f}
	var err error
	if d.info, err = ctl.info(); err == nil {
		// A step of the clock must not look like events out of order.
		err = ctl.clock(unix.CLOCK_MONOTONIC)
	}
	if err == nil {
		// The kernel keeps 64 events for a program that is busy. Scan codes and lamps would take
		// a third of them; kernels before 4.4 cannot leave them out.
		_ = ctl.mask(evMisc)
		_ = ctl.mask(evLED)
	}
	if err == nil && !listen {
		err = grab(ctx, ctl)
	}
	if err == nil {
		err = f.Flush()
	}
	if err != nil {
		return nil, errors.Join(&drivers.Error{Op: "open", Subject: f.String(), Hint: hint(err), Err: err}, f.Close())
	}
	return d, nil
}

func hint(err error) string {
	switch {
	case errors.Is(err, drivers.ErrBusy):
		return "another program has grabbed this keyboard: end it (another tilld, an input method, a kiosk's own scanner reader)"
	case errors.Is(err, errHeld):
		return "let go of all keys; if none is held, unplug the device and plug it in again"
	}
	return "this is no keyboard, or it was unplugged: tilld devices lists what is there"
}

// grab takes the device for this program alone, with no key down.
func grab(ctx context.Context, ctl control) error {
	for deadline := time.Now().Add(grabPatience); ; {
		held, err := tryGrab(ctl)
		switch {
		case errors.Is(err, unix.EBUSY):
			return fmt.Errorf("%w: %w", drivers.ErrBusy, err)
		case err != nil || !held:
			return err
		case !time.Now().Before(deadline):
			return errHeld
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(grabPause):
		}
	}
}

// tryGrab grabs the device unless a key is held.
func tryGrab(ctl control) (held bool, err error) {
	if held, err = ctl.held(); err != nil || held {
		return held, err
	}
	if err = ctl.grab(true); err != nil {
		return false, err
	}
	// A key may have gone down in between.
	if held, err = ctl.held(); err == nil && held {
		err = ctl.grab(false)
	}
	return held, err
}

// Info is what the device told when it was opened.
func (d *Device) Info() Info { return d.info }

// Read waits for events. p should have room for many; it gets whole ones only. See
// drivers.Transport.
func (d *Device) Read(ctx context.Context, p []byte) (int, error) { return d.file.Read(ctx, p) }

// Write refuses: what a wedge is told, it is told by bar code.
func (d *Device) Write(context.Context, []byte) (int, error) {
	return 0, &drivers.Error{Op: "write", Subject: d.file.String(), Err: errReadOnly}
}

// Flush drops the events that wait. Which keys are down is then not known from events any
// more.
func (d *Device) Flush() error { return d.file.Flush() }

// LastByte is when the last events came, taken or dropped; zero if none did.
func (d *Device) LastByte() time.Time { return d.file.LastByte() }

// Close ends a blocked Read and closes the node, which ends the grab, within 250 ms.
func (d *Device) Close() error { return d.file.Close() }

// String is the configured path.
func (d *Device) String() string { return d.file.String() }

var _ drivers.Transport = (*Device)(nil)
