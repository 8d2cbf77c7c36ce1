package v4l2

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

// TestCycles opens, streams, unplugs and closes at random moments: every Close within its
// limit, nothing left, and no frame of one stream in the next.
func TestCycles(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	for seed := range uint64(rounds) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			k := newFake(t)
			d, err := open(k, Config{Path: "/dev/video7"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			after := func() <-chan time.Time { return time.After(time.Duration(rnd.IntN(100)) * time.Millisecond) }
			var others sync.WaitGroup
			defer others.Wait()
			others.Go(func() {
				for !d.isClosing() {
					k.frame(byte(seed), 32, monotone)
					<-time.After(3 * time.Millisecond)
				}
			})
			if rnd.IntN(2) == 0 {
				unplug := after()
				others.Go(func() { <-unplug; k.unplug() })
			}
			closing := after()
			others.Go(func() {
				<-closing
				before := time.Now()
				if err := d.Close(); err != nil || time.Since(before) > 250*time.Millisecond {
					t.Errorf("seed %d: %v after %v", seed, err, time.Since(before))
				}
			})
			for {
				_, err := d.Start(ctx, grey)
				for n := rnd.IntN(20); err == nil && n > 0; n-- {
					var f *sense.Frame
					if f, err = d.Next(ctx); err == nil {
						if f.Data()[0] != byte(seed) {
							t.Errorf("seed %d: a wiped frame", seed)
						}
						f.Release()
					}
				}
				if errors.Is(err, drivers.ErrClosed) {
					break
				}
				if err != nil && !errors.Is(err, drivers.ErrGone) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				<-time.After(time.Millisecond)
			}
			others.Wait()
			<-d.done
			k.do(func() {
				if k.opened != 0 || k.mapped != 0 || k.locked != 0 {
					t.Errorf("seed %d: %d descriptors, %d mappings and %d locked bytes left", seed, k.opened, k.mapped, k.locked)
				}
			})
		})
	}
}

// BenchmarkFrame is the way of one 640x480 grey frame through the driver: copied, wiped in the
// kernel's buffer, taken, released.
func BenchmarkFrame(b *testing.B) {
	const w, h = 640, 480
	d := &Device{name: "nir", limit: DefaultFrames}
	d.queue.ready = make(chan struct{}, 1)
	s := &stream{mode: sense.Mode{Pixel: sense.GREY, Width: w, Height: h}, stride: w, maps: [][]byte{make([]byte, w*h)}}
	s.pool = newPool(kernel{}, w*h, DefaultFrames)
	b.SetBytes(w * h)
	b.ReportAllocs()
	for b.Loop() {
		d.arrived(s, buffer{used: w * h, flags: stampMonotone})
		f, _ := d.queue.take()
		f.Release()
	}
}
