// Package disk makes the system calls a durable store needs and that package os lacks:
// space on a file system, allocation in full, fdatasync, directory sync and locks.
//
// It is for Linux. Sizes are bytes.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Free is the space an unprivileged writer has left on the file system of path.
func Free(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// IsFull reports whether err says that the file system, or the writer's quota, is full.
func IsFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// IsReadOnly reports whether err says that the file system or file cannot be written.
func IsReadOnly(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
}

// Allocate gives f blocks for its first size bytes and makes it at least that long. Bytes
// that were not there read as zero. A write through a mapping of the file cannot then run
// out of space.
func Allocate(f *os.File, size int64) error {
	return allocate(f, 0, size)
}

// Reserve gives f blocks for its first size bytes and leaves its length alone: whoever
// extends the file later finds the blocks there.
func Reserve(f *os.File, size int64) error {
	return allocate(f, unix.FALLOC_FL_KEEP_SIZE, size)
}

func allocate(f *os.File, mode uint32, size int64) error {
	if size <= 0 {
		return nil
	}
	for {
		err := unix.Fallocate(int(f.Fd()), mode, 0, size)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP):
			return &fs.PathError{Op: "allocate", Path: f.Name(),
				Err: fmt.Errorf("%w: this file system cannot allocate files in full; use ext4, xfs, f2fs or tmpfs", err)}
		default:
			return &fs.PathError{Op: "allocate", Path: f.Name(), Err: err}
		}
	}
}

// Allocated is the space that the blocks of a file take.
func Allocated(path string) (int64, error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return s.Blocks * 512, nil
}

// Datasync returns once the data of f, and what is needed to read it back, has reached the
// device.
func Datasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// ErrLocked is what Lock returns when another process, or another Lock, holds the file.
var ErrLocked = errors.New("locked by another process")

// Lock takes an exclusive lock on the file at path, making it if needed. The lock ends
// with the process or when the returned file is closed.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
}

// WriteFile puts data at path, durably and whole: after a crash the file is the old one or
// the new one. Its mode is 0600.
func WriteFile(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Shred overwrites a file in place, syncs it and removes it. On flash the medium may keep
// an old copy of the blocks until it needs them.
func Shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close(), os.Remove(path))
	return errors.Join(err, SyncDir(filepath.Dir(path)))
}

// Device is the number of the device that holds path.
func Device(path string) (major, minor uint32, err error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return 0, 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return unix.Major(uint64(s.Dev)), unix.Minor(uint64(s.Dev)), nil
}
