//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/internal/board/hands"
)

// VTPM_PROXY_IOC_NEW_DEV and its argument: linux/vtpm_proxy.h.
const vtpmNewDevice = 0xC014A100

type vtpmDevice struct{ flags, number, fd, major, minor uint32 }

const vtpmTPM2 = 1

// setLocality is a command of the proxy, not of the TPM: whoever serves it answers.
const setLocality = 0x20001000

// tpm is the TPM of the board: the commands that the kernel sends to its proxy go to the
// emulator outside, through a port.
type tpm struct {
	node string
}

// newTPM relays between the kernel and the port "tpm", for the life of the board. There is no
// TPM, and no error, where there is no port.
func newTPM(ctx context.Context) (*tpm, error) {
	port, err := virtioPort("tpm")
	if err != nil {
		return nil, nil // a board without one
	}
	outside, err := openBlocking(port, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	control, err := os.OpenFile("/dev/vtpmx", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	d := vtpmDevice{flags: vtpmTPM2}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, control.Fd(), vtpmNewDevice, uintptr(unsafe.Pointer(&d))); e != 0 {
		return nil, fmt.Errorf("make a TPM: %w", e)
	}
	inside := os.NewFile(uintptr(d.fd), "vtpm")
	go func() {
		say("the TPM is gone: %v", relay(inside, outside))
	}()
	t := &tpm{node: fmt.Sprintf("/dev/tpm%d", d.number)}
	err = await(ctx, 10*time.Second, func() bool { _, err := os.Stat(t.node); return err == nil })
	if err != nil {
		return nil, fmt.Errorf("make a TPM: %s does not appear", t.node)
	}
	return t, nil
}

// relay passes commands outside and their answers back: TPM 2.0 part 1, each with its size at
// byte 2. It returns why it ended.
func relay(inside, outside io.ReadWriter) error {
	buf := make([]byte, 8192)
	for {
		n, err := inside.Read(buf)
		if err != nil {
			return err
		}
		if n >= 10 && binary.BigEndian.Uint32(buf[6:]) == setLocality {
			if _, err := inside.Write([]byte{0x80, 0x01, 0, 0, 0, 10, 0, 0, 0, 0}); err != nil {
				return err
			}
			continue
		}
		if _, err := outside.Write(buf[:n]); err != nil {
			return err
		}
		if _, err := io.ReadFull(outside, buf[:10]); err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint32(buf[2:]))
		if size < 10 || size > len(buf) {
			return fmt.Errorf("an answer of %d bytes", size)
		}
		if _, err := io.ReadFull(outside, buf[10:size]); err != nil {
			return err
		}
		if _, err := inside.Write(buf[:size]); err != nil {
			return err
		}
	}
}

func (t *tpm) describe() hands.Device {
	return hands.Device{Name: "tpm", Class: "tpm", Subsystem: "tpm", Node: t.node}
}

// Do knows nothing: a TPM is soldered in.
func (t *tpm) Do(_ context.Context, o hands.Order) (hands.Answer, error) {
	return hands.Answer{}, cannot(o)
}
