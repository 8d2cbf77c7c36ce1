package powercut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/board"
	"github.com/tilld/tilld/internal/board/replay"
)

// Options says how much to do.
type Options struct {
	Guest   string        // the program that becomes /init of the board
	Dir     string        // where to work; emptied at the end
	Cuts    int           // of the run that must lose nothing
	Control int           // of the run that must lose
	Lying   int           // of a card that lies about its last flushes
	Commits int           // to be acknowledged in each boot
	Selling time.Duration // at most, in each boot
	Boots   int
	Workers int
	Seed    uint64
	Keep    bool // the recordings
}

// Summary is what came of the cuts of one kind.
type Summary struct {
	Cuts, Lost, Doubled, Broken int
	// Unnoticed are the cuts after which acknowledged records were missing and the journal
	// said nothing.
	Unnoticed           int
	Acknowledged        int // records, before the last cut
	Writes, Flushes, MB int
	Took                time.Duration
	// Worst are some of the findings that are not as they should be.
	Worst []Finding
}

func (s *Summary) add(f Finding) {
	s.Cuts++
	s.Acknowledged = max(s.Acknowledged, f.Acknowledged)
	if len(f.Lost) > 0 || f.Died || f.Broken != "" && f.Acknowledged > 0 {
		s.Lost++
		if !f.Noticed {
			s.Unnoticed++
		}
	}
	if len(f.Doubled) > 0 {
		s.Doubled++
	}
	if f.Broken != "" {
		s.Broken++
	}
	if f.bad() && len(s.Worst) < 5 {
		s.Worst = append(s.Worst, f)
	}
}

// Run records a board and cuts its power: a line of out for each result, in the words of
// report. It returns an error when anything was lost or charged twice, when the control run
// lost nothing, and when something could not be done.
func Run(ctx context.Context, o Options, out, progress io.Writer) error {
	kernel, err := board.FindKernel(ctx, board.ARM64, board.Cache(), progress)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.Dir, "cuts-")
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if !o.Keep {
		defer os.RemoveAll(dir)
	}
	r := runner{Options: o, dir: dir, kernel: kernel, out: out, progress: progress}
	return errors.Join(r.synced(ctx), r.control(ctx))
}

type runner struct {
	Options
	dir      string
	kernel   board.Kernel
	out      io.Writer
	progress io.Writer
}

// synced is the till as it ships, on a card that keeps its word, and on one that does not.
func (r *runner) synced(ctx context.Context) error {
	begin := time.Now()
	recordings, err := r.record(ctx, "synced", Plan{Boots: r.Boots, Commits: r.Commits, Selling: r.Selling})
	if err != nil {
		return err
	}
	recorded := time.Since(begin)
	s, err := r.replay(ctx, recordings, r.Cuts, 0)
	if err != nil {
		return err
	}
	ok := s.Lost == 0 && s.Doubled == 0 && s.Broken == 0
	fmt.Fprintf(r.out, "power cuts  the till as it ships: %s, recorded in %.0f s, replayed in %.0f s  %s\n", s, recorded.Seconds(), s.Took.Seconds(), word(ok))
	r.explain(s)
	if !ok {
		err = errors.New("power cuts: something was lost or charged twice")
	}
	if r.Lying == 0 {
		return err
	}
	lying, e := r.replay(ctx, recordings, r.Lying, 2)
	if e != nil {
		return errors.Join(err, e)
	}
	fmt.Fprintf(r.out, "power cuts  a card that lies about its last 2 flushes: %s; the journal noticed %d of %d losses\n", lying, lying.Lost-lying.Unnoticed, lying.Lost)
	return err
}

// control is a till whose syncs do nothing. Where it loses nothing the check is worth nothing.
func (r *runner) control(ctx context.Context) error {
	if r.Control == 0 {
		return nil
	}
	recordings, err := r.record(ctx, "unsynced", Plan{Boots: 1, Commits: r.Commits, Selling: r.Selling, Unsynced: true})
	if err != nil {
		return err
	}
	s, err := r.replay(ctx, recordings, r.Control, 0)
	if err != nil {
		return err
	}
	ok := s.Lost > 0
	fmt.Fprintf(r.out, "power cuts  control, a till that does not sync: %s  %s\n", s, word(ok))
	if !ok {
		return errors.New("power cuts: a till that does not sync lost nothing: the check is worth nothing")
	}
	return nil
}

func word(ok bool) string {
	if ok {
		return "ok"
	}
	return "FAILED"
}

func (s *Summary) String() string {
	return fmt.Sprintf("%d cuts into %d writes with %d flushes (%d MB), %d records acknowledged; after %d cuts something was lost, after %d charged wrongly",
		s.Cuts, s.Writes, s.Flushes, s.MB, s.Acknowledged, s.Lost, s.Doubled)
}

// explain prints what was not as it should be.
func (r *runner) explain(s *Summary) {
	for _, f := range s.Worst {
		fmt.Fprintf(r.out, "  cut %d, after %d writes: %s\n", f.Cut, f.After,
			strings.Join(append(append(append([]string{f.Broken}, f.Lost...), f.Doubled...), f.Notes...), "; "))
	}
}

func (r *runner) record(ctx context.Context, name string, p Plan) ([]recording, error) {
	p.Kernel, p.Guest, p.Dir = r.kernel, r.Guest, filepath.Join(r.dir, name)
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return nil, err
	}
	return record(ctx, p, r.progress)
}

// replay spreads cuts over the recordings, and each recording's over the workers.
func (r *runner) replay(ctx context.Context, list []recording, cuts, lies int) (*Summary, error) {
	begin := time.Now()
	s := &Summary{}
	rnd := rand.New(rand.NewPCG(r.Seed, uint64(lies)))
	var mu sync.Mutex
	take := func(f Finding) { mu.Lock(); defer mu.Unlock(); s.add(f) }
	for i, rec := range list {
		if err := s.count(rec); err != nil {
			return nil, err
		}
		if rec.Writes == 0 {
			return nil, errors.New("replay cuts: nothing was written")
		}
		told, err := moments(rec)
		if err != nil {
			return nil, err
		}
		share := cuts / len(list)
		if i == 0 {
			share += cuts % len(list)
		}
		errs := make([]error, r.Workers)
		var wait sync.WaitGroup
		for w, mine := range deal(pick(rnd, share, rec.Writes, told), r.Workers) {
			wait.Go(func() { errs[w] = spawn(ctx, job{rec, mine, lies}, take) })
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
	}
	s.Took = time.Since(begin)
	return s, nil
}

func (s *Summary) count(r recording) error {
	f, err := os.Open(r.Log)
	if err != nil {
		return err
	}
	defer f.Close()
	entries, err := replay.Read(f, r.Writes)
	if err != nil {
		return err
	}
	s.Writes += len(entries)
	for _, e := range entries {
		if e.Flush() {
			s.Flushes++
		}
	}
	if n := len(entries); n > 0 {
		s.MB += int(entries[n-1].End() >> 20)
	}
	return nil
}

// moments are the numbers of writes at which the board told something in this boot.
func moments(r recording) (list []int, err error) {
	events, err := readEvents(r.Events)
	for _, e := range events {
		if e.At > 0 {
			list = append(list, e.At)
		}
	}
	return list, err
}

// pick chooses when the power fails, ascending: half of the cuts fall on any write, and half
// on the last moment before the write that follows something that was told. Where nothing is
// synced there are few writes, and nearly all that is told is told between two of them.
func pick(r *rand.Rand, cuts, writes int, told []int) []cut {
	list := make([]cut, cuts)
	for i := range list {
		list[i] = cut{After: 1 + r.IntN(writes), Seed: r.Uint64()}
		if i%2 == 0 && len(told) > 0 {
			list[i].After = told[r.IntN(len(told))]
		}
	}
	slices.SortFunc(list, func(a, b cut) int { return a.After - b.After })
	for i := range list {
		list[i].Number = i
	}
	return list
}

// deal gives every worker the n-th cuts, so that none gets all the late ones.
func deal(list []cut, workers int) [][]cut {
	out := make([][]cut, workers)
	for i, c := range list {
		out[i%workers] = append(out[i%workers], c)
	}
	return out
}
