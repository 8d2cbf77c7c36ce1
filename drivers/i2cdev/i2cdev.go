// Package i2cdev opens an I²C bus of the kernel (/dev/i2c-1) as periph.io's i2c.Bus.
//
// It stands in for periph.io/x/host/v3/sysfs, v3.8.5, which keeps the addresses of its
// messages as integers while the stack that they lie on may move, and which cannot be had
// without the other drivers of that package. The bus can also be locked against other
// programs, because a secure element remembers what was loaded into it.
package i2cdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/tilld/tilld/drivers"
)

// Bus is an open bus. It is safe for concurrent use; a Tx is one transaction.
type Bus struct {
	path string
	mu   sync.Mutex
	fd   int // -1 after Close
}

var _ i2c.BusCloser = (*Bus)(nil)

// message is struct i2c_msg: 16 bytes on 64 bits, 12 on 32.
type message struct {
	addr, flags, length uint16
	buf                 *byte
}

// transaction is struct i2c_rdwr_ioctl_data.
type transaction struct {
	msgs *message
	n    uint32
}

const (
	i2cFuncs  = 0x0705
	i2cRdwr   = 0x0707
	flagRead  = 0x0001
	funcPlain = 0x00000001 // I2C_FUNC_I2C: real messages, not SMBus alone
	mostBytes = 8192       // of one message, as the kernel has it
)

// Open opens a bus by its node ("/dev/i2c-1") or by the name of its adapter, whole or in
// part ("CP2112"), which stays the same when the numbers change.
func Open(name string) (*Bus, error) {
	path, err := find(name, "/sys/bus/i2c/devices")
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Bus, error) {
		e := &drivers.Error{Op: "open", Subject: "I²C bus " + path, Err: err}
		switch {
		case errors.Is(err, unix.ENOENT):
			e.Hint = "switch the bus on (dtparam=i2c_arm=on on a Raspberry Pi) and load i2c-dev"
		case errors.Is(err, unix.EACCES):
			e.Hint = "add tilld's user to the group i2c"
		}
		return nil, e
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	var can uintptr // unsigned long
	if err := ioctl(fd, i2cFuncs, unsafe.Pointer(&can)); err != nil {
		unix.Close(fd)
		return fail(fmt.Errorf("not an I²C bus: %w", err))
	}
	if can&funcPlain == 0 {
		unix.Close(fd)
		return fail(errors.New("this adapter speaks SMBus alone"))
	}
	return &Bus{path: path, fd: fd}, nil
}

// find turns the name of an adapter into its node.
func find(name, sys string) (string, error) {
	if strings.HasPrefix(name, "/") {
		return name, nil
	}
	fail := func(why, hint string) (string, error) {
		return "", &drivers.Error{Op: "find", Subject: fmt.Sprintf("I²C bus %q", name), Err: errors.New(why), Hint: hint}
	}
	if name == "" {
		return fail("the name is empty", `write bus = "/dev/i2c-1"`)
	}
	files, _ := filepath.Glob(filepath.Join(sys, "i2c-*", "name")) // the pattern is well-formed
	slices.Sort(files)
	var found, all []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // unplugged meanwhile
		}
		adapter := strings.TrimSpace(string(text))
		all = append(all, adapter)
		if strings.Contains(adapter, name) {
			found = append(found, "/dev/"+filepath.Base(filepath.Dir(f)))
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return fail("several adapters fit", "write one of: "+strings.Join(found, ", "))
	case len(all) == 0:
		return fail("this machine has no I²C bus", "switch the bus on (dtparam=i2c_arm=on on a Raspberry Pi)")
	}
	return fail("no such adapter", "there are: "+strings.Join(all, "; "))
}

// Tx writes w and then reads r in one transaction; either may be empty.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	if addr > 0x7F || len(w) > mostBytes || len(r) > mostBytes {
		return fmt.Errorf("%s: address %#x, %d and %d bytes: out of range", b.path, addr, len(w), len(r))
	}
	var msgs [2]message
	n := 0
	if len(w) > 0 {
		msgs[n] = message{addr: addr, length: uint16(len(w)), buf: &w[0]}
		n++
	}
	if len(r) > 0 {
		msgs[n] = message{addr: addr, flags: flagRead, length: uint16(len(r)), buf: &r[0]}
		n++
	}
	if n == 0 {
		return nil
	}
	t := transaction{msgs: &msgs[0], n: uint32(n)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd < 0 {
		return fmt.Errorf("%s: %w", b.path, drivers.ErrClosed)
	}
	if err := ioctl(b.fd, i2cRdwr, unsafe.Pointer(&t)); err != nil {
		return fmt.Errorf("%s: address %02X: %w", b.path, addr, err)
	}
	return nil
}

// Lock keeps other programs that lock the bus away until unlock is called. It waits until
// ctx ends at the most.
func (b *Bus) Lock(ctx context.Context) (unlock func(), err error) {
	for {
		b.mu.Lock()
		err := unix.Flock(b.fd, unix.LOCK_EX|unix.LOCK_NB)
		b.mu.Unlock()
		if err == nil {
			return func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				_ = unix.Flock(b.fd, unix.LOCK_UN) // fails after Close alone, which let go of it
			}, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("lock %s: %w", b.path, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: %w", b.path, drivers.ErrBusy)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// SetSpeed implements i2c.Bus: the speed is the device tree's to say.
func (b *Bus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("%s: the speed is set at boot (dtparam=i2c_arm_baudrate=100000)", b.path)
}

// Close may be called more than once.
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd < 0 {
		return nil
	}
	fd := b.fd
	b.fd = -1
	return unix.Close(fd)
}

// String is the bus's node.
func (b *Bus) String() string { return b.path }

func ioctl(fd int, req uint, arg unsafe.Pointer) error {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(req), uintptr(arg))
	if e != 0 {
		return e
	}
	return nil
}
