// Package hidraw opens HID devices as reports: /dev/hidraw*. One Read is one report, its id
// in the first byte where the device has ids; one Write is one output report, its id first
// always (0 where the device has none).
//
// The kernel keeps 63 reports for a program that does not read, and silently loses those that
// come after. When as many are found waiting the device is given up with an error, whoever
// keeps it opens it anew, and no code is joined across the loss.
//
// Sources: Documentation/hid/hidraw.rst, include/uapi/linux/hidraw.h, drivers/hid/hidraw.c.
package hidraw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/internal/chardev"
	"github.com/tilld/tilld/internal/secret"
)

// queue is how many unread reports the kernel keeps.
const queue = 63

// Config names a device.
type Config struct {
	Path    string // "/dev/hidraw0"
	LockDir string // holds the lock files; empty: see drivers.LockNode
}

// Info is what a device tells of itself.
type Info struct {
	Bus             uint32 // BUS_USB is 3
	Vendor, Product uint16
	Name            string // maker and product
	Phys            string // the place: "usb-xhci-hcd.0-1.2/input0"
	Uniq            string // serial number; empty if it has none
	Descriptor      []byte // the report descriptor
}

// Device is an open HID device. It implements drivers.Transport.
type Device struct {
	file *chardev.File
	info Info
	ctl  control
}

var errOverrun = errors.New("reports were lost: as many as the kernel keeps were waiting")

// Open opens a node, asks the device what it is, and drops the reports that waited. It waits
// up to a second for the node to appear and to become accessible. The error is a
// *drivers.Error: fs.ErrNotExist when the device is absent, drivers.ErrBusy when another tilld
// has it.
func Open(ctx context.Context, c Config) (*Device, error) {
	f, err := chardev.Open(ctx, chardev.Config{Path: c.Path, LockDir: c.LockDir, Write: true})
	if err != nil {
		return nil, err
	}
	return begin(f, ioctls{f})
}

// begin makes a device of an open file.
func begin(f *chardev.File, ctl control) (*Device, error) {
	info, err := ctl.info()
	if err == nil {
		err = f.Flush()
	}
	if err != nil {
		return nil, errors.Join(&drivers.Error{Op: "open", Subject: f.String(), Err: err,
			Hint: "this is no HID device, or it was unplugged: tilld devices lists what is there"}, f.Close())
	}
	return &Device{file: f, info: info, ctl: ctl}, nil
}

// Info is what the device told when it was opened.
func (d *Device) Info() Info { return d.info }

// Read waits for one report. p should have room for the longest; what does not fit is lost.
// See drivers.Transport.
func (d *Device) Read(ctx context.Context, p []byte) (int, error) {
	n, err := d.file.Read(ctx, p)
	if err != nil || d.file.Burst() < queue {
		return n, err
	}
	secret.Zero(p[:n])
	return 0, &drivers.Error{Op: "read", Subject: d.file.String(), Err: errOverrun,
		Hint: "the machine is too busy, or the device does not stop sending: unplug it and plug it in again"}
}

// Write sends one output report, its id first. Its deadline is the context's, or one second.
// The error is unix.EPIPE when the device refuses it.
func (d *Device) Write(ctx context.Context, report []byte) (int, error) {
	n, err := d.file.Write(ctx, report)
	if errors.Is(err, unix.EPIPE) {
		err = &drivers.Error{Op: "write", Subject: d.file.String(), Err: unix.EPIPE,
			Hint: "the device refuses commands: choose another dialect for it, or none"}
	}
	return n, err
}

// SetFeature sends one feature report, its id first (0 where the device has none). Its
// deadline is the context's, or one second.
func (d *Device) SetFeature(ctx context.Context, report []byte) error {
	if len(report) < 1 || len(report) > maxFeature {
		return &drivers.Error{Op: "set feature of", Subject: d.file.String(), Err: fmt.Errorf("report of %d bytes, want 1 to %d", len(report), maxFeature)}
	}
	r := append([]byte(nil), report...)
	return d.file.Slow(ctx, "set feature of", func() error { return d.ctl.setFeature(r) })
}

// Flush drops the reports that wait.
func (d *Device) Flush() error { return d.file.Flush() }

// LastByte is when the last report came, taken or dropped; zero if none did.
func (d *Device) LastByte() time.Time { return d.file.LastByte() }

// Close ends a blocked Read and closes the node, within 250 ms.
func (d *Device) Close() error { return d.file.Close() }

// String is the configured path.
func (d *Device) String() string { return d.file.String() }

var _ drivers.Transport = (*Device)(nil)
