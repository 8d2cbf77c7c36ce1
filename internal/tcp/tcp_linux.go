//go:build linux

package tcp

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// UserTimeout is a net.Dialer.Control function that limits how long written bytes may stay
// unacknowledged before the kernel gives the connection up (TCP_USER_TIMEOUT, tcp(7)). A
// flow that a middlebox dropped silently dies after d, not after a quarter of an hour.
func UserTimeout(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, c syscall.RawConn) error {
		var setErr error
		err := c.Control(func(fd uintptr) {
			setErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
		})
		if err == nil {
			err = setErr
		}
		if err != nil {
			return fmt.Errorf("set the user timeout of a connection to %s: %w", address, err)
		}
		return nil
	}
}
