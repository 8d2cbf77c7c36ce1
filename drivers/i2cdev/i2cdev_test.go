package i2cdev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
)

func TestLayout(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	if got, want := unsafe.Sizeof(message{}), 8+word; got != want {
		t.Errorf("i2c_msg has %d bytes, want %d", got, want)
	}
	if got := unsafe.Offsetof(message{}.buf); got != 8 {
		t.Errorf("its buf lies at %d", got)
	}
	if got, want := unsafe.Sizeof(transaction{}), 2*word; got != want {
		t.Errorf("i2c_rdwr_ioctl_data has %d bytes, want %d", got, want)
	}
}

func TestFind(t *testing.T) {
	sys := t.TempDir()
	for dir, name := range map[string]string{"i2c-1": "bcm2835 (i2c@7e804000)", "i2c-11": "CP2112 SMBus Bridge on hidraw0", "i2c-20": "bcm2835 (i2c@7e805000)"} {
		if err := os.MkdirAll(filepath.Join(sys, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, dir, "name"), []byte(name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"/dev/i2c-7": "/dev/i2c-7", "CP2112": "/dev/i2c-11", "7e805000": "/dev/i2c-20",
		"bcm2835": "several", "x": "no such", "": "empty"} {
		got, err := find(name, sys)
		if err != nil {
			got = err.Error()
			var e *drivers.Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Errorf("%q: no hint with %v", name, err)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if _, err := find("x", t.TempDir()); err == nil || !strings.Contains(err.Error(), "no I²C bus") {
		t.Errorf("%v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	var e *drivers.Error
	if _, err := Open("/dev/i2c-none"); !errors.As(err, &e) || e.Hint == "" || !errors.Is(err, unix.ENOENT) {
		t.Errorf("absent: %v", err)
	}
	if _, err := Open("/dev/null"); err == nil || !strings.Contains(err.Error(), "not an I²C bus") {
		t.Errorf("another device: %v", err)
	}
}

// Two who lock one node take turns.
func TestLock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bus")
	open := func() *Bus {
		fd, err := unix.Open(file, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return &Bus{path: file, fd: fd}
	}
	a, b := open(), open()
	unlock, err := a.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Lock(short); !errors.Is(err, drivers.ErrBusy) {
		t.Errorf("locked twice: %v", err)
	}
	unlock()
	unlock, err = b.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	unlock()
	if _, err := a.Lock(t.Context()); err != nil {
		t.Errorf("Close did not let go: %v", err)
	}
	if err := b.Tx(0x60, []byte{0}, nil); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if a.Tx(0x80, []byte{0}, nil) == nil || a.Tx(0x60, nil, nil) != nil || a.SetSpeed(1) == nil || b.Close() != nil {
		t.Error("Tx, SetSpeed or Close")
	}
}
