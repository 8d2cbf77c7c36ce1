package serialport

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/holder"
)

// claim does through a second file what tarm/serial does not: it asserts DTR and RTS, for USB
// scanners that send nothing without, and keeps other programs off the port while it is open
// (TIOCEXCL; root is not kept off). The file is closed again at once: the kernel keeps both
// with the terminal, which lives as long as the first file, and nothing holds the number of
// an unplugged device. Measured: 0.07 ms; the mode ends with the last file of the terminal.
//
// That is why a pseudo-terminal is not claimed: it lives as long as its other side, and would
// stay closed to whoever comes after a program that was killed.
func claim(path string, rdev uint64) error {
	return withTerminal(path, func(fd int) error {
		// Not every driver has modem lines.
		_ = unix.IoctlSetPointerInt(fd, unix.TIOCMBIS, unix.TIOCM_DTR|unix.TIOCM_RTS)
		if pseudo(rdev) {
			return nil
		}
		return exclude(fd, path)
	})
}

func exclude(fd int, path string) error {
	// Root gets in where another program has the port for itself. Without that other program
	// the mode was left behind, on a terminal that yet another keeps open.
	if excluded(fd) {
		programs := holder.Look("/proc")
		if len(programs.Of(path)) > 0 {
			who, hint := programs.Reason(path)
			return &heldError{who: who, hint: hint}
		}
	}
	return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0)
}

// unclaim lets others in again. Where the port's last file is closed next, it changes
// nothing; without root the kernel refuses it, and then only a program that had the port
// open before it was claimed keeps it claimed.
func unclaim(path string, rdev uint64) {
	if pseudo(rdev) {
		return
	}
	_ = withTerminal(path, func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
}

func withTerminal(path string, do func(fd int) error) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(do(fd), unix.Close(fd))
}

// excluded asks for the mode that TIOCEXCL sets.
func excluded(fd int) bool {
	on, err := unix.IoctlGetInt(fd, unix.TIOCGEXCL)
	return err == nil && on != 0
}

// pseudo reports a pseudo-terminal: majors 136 to 143 (admin-guide/devices.txt of the kernel).
func pseudo(rdev uint64) bool {
	major := unix.Major(rdev)
	return major >= 136 && major <= 143
}

// heldError is ErrBusy with the program that has the port.
type heldError struct{ who, hint string }

func (e *heldError) Error() string { return fmt.Sprintf("%v: %s", drivers.ErrBusy, e.who) }
func (e *heldError) Unwrap() error { return drivers.ErrBusy }
