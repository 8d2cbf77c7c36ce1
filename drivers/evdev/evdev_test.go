package evdev

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/drivers/internal/chardev"
	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/wedge"
)

// fake is the kernel's side of a keyboard.
type fake struct {
	down     []bool // what held answers, one after the other; the last for good
	grabErr  error
	grabbed  bool
	grabs    int
	monotone bool
}

func (f *fake) info() (Info, error) { return Info{Bus: 3, Vendor: 0x0C2E, Name: "wedge"}, nil }

func (f *fake) clock(id int32) error {
	f.monotone = id == unix.CLOCK_MONOTONIC
	return nil
}

func (f *fake) mask(uint32) error { return unix.EINVAL }

func (f *fake) held() (bool, error) {
	held := f.down[0]
	if len(f.down) > 1 {
		f.down = f.down[1:]
	}
	return held, nil
}

func (f *fake) grab(on bool) error {
	if on && f.grabErr != nil {
		return f.grabErr
	}
	f.grabbed = on
	f.grabs++
	return nil
}

func TestGrab(t *testing.T) {
	for _, c := range []struct {
		name    string
		f       fake
		want    error
		grabbed bool
		took    time.Duration // at least
	}{
		{"at once", fake{down: []bool{false}}, nil, true, 0},
		{"a key is let go", fake{down: []bool{true, true, true, false}}, nil, true, 3 * grabPause},
		{"a key goes down in the moment of the grab", fake{down: []bool{false, true, false}}, nil, true, grabPause},
		{"a stuck key", fake{down: []bool{true}}, errHeld, false, grabPatience},
		{"another program has it", fake{down: []bool{false}, grabErr: unix.EBUSY}, drivers.ErrBusy, false, 0},
		{"unplugged", fake{down: []bool{false}, grabErr: unix.ENODEV}, unix.ENODEV, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := grab(t.Context(), &c.f)
				if !errors.Is(err, c.want) || c.f.grabbed != c.grabbed {
					t.Errorf("%v, grabbed %v", err, c.f.grabbed)
				}
				if took := time.Since(began); took < c.took || took > c.took+grabPause {
					t.Errorf("took %v", took)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := grab(ctx, &fake{down: []bool{true}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// plug is a keyboard and the device's end of it.
func plug(t *testing.T, ctl control, listen bool) (*Device, *os.File, error) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	wire := os.NewFile(uintptr(fds[1]), "wire")
	t.Cleanup(func() { wire.Close() })
	if _, err := wire.Write([]byte("typed before anyone listened")); err != nil {
		t.Fatal(err)
	}
	f, err := chardev.New(os.NewFile(uintptr(fds[0]), "host"), "/dev/input/event3")
	if err != nil {
		t.Fatal(err)
	}
	d, err := begin(t.Context(), f, ctl, listen)
	if err == nil {
		t.Cleanup(func() { d.Close() })
	}
	return d, wire, err
}

// TestScan reads a scan through the codec, and an unplugged keyboard.
func TestScan(t *testing.T) {
	f := &fake{down: []bool{false}}
	d, wire, err := plug(t, f, false)
	if err != nil {
		t.Fatal(err)
	}
	if !f.grabbed || !f.monotone || d.Info().Name != "wedge" {
		t.Errorf("%+v", f)
	}
	codec, err := wedge.New(wedge.Config{Record: wedge.Record64})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := device.Typist{}.Type("HTTPS://qr.example/134567")
	if err != nil {
		t.Fatal(err)
	}
	for e := range slices.Chunk(device.EncodeEvents(keys, wedge.Record64, time.Hour), 2*wedge.Record64) {
		if _, err := wire.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	wire.Close()
	got, b := "", make([]byte, 4096)
	for {
		n, err := d.Read(t.Context(), b)
		if err != nil {
			if !errors.Is(err, drivers.ErrGone) {
				t.Error(err)
			}
			break
		}
		codec.Feed(b[:n], time.Now(), func(r scanner.Result) { got += string(r.Text) + string(r.Drop) })
	}
	if got != "HTTPS://qr.example/134567" {
		t.Errorf("%q", got)
	}
	if _, err := d.Write(t.Context(), []byte("x")); !errors.Is(err, errReadOnly) {
		t.Error(err)
	}
	if d.LastByte().IsZero() || d.String() != "/dev/input/event3" {
		t.Error(d)
	}
}

func TestListenLeavesTheKeyboardAlone(t *testing.T) {
	f := &fake{down: []bool{true}}
	if _, _, err := plug(t, f, true); err != nil || f.grabs != 0 {
		t.Error(err, f.grabs)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, f := range []*fake{{down: []bool{false}, grabErr: unix.EBUSY}, {down: []bool{false}, grabErr: unix.ENODEV}} {
		_, _, err := plug(t, f, false)
		var e *drivers.Error
		if !errors.Is(err, f.grabErr) || !errors.As(err, &e) || e.Hint == "" || e.Op != "open" {
			t.Error(err)
		}
	}
	pty, err := driverstest.OpenPty("")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	if _, err := Open(t.Context(), Config{Path: pty.Path(), LockDir: t.TempDir()}); !errors.Is(err, unix.ENOTTY) {
		t.Error(err)
	}
}
