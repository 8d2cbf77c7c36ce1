package driverstest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// writePatience bounds a Write to a terminal whose other side does not read. The kernel
// buffers about 4 KiB before a writer has to wait.
const writePatience = 2 * time.Second

// ErrUnplugged is what a Pty answers between Hangup and Replug.
var ErrUnplugged = errors.New("unplugged")

// Pty is the device's end of a pseudo-terminal: a scanner on a serial line that exists in
// the kernel only. The program under test opens Path as it would open /dev/ttyACM0.
//
// Bytes written while nobody has Path open wait in the kernel for the next one who opens it
// (measured, Linux 6.18): harsher than a real port, which loses them. After Hangup the other side sees what it sees when the plug is pulled: end of file on
// every read, EIO on every write. Methods may be called from any goroutine; one Read and
// one Write may run side by side.
type Pty struct {
	link string

	mu     sync.Mutex // guards master and slave, not the I/O on them
	master *os.File   // nil while unplugged
	slave  string
	closed bool
}

// OpenPty makes a pseudo-terminal in raw mode. If link is not empty it becomes a symbolic
// link to the terminal (an existing link is replaced at once, anything else is an error),
// so that a terminal made anew is found under the same name. Linux only.
func OpenPty(link string) (*Pty, error) {
	p := &Pty{link: link}
	if err := p.Replug(); err != nil {
		return nil, err
	}
	return p, nil
}

// Replug makes a new terminal under the same link: the plug is back, and the kernel may
// have given the device another number. An open terminal is hung up first.
func (p *Pty) Replug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("replug pty: %w", os.ErrClosed)
	}
	if err := p.hangup(); err != nil {
		return err
	}
	master, slave, err := newPty()
	if err != nil {
		return fmt.Errorf("open pty: %w", err)
	}
	if p.link != "" {
		if err := relink(slave, p.link); err != nil {
			return errors.Join(fmt.Errorf("link pty %s: %w", p.link, err), master.Close())
		}
	}
	p.master, p.slave = master, slave
	return nil
}

// Path is what the program under test opens: the link, or the terminal itself.
func (p *Pty) Path() string {
	if p.link != "" {
		return p.link
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slave
}

func (p *Pty) file() (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, os.ErrClosed
	}
	if p.master == nil {
		return nil, ErrUnplugged
	}
	return p.master, nil
}

// Write sends bytes to whoever has Path open, now or next. After 2 s with a full buffer it
// gives up with os.ErrDeadlineExceeded.
func (p *Pty) Write(b []byte) (int, error) {
	f, err := p.file()
	if err != nil {
		return 0, err
	}
	if err := f.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return 0, err
	}
	return f.Write(b)
}

// Read returns what the program under test wrote. It waits; EIO means that the other side
// closed the terminal.
func (p *Pty) Read(b []byte) (int, error) {
	f, err := p.file()
	if err != nil {
		return 0, err
	}
	return f.Read(b)
}

// SetReadDeadline bounds Read, as net.Conn does.
func (p *Pty) SetReadDeadline(t time.Time) error {
	f, err := p.file()
	if err != nil {
		return err
	}
	return f.SetReadDeadline(t)
}

// Hangup pulls the plug: the link disappears and the other side's terminal is dead. The
// Pty stays usable for Replug.
func (p *Pty) Hangup() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hangup()
}

func (p *Pty) hangup() error {
	if p.master == nil {
		return nil
	}
	var unlink error
	if p.link != "" {
		if to, err := os.Readlink(p.link); err == nil && to == p.slave {
			unlink = os.Remove(p.link)
		}
	}
	err := errors.Join(unlink, p.master.Close())
	p.master, p.slave = nil, ""
	return err
}

// Close hangs up for good. It may be called more than once.
func (p *Pty) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return p.hangup()
}

// newPty opens a master and prepares its slave: unlocked, raw, no echo, so that a byte
// written before the other side has set its own mode is not sent back.
func newPty() (master *os.File, slave string, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, "", os.NewSyscallError("TIOCGPTN", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, "", os.NewSyscallError("TIOCSPTLCK", err)
	}
	mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, "", os.NewSyscallError("TCGETS", err)
	}
	mode.Iflag, mode.Oflag, mode.Lflag = unix.IGNPAR, 0, 0
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, mode); err != nil {
		return nil, "", os.NewSyscallError("TCSETS", err)
	}
	return os.NewFile(uintptr(fd), "/dev/ptmx"), "/dev/pts/" + strconv.Itoa(n), nil
}

// relink points link to target in one step. It refuses to replace what is not a link.
func relink(target, link string) error {
	if st, err := os.Lstat(link); err == nil && st.Mode()&os.ModeSymlink == 0 {
		return fmt.Errorf("exists and is not a symbolic link")
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	next := link + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, link)
}
