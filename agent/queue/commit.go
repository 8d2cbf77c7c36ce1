package queue

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/tilld/tilld/internal/disk"
)

// Bounds of a group, besides maxGroup and MaxOrders.
const (
	maxQueued  = 256
	maxRecords = 128
	// laterLimit is how many Later records may wait before they make a group of their own.
	laterLimit = 512
)

// Queue is an open journal. All methods are safe for concurrent use.
type Queue struct {
	opt  Options
	log  *slog.Logger
	root string // Dir/queue
	lock *os.File
	keys *keyring

	reqs     chan *request
	tasks    chan task     // run by the owner between groups
	kick     chan struct{} // too many Later records wait
	closing  chan struct{}
	closeOne sync.Once
	ended    chan struct{} // the owner has returned
	stopped  chan struct{} // a write failed
	stopErr  atomic.Pointer[error]
	fatal    chan error
	count    counters

	turns atomic.Uint64 // calls of Commit and Later so far

	// mu guards the index and the set of directories. Readers hold it while they read a
	// record; the owner takes it for writing after a group is durable and when it swaps a
	// directory, never during a commit.
	mu    sync.RWMutex
	index map[string]entry
	later []*item
	days  []*day // ascending; the last is current

	// Of the owner alone (and of Open before it starts):
	wit *witness
	st  state
	cur *day
}

// entry is where a record is.
type entry struct {
	day     *day
	seq     uint64
	open    bool
	summary bool
	pending *item // a Later record that is not durable yet
}

type request struct {
	puts []Put
	turn uint64
	done chan error // one slot
}

type task struct {
	do   func() error
	done chan error
}

func name(k Kind, key string) string { return string([]byte{byte(k)}) + key }

// Commit makes records durable, all or none. ctx bounds the wait for a place in the queue
// alone: once a place is taken Commit waits for the outcome. After ErrSpace nothing was
// written and the queue goes on; after ErrTooLarge likewise; any other error of a write
// stops the queue.
func (q *Queue) Commit(ctx context.Context, puts ...Put) error {
	if len(puts) == 0 {
		return q.stoppedErr()
	}
	if err := check(puts); err != nil {
		return err
	}
	r := &request{puts, q.turns.Add(1), make(chan error, 1)}
	select {
	case <-q.stopped:
		return q.stoppedErr()
	case <-q.closing:
		return q.endedErr()
	case <-ctx.Done():
		return fmt.Errorf("commit: %w", ctx.Err())
	case q.reqs <- r:
	}
	select {
	case err := <-r.done:
		return err
	case <-q.stopped:
		return q.stoppedErr()
	case <-q.ended:
		select {
		case err := <-r.done:
			return err
		default:
			return q.endedErr()
		}
	}
}

// endedErr says why the owner has returned: a failed write, or Close.
func (q *Queue) endedErr() error {
	if err := q.stoppedErr(); err != nil {
		return err
	}
	return fmt.Errorf("commit: %w: it is being closed", ErrStopped)
}

// Later writes records with the next group, at no flush of their own. They can be read at
// once; a crash before that group loses them. Records over the limits are dropped, with a
// line in the log.
func (q *Queue) Later(puts ...Put) {
	for _, p := range puts {
		err := check([]Put{p})
		it, err2 := itemOf(p)
		if err = errors.Join(err, err2); err != nil {
			q.log.Error("a record that cannot be kept", "kind", string(rune(p.Kind)), "err", err)
			continue
		}
		it.value = slices.Clone(it.value)
		q.mu.Lock()
		it.turn = q.turns.Add(1)
		n := it.name()
		if it.deleted {
			delete(q.index, n)
		} else {
			e := q.index[n]
			e.pending, e.open, e.summary = &it, it.open, it.summary != nil
			q.index[n] = e
		}
		q.later = append(q.later, &it)
		many := len(q.later) >= laterLimit
		q.mu.Unlock()
		if many {
			select {
			case q.kick <- struct{}{}:
			default:
			}
		}
	}
}

// run is the owner: the only goroutine that writes.
func (q *Queue) run() {
	defer close(q.ended)
	var next *request
	for {
		var group []*request
		if next == nil {
			select {
			case <-q.stopped:
				return
			case t := <-q.tasks:
				t.done <- t.do()
				continue
			case <-q.kick:
			case next = <-q.reqs:
			case <-q.closing:
				q.drain()
				return
			}
		}
		group, next = q.collect(next)
		q.commitGroup(group)
	}
}

// drain commits what had taken its place before Close, and what was to ride along.
func (q *Queue) drain() {
	for {
		select {
		case r := <-q.reqs:
			group, next := q.collect(r)
			q.commitGroup(group)
			if next != nil {
				q.commitGroup([]*request{next})
			}
		default:
			q.commitGroup(nil)
			return
		}
	}
}

// collect takes what waits, without waiting for more, up to the bounds of a group. The
// request that does not fit is returned for the next one.
func (q *Queue) collect(first *request) (group []*request, next *request) {
	if first == nil {
		return nil, nil
	}
	size, records, orders := 0, 0, 0
	for r := first; r != nil; {
		s, n, o := weigh(r.puts)
		if len(group) > 0 && (size+s > maxGroup/2 || records+n > maxRecords || orders+o > MaxOrders) {
			return group, r
		}
		size, records, orders = size+s, records+n, orders+o
		group = append(group, r)
		select {
		case r = <-q.reqs:
		default:
			r = nil
		}
	}
	return group, nil
}

func weigh(puts []Put) (size, records, orders int) {
	for _, p := range puts {
		size += len(p.Key) + len(p.Value) + recordLeast + entryCost
		orders += len(p.Orders)
	}
	return size, len(puts), orders
}

// commitGroup writes one group and answers its requests. A nil group writes the Later
// records alone.
func (q *Queue) commitGroup(group []*request) {
	free, err := disk.Free(q.root)
	if err != nil {
		free = 0
	}
	var items []*item
	var orders []string
	admitted := group[:0:0]
	for _, r := range group {
		its, err := q.itemsOf(r, free)
		if err != nil {
			r.done <- err
			continue
		}
		items = append(items, its...)
		for _, p := range r.puts {
			orders = append(orders, p.Orders...)
		}
		admitted = append(admitted, r)
	}
	if len(group) > 0 && len(admitted) == 0 {
		return
	}
	later := q.takeLater(items)
	items = append(later, items...)
	if len(items) == 0 {
		return
	}
	err = q.write(items, orders)
	if err != nil && errors.Is(err, ErrSpace) {
		q.putBack(later)
	} else if err != nil {
		err = q.fail(err)
	}
	for _, r := range admitted {
		if err == nil {
			q.count.calls.Add(1)
		}
		r.done <- err
	}
}

func (q *Queue) itemsOf(r *request, free int64) ([]*item, error) {
	if err := q.admitted(r.puts, free); err != nil {
		return nil, err
	}
	items := make([]*item, 0, len(r.puts))
	for _, p := range r.puts {
		it, err := itemOf(p)
		if err != nil {
			return nil, err
		}
		it.turn = r.turn
		items = append(items, &it)
	}
	return items, nil
}

// takeLater takes Later records as far as they fit into a group with items. Those that a
// record of the group replaces are dropped: written in a later group they would be the
// older word after the newer one.
func (q *Queue) takeLater(items []*item) []*item {
	room := maxGroup/2 + maxGroup/4
	for _, it := range items {
		room -= it.size()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropReplaced(items)
	n := 0
	for n < len(q.later) && n < maxPuts {
		if room -= q.later[n].size(); room < 0 && n+len(items) > 0 {
			break
		}
		n++
	}
	taken := q.later[:n:n]
	q.later = slices.Clone(q.later[n:])
	return taken
}

// dropReplaced forgets the waiting records of the names in items that came before them. The
// caller holds mu.
func (q *Queue) dropReplaced(items []*item) {
	if len(q.later) == 0 {
		return
	}
	newest := make(map[string]*item, len(items))
	for _, it := range items {
		newest[it.name()] = it
	}
	q.later = slices.DeleteFunc(q.later, func(l *item) bool {
		by := newest[l.name()]
		if by == nil || l.turn > by.turn {
			return false
		}
		if e := q.index[l.name()]; e.pending == l {
			if e.pending = nil; e.day == nil {
				e.pending = by // there is nothing durable to read yet
			}
			q.index[l.name()] = e
		}
		return true
	})
}

func (q *Queue) putBack(later []*item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.later = append(later, q.later...)
}

func (it *item) size() int {
	return len(it.key) + len(it.summary) + len(it.value) + recordLeast + entryCost
}

// sealed is a record on its way to Badger.
type sealed struct {
	key, value []byte
	seq        uint64
}

// sealAll chains and seals items after head, and returns the new head.
func sealAll(aead cipher.AEAD, head dayState, items []*item) ([]sealed, dayState, uint64) {
	out := make([]sealed, len(items))
	highest := uint64(0)
	for i, it := range items {
		head.Seq++
		head.Have++
		var b []byte
		b, head.Hash = seal(aead, head.Number, head.Seq, head.Hash, *it)
		out[i] = sealed{seqKey(head.Seq), b, head.Seq}
		highest = max(highest, it.payment)
	}
	return out, head, highest
}

// write makes items durable in the current day: Badger and the witness beside each other,
// and both before the index shows them. Only ErrSpace leaves the queue usable.
func (q *Queue) write(items []*item, orders []string) error {
	begin := time.Now()
	size := 0
	for _, it := range items {
		size += it.size()
	}
	if err := q.makeRoom(int64(size)); err != nil {
		return err
	}
	next := q.st.clone()
	head := next.day(q.cur.number)
	next.Batch = batchState{Day: head.Number, Seq: head.Seq, Hash: head.Hash, Orders: orders}
	recs, newHead, highest := sealAll(q.cur.aead, *head, items)
	*head = newHead
	next.Generation++
	next.Highest = max(next.Highest, highest)
	next.Doubt = slices.DeleteFunc(next.Doubt, func(id string) bool { return slices.Contains(orders, id) })

	witnessed := make(chan error, 1)
	go func() {
		t := time.Now()
		err := q.wit.write(&next)
		q.count.witnessTime.Add(int64(time.Since(t)))
		witnessed <- err
	}()
	t := time.Now()
	err := q.cur.zeroAhead(int64(size))
	if err == nil {
		err = putAll(q.cur.db, recs)
	}
	if err == nil {
		err = q.cur.sync(int64(size))
	}
	q.count.badgerTime.Add(int64(time.Since(t)))
	if err = errors.Join(err, <-witnessed); err != nil {
		return err
	}
	q.st = next
	q.show(items, recs)

	took := time.Since(begin)
	q.count.groups.Add(1)
	q.count.witness.Add(1)
	q.count.records.Add(uint64(len(recs)))
	for _, r := range recs {
		q.count.bytes.Add(uint64(len(r.value)))
	}
	q.count.groupTime.Add(int64(took))
	if int64(took) > q.count.long.Load() {
		q.count.long.Store(int64(took))
	}
	return nil
}

// putAll is one transaction.
func putAll(db *badger.DB, recs []sealed) error {
	return db.Update(func(txn *badger.Txn) error {
		for _, r := range recs {
			if err := txn.SetEntry(badger.NewEntry(r.key, r.value)); err != nil {
				return err
			}
		}
		return nil
	})
}

// show lets readers see what is durable now.
func (q *Queue) show(items []*item, recs []sealed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, it := range items {
		n := it.name()
		e, here := q.index[n]
		switch newer := e.pending != nil && e.pending != it && !slices.Contains(items, e.pending); {
		case newer:
			e.day, e.seq = q.cur, recs[i].seq
			q.index[n] = e
		case it.deleted:
			delete(q.index, n)
		case !here && slices.ContainsFunc(q.later, func(l *item) bool { return l.deleted && l.name() == n }):
			// A deletion that came meanwhile and is not durable yet.
		default:
			q.index[n] = entry{day: q.cur, seq: recs[i].seq, open: it.open, summary: it.summary != nil}
		}
	}
}

// fail stops the queue for good: what a failed commit left behind cannot be known.
func (q *Queue) fail(err error) error {
	err = fmt.Errorf("%w: %w", ErrStopped, err)
	if q.stopErr.CompareAndSwap(nil, &err) {
		q.log.Error("the journal is stopped", "err", err)
		q.fatal <- err
		close(q.fatal)
		close(q.stopped)
	}
	return err
}

func (q *Queue) stoppedErr() error {
	if p := q.stopErr.Load(); p != nil {
		return *p
	}
	return nil
}

// Fatal delivers the error that stopped the queue, once, and is closed then. The daemon
// exits and starts again.
func (q *Queue) Fatal() <-chan error { return q.fatal }

// do has the owner run f between two groups.
func (q *Queue) do(ctx context.Context, f func() error) error {
	t := task{f, make(chan error, 1)}
	select {
	case q.tasks <- t:
	case <-q.stopped:
		return q.stoppedErr()
	case <-q.closing:
		return q.endedErr()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-t.done:
		return err
	case <-q.ended:
		return q.endedErr()
	}
}
