package replay

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"
)

// block is the unit in which an image is kept.
const block = 4096

// Disk is a device while its log is replayed: what is durable, in memory, and an image of it
// plus what a cut lets through, in a file that can be mounted.
type Disk struct {
	log     io.ReaderAt
	entries []Entry
	durable []byte
	used    []bool // blocks of durable that were ever written
	applied int    // entries that are in durable
	image   *os.File
}

// NewDisk begins with the image, a file, of before the log.
func NewDisk(before string, log io.ReaderAt, entries []Entry) (*Disk, error) {
	content, err := os.ReadFile(before)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("cut", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an image in memory: %w", err)
	}
	d := &Disk{log: log, entries: entries, durable: content, used: make([]bool, len(content)/block), image: os.NewFile(uintptr(fd), "cut")}
	zero := make([]byte, block)
	for i := range d.used {
		d.used[i] = string(content[i*block:(i+1)*block]) != string(zero)
	}
	return d, nil
}

// advance makes the first n entries durable.
func (d *Disk) advance(n int) error {
	for ; d.applied < n; d.applied++ {
		e := d.entries[d.applied]
		if e.empty() {
			continue
		}
		from := e.at * Sector
		if _, err := d.log.ReadAt(d.durable[from:from+e.count*Sector], e.data); err != nil {
			return fmt.Errorf("read entry %d: %w", d.applied, err)
		}
		for b := from / block; b <= (from+e.count*Sector-1)/block; b++ {
			d.used[b] = true
		}
	}
	return nil
}

// Cut makes the image that is left when the power fails once the first n entries were written,
// of which the first durable are safe. Of the others some are there, in any order, and of some
// only the first sectors. Durable must not be less than for the cut before.
func (d *Disk) Cut(n, durable int, r *rand.Rand) error {
	if err := d.advance(durable); err != nil {
		return err
	}
	if err := d.fresh(); err != nil {
		return err
	}
	var kept []int
	for i := durable; i < n; i++ {
		if d.entries[i].fua() || r.IntN(2) == 0 {
			kept = append(kept, i)
		}
	}
	r.Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
	for _, i := range kept {
		e := d.entries[i]
		if e.empty() {
			continue
		}
		count := e.count
		if count > 1 && !e.fua() && r.IntN(10) < 3 {
			count = 1 + r.Int64N(count-1)
		}
		b := make([]byte, count*Sector)
		if _, err := d.log.ReadAt(b, e.data); err != nil {
			return fmt.Errorf("read entry %d: %w", i, err)
		}
		if _, err := d.image.WriteAt(b, e.at*Sector); err != nil {
			return err
		}
	}
	return nil
}

// fresh makes the image a copy of what is durable.
func (d *Disk) fresh() error {
	if err := d.image.Truncate(0); err != nil {
		return err
	}
	if err := d.image.Truncate(int64(len(d.durable))); err != nil {
		return err
	}
	for i := 0; i < len(d.used); {
		if !d.used[i] {
			i++
			continue
		}
		from := i
		for i < len(d.used) && d.used[i] {
			i++
		}
		if _, err := d.image.WriteAt(d.durable[from*block:i*block], int64(from)*block); err != nil {
			return err
		}
	}
	return nil
}

// ErrNotMounted is what is left of a disk being no file system.
var ErrNotMounted = errors.New("the file system does not mount")

// Mount attaches the image to a loop device and mounts it. The file system replays its
// journal then. The function it returns undoes both. It needs root; the loop device is let
// go of with the mount.
func (d *Disk) Mount(at string) (release func() error, err error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("mount an image: %w", err)
	}
	defer control.Close()
	for range 100 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("mount an image: no loop device: %w", err)
		}
		loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("mount an image: %w", err)
		}
		config := unix.LoopConfig{Fd: uint32(d.image.Fd())}
		config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR // let go of when it is unmounted
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &config)
		if err == unix.EBUSY { // somebody was quicker
			loop.Close()
			continue
		}
		if err != nil {
			loop.Close()
			return nil, fmt.Errorf("mount an image on %s: %w", loop.Name(), err)
		}
		err = unix.Mount(loop.Name(), at, "ext4", 0, "")
		loop.Close()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotMounted, err)
		}
		return func() error { return unix.Unmount(at, 0) }, nil
	}
	return nil, fmt.Errorf("mount an image: every loop device is taken")
}
