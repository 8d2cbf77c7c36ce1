package drivers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/internal/disk"
)

// LockNode takes the lock file of a device node, whose path is that which links resolve to.
// It keeps tilld off a device that tilld has; a program that does not look at the lock is not
// kept off. dir holds the lock files; empty = /run/lock, or the directory for temporary files
// where that cannot be written to. The error is ErrBusy when the lock is taken.
//
// The kernel frees the lock when the process dies; the file stays, because to remove it would
// let two owners in.
func LockNode(dir, real string) (*os.File, error) {
	if dir == "" {
		dir = "/run/lock"
		if unix.Access(dir, unix.W_OK) != nil {
			dir = os.TempDir()
		}
	}
	f, err := disk.Lock(filepath.Join(dir, "tilld"+strings.ReplaceAll(real, "/", "-")+".lock"))
	if errors.Is(err, disk.ErrLocked) {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return f, err
}
