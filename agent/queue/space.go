package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tilld/tilld/internal/disk"
)

// Room reports whether a new sale may begin: ErrSpace or ErrStopped if not.
func (q *Queue) Room() error {
	if err := q.stoppedErr(); err != nil {
		return err
	}
	free, err := disk.Free(q.root)
	if err != nil {
		return fmt.Errorf("begin a sale: %w", err)
	}
	return q.roomFor(free)
}

func (q *Queue) roomFor(free int64) error {
	if free >= q.opt.MinNew {
		return nil
	}
	return fmt.Errorf("begin a sale: %w: %d MiB free on the file system of %s, %d MiB needed",
		ErrSpace, free>>20, q.opt.Dir, q.opt.MinNew>>20)
}

// admitted decides whether a call may go on with this much space left: new sales need
// MinNew, new records of other kinds MinHard; what changes a record already here goes
// through as long as there is allocated space.
func (q *Queue) admitted(puts []Put, free int64) error {
	if free >= q.opt.MinNew {
		return nil
	}
	q.mu.RLock()
	defer q.mu.RUnlock()
	known := false
	for _, p := range puts {
		_, here := q.index[name(p.Kind, p.Key)]
		if p.Kind == Payment && p.Open && p.Value != nil && !here {
			return q.roomFor(free)
		}
		known = known || here
	}
	if known || free >= q.opt.MinHard {
		return nil
	}
	return fmt.Errorf("commit: %w: %d MiB free on the file system of %s, %d MiB needed",
		ErrSpace, free>>20, q.opt.Dir, q.opt.MinHard>>20)
}

// makeRoom prepares for a group after which Badger may begin a new memory table: the log
// of the new one must have its blocks, and the sorted table of the old one must find room.
// The ballast is given up when that is what it takes.
func (q *Queue) makeRoom(size int64) error {
	if !q.cur.nearFull(size) {
		return nil
	}
	err := q.tryRoom()
	if err == nil {
		return nil
	}
	if !q.dropBallast() {
		return err
	}
	return q.tryRoom()
}

func (q *Queue) tryRoom() error {
	if err := q.cur.reserveNext(); err != nil {
		if disk.IsFull(err) {
			err = fmt.Errorf("%w: %w", ErrSpace, err)
		}
		return fmt.Errorf("commit: %w", err)
	}
	free, err := disk.Free(q.root)
	if err == nil && free < 2*memTable {
		err = fmt.Errorf("%w: %d MiB free, %d MiB needed to go on", ErrSpace, free>>20, 2*memTable>>20)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (q *Queue) ballastPath() string { return filepath.Join(q.root, "ballast") }

// dropBallast gives up the space held back, and reports whether there was any.
func (q *Queue) dropBallast() bool {
	if os.Remove(q.ballastPath()) != nil {
		return false
	}
	q.log.Warn("the disk is full: gave up the space held back to finish open sales")
	return true
}

// holdBallast holds space back, if it is not held already and there is plenty.
func (q *Queue) holdBallast() error {
	if info, err := os.Stat(q.ballastPath()); err == nil && info.Size() == q.opt.Ballast {
		return nil
	}
	free, err := disk.Free(q.root)
	if err != nil || free < q.opt.Ballast+q.opt.MinNew {
		return err
	}
	f, err := os.OpenFile(q.ballastPath(), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(disk.Allocate(f, q.opt.Ballast), f.Close())
	if err != nil {
		os.Remove(q.ballastPath())
	}
	return err
}

// spaceToOpen makes sure that a directory can be opened without meeting a hole in a mapped
// file, giving up the ballast if it must.
func (q *Queue) spaceToOpen() (dropped bool, err error) {
	free, err := disk.Free(q.root)
	if err != nil {
		return false, err
	}
	if free >= openSpace {
		return false, nil
	}
	// What was reserved for later is given back first.
	dirs, _ := filepath.Glob(filepath.Join(q.root, "day", "*"))
	for _, dir := range dirs {
		if err := dropReserved(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	dropped = q.dropBallast()
	if free, err = disk.Free(q.root); err == nil && free < openSpace-memTable {
		err = fmt.Errorf("%w: %d MiB free, %d MiB needed to open; remove files from the file system of %s",
			ErrSpace, free>>20, (openSpace-memTable)>>20, q.opt.Dir)
	}
	return dropped, err
}
