package queue

import (
	"sync/atomic"
	"time"

	"github.com/tilld/tilld/internal/disk"
)

// Stats counts since Open.
type Stats struct {
	Groups  uint64 // groups committed: one sync of Badger's log each
	Witness uint64 // writes of the witness: one fdatasync each
	Calls   uint64 // Commit calls acknowledged
	Records uint64 // records written, those that rode along included
	Bytes   uint64 // of sealed records
	// Durations are sums over Groups, except Longest.
	BadgerTime, WitnessTime, GroupTime, Longest time.Duration
	Live                                        int   // records that can be read
	Open                                        int   // of these, records that keep their day
	Days                                        int   // directories
	Waiting                                     int   // Later records that no commit has taken along yet
	Free                                        int64 // bytes free on the file system; -1 if unknown
}

type counters struct {
	groups, witness, calls, records, bytes   atomic.Uint64
	badgerTime, witnessTime, groupTime, long atomic.Int64
}

// Stats is safe for concurrent use and writes nothing.
func (q *Queue) Stats() Stats {
	c := &q.count
	s := Stats{
		Groups: c.groups.Load(), Witness: c.witness.Load(), Calls: c.calls.Load(),
		Records: c.records.Load(), Bytes: c.bytes.Load(),
		BadgerTime: time.Duration(c.badgerTime.Load()), WitnessTime: time.Duration(c.witnessTime.Load()),
		GroupTime: time.Duration(c.groupTime.Load()), Longest: time.Duration(c.long.Load()),
	}
	q.mu.RLock()
	s.Live, s.Days, s.Waiting = len(q.index), len(q.days), len(q.later)
	for _, e := range q.index {
		if e.open {
			s.Open++
		}
	}
	q.mu.RUnlock()
	free, err := disk.Free(q.root)
	if err != nil {
		free = -1
	}
	s.Free = free
	return s
}
