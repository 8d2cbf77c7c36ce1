package serialport

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
)

// A pseudo-terminal stands for the device: its modes are the kernel's own.
func TestExclude(t *testing.T) {
	pty, _ := openPty(t)
	first, err := os.OpenFile(pty.Path(), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	mode := func() (on bool) {
		if err := withTerminal(pty.Path(), func(fd int) error { on = excluded(fd); return nil }); err != nil {
			t.Fatal(err)
		}
		return on
	}
	take := func() error {
		return withTerminal(pty.Path(), func(fd int) error { return exclude(fd, pty.Path()) })
	}
	if unix.Geteuid() != 0 {
		t.Skip("only root can look at a terminal that is excluded")
	}
	if mode() {
		t.Fatal("excluded before")
	}
	if err := take(); err != nil || !mode() {
		t.Fatalf("%v, %v", err, mode())
	}
	// Left behind by nobody who is there.
	if err := take(); err != nil {
		t.Errorf("nobody else has it, yet: %v", err)
	}
	// Another program has it for itself.
	other := exec.Command("cat")
	other.ExtraFiles = []*os.File{first}
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Skip(err)
	}
	err = openError("/dev/ttyACM0", take())
	var e *drivers.Error
	if !errors.Is(err, drivers.ErrBusy) || !errors.As(err, &e) || !strings.Contains(err.Error(), "cat (process") || e.Hint != "stop cat, or let it leave the device alone" {
		t.Errorf("%v, hint %q", err, e.Hint)
	}
	in.Close()
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
	unclaim(pty.Path(), unix.Mkdev(166, 0))
	if mode() {
		t.Error("excluded after the end")
	}
}

func TestAPseudoTerminalIsNotLeftExcluded(t *testing.T) {
	pty, c := openPty(t)
	p := open(t, c)
	var on bool
	if err := withTerminal(pty.Path(), func(fd int) error { on = excluded(fd); return nil }); err != nil || on {
		t.Errorf("%v, excluded %v", err, on)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestBusyIsExplained(t *testing.T) {
	err := openError("/dev/ttyACM0", unix.EBUSY)
	var e *drivers.Error
	if !errors.Is(err, drivers.ErrBusy) || !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("%v", err)
	}
}
