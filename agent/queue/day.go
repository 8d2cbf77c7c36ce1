package queue

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/tilld/tilld/internal/disk"
)

const (
	// zeroChunk is how far ahead of the records the log is filled with zeros. Blocks that
	// were allocated and never written cost the file system a journal entry when they first
	// are; this way that comes once in a hundred groups.
	zeroChunk = 256 << 10
	// logHead is a page for the log's header and for the end mark after a record.
	logHead = 4096
	// memTable is the size at which Badger turns a memory table into a sorted table. Its
	// log file is twice as long.
	memTable = 8 << 20
	// entryCost bounds what Badger adds to a record, in its log and in its skip list.
	entryCost = 160
	// maxGroup bounds the bytes of one group: Badger takes 15 % of memTable in a
	// transaction.
	maxGroup = 600 << 10
	// openSpace is what opening a directory may need: the log of a new memory table and
	// the sorted table of an old one.
	openSpace = 2*memTable + 2*memTable
)

// day is one Badger directory: the records of one business day under one key. The current
// day is open for writing, older ones only for reading.
type day struct {
	number uint32
	dir    string
	aead   cipher.AEAD
	db     *badger.DB

	// Of the current day, used by the owner alone:
	wal      *os.File // the log of the present memory table, which Badger writes through a mapping
	fill     int64    // upper bound of what that table and its log hold
	zeroed   int64    // up to here the log's blocks were written once
	nextMem  string   // the log file that the next memory table will use
	reserved bool     // whether nextMem has its blocks
}

func badgerOptions(dir string, readOnly bool, log *slog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithReadOnly(readOnly).
		WithLogger(badgerLog{log}).
		// The owner syncs the log itself (day.sync): with SyncWrites Badger also flushes
		// its value log, which is empty, and so the device twice for each group.
		WithSyncWrites(false).
		WithMemTableSize(memTable).
		WithNumMemtables(2).
		WithBaseTableSize(2 << 20).
		WithBaseLevelSize(8 << 20).
		// No compaction: a day's records are each written once and go with their
		// directory, and a compaction would map new files at any moment.
		WithNumCompactors(0).
		WithNumLevelZeroTables(1 << 20).
		WithNumLevelZeroTablesStall(1 << 21).
		WithNumGoroutines(1).
		WithValueLogFileSize(1 << 20).
		// Every value is inline: the value log's sync errors are only logged.
		WithValueThreshold(1 << 20).
		// No cache: blocks are neither compressed nor encrypted by Badger.
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithCompression(options.None).
		WithMetricsEnabled(false).
		WithDetectConflicts(false).
		WithChecksumVerificationMode(options.OnTableRead)
}

// badgerLog passes on what Badger has to complain of.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, v ...any)   { l.log.Error("badger: " + line(f, v)) }
func (l badgerLog) Warningf(f string, v ...any) { l.log.Warn("badger: " + line(f, v)) }
func (l badgerLog) Infof(string, ...any)        {}
func (l badgerLog) Debugf(string, ...any)       {}

func line(f string, v []any) string { return strings.TrimSpace(fmt.Sprintf(f, v...)) }

// openBadger opens a directory in this process. A panic becomes an error, unless it comes
// from one of Badger's own goroutines: that is why a directory that was not closed is
// tried in a child first.
func openBadger(ctx context.Context, dir string, readOnly bool, limit time.Duration, log *slog.Logger) (*badger.DB, error) {
	if err := dropReserved(dir); err != nil {
		return nil, err
	}
	if readOnly {
		if mems, err := filepath.Glob(filepath.Join(dir, "*.mem")); err != nil || len(mems) > 0 {
			db, err := openBadger(ctx, dir, false, limit, log)
			if err == nil {
				err = closeBadger(ctx, db, limit)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	type opened struct {
		db  *badger.DB
		err error
	}
	done := make(chan opened, 1)
	go func() {
		var o opened
		defer func() {
			if p := recover(); p != nil {
				o = opened{nil, fmt.Errorf("badger panicked: %v", p)}
			}
			done <- o
		}()
		o.db, o.err = badger.Open(badgerOptions(dir, readOnly, log))
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.db, o.err
	case <-timer.C:
		return nil, fmt.Errorf("badger did not open %s within %v", filepath.Base(dir), limit)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// closeBadger closes a database or gives up: after an input/output error Badger's Close
// may never return.
func closeBadger(ctx context.Context, db *badger.DB, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- db.Close() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("badger did not close: %w", ctx.Err())
	}
}

// dropReserved removes the files that were reserved for Badger and never used: it does not
// open a directory that holds an empty log.
func dropReserved(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Size() > 0 || filepath.Ext(e.Name()) != ".mem" {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// settle gives every mapped file of a directory just opened its blocks, and reserves the
// next one.
func (d *day) settle() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	highest := 0
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if ext != ".mem" && ext != ".vlog" && e.Name() != "DISCARD" {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSuffix(e.Name(), ext)); err == nil && ext == ".mem" {
			highest = max(highest, n)
		}
		if err := allocateWhole(filepath.Join(d.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := d.openLog(highest); err != nil {
		return err
	}
	return d.reserveNext()
}

// openLog turns to the log file with this number as the one written to.
func (d *day) openLog(n int) error {
	f, err := os.OpenFile(filepath.Join(d.dir, fmt.Sprintf("%05d.mem", n)), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	d.closeLog()
	d.wal, d.fill, d.zeroed = f, logHead, logHead
	d.nextMem = filepath.Join(d.dir, fmt.Sprintf("%05d.mem", n+1))
	d.reserved = false
	return nil
}

func (d *day) closeLog() {
	if d.wal != nil {
		d.wal.Close()
		d.wal = nil
	}
}

func allocateWhole(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = disk.Allocate(f, info.Size())
	}
	return errors.Join(err, f.Close())
}

// reserveNext puts the blocks of the next log file in place: Badger opens the empty file,
// extends it, and finds them.
func (d *day) reserveNext() error {
	if d.reserved {
		return nil
	}
	f, err := os.OpenFile(d.nextMem, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(disk.Reserve(f, 2*memTable), f.Close())
	if err == nil {
		err = disk.SyncDir(d.dir)
	}
	d.reserved = err == nil
	return err
}

// nearFull reports whether Badger may begin a new memory table before this many bytes more
// are in.
func (d *day) nearFull(size int64) bool { return d.fill+size > memTable-memTable/16 }

// zeroAhead makes sure that a group of this size goes into blocks that were written before.
// It never touches what Badger wrote: fill is an upper bound of that.
func (d *day) zeroAhead(size int64) error {
	for d.zeroed < 2*memTable && d.zeroed < d.fill+size+logHead {
		from := max(d.zeroed, (d.fill+2*logHead-1)/logHead*logHead)
		n := min(zeroChunk, 2*memTable-from)
		if n <= 0 {
			return nil
		}
		if _, err := d.wal.WriteAt(make([]byte, n), from); err != nil {
			return err
		}
		d.zeroed = from + n
	}
	return nil
}

// sync makes a group durable that Badger has just taken. Badger writes all of a
// transaction into one log; it may have begun a new one for it, and everything in the log
// before was synced with its own groups.
func (d *day) sync(size int64) error {
	if d.nearFull(size) {
		info, err := os.Stat(d.nextMem)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && info.Size() > 0 {
			n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(d.nextMem), ".mem"))
			if err == nil {
				err = d.openLog(n)
			}
			if err != nil {
				return err
			}
		}
	}
	d.fill += size
	return disk.Datasync(d.wal)
}

// read returns one record, checked.
func (d *day) read(seq uint64) (item, error) {
	var it item
	err := d.db.View(func(txn *badger.Txn) error {
		e, err := txn.Get(seqKey(seq))
		if err != nil {
			return err
		}
		return e.Value(func(b []byte) error {
			it, _, err = unseal(d.aead, d.number, seq, b)
			return err
		})
	})
	if err != nil {
		return it, fmt.Errorf("read record %d of day %06d: %w", seq, d.number, err)
	}
	return it, nil
}
