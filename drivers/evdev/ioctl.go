package evdev

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers/internal/chardev"
)

// control is what the kernel does to an input device besides reading; tests put another in
// its place.
type control interface {
	info() (Info, error)
	clock(id int32) error
	mask(eventType uint32) error // no more events of that type
	held() (bool, error)         // whether any key is down
	grab(on bool) error
}

// ioctls of linux/input.h; the same numbers on amd64, arm and arm64.
const (
	getID    = 0x80084502 // EVIOCGID
	getName  = 0x81004506 // EVIOCGNAME(256)
	getPhys  = 0x81004507 // EVIOCGPHYS(256)
	getUniq  = 0x81004508 // EVIOCGUNIQ(256)
	getKeys  = 0x80604518 // EVIOCGKEY(96)
	setGrab  = 0x40044590 // EVIOCGRAB: the argument itself says on or off
	setClock = 0x400445A0 // EVIOCSCLOCKID
	setMask  = 0x40104593 // EVIOCSMASK, struct input_mask

	evMisc, evLED = 4, 0x11 // event types

	keyBytes  = 96 // KEY_MAX is 2FF
	textBytes = 256
)

type ioctls struct{ f *chardev.File }

func (c ioctls) info() (i Info, err error) {
	err = c.f.Control("ask", func(fd int) error {
		var id [8]byte
		if err := ioctl(fd, getID, id[:]); err != nil {
			return err
		}
		i.Bus = binary.NativeEndian.Uint16(id[0:])
		i.Vendor = binary.NativeEndian.Uint16(id[2:])
		i.Product = binary.NativeEndian.Uint16(id[4:])
		// A device without one of these answers ENOENT.
		i.Name, i.Phys, i.Uniq = text(fd, getName), text(fd, getPhys), text(fd, getUniq)
		return nil
	})
	return i, err
}

func text(fd int, request uint32) string {
	var b [textBytes]byte
	if ioctl(fd, request, b[:]) != nil {
		return ""
	}
	return unix.ByteSliceToString(b[:])
}

func (c ioctls) clock(id int32) error {
	return c.f.Control("set clock of", func(fd int) error {
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], uint32(id))
		return ioctl(fd, setClock, b[:])
	})
}

func (c ioctls) mask(eventType uint32) error {
	return c.f.Control("set mask of", func(fd int) error {
		// type, bytes of the mask and its address: none of the codes
		var b [16]byte
		binary.NativeEndian.PutUint32(b[:], eventType)
		return ioctl(fd, setMask, b[:])
	})
}

func (c ioctls) held() (held bool, err error) {
	err = c.f.Control("ask", func(fd int) error {
		var keys [keyBytes]byte
		err := ioctl(fd, getKeys, keys[:])
		held = keys != [keyBytes]byte{}
		return err
	})
	return held, err
}

func (c ioctls) grab(on bool) error {
	return c.f.Control("grab", func(fd int) error {
		n := 0
		if on {
			n = 1
		}
		return unix.IoctlSetInt(fd, setGrab, n)
	})
}

func ioctl(fd int, request uint32, b []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(&b[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
