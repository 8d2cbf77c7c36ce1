// Package queuebench measures the journal against what the device itself can do: a write
// into a preallocated file with fdatasync, in the same run and on the same file system, so
// that the ratio says something where absolute times do not.
package queuebench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/disk"
)

// Options of a measurement.
type Options struct {
	Dir     string // an empty directory on the device to measure
	Keys    queue.Keys
	Commits int // durable commits per figure; zero means 500
	Writers int // of the group-commit figure; zero means 16
	Sales   int // paid sales; zero means 100
	Duties  int // open records at the measured start; zero means 10,000
}

// Result holds what was measured. Ratios are of one run.
type Result struct {
	Raw1, Raw1P99         time.Duration // preallocated write and fdatasync, one writer: median, p99
	Queue1, Queue1P99     time.Duration // durable commit with witness, one writer
	LatencyRatio          float64       // Queue1 / Raw1; target at most 2.2
	RawGrouped, Queued    float64       // records per second with Writers writers, both in groups
	RateRatio             float64       // Queued / RawGrouped; target at least 0.35
	FlushesPerSale        float64       // commits per paid sale; target 2
	BadgerBytesPerSale    float64       // by /proc/self/io: file data, without the file system's journal
	DeviceBytesPerSale    float64       // by the block device's counters, if it has any; -1 if not
	OpenEmpty, OpenDuties time.Duration // Open of an empty queue and of one with Duties open records
}

const recordSize = 2 << 10

func (o Options) withDefaults() Options {
	for p, v := range map[*int]int{&o.Commits: 500, &o.Writers: 16, &o.Sales: 100, &o.Duties: 10_000} {
		if *p == 0 {
			*p = v
		}
	}
	return o
}

// Measure runs all of it; it takes some seconds, more on an SD card.
func Measure(ctx context.Context, o Options) (Result, error) {
	o = o.withDefaults()
	var r Result
	for _, step := range []struct {
		name string
		do   func(context.Context, Options, *Result) error
	}{
		{"latency", latency}, {"rate", rate}, {"sales", sales}, {"starts", starts},
	} {
		dir := filepath.Join(o.Dir, step.name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return r, err
		}
		s := o
		s.Dir = dir
		if err := step.do(ctx, s, &r); err != nil {
			return r, fmt.Errorf("measure %s: %w", step.name, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (o Options) open(ctx context.Context) (*queue.Queue, queue.Recovery, error) {
	return queue.Open(ctx, queue.Options{Dir: o.Dir, Keys: o.Keys, Board: "bench", Environment: "test"})
}

// Raw is the device's limit: a file allocated and written in full before, so that a write
// changes data blocks alone. Write is not safe for concurrent use.
type Raw struct {
	f  *os.File
	at int64
}

const rawSize = 32 << 20

// NewRaw makes the file in dir and writes all of it once.
func NewRaw(dir string) (*Raw, error) {
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		return nil, err
	}
	if err = disk.Allocate(f, rawSize); err == nil {
		zeros := make([]byte, 1<<20)
		for at := int64(0); err == nil && at < rawSize; at += 1 << 20 {
			_, err = f.WriteAt(zeros, at)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Raw{f: f}, nil
}

// Write puts b after what was written before and returns when it is durable.
func (r *Raw) Write(b []byte) error {
	if r.at+int64(len(b)) > rawSize {
		r.at = 0
	}
	if _, err := r.f.WriteAt(b, r.at); err != nil {
		return err
	}
	r.at += int64(len(b))
	return disk.Datasync(r.f)
}

// Close closes the file.
func (r *Raw) Close() error { return r.f.Close() }

func put(i int) queue.Put {
	value := make([]byte, recordSize)
	rand.Read(value)
	return queue.Put{Kind: queue.Outbox, Key: fmt.Sprint("record ", i), Value: value}
}

// latency alternates the two, so that both meet the same moods of the device.
func latency(ctx context.Context, o Options, r *Result) error {
	q, _, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer q.Close(ctx)
	raw, err := NewRaw(o.Dir)
	if err != nil {
		return err
	}
	defer raw.Close()
	var direct, queued []time.Duration
	for i := range o.Commits {
		p := put(i)
		begin := time.Now()
		if err := raw.Write(p.Value); err != nil {
			return err
		}
		middle := time.Now()
		if err := q.Commit(ctx, p); err != nil {
			return err
		}
		direct = append(direct, middle.Sub(begin))
		queued = append(queued, time.Since(middle))
	}
	slices.Sort(direct)
	slices.Sort(queued)
	r.Raw1, r.Raw1P99 = direct[len(direct)/2], direct[len(direct)*99/100]
	r.Queue1, r.Queue1P99 = queued[len(queued)/2], queued[len(queued)*99/100]
	r.LatencyRatio = float64(r.Queue1) / float64(r.Raw1)
	return nil
}

// rate compares group commit with group commit: the raw side has an owner too, which
// writes what waits in one piece.
func rate(ctx context.Context, o Options, r *Result) error {
	q, _, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer q.Close(ctx)
	raw, err := NewRaw(o.Dir)
	if err != nil {
		return err
	}
	defer raw.Close()
	var direct, queued time.Duration
	total := 0
	for range 4 { // in turns
		took, n, err := o.drive(func(i int) error { return nil }, raw)
		if err != nil {
			return err
		}
		direct += took
		base := total
		took, _, err = o.drive(func(i int) error { return q.Commit(ctx, put(base+i)) }, nil)
		if err != nil {
			return err
		}
		queued += took
		total += n
	}
	r.RawGrouped = float64(total) / direct.Seconds()
	r.Queued = float64(total) / queued.Seconds()
	r.RateRatio = r.Queued / r.RawGrouped
	return nil
}

// drive runs Writers writers until each has done its share. With raw given they hand their
// records to its owner instead of calling commit.
func (o Options) drive(commit func(i int) error, raw *Raw) (time.Duration, int, error) {
	each := o.Commits
	var owner *GroupedRaw
	if raw != nil {
		owner = NewGroupedRaw(raw)
		defer owner.Close()
		commit = func(i int) error { return owner.Write(put(i).Value) }
	}
	errs := make(chan error, o.Writers)
	var wg sync.WaitGroup
	begin := time.Now()
	for w := range o.Writers {
		wg.Go(func() {
			for i := range each {
				if err := commit(w*each + i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	select {
	case err := <-errs:
		return 0, 0, err
	default:
		return took, each * o.Writers, nil
	}
}

// GroupedRaw is group commit on a Raw: one owner writes what waits in one piece.
type GroupedRaw struct {
	reqs chan rawRequest
	done chan struct{}
}

type rawRequest struct {
	b    []byte
	done chan error
}

// NewGroupedRaw starts the owner.
func NewGroupedRaw(raw *Raw) *GroupedRaw {
	g := &GroupedRaw{make(chan rawRequest, 256), make(chan struct{})}
	go func() {
		defer close(g.done)
		for r := range g.reqs {
			group, buf := []rawRequest{r}, append([]byte(nil), r.b...)
		drain:
			for len(group) < 128 {
				select {
				case r, ok := <-g.reqs:
					if !ok {
						break drain
					}
					group, buf = append(group, r), append(buf, r.b...)
				default:
					break drain
				}
			}
			err := raw.Write(buf)
			for _, r := range group {
				r.done <- err
			}
		}
	}()
	return g
}

// Write returns when b is durable. Safe for concurrent use.
func (g *GroupedRaw) Write(b []byte) error {
	r := rawRequest{b, make(chan error, 1)}
	g.reqs <- r
	return <-r.done
}

// Close ends the owner; no Write may run or follow.
func (g *GroupedRaw) Close() { close(g.reqs); <-g.done }

// sales commits what a till commits for a paid sale: SENDING with the code's MAC, then
// PAID with the answer and the outbox entry, 1.5 KiB each.
func sales(ctx context.Context, o Options, r *Result) error {
	q, rec, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer q.Close(ctx)
	dev := deviceOf(o.Dir)
	before, io1, dev1 := q.Stats(), written(), dev.written()
	for n := range uint64(o.Sales) {
		id := sale.PaymentID("BENCHBEN", rec.Token, n+1)
		order := []string{sale.OrderID(id, 1, 0)}
		body := make([]byte, 1400)
		rand.Read(body)
		if err := q.Commit(ctx,
			queue.Put{Kind: queue.Payment, Key: id, Value: body, Open: true, PaymentSeq: n + 1, Orders: order},
			queue.Put{Kind: queue.Code, Key: fmt.Sprintf("%064x", n), Value: []byte(id)}); err != nil {
			return err
		}
		if err := q.Commit(ctx,
			queue.Put{Kind: queue.Payment, Key: id, Value: body[:900], PaymentSeq: n + 1, Orders: order,
				Summary: &queue.Summary{Order: order[0], Payment: id}},
			queue.Put{Kind: queue.Reply, Key: "SALE\x1fPOI\x1f" + id[12:], Value: body[:200]},
			queue.Put{Kind: queue.Outbox, Key: id + "paid", Value: body[:200]}); err != nil {
			return err
		}
	}
	after := q.Stats()
	r.FlushesPerSale = float64(after.Groups-before.Groups) / float64(o.Sales)
	r.BadgerBytesPerSale = float64(written()-io1) / float64(o.Sales)
	r.DeviceBytesPerSale = -1
	if dev.path != "" {
		dev.settle()
		r.DeviceBytesPerSale = float64(dev.written()-dev1) / float64(o.Sales)
	}
	return nil
}

// starts measures Open alone; a daemon's start holds more.
func starts(ctx context.Context, o Options, r *Result) error {
	timed := func() (*queue.Queue, time.Duration, error) {
		begin := time.Now()
		q, _, err := o.open(ctx)
		return q, time.Since(begin), err
	}
	q, _, err := timed()
	if err != nil {
		return err
	}
	if err := q.Close(ctx); err != nil {
		return err
	}
	if q, r.OpenEmpty, err = timed(); err != nil {
		return err
	}
	for i := 0; i < o.Duties; {
		var puts []queue.Put
		for range min(100, o.Duties-i) {
			i++
			puts = append(puts, queue.Put{Kind: queue.Payment, Key: fmt.Sprintf("duty %d", i), Value: make([]byte, 1500),
				Open: true, PaymentSeq: uint64(i)})
		}
		if err := q.Commit(ctx, puts...); err != nil {
			return err
		}
	}
	if err := q.Close(ctx); err != nil {
		return err
	}
	if q, r.OpenDuties, err = timed(); err != nil {
		return err
	}
	return q.Close(ctx)
}
