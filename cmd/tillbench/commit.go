package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/queue/queuebench"
	"github.com/tilld/tilld/agent/terminal"
)

// How much is committed: rounds that alternate between the queue and its limit, so that a
// slow moment of the disk hits both.
const (
	commitRounds  = 10
	commitsAlone  = 100 // in one round, by one writer
	commitWriters = 16
	commitsEach   = 100 // in one round, by each of the writers
)

// commitFigure compares a durable commit with the least a file system takes for the same.
var commitFigure = Figure{
	Name:   "commit",
	What:   "durable commit of one 2 KiB record with its witness, over preallocated write + fdatasync of the same",
	Target: "1 writer: ≤ 2.2 of its latency; 16 writers: ≥ 0.35 of its group-commit rate",
	Measure: func(ctx context.Context, b *Bench) (Measured, error) {
		dir, err := b.sub("commit")
		if err != nil {
			return Measured{}, err
		}
		j, err := openJournal(ctx, dir)
		if err != nil {
			return Measured{}, err
		}
		defer j.close()
		limit, err := queuebench.NewRaw(dir)
		if err != nil {
			return Measured{}, err
		}
		defer limit.Close()
		alone, err := compareAlone(ctx, j, limit)
		if err != nil {
			return Measured{}, err
		}
		group, err := compareGroups(ctx, j, limit)
		if err != nil {
			return Measured{}, err
		}
		return Measured{
			Values: append(alone, group...),
			Notes: []string{fmt.Sprintf("%d rounds of %d commits by 1 writer, then of %d by each of %d; the median of rounds",
				commitRounds, commitsAlone, commitsEach, commitWriters)},
		}, nil
	},
}

// journal is a queue of our own with records to write.
type journal struct {
	q     *queue.Queue
	value []byte

	mu  sync.Mutex
	seq uint64
}

// openJournal opens a queue below dir, with a key file beside its state directory.
func openJournal(ctx context.Context, dir string) (*journal, error) {
	state := filepath.Join(dir, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	keys, err := terminal.OpenFileStore(filepath.Join(dir, "keys.toml"), state, nil)
	if err != nil {
		return nil, err
	}
	q, _, err := queue.Open(ctx, queue.Options{Dir: state, Keys: keys, Board: "bench", Environment: "test"})
	if err != nil {
		return nil, err
	}
	j := &journal{q: q, value: make([]byte, recordSize)}
	rand.Read(j.value)
	return j, nil
}

func (j *journal) close() error { return j.q.Close(context.Background()) }

// commit makes one payment's record durable.
func (j *journal) commit(ctx context.Context) error {
	j.mu.Lock()
	j.seq++
	seq := j.seq
	j.mu.Unlock()
	return j.q.Commit(ctx, queue.Put{Kind: queue.Payment, Key: fmt.Sprintf("payment-%d", seq), Value: j.value, Open: true, PaymentSeq: seq})
}

// compareAlone takes the latency of one writer, in the queue and at its limit by turns.
func compareAlone(ctx context.Context, j *journal, limit *queuebench.Raw) ([]Value, error) {
	var ours, theirs, ratios []float64
	for range commitRounds {
		o, err := latency(commitsAlone, func() error { return j.commit(ctx) })
		if err != nil {
			return nil, err
		}
		l, err := latency(commitsAlone, func() error { return limit.Write(j.value) })
		if err != nil {
			return nil, err
		}
		ours, theirs, ratios = append(ours, ms(o)), append(theirs, ms(l)), append(ratios, float64(o)/float64(l))
	}
	return []Value{
		atMost("1 writer, p50 latency over the limit's", median(ratios), "", 2.2),
		plain("1 writer, p50", median(ours), "ms"),
		plain("1 writer, limit p50", median(theirs), "ms"),
	}, nil
}

// latency is the median time of one of n calls.
func latency(n int, f func() error) (time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		begun := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun)
	}
	return quantile(took, 0.5), nil
}

// compareGroups takes the rate of many writers likewise.
func compareGroups(ctx context.Context, j *journal, limit *queuebench.Raw) ([]Value, error) {
	grouped := queuebench.NewGroupedRaw(limit)
	defer grouped.Close()
	var ours, theirs, ratios []float64
	for range commitRounds {
		o, err := rate(func() error { return j.commit(ctx) })
		if err != nil {
			return nil, err
		}
		l, err := rate(func() error { return grouped.Write(j.value) })
		if err != nil {
			return nil, err
		}
		ours, theirs, ratios = append(ours, o), append(theirs, l), append(ratios, o/l)
	}
	return []Value{
		atLeast("16 writers, rate over the limit's", median(ratios), "", 0.35),
		plain("16 writers", median(ours), "/s"),
		plain("16 writers, limit", median(theirs), "/s"),
	}, nil
}

// rate is how many calls a second all writers together get done.
func rate(f func() error) (float64, error) {
	var wg sync.WaitGroup
	errs := make(chan error, commitWriters)
	begun := time.Now()
	for range commitWriters {
		wg.Go(func() {
			for range commitsEach {
				if err := f(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	select {
	case err := <-errs:
		return 0, err
	default:
		return commitWriters * commitsEach / took.Seconds(), nil
	}
}
