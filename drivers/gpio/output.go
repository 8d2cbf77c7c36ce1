package gpio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
)

// Output is a line that is driven: on or off, whatever level that is. It is safe for
// concurrent use.
type Output struct {
	name string

	mu   sync.Mutex
	line lineHandle // nil after Close
}

// lineHandle is a requested line. Levels are logical: the kernel turns them round for a line
// that is on when low.
type lineHandle interface {
	set(on bool) error
	close() error
}

// OpenOutput requests the line and switches it off in the same step. With activeLow it is on
// when low, and is never driven low before the first Set(true). Init must have run.
//
// After Close, or when the program dies, the kernel lets go of the line: most chips leave the
// level as it was last, the Raspberry Pi's turn the line into an input. A relay or a lock
// needs a resistor that holds it off then.
func OpenOutput(name string, activeLow bool) (*Output, error) {
	l, err := Find(name)
	if err != nil {
		return nil, err
	}
	h, err := request(l, activeLow)
	if err != nil {
		return nil, requestError(name, err)
	}
	return &Output{name: name, line: h}, nil
}

func requestError(name string, err error) error {
	e := &drivers.Error{Op: "open", Subject: "line " + name, Err: err}
	switch {
	case errors.Is(err, unix.EBUSY):
		e.Err, e.Hint = drivers.ErrBusy, `another program or a kernel driver has the line: "gpioinfo" names it`
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		e.Hint = "let tilld's user open /dev/gpiochip*: add it to the group gpio"
	case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EINVAL):
		e.Hint = "the kernel must be Linux 5.10 or later, and the line one that can be driven"
	}
	return e
}

// Set switches the line.
func (o *Output) Set(on bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.line == nil {
		return &drivers.Error{Op: "switch", Subject: "line " + o.name, Err: drivers.ErrClosed}
	}
	if err := o.line.set(on); err != nil {
		return &drivers.Error{Op: "switch", Subject: "line " + o.name, Err: err}
	}
	return nil
}

// Pulse switches the line on for d, or until ctx ends, and off again.
func (o *Output) Pulse(ctx context.Context, d time.Duration) error {
	if err := o.Set(true); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return o.Set(false)
}

// Close switches the line off and lets go of it. It may be called more than once.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.line == nil {
		return nil
	}
	err := errors.Join(o.line.set(false), o.line.close())
	o.line = nil
	if err != nil {
		return &drivers.Error{Op: "close", Subject: "line " + o.name, Err: err}
	}
	return nil
}

// String is the name under which the line was opened.
func (o *Output) String() string { return o.name }

// Structures of linux/gpio.h, equal on 32 and 64 bits: every u64 lies on a multiple of 8.
type (
	lineAttribute struct {
		id, _ uint32
		value uint64
		mask  uint64
	}
	lineConfig struct {
		flags    uint64
		numAttrs uint32
		_        [5]uint32
		attrs    [10]lineAttribute
	}
	lineRequest struct {
		offsets  [64]uint32
		consumer [32]byte
		config   lineConfig
		numLines uint32
		_        [6]uint32 // event_buffer_size, padding
		fd       int32
	}
	lineValues struct{ bits, mask uint64 }
)

const (
	flagActiveLow = 1 << 1
	flagOutput    = 1 << 3
	attrValues    = 2 // GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES

	getLine   = 0xC250B407 // GPIO_V2_GET_LINE_IOCTL
	setValues = 0xC010B40F // GPIO_V2_LINE_SET_VALUES_IOCTL
)

// outputRequest asks for one line, driven and off.
func outputRequest(offset int, activeLow bool) lineRequest {
	r := lineRequest{numLines: 1}
	r.offsets[0] = uint32(offset)
	copy(r.consumer[:], "tilld")
	r.config.flags = flagOutput
	if activeLow {
		r.config.flags |= flagActiveLow
	}
	// The first level, logical, is part of the request: no other is ever driven.
	r.config.numAttrs = 1
	r.config.attrs[0] = lineAttribute{id: attrValues, value: 0, mask: 1}
	return r
}

type kernelLine struct{ fd int }

func request(l Line, activeLow bool) (lineHandle, error) {
	chip, err := unix.Open(l.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.Path, err)
	}
	defer unix.Close(chip)
	r := outputRequest(l.Offset, activeLow)
	if err := ioctl(chip, getLine, unsafe.Pointer(&r)); err != nil {
		return nil, err
	}
	return &kernelLine{fd: int(r.fd)}, nil
}

func (k *kernelLine) set(on bool) error {
	v := lineValues{mask: 1}
	if on {
		v.bits = 1
	}
	return ioctl(k.fd, setValues, unsafe.Pointer(&v))
}

func (k *kernelLine) close() error { return unix.Close(k.fd) }

func ioctl(fd int, req uint, arg unsafe.Pointer) error {
	for {
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(req), uintptr(arg))
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return e
		}
		return nil
	}
}
