// Package drivers holds what every device driver shares: the Transport, its errors, and the
// Keeper that finds a device, owns it, and opens it again after the plug was pulled.
//
// One package per module model or bus stands below it (serialport, ...). They are rows of a
// table in cmd/tilld; nothing registers itself.
package drivers

import (
	"context"
	"errors"
	"fmt"
)

// Errors a Transport returns, wrapped in an *Error.
var (
	// ErrTimeout: nothing arrived in the time the context allowed. The transport is fine.
	ErrTimeout = errors.New("nothing arrived in time")
	// ErrGone: the device was unplugged or hung up. The transport is of no further use.
	ErrGone = errors.New("device is gone")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("closed")
	// ErrMute: the device is there and does not answer, or not as its protocol says.
	ErrMute = errors.New("device does not answer as it should")
	// ErrBusy: another owner has the device.
	ErrBusy = errors.New("in use")
)

// Transport moves bytes to and from one opened device. One goroutine reads; Write may be
// called from another; Close from any, more than once.
type Transport interface {
	// Read waits for at least one byte. It returns ErrTimeout when the context's deadline
	// passes, ErrGone after a hang-up, ErrClosed after Close; never io.EOF.
	Read(ctx context.Context, p []byte) (int, error)
	// Write hands all of p to the device or says why not.
	Write(ctx context.Context, p []byte) (int, error)
	// Flush drops what the device or the kernel has buffered for reading.
	Flush() error
	// Close unblocks a reader within 250 ms.
	Close() error
	// String names the device: "/dev/ttyACM0".
	String() string
}

// Error says what was being done, on which device, and what to do about it.
type Error struct {
	Op      string // "open", "read", "write"
	Subject string // "scanner /dev/ttyACM0"
	Hint    string // what to do, in one line; may be empty
	Err     error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Subject, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// HintText is the line shown after "hint:".
func (e *Error) HintText() string { return e.Hint }
