package queuebench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tilld/tilld/internal/disk"
)

// written is what this process caused to be written so far, in bytes, by the kernel's
// count of pages it made dirty; 0 if the kernel does not say.
func written() (n int64) {
	b, _ := os.ReadFile("/proc/self/io")
	for _, line := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			fmt.Sscan(v, &n)
		}
	}
	return n
}

// device is the block device below a directory. Its counter holds what others write too.
type device struct{ path, dir string }

func deviceOf(dir string) device {
	major, minor, err := disk.Device(dir)
	if err != nil {
		return device{}
	}
	path, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", major, minor))
	if err != nil {
		return device{}
	}
	return device{filepath.Join(path, "stat"), dir}
}

// written is the number of bytes the device was given so far.
func (d device) written() int64 {
	b, err := os.ReadFile(d.path)
	f := strings.Fields(string(b))
	if err != nil || len(f) < 7 {
		return 0
	}
	var sectors int64
	fmt.Sscan(f[6], &sectors)
	return sectors * 512
}

// settle lets the file system write what it still holds back of the directory.
func (d device) settle() { disk.SyncDir(d.dir) }
