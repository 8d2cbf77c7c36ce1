// Package replay makes of a log of a device's writes the device as a power cut leaves it:
// everything up to a flush, and of what was written after it a part, in any order, some of it
// torn. The log is one that QEMU's blklogwrites wrote.
package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sector is the unit in which a device writes and tears, and that of the log.
const Sector = 512

// The log of a device's writes: the format of Linux's dm-log-writes, which QEMU's blklogwrites
// writes (Documentation/admin-guide/device-mapper/log-writes.rst).
const (
	logMagic   = 0x6a736677736872
	logVersion = 1

	flagFlush   = 1 << 0 // what was written before is durable now
	flagFUA     = 1 << 1 // this one is durable by itself
	flagDiscard = 1 << 2 // no data follows

	entriesAt = 16 // offset of the number of entries in the log
)

// Entry is one write, or a flush.
type Entry struct {
	at, count int64 // in sectors; a flush alone has none
	flags     uint64
	data      int64 // offset in the log
}

// Flush reports whether everything before it is durable.
func (e Entry) Flush() bool { return e.flags&flagFlush != 0 }

// End is where the entry ends in the log, in bytes.
func (e Entry) End() int64 {
	if e.empty() {
		return e.data
	}
	return e.data + e.count*Sector
}

func (e Entry) fua() bool   { return e.flags&flagFUA != 0 }
func (e Entry) empty() bool { return e.count == 0 || e.flags&flagDiscard != 0 }

// Entries is how many entries a log holds that is being written. QEMU brings it up to date
// with every entry where log-super-update-interval is 1.
func Entries(f io.ReaderAt) (int, error) {
	var b [8]byte
	_, err := f.ReadAt(b[:], entriesAt)
	if errors.Is(err, io.EOF) {
		return 0, nil
	}
	return int(binary.LittleEndian.Uint64(b[:])), err
}

// Read reads the heads of the first n entries.
func Read(f io.ReaderAt, n int) ([]Entry, error) {
	var head [28]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("read the log of writes: %w", err)
	}
	magic, version := binary.LittleEndian.Uint64(head[:]), binary.LittleEndian.Uint64(head[8:])
	held, unit := binary.LittleEndian.Uint64(head[entriesAt:]), binary.LittleEndian.Uint32(head[24:])
	if magic != logMagic || version != logVersion || unit != Sector || uint64(n) > held {
		return nil, fmt.Errorf("read the log of writes: magic %x, version %d, unit %d, %d entries of %d", magic, version, unit, held, n)
	}
	entries := make([]Entry, 0, n)
	pos := int64(Sector)
	for range n {
		var b [32]byte
		if _, err := f.ReadAt(b[:], pos); err != nil {
			return nil, fmt.Errorf("read the log of writes: entry %d: %w", len(entries), err)
		}
		e := Entry{at: int64(binary.LittleEndian.Uint64(b[:])), count: int64(binary.LittleEndian.Uint64(b[8:])),
			flags: binary.LittleEndian.Uint64(b[16:]), data: pos + Sector}
		pos = e.End()
		entries = append(entries, e)
	}
	return entries, nil
}
