package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// sector is the unit in which a device writes and tears.
const sector = 512

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

// entry is one write, in sectors; or a flush alone, with a count of 0.
type entry struct {
	at, count int64
	flags     uint64
	data      int64 // offset in the log
}

func (e entry) flush() bool { return e.flags&flagFlush != 0 }
func (e entry) fua() bool   { return e.flags&flagFUA != 0 }
func (e entry) empty() bool { return e.count == 0 || e.flags&flagDiscard != 0 }

// entriesSoFar is how many writes a log holds that is being written.
func entriesSoFar(f *os.File) (int, error) {
	var b [8]byte
	_, err := f.ReadAt(b[:], entriesAt)
	if errors.Is(err, io.EOF) {
		return 0, nil
	}
	return int(binary.LittleEndian.Uint64(b[:])), err
}

// readLog reads the heads of the first n entries.
func readLog(f io.ReaderAt, n int) ([]entry, error) {
	var head [28]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("read the log of writes: %w", err)
	}
	magic, version := binary.LittleEndian.Uint64(head[:]), binary.LittleEndian.Uint64(head[8:])
	held, unit := binary.LittleEndian.Uint64(head[entriesAt:]), binary.LittleEndian.Uint32(head[24:])
	if magic != logMagic || version != logVersion || unit != sector || uint64(n) > held {
		return nil, fmt.Errorf("read the log of writes: magic %x, version %d, unit %d, %d entries of %d", magic, version, unit, held, n)
	}
	entries := make([]entry, 0, n)
	pos := int64(sector)
	for range n {
		var b [32]byte
		if _, err := f.ReadAt(b[:], pos); err != nil {
			return nil, fmt.Errorf("read the log of writes: entry %d: %w", len(entries), err)
		}
		e := entry{at: int64(binary.LittleEndian.Uint64(b[:])), count: int64(binary.LittleEndian.Uint64(b[8:])),
			flags: binary.LittleEndian.Uint64(b[16:]), data: pos + sector}
		pos = e.data
		if !e.empty() {
			pos += e.count * sector
		}
		entries = append(entries, e)
	}
	return entries, nil
}
