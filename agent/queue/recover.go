package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/tilld/tilld/internal/disk"
)

// blindRange is how many payment numbers after the last one on record are asked for when
// no witness survived to say how many there were.
const blindRange = 16

// load opens and checks every day. clean says that the last daemon closed them all.
func (r *recovery) load(ctx context.Context, clean bool) error {
	onDisk, err := r.dirsOnDisk()
	if err != nil {
		return err
	}
	numbers := slices.Clone(onDisk)
	for _, d := range r.st.Days {
		if !slices.Contains(numbers, d.Number) {
			numbers = append(numbers, d.Number)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		known := r.st.day(n)
		if known == nil && !r.blind && (len(r.st.Days) == 0 || n < r.st.Days[len(r.st.Days)-1].Number) {
			// Erased, but the machine stopped before the directory was gone; or made, but
			// never named.
			if err := r.remove(n); err != nil {
				return err
			}
			continue
		}
		last := n == numbers[len(numbers)-1]
		if err := r.loadDay(ctx, n, clean, last); err != nil {
			return err
		}
	}
	return nil
}

// remove destroys the key and the directory of a day.
func (q *Queue) remove(n uint32) error {
	if err := q.keys.destroy(n); err != nil {
		return err
	}
	return os.RemoveAll(q.dayDir(n))
}

// loadDay opens one day and enters its records into the index, or moves it to quarantine.
func (r *recovery) loadDay(ctx context.Context, n uint32, clean, last bool) error {
	d := &day{number: n, dir: r.dayDir(n)}
	var err error
	if _, statErr := os.Stat(d.dir); statErr != nil {
		err = fmt.Errorf("the directory is missing")
	} else if d.aead, err = r.keys.open(n); err == nil {
		err = r.openDay(ctx, d, clean, last)
	}
	if err != nil {
		if ctx.Err() != nil || disk.IsFull(err) || errors.Is(err, ErrSpace) || disk.IsReadOnly(err) {
			return err
		}
		return r.quarantine(n, err)
	}
	known := r.st.day(n)
	var names []string
	found, err := d.scan(known, func(seq uint64, it item) {
		r.payments[it.payment] = true
		if it.deleted {
			delete(r.index, it.name())
			return
		}
		names = append(names, it.name())
		r.index[it.name()] = entry{day: d, seq: seq, open: it.open, summary: it.summary != nil}
	})
	if err != nil {
		for _, name := range names {
			if r.index[name].day == d {
				delete(r.index, name)
			}
		}
		if err2 := closeBadger(ctx, d.db, r.opt.ProbeTimeout); err2 != nil {
			return err2
		}
		return r.quarantine(n, err)
	}
	r.days = append(r.days, d)
	r.compare(known, found)
	return nil
}

func (r *recovery) openDay(ctx context.Context, d *day, clean, last bool) (err error) {
	if !clean {
		err := probe(ctx, d.dir, r.opt.ProbeTimeout)
		if err != nil && !errors.Is(err, errNoProbe) {
			if free, err2 := disk.Free(r.root); err2 == nil && free < memTable {
				return fmt.Errorf("%w: %w", ErrSpace, err)
			}
			return err
		}
	}
	d.db, err = openBadger(ctx, d.dir, !last, r.opt.ProbeTimeout, r.log)
	if err != nil || !last {
		return err
	}
	if err = r.settle(d); err != nil {
		err = errors.Join(err, closeBadger(ctx, d.db, r.opt.ProbeTimeout))
	}
	return err
}

// compare holds what was found in a day against the witness and takes the journal's head
// as the one to go on from.
func (r *recovery) compare(known *dayState, found scanned) {
	r.rec.Notes = append(r.rec.Notes, found.notes...)
	if known != nil {
		found.Date, found.Closed, found.Payments = known.Date, known.Closed, known.Payments
	} else if len(r.st.Days) > 0 {
		found.Payments = r.st.Highest
	}
	switch found.judge(known, r.st.Batch) {
	case intact:
		return
	case ahead:
		if known != nil {
			r.note("day %06d: %d records more than the witness knew", found.Number, found.Seq-known.Seq)
		}
	case behind:
		r.note("day %06d: the last batch, records %d to %d, is not in the journal", found.Number, found.Seq+1, known.Seq)
		r.doubt(r.st.Batch.Orders)
	case lost:
		if known != nil {
			r.note("day %06d: %d of %d records found", found.Number, found.Have, known.Have)
			r.damaged = append(r.damaged, *known)
		}
		r.st.Lost = true
	}
	r.changed = true
	r.st.Highest = max(r.st.Highest, found.highest)
	if known != nil {
		*known = found.dayState
	} else {
		r.st.Days = append(r.st.Days, found.dayState)
	}
}

func (r *recovery) doubt(orders []string) {
	for _, id := range orders {
		if slices.Contains(r.st.Doubt, id) {
			continue
		}
		if len(r.st.Doubt) == maxDoubt {
			r.st.Lost = true
			r.note("more orders in doubt than can be kept; the oldest are to be asked for as gaps")
			r.st.Doubt = r.st.Doubt[1:]
		}
		r.st.Doubt = append(r.st.Doubt, id)
	}
}

// quarantine moves a directory that does not open out of the way, its key with it.
func (r *recovery) quarantine(n uint32, why error) error {
	_, now := r.today()
	to := filepath.Join(r.root, "quarantine", fmt.Sprintf("%06d-%d", n, now.Unix()))
	r.note("day %06d is in quarantine: %v", n, why)
	r.log.Error("a day of the journal does not open and was moved aside", "day", n, "to", to, "err", why)
	if _, err := os.Stat(r.dayDir(n)); err == nil {
		if err := os.Rename(r.dayDir(n), to); err != nil {
			return err
		}
		if err := os.Rename(r.keys.path(n), filepath.Join(to, "key")); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := disk.SyncDir(filepath.Dir(to)); err != nil {
			return err
		}
		r.rec.Quarantined = to
	}
	r.changed = true
	if known := r.st.day(n); known != nil {
		if known.Have > 0 {
			r.damaged = append(r.damaged, *known)
			r.st.Lost = true
		}
		r.st.Days = slices.DeleteFunc(r.st.Days, func(d dayState) bool { return d.Number == n })
	} else if r.blind {
		r.st.Lost = true
	}
	return nil
}

// conclude names what is missing, makes a current day if there is none, and writes the
// witness again if anything changed.
func (r *recovery) conclude(ctx context.Context) error {
	before := r.st.Highest
	if r.blind {
		r.st.Lost = true
		r.reconstruct()
	}
	for _, d := range r.damaged {
		r.gaps(d)
	}
	if err := r.currentDay(ctx); err != nil {
		return err
	}
	if r.changed || r.blind || before != r.st.Highest {
		// Numbers found beyond the witness belong to starts before this one.
		r.st.Tokens[len(r.st.Tokens)-1].First = r.st.Highest + 1
		if err := r.witnessNow(); err != nil {
			return err
		}
	}
	if err := r.checkSummaries(); err != nil {
		r.note("summaries: %v", err)
	}
	r.rec.NextPayment = r.st.Highest + 1
	r.rec.Doubt = slices.Clone(r.st.Doubt)
	r.rec.Lost = r.st.Lost
	r.rec.Gaps = slices.Clone(r.st.Gaps)
	return nil
}

// currentDay makes the newest day the current one, or a fresh one when there is none that
// can be written to.
func (r *recovery) currentDay(ctx context.Context) error {
	if n := len(r.days); n > 0 {
		newest := r.days[n-1]
		if d := r.st.day(newest.number); d != nil && d.Closed == 0 && !newest.db.Opts().ReadOnly {
			r.cur = newest
			return nil
		}
	}
	d, err := r.newDay(ctx)
	if err != nil {
		return err
	}
	r.days = append(r.days, d)
	r.cur = d
	date, _ := r.today()
	r.st.Days = append(r.st.Days, dayState{Number: d.number, Date: date, Payments: r.st.Highest})
	r.changed = true
	return nil
}

// gaps adds the payment numbers of a damaged day that are nowhere in the journal.
func (r *recovery) gaps(d dayState) {
	to := r.st.Highest
	for _, other := range r.st.Days {
		if other.Number > d.Number {
			to = other.Payments
			break
		}
	}
	for seq := d.Payments + 1; seq <= to; seq++ {
		if !r.payments[seq] {
			r.gap(r.st.tokenOf(seq), seq)
		}
	}
}

// gap adds one number, to the last range if it follows on it.
func (r *recovery) gap(token string, seq uint64) {
	n := len(r.st.Gaps)
	if n > 0 {
		if g := &r.st.Gaps[n-1]; g.Token == token && (g.To+1 == seq || n == maxGaps) {
			g.To = seq
			return
		}
	}
	if n == maxGaps {
		r.note("payment %d is missing too; there is no room to keep it as a gap", seq)
		return
	}
	r.st.Gaps = append(r.st.Gaps, Gap{token, seq, seq})
}

// reconstruct makes do without a witness: the starts and the highest number are read off
// the payments on record, and the numbers that may have followed become a gap.
func (r *recovery) reconstruct() {
	for n := range r.index {
		if n[0] != byte(Payment) || len(n) != 1+22 {
			continue
		}
		if seq, err := strconv.ParseUint(n[1+14:], 10, 64); err == nil {
			r.st.Highest = max(r.st.Highest, seq)
		}
	}
	token := ""
	for n := range r.index {
		if n[0] == byte(Payment) && len(n) == 1+22 {
			if seq, err := strconv.ParseUint(n[1+14:], 10, 64); err == nil && seq == r.st.Highest {
				token = n[1+8 : 1+14]
			}
		}
	}
	if r.st.Highest > 0 {
		r.st.Tokens = slices.Insert(r.st.Tokens, 0, start{token, 1})
	}
	for range blindRange {
		r.st.Highest++
		r.gap(token, r.st.Highest)
	}
}

// Recovered tells the queue that every gap was asked and every doubt is on record: from
// now on Open does not report them again.
func (q *Queue) Recovered(ctx context.Context) error {
	return q.do(ctx, func() error {
		if !q.st.Lost && len(q.st.Gaps) == 0 && len(q.st.Doubt) == 0 {
			return nil
		}
		q.st.Lost, q.st.Gaps, q.st.Doubt = false, nil, nil
		if err := q.witnessNow(); err != nil {
			return q.fail(err)
		}
		return nil
	})
}
