package hidraw

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers/internal/chardev"
)

// control is what the kernel does to a HID device besides reading and writing; tests put
// another in its place.
type control interface {
	info() (Info, error)
	setFeature(report []byte) error
}

// ioctls of linux/hidraw.h that package unix lacks; the same numbers on amd64, arm and arm64.
const (
	setFeature uint32 = 0xC0004806 // HIDIOCSFEATURE of length 0; the length goes to bit 16
	maxFeature        = 1<<14 - 1
)

func featureRequest(length int) uint32 { return setFeature | uint32(length)<<16 }

type ioctls struct{ f *chardev.File }

func (c ioctls) info() (Info, error) {
	var i Info
	err := c.f.Control("ask", func(fd int) error {
		n, err := unix.IoctlGetUint32(fd, unix.HIDIOCGRDESCSIZE)
		if err != nil {
			return err
		}
		d := unix.HIDRawReportDescriptor{Size: n}
		if err := unix.IoctlHIDGetDesc(fd, &d); err != nil {
			return err
		}
		i.Descriptor = append([]byte(nil), d.Value[:min(int(n), len(d.Value))]...)
		raw, err := unix.IoctlHIDGetRawInfo(fd)
		if err != nil {
			return err
		}
		i.Bus, i.Vendor, i.Product = raw.Bustype, uint16(raw.Vendor), uint16(raw.Product)
		if i.Name, err = unix.IoctlHIDGetRawName(fd); err != nil {
			return err
		}
		if i.Phys, err = unix.IoctlHIDGetRawPhys(fd); err != nil {
			return err
		}
		// Kernels before 5.6 do not know this one.
		i.Uniq, _ = unix.IoctlHIDGetRawUniq(fd)
		return nil
	})
	return i, err
}

func (c ioctls) setFeature(report []byte) error {
	return c.f.Control("set feature of", func(fd int) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(featureRequest(len(report))), uintptr(unsafe.Pointer(&report[0])))
		if errno != 0 {
			return errno
		}
		return nil
	})
}
