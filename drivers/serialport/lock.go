package serialport

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/disk"
)

// lockPort takes the port's lock file. The kernel frees the lock when the process dies; the
// file stays, because to remove it would let two owners in.
func lockPort(dir, real string) (*os.File, error) {
	if dir == "" {
		dir = "/run/lock"
		if unix.Access(dir, unix.W_OK) != nil {
			dir = os.TempDir()
		}
	}
	f, err := disk.Lock(filepath.Join(dir, "tilld"+strings.ReplaceAll(real, "/", "-")+".lock"))
	if errors.Is(err, disk.ErrLocked) {
		return nil, fmt.Errorf("%w: %w", drivers.ErrBusy, err)
	}
	return f, err
}
