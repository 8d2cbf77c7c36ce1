package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/internal/disk"
)

// Maintain does what has come due: it begins a new business day, erases days that are
// settled and past their time, and holds space back again after a full disk. When nothing
// is due it writes nothing. Call it every minute or so, and not in the middle of a sale:
// beginning a day takes some hundred milliseconds.
func (q *Queue) Maintain(ctx context.Context) error {
	return q.do(ctx, func() error {
		if err := q.maintain(ctx); err != nil {
			if errors.Is(err, ErrStopped) || errors.Is(err, ErrSpace) {
				return err
			}
			return fmt.Errorf("maintain queue: %w", err)
		}
		return nil
	})
}

func (q *Queue) maintain(ctx context.Context) error {
	date, now := q.today()
	if date == 0 {
		return nil
	}
	cur := q.st.day(q.cur.number)
	switch {
	case cur.Date == 0 || cur.Seq == 0:
		cur.Date = date // durable with the next group
	case date > cur.Date && len(q.st.Days) < maxDays:
		if err := q.roll(ctx, date, now); err != nil {
			return err
		}
	}
	for _, d := range slices.Clone(q.days) {
		s := q.st.day(d.number)
		if d != q.cur && s.Closed == 0 {
			s.Closed = now.Unix() // a start found it closed by accident
		}
		if d != q.cur && now.Sub(time.Unix(s.Closed, 0)) >= q.opt.Retain {
			if err := q.erase(ctx, d); err != nil {
				return err
			}
		}
	}
	if err := q.clearQuarantine(now); err != nil {
		return err
	}
	if err := q.holdBallast(); err != nil && !disk.IsFull(err) {
		return err
	}
	return nil
}

// roll begins a new day: a fresh directory and key, named by the witness before anything
// is in it; then what is open moves over; then the old directory is closed to writing.
func (q *Queue) roll(ctx context.Context, date uint32, now time.Time) error {
	free, err := disk.Free(q.root)
	if err != nil {
		return err
	}
	if free < q.opt.MinHard+2*openSpace {
		return nil // the old day does as well
	}
	d, err := q.newDay(ctx)
	if err != nil {
		return err
	}
	old := q.cur
	q.st.day(old.number).Closed = now.Unix()
	q.st.Days = append(q.st.Days, dayState{Number: d.number, Date: date, Payments: q.st.Highest})
	if err := q.witnessNow(); err != nil {
		return q.fail(err)
	}
	q.mu.Lock()
	q.days = append(q.days, d)
	q.mu.Unlock()
	q.cur = d
	if err := q.carry(func(e entry) bool { return e.day != d }); err != nil {
		return err
	}
	return q.closeToWriting(ctx, old)
}

// closeToWriting reopens a day for reading alone, which gives back its memory table.
func (q *Queue) closeToWriting(ctx context.Context, d *day) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	d.closeLog()
	if err := closeBadger(ctx, d.db, q.opt.ProbeTimeout); err != nil {
		return q.fail(err)
	}
	db, err := openBadger(ctx, d.dir, true, q.opt.ProbeTimeout, q.log)
	if err != nil {
		return q.fail(fmt.Errorf("reopen day %06d: %w", d.number, err))
	}
	d.db = db
	return nil
}

// carry copies open records of other days into the current one, sealed with its key.
func (q *Queue) carry(from func(entry) bool) error {
	names := q.names(func(_ string, e entry) bool { return e.open && e.pending == nil && from(e) })
	var items []*item
	size := 0
	flush := func() error {
		if len(items) == 0 {
			return nil
		}
		err := q.write(items, nil)
		if err != nil && !errors.Is(err, ErrSpace) {
			return q.fail(err)
		}
		items, size = nil, 0
		return err
	}
	for _, n := range names {
		it, err := q.item(n)
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		it.value = slices.Clone(it.value)
		if len(items) == maxRecords || size+it.size() > maxGroup/2 {
			if err := flush(); err != nil {
				return err
			}
		}
		items, size = append(items, &it), size+it.size()
	}
	return flush()
}

// erase makes a settled day unreadable: what must outlive it is written and witnessed,
// then its key is destroyed and its directory removed.
func (q *Queue) erase(ctx context.Context, d *day) error {
	// A Later record may stand for one of this day that is still needed if it is lost.
	q.commitGroup(nil)
	if err := q.stoppedErr(); err != nil {
		return err
	}
	if err := q.carry(func(e entry) bool { return e.day == d }); err != nil {
		return err
	}
	if err := q.keepSummaries(d); err != nil {
		return err
	}
	q.st.Days = slices.DeleteFunc(q.st.Days, func(s dayState) bool { return s.Number == d.number })
	if err := q.witnessNow(); err != nil {
		return q.fail(err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for n, e := range q.index {
		if e.day == d && e.pending == nil {
			delete(q.index, n)
		}
	}
	q.days = slices.DeleteFunc(q.days, func(o *day) bool { return o == d })
	if err := closeBadger(ctx, d.db, q.opt.ProbeTimeout); err != nil {
		q.log.Warn("close a day to erase", "day", d.number, "err", err)
	}
	return q.remove(d.number)
}

// clearQuarantine erases directories in quarantine that are past their time too: they hold
// the same data.
func (q *Queue) clearQuarantine(now time.Time) error {
	entries, err := os.ReadDir(filepath.Join(q.root, "quarantine"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		_, at, _ := strings.Cut(e.Name(), "-")
		since, err := strconv.ParseInt(at, 10, 64)
		if err != nil || now.Sub(time.Unix(since, 0)) < q.opt.Retain {
			continue
		}
		dir := filepath.Join(q.root, "quarantine", e.Name())
		if err := disk.Shred(filepath.Join(dir, "key")); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// Close commits what waits, closes every directory and marks the state as closed. It gives
// up at ctx's deadline (10 s if it has none): the process may exit then, and the next Open
// takes a little longer. Later calls return nil.
func (q *Queue) Close(ctx context.Context) error {
	first := false
	q.closeOne.Do(func() { first = true; close(q.closing) })
	if !first {
		return nil
	}
	ctx, cancel := deadline(ctx, 10*time.Second)
	defer cancel()
	select {
	case <-q.ended:
	case <-ctx.Done():
		return fmt.Errorf("close queue: a write does not end: %w", ctx.Err())
	}
	if err := q.stoppedErr(); err != nil {
		// Whatever stopped it may make Badger's Close hang or write over a full disk.
		q.letGo()
		return nil
	}
	// Closing writes a sorted table through a mapping; without room for it the log stays
	// as it is and is read at the next start.
	if free, err := disk.Free(q.root); err == nil && free < 2*memTable && !q.dropBallast() {
		q.letGo()
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.days {
		if err := closeBadger(ctx, d.db, q.opt.ProbeTimeout); err != nil {
			return fmt.Errorf("close queue: %w", err)
		}
		if err := dropReserved(d.dir); err != nil {
			return fmt.Errorf("close queue: %w", err)
		}
	}
	q.index = map[string]entry{}
	q.st.Clean = true
	err := q.witnessNow()
	q.letGo()
	if err != nil {
		return fmt.Errorf("close queue: %w", err)
	}
	return nil
}

func (q *Queue) letGo() {
	q.cur.closeLog()
	q.wit.close()
	q.lock.Close()
}
