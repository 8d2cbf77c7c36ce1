//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// openBlocking opens without O_NONBLOCK, which os.OpenFile sets: a virtio port then says end
// of file before the other side has written, and a TPM is not yet done.
func openBlocking(name string, flags int) (*os.File, error) {
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// virtioPort is the node of the port that the emulator gave a name.
func virtioPort(name string) (string, error) {
	files, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return "", err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && strings.TrimSpace(string(text)) == name {
			return filepath.Join("/dev", filepath.Base(filepath.Dir(f))), nil
		}
	}
	return "", fmt.Errorf("the board has no virtio port %q", name)
}

// setClock sets the time, as a time server's client would: the kernel then says that it is
// synchronised (adjtimex(2)).
func setClock(t time.Time) error {
	tv := unix.NsecToTimeval(t.UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	// STA_UNSYNC is cleared, and the error bounds are small.
	tx := unix.Timex{Modes: unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR, Status: unix.STA_PLL, Maxerror: 1000, Esterror: 1000}
	if _, err := unix.Adjtimex(&tx); err != nil {
		return fmt.Errorf("say that the clock is right: %w", err)
	}
	return nil
}
