package gpio

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/host/v3/gpioioctl"

	"github.com/tilld/tilld/drivers"
)

// Init finds the chips of this machine. It is to be called first, while nothing else opens
// or closes files; further calls do nothing. A machine without chips is no error: it has no
// lines.
func Init() error {
	nodes, _ := filepath.Glob("/dev/gpiochip*") // the pattern is well-formed
	err := holdStandardInput(InitBare)
	if err == nil && len(nodes) > 0 && len(gpioioctl.Chips) == 0 {
		err = openable(nodes[0])
	}
	if len(gpioioctl.Chips) < len(nodes) {
		// A chip that failed half-way leaves two files with one descriptor behind, which the
		// collector closes one after the other. Let it do so now.
		runtime.GC()
		runtime.GC()
	}
	if err != nil {
		return &drivers.Error{Op: "start", Subject: "GPIO", Err: err,
			Hint: "let tilld's user open /dev/gpiochip*: add it to the group gpio"}
	}
	return nil
}

// InitBare starts periph.io as it is, with its fault: it may close descriptor 0. It is there
// for [Lost], by which a suite on a real board shows that the fault exists and that Init
// keeps it away.
func InitBare() error {
	_, err := driverreg.Init()
	return err
}

func openable(node string) error {
	fd, err := unix.Open(node, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", node, err)
	}
	unix.Close(fd)
	return errors.New("no chip answers")
}

// file is what a descriptor leads to.
type file struct {
	dev, ino, rdev uint64
	open           bool
}

func fileOf(fd int) file {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return file{}
	}
	return file{dev: uint64(st.Dev), ino: st.Ino, rdev: uint64(st.Rdev), open: true}
}

// holdStandardInput runs start and gives descriptor 0 back if it was closed. Where there was
// none, it leads to /dev/null: a descriptor 0 that is free goes to the next file that is
// opened, and would be closed under it.
func holdStandardInput(start func() error) error {
	if !fileOf(0).open {
		null, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
		if err != nil {
			return fmt.Errorf("hold standard input: %w", err)
		}
		if null != 0 { // another goroutine took 0 in between; then it is open, which is all we want
			unix.Close(null)
		}
	}
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("hold standard input: %w", err)
	}
	defer unix.Close(saved)
	err = start()
	if !fileOf(0).open {
		if back := unix.Dup3(saved, 0, 0); back != nil {
			return errors.Join(err, fmt.Errorf("give standard input back: %w", back))
		}
	}
	return err
}

// Lost runs start and lists the descriptors that were open before and are not, or lead
// elsewhere, after it. Nothing else may open or close files meanwhile. It opens a few more
// before and after, so that a descriptor which is closed twice is noticed.
func Lost(start func() error) (lost []int, err error) {
	var mine []int
	for range 4 {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open files to watch over: %w", err)
		}
		mine = append(mine, fd)
	}
	defer func() {
		for _, fd := range mine {
			if !slices.Contains(lost, fd) {
				unix.Close(fd)
			}
		}
	}()
	const most = 1024
	before := make([]file, most)
	for fd := range before {
		before[fd] = fileOf(fd)
	}
	err = start()
	for fd, was := range before {
		if was.open && fileOf(fd) != was {
			lost = append(lost, fd)
		}
	}
	return lost, err
}
