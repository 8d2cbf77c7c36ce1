package v4l2

import (
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers/sense"
)

// sys is the kernel, as far as a camera needs it. Tests put another in its place.
type sys interface {
	open(path string) (fd int, err error)
	close(fd int) error
	// ioctl repeats a call that a signal interrupted.
	ioctl(fd int, req uintptr, arg unsafe.Pointer) error
	mmap(fd int, offset int64, n int) ([]byte, error)
	munmap(b []byte) error
	// lock keeps memory out of swap, as far as the system's limits allow.
	lock(b []byte)
	unlock(b []byte)
	// waker makes a descriptor that signal wakes poll through, from any goroutine.
	waker() (fd int, err error)
	signal(waker int) error
	// poll waits for fd, unless it is negative, or for signal, and takes signals back. events
	// is what is there at fd.
	poll(fd, waker int, timeout time.Duration) (events int16, err error)
	now() sense.Time
}

type kernel struct{}

func (kernel) open(path string) (int, error) {
	return unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

func (kernel) close(fd int) error { return unix.Close(fd) }

func (kernel) ioctl(fd int, req uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(arg))
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

func (kernel) mmap(fd int, offset int64, n int) ([]byte, error) {
	return unix.Mmap(fd, offset, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func (kernel) munmap(b []byte) error { return unix.Munmap(b) }

func (kernel) lock(b []byte)   { _ = unix.Mlock(b) }
func (kernel) unlock(b []byte) { _ = unix.Munlock(b) }

func (kernel) waker() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) }

func (kernel) signal(fd int) error {
	one := [8]byte{1} // any number but zero, in either byte order
	_, err := unix.Write(fd, one[:])
	return err
}

func (kernel) poll(fd, waker int, timeout time.Duration) (int16, error) {
	fds := [2]unix.PollFd{{Fd: int32(waker), Events: unix.POLLIN}, {Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds[:], int(timeout/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
		return 0, err
	}
	if fds[0].Revents != 0 {
		var n [8]byte
		_, _ = unix.Read(waker, n[:]) // EAGAIN where nothing was left
	}
	return fds[1].Revents, nil
}

func (kernel) now() sense.Time { return sense.Now() }

// handle is an open video device.
type handle struct {
	sys sys
	fd  int
}

func (h handle) call(q request, r *record) error {
	return h.sys.ioctl(h.fd, q.code(), unsafe.Pointer(r))
}
