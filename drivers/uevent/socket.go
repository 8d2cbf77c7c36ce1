package uevent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
)

// ErrLost: the kernel had more to say than the socket could hold. What is there now is to be
// read from sysfs.
var ErrLost = errors.New("messages of the kernel were lost")

const (
	kernelGroup = 1 // of NETLINK_KOBJECT_UEVENT; group 2 is udev's
	// A hub with all its devices is some hundred messages. The kernel counts about a KiB for
	// the shortest of them.
	wantBuffer = 8 << 20
)

// Socket receives the kernel's messages about devices. One goroutine calls Next.
type Socket struct {
	file *os.File
	raw  syscall.RawConn
	buf  []byte
}

// Listen opens the kernel's group of the netlink family KOBJECT_UEVENT. That needs no rights
// on most machines; where it is refused, sysfs has to be polled.
func Listen() (*Socket, error) {
	fail := func(err error) (*Socket, error) {
		return nil, &drivers.Error{Op: "listen to", Subject: "the kernel's device messages", Err: err,
			Hint: "allow the address family AF_NETLINK (RestrictAddressFamilies= of systemd)"}
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return fail(err)
	}
	// Without CAP_NET_ADMIN the limit net.core.rmem_max holds. A short buffer loses messages
	// sooner, and that is noticed.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wantBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, wantBuffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		return fail(errors.Join(err, unix.Close(fd)))
	}
	f := os.NewFile(uintptr(fd), "uevent")
	raw, err := f.SyscallConn()
	if err != nil {
		return fail(errors.Join(err, f.Close()))
	}
	return &Socket{file: f, raw: raw, buf: make([]byte, MaxMessage)}, nil
}

// Next waits for a message of the kernel. Messages that others sent are passed over. It
// returns ErrLost when some are missing, ErrMalformed for one that cannot be read, and the
// context's error when that ends.
func (s *Socket) Next(ctx context.Context) (Message, error) {
	stop := context.AfterFunc(ctx, func() { _ = s.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if err := ctx.Err(); err != nil {
			return Message{}, err
		}
		// An earlier call's end may have set it as late as now: the loop sets it again.
		if err := s.file.SetReadDeadline(time.Time{}); err != nil {
			return Message{}, err
		}
		if err := ctx.Err(); err != nil {
			return Message{}, err
		}
		n, whole, kernel, err := s.receive()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			return Message{}, ErrLost
		case err != nil:
			return Message{}, fmt.Errorf("listen to the kernel's device messages: %w", err)
		case !kernel:
			continue
		case !whole:
			return Message{}, ErrLost
		}
		m, err := Parse(s.buf[:n])
		if m.Ignored {
			continue
		}
		return m, err
	}
}

// receive reads one datagram: its length, whether all of it fitted, whether the kernel sent it.
func (s *Socket) receive() (n int, whole, kernel bool, err error) {
	var flags int
	var from unix.Sockaddr
	err2 := s.raw.Read(func(fd uintptr) bool {
		n, _, flags, from, err = unix.Recvmsg(int(fd), s.buf, nil, 0)
		return !errors.Is(err, unix.EAGAIN)
	})
	if err2 != nil {
		return 0, false, false, err2
	}
	sender, ok := from.(*unix.SockaddrNetlink)
	return n, flags&unix.MSG_TRUNC == 0, ok && sender.Pid == 0, err
}

// Close ends a Next under way.
func (s *Socket) Close() error { return s.file.Close() }
