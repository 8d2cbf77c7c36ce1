package queuebench

import (
	"context"
	"crypto/sha256"
	"sync"
	"testing"

	"github.com/tilld/tilld/agent/queue"
)

type keys struct{}

func (keys) Derive(label string) ([]byte, error) {
	h := sha256.Sum256([]byte(label))
	return h[:], nil
}

// Fails when a figure is not measured at all, or when a sale takes more than two commits.
func TestMeasure(t *testing.T) {
	r, err := Measure(t.Context(), Options{Dir: t.TempDir(), Keys: keys{}, Commits: 30, Sales: 10, Duties: 500})
	if err != nil {
		t.Fatal(err)
	}
	if r.FlushesPerSale != 2 || r.LatencyRatio <= 0 || r.RateRatio <= 0 || r.OpenEmpty <= 0 || r.OpenDuties <= 0 {
		t.Fatalf("%+v", r)
	}
}

// BenchmarkRatios reports the ratios of one run: go test -bench Ratios -benchtime 1x.
func BenchmarkRatios(b *testing.B) {
	for b.Loop() {
		r, err := Measure(b.Context(), Options{Dir: b.TempDir(), Keys: keys{}})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(r.LatencyRatio, "x-latency")
		b.ReportMetric(r.RateRatio, "x-rate")
		b.ReportMetric(r.FlushesPerSale, "commits/sale")
		b.ReportMetric(r.BadgerBytesPerSale, "B/sale")
		b.ReportMetric(r.DeviceBytesPerSale, "deviceB/sale")
		b.ReportMetric(float64(r.OpenEmpty.Microseconds())/1000, "ms-open-empty")
		b.ReportMetric(float64(r.OpenDuties.Microseconds())/1000, "ms-open-duties")
		b.Logf("%+v", r)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, bc := range []struct {
		name    string
		writers int
	}{{"1 writer", 1}, {"16 writers", 16}} {
		b.Run("queue/"+bc.name, func(b *testing.B) {
			q, _, err := queue.Open(b.Context(), queue.Options{Dir: b.TempDir(), Keys: keys{}, Board: "b", Environment: "test"})
			if err != nil {
				b.Fatal(err)
			}
			defer q.Close(context.Background())
			share(b, bc.writers, func(i int) error { return q.Commit(context.Background(), put(i)) })
		})
		b.Run("preallocated/"+bc.name, func(b *testing.B) {
			raw, err := NewRaw(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer raw.Close()
			g := NewGroupedRaw(raw)
			defer g.Close()
			share(b, bc.writers, func(i int) error { return g.Write(put(i).Value) })
		})
	}
}

// share divides b.N among writers.
func share(b *testing.B, writers int, do func(i int) error) {
	b.SetBytes(recordSize)
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < b.N; i += writers {
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
