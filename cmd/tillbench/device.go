package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// device is a block device of our own with an ext4 file system, a loop device on a file: its
// counters say what one program wrote, whatever else the machine is doing.
type device struct {
	image, mount string
	name         string // "loop3"
}

// newDevice makes and mounts one of the given size in dir. It needs root, and is notHere
// without.
func newDevice(ctx context.Context, dir string, size int64) (*device, error) {
	not := func(why string) error {
		return &notHere{why, "as root, with util-linux and e2fsprogs, a loop device is made for this"}
	}
	if os.Geteuid() != 0 {
		return nil, not("counting what reaches a device needs one of our own, and that needs root")
	}
	d := &device{image: filepath.Join(dir, "disk.img"), mount: filepath.Join(dir, "disk")}
	f, err := os.OpenFile(d.image, os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a disk: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return nil, fmt.Errorf("make a disk: %w", err)
	}
	if err := os.MkdirAll(d.mount, 0o755); err != nil {
		return nil, fmt.Errorf("make a disk: %w", err)
	}
	// Tables written at once: lazy initialisation would write in the background for minutes.
	if err := command(exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", d.image)); err != nil {
		return nil, not(err.Error())
	}
	if err := command(exec.CommandContext(ctx, "mount", "-o", "loop,noatime", d.image, d.mount)); err != nil {
		return nil, not(err.Error())
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err == nil {
		for line := range strings.Lines(string(mounts)) {
			if f := strings.Fields(line); len(f) > 1 && f[1] == d.mount {
				d.name = filepath.Base(f[0])
			}
		}
	}
	if _, err := d.counters(); err != nil {
		d.close()
		return nil, not(err.Error())
	}
	return d, nil
}

func (d *device) close() error {
	return command(exec.Command("umount", "--lazy", d.mount))
}

// counters is what has reached the device so far.
type counters struct {
	Writes  int64 // requests
	Bytes   int64
	Flushes int64
}

func (c counters) minus(o counters) counters {
	return counters{c.Writes - o.Writes, c.Bytes - o.Bytes, c.Flushes - o.Flushes}
}

// counters reads /sys/block/NAME/stat (Documentation/block/stat.rst). Sectors are 512 bytes
// there, whatever the device's are.
func (d *device) counters() (counters, error) {
	data, err := os.ReadFile(filepath.Join("/sys/block", d.name, "stat"))
	if err != nil {
		return counters{}, err
	}
	return parseStat(string(data))
}

func parseStat(text string) (counters, error) {
	f := strings.Fields(text)
	if len(f) < 16 {
		return counters{}, fmt.Errorf("block statistics have %d fields: the kernel counts flushes since 5.5", len(f))
	}
	var c counters
	var sectors int64
	for i, p := range map[int]*int64{4: &c.Writes, 6: &sectors, 15: &c.Flushes} {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return counters{}, fmt.Errorf("block statistics: %w", err)
		}
		*p = n
	}
	c.Bytes = sectors * 512
	return c, nil
}

// settle writes back what programs left in memory, so that it is not counted later.
func (d *device) settle(ctx context.Context) error {
	return command(exec.CommandContext(ctx, "sync", "--file-system", d.mount))
}
