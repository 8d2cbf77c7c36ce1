// Package serialport opens serial lines: /dev/ttyACM*, /dev/ttyUSB*, /dev/ttyS*, and
// whatever udev links to them. It wraps github.com/tarm/serial so that its faults do not
// show:
//
//   - Without a read timeout its Close hangs until a byte arrives: the timeout is always
//     100 ms, and Close waits for the reader before it closes the file.
//   - A timeout and an unplugged device are both (0, io.EOF): an end of file that comes in
//     less than 50 ms, three times running, is a device that is gone. Reads after such an
//     early end are 20 ms apart, so that a dead line costs no processor time.
//   - A second open succeeds silently: each port has a lock file, held with flock, named
//     after the device that links resolve to, which keeps tilld off a port that tilld has.
//     Other programs but root's are kept off by TIOCEXCL.
//   - It does not touch the modem lines: DTR and RTS are asserted after the open.
//   - It knows only the rates of termios' B constants: see [CheckBaud].
package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tarm/serial"
	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/holder"
	"github.com/tilld/tilld/internal/secret"
)

const (
	readTimeout = 100 * time.Millisecond // VTIME; tarm rounds to 100 ms steps
	earlyEnd    = 50 * time.Millisecond  // an end of file before this is no timeout
	earlyLimit  = 3                      // so many in a row mean the device is gone
	earlyPause  = 20 * time.Millisecond
	closeLimit  = 240 * time.Millisecond
	usbLatency  = 5 * time.Millisecond  // of a bridge to a serial line
	sendLimit   = 50 * time.Millisecond // the longest a Flush waits for what was written
	lookAgain   = 10                    // timeouts (1 s) between looks at where the path leads
	ringSize    = 16 << 10
	// DefaultWriteDeadline bounds a Write whose context has no deadline.
	DefaultWriteDeadline = time.Second
)

// DefaultBaud is used where Config.Baud is 0. USB-CDC devices ignore the rate.
const DefaultBaud = 115200

// Config names a port. 8 data bits, no parity, one stop bit.
type Config struct {
	Path string // "/dev/ttyACM0", better a link below /dev/serial/by-id or by-path
	Baud int    // see CheckBaud; 0 = DefaultBaud
	// LockDir holds the lock files; empty = /run/lock, or the directory for temporary files
	// where that cannot be written to.
	LockDir string
}

// bauds has the rates of the kernel's termios B constants from 50 to 4,000,000.
var bauds = []int{
	50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600,
	115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000,
	2500000, 3000000, 3500000, 4000000,
}

// CheckBaud refuses rates that the port cannot be set to. Accepted are 0 and the rates with
// a termios B constant. Refused is everything between, for example 14400, 28800, 128000,
// 250000 and 256000: they need TCSETS2 with BOTHER, which tarm/serial does not speak.
func CheckBaud(baud int) error {
	if baud == 0 || slices.Contains(bauds, baud) {
		return nil
	}
	return &drivers.Error{Op: "set rate of", Subject: fmt.Sprintf("serial port to %d baud", baud),
		Hint: "set the device and the configuration to 9600, 19200, 38400, 57600 or 115200 baud",
		Err:  errors.New("not a standard rate")}
}

// device is what tarm/serial opens; tests put another in its place.
type device interface {
	io.ReadWriteCloser
	Flush() error
}

// Port is an open serial line. It implements drivers.Transport.
type Port struct {
	path string // as configured
	real string // the node that it led to when it was opened
	rdev uint64 // where path led when it was opened
	dev  device
	lock *os.File
	baud int
	// sentBy is when what was written is on the wire, in nanoseconds since 1970.
	sentBy atomic.Int64
	reads  atomic.Int64 // read calls so far, for the test that nothing spins

	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
	readDone  chan struct{} // the reader goroutine is over
	writeDone chan struct{} // the writer goroutine is over
	writes    chan *write

	file sync.Mutex // serialises flushing and closing the file

	mu       sync.Mutex // guards what follows; never held during I/O
	ring     []byte     // bytes read and not yet taken
	err      error      // why there will be no more
	discard  chan struct{}
	lastByte time.Time
	ready    chan struct{} // capacity 1: something was added or err was set
	space    chan struct{} // capacity 1: something was taken
}

type write struct {
	data []byte
	done chan error // capacity 1
}

// Open opens the port, waits for nothing, and drops what the kernel had buffered. The error
// is a *drivers.Error: fs.ErrNotExist when the device is absent, drivers.ErrBusy when
// another tilld has it.
func Open(_ context.Context, c Config) (*Port, error) {
	if err := CheckBaud(c.Baud); err != nil {
		return nil, err
	}
	if c.Baud == 0 {
		c.Baud = DefaultBaud
	}
	real, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return nil, openError(c.Path, err)
	}
	rdev, err := deviceNumber(real)
	if err != nil {
		return nil, openError(c.Path, err)
	}
	lock, err := drivers.LockNode(c.LockDir, real)
	if err != nil {
		return nil, openError(c.Path, err)
	}
	dev, err := serial.OpenPort(&serial.Config{Name: real, Baud: c.Baud, ReadTimeout: readTimeout})
	if err != nil {
		return nil, errors.Join(openError(c.Path, err), lock.Close())
	}
	if err := claim(real, rdev); err != nil {
		return nil, errors.Join(openError(c.Path, err), dev.Close(), lock.Close())
	}
	p := newPort(c.Path, dev)
	p.baud = c.Baud
	p.real, p.rdev, p.lock = real, rdev, lock
	if err := dev.Flush(); err != nil {
		return nil, errors.Join(openError(c.Path, err), dev.Close(), lock.Close())
	}
	p.start()
	return p, nil
}

func newPort(path string, dev device) *Port {
	return &Port{
		path: path, dev: dev, baud: DefaultBaud,
		closing: make(chan struct{}), readDone: make(chan struct{}), writeDone: make(chan struct{}),
		writes: make(chan *write, 16), ready: make(chan struct{}, 1), space: make(chan struct{}, 1),
		ring: make([]byte, 0, ringSize),
	}
}

func (p *Port) start() {
	go p.readLoop()
	go p.writeLoop()
}

// openError adds what a person can do about it.
func openError(path string, err error) error {
	hint := ""
	var held *heldError
	switch {
	case errors.As(err, &held):
		hint = held.hint
	case errors.Is(err, unix.EBUSY):
		who, what := holder.Look("/proc").Reason(path)
		if err, hint = drivers.ErrBusy, "another program has this port: stop it"; who != "" {
			err, hint = &heldError{who: who}, what
		}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		hint = "plug the device in, or correct the port in the configuration (ls /dev/serial/by-id)"
	case errors.Is(err, fs.ErrPermission):
		hint = "let tilld's user open the port: add it to the group of the device (ls -l " + path + ")"
	case errors.Is(err, drivers.ErrBusy):
		hint = "another tilld has this port: stop it, or give each scanner its own port"
	case errors.Is(err, unix.ENOTTY), errors.Is(err, errNoDevice):
		hint = "this is not a serial port: correct the port in the configuration"
	}
	return &drivers.Error{Op: "open", Subject: path, Hint: hint, Err: err}
}

var errNoDevice = errors.New("not a device")

func deviceNumber(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return 0, errNoDevice
	}
	return uint64(st.Rdev), nil
}

// String is the configured path.
func (p *Port) String() string { return p.path }

// LastByte is when the device last sent something, taken or dropped; zero if never.
func (p *Port) LastByte() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lastByte
}

// Read waits for at least one byte. See drivers.Transport.
func (p *Port) Read(ctx context.Context, b []byte) (int, error) {
	for {
		n, err := p.take(b)
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-p.ready:
		case <-p.closing:
			return 0, p.fail("read", drivers.ErrClosed)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return 0, p.fail("read", drivers.ErrTimeout)
			}
			return 0, p.fail("read", ctx.Err())
		}
	}
}

func (p *Port) take(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closing:
		return 0, p.fail("read", drivers.ErrClosed)
	default:
	}
	if len(p.ring) == 0 {
		return 0, p.err
	}
	n := copy(b, p.ring)
	rest := copy(p.ring, p.ring[n:])
	secret.Zero(p.ring[rest:])
	p.ring = p.ring[:rest]
	signal(p.space)
	return n, nil
}

func (p *Port) fail(op string, err error) error {
	return &drivers.Error{Op: op, Subject: p.path, Err: err}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
