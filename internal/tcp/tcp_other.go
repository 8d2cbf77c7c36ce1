//go:build !linux

package tcp

import (
	"syscall"
	"time"
)

// UserTimeout does nothing where the kernel has no such option: the time limit of each
// request still holds.
func UserTimeout(time.Duration) func(network, address string, c syscall.RawConn) error {
	return nil
}
