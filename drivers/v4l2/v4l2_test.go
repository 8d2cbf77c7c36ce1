package v4l2

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

var grey = sense.Mode{Pixel: sense.GREY, Width: 8, Height: 4}

// opened opens the fake's camera; the end of the test closes it and looks for leaks.
func opened(t *testing.T, k *fake) *Device {
	t.Helper()
	d, err := open(k, Config{Path: "/dev/video7", Stream: "nir"})
	if err != nil {
		t.Fatal(err)
	}
	d.layouts = []layout{layouts(wordSize)[0]}
	if k.layout != d.layouts[0] {
		d.layouts = layouts(4)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil && !errors.Is(err, drivers.ErrTimeout) {
			t.Error(err)
		}
		<-d.done
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.opened != 0 || k.mapped != 0 {
			t.Errorf("%d descriptors and %d mappings left", k.opened, k.mapped)
		}
	})
	return d
}

func started(t *testing.T, k *fake) *Device {
	t.Helper()
	d := opened(t, k)
	if _, err := d.Start(t.Context(), grey); err != nil {
		t.Fatal(err)
	}
	return d
}

func next(t *testing.T, d *Device) *sense.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	f, err := d.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantError(t *testing.T, err, want error, hint string) {
	t.Helper()
	var e *drivers.Error
	if !errors.Is(err, want) || !errors.As(err, &e) || !strings.Contains(e.Hint, hint) || e.Subject == "" || e.Op == "" {
		t.Errorf("%v (hint %q), want %v with a hint of %q", err, e, want, hint)
	}
}

func inBubble(name string, t *testing.T, f func(t *testing.T, k *fake)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, newFake(t)) }) })
}

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout layout
	}{{"64 bit", layouts(8)[0]}, {"32 bit", layouts(4)[0]}, {"32-bit time", layouts(4)[1]}} {
		if c.layout.pix != layouts(wordSize)[0].pix && wordSize == 4 {
			continue // 64-bit records on a 32-bit machine are nobody's
		}
		inBubble(c.name, t, func(t *testing.T, k *fake) {
			k.layout = c.layout
			d := started(t, k)
			for i := range byte(3) {
				k.frame('a'+i, 32, monotone)
				f := next(t, d)
				want := sense.Header{Stream: "nir", Seq: uint64(i) + 1, Pixel: sense.GREY, Width: 8, Height: 4, Stride: 8, Timed: true,
					At: sense.Time(time.Duration(i+1) * 33333 * time.Microsecond)}
				if f.Header != want {
					t.Errorf("%+v, want %+v", f.Header, want)
				}
				if !bytes.Equal(f.Data(), bytes.Repeat([]byte{'a' + i}, 32)) {
					t.Errorf("another picture")
				}
				synctest.Wait()
				k.do(func() {
					if bytes.IndexByte(k.buffers[i], 'a'+i) >= 0 {
						t.Error("the kernel's buffer still holds the picture")
					}
					if len(k.queued) != DefaultBuffers {
						t.Errorf("%d buffers queued", len(k.queued))
					}
				})
				data := f.Data()
				f.Release()
				if !bytes.Equal(data, make([]byte, 32)) {
					t.Error("a released frame is not wiped")
				}
			}
		})
	}
}

func TestDamagedFrames(t *testing.T) {
	inBubble("error flag, short, long", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		for _, c := range []struct {
			n, flags uint32
			damaged  bool
			timed    bool
		}{{32, monotone, false, true}, {32, monotone | flagError, true, true}, {31, monotone, true, true}, {5000, monotone, true, true}, {32, 0, false, false}} {
			k.frame('x', c.n, c.flags)
			f := next(t, d)
			if f.Damaged != c.damaged || f.Timed != c.timed || len(f.Data()) != int(min(c.n, 32)) {
				t.Errorf("%d bytes, flags %x: %+v with %d bytes", c.n, c.flags, f.Header, len(f.Data()))
			}
			if !c.timed && f.At != 77 {
				t.Errorf("taken at %d", f.At)
			}
			f.Release()
		}
		if c := d.Counts(); c != (Counts{Frames: 2, Damaged: 3}) {
			t.Errorf("%+v", c)
		}
	})
	inBubble("JPEG without an end", t, func(t *testing.T, k *fake) {
		k.pixel, k.stride, k.image = uint32(sense.MJPEG), 0, 64
		d := opened(t, k)
		if _, err := d.Start(t.Context(), sense.Mode{Pixel: sense.MJPEG, Width: 8, Height: 4}); err != nil {
			t.Fatal(err)
		}
		k.frame('x', 32, monotone)
		if f := next(t, d); !f.Damaged {
			t.Error("taken for whole")
		}
	})
}

func TestLostFramesAreCounted(t *testing.T) {
	inBubble("gaps and slow readers", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		k.frame(1, 32, monotone)
		next(t, d).Release()
		k.do(func() { k.sequence += 3 })
		k.frame(2, 32, monotone)
		if f := next(t, d); f.Lost != 3 || f.Seq != 5 {
			t.Errorf("%+v after 3 frames that the kernel left out", f.Header)
		} else {
			f.Release()
		}
		// Nobody reads: the oldest go, and are wiped; memory is bounded.
		for range 100 {
			k.frame(3, 32, monotone)
			synctest.Wait()
		}
		f := next(t, d)
		if f.Lost != 100-DefaultFrames/2 || f.Seq != 5+100-DefaultFrames/2+1 {
			t.Errorf("%+v after 100 frames nobody took", f.Header)
		}
		if n := d.stream.pool.made; n > DefaultFrames {
			t.Errorf("memory for %d frames", n)
		}
		if c := d.Counts(); c.Gaps != 3 || c.Dropped != 100-DefaultFrames/2 {
			t.Errorf("%+v", c)
		}
	})
	inBubble("a reader that keeps all", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		var kept []*sense.Frame
		for range DefaultFrames {
			k.frame(1, 32, monotone)
			kept = append(kept, next(t, d))
		}
		for range 5 {
			k.frame(2, 32, monotone)
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Next(ctx); !errors.Is(err, drivers.ErrTimeout) {
			t.Errorf("a frame beyond the limit: %v", err)
		}
		for _, f := range kept {
			if f.Data()[0] != 1 {
				t.Error("a frame that is held was written to")
			}
			f.Release()
		}
		k.frame(3, 32, monotone)
		if f := next(t, d); f.Lost != 5 || f.Data()[0] != 3 {
			t.Errorf("%+v", f.Header)
		}
	})
	inBubble("numbers that stand still or wrap", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		for i, seq := range []uint32{1<<32 - 2, 1<<32 - 2, 1<<32 - 1, 1, 0} {
			k.do(func() { k.sequence = seq - 1 })
			k.frame(1, 32, monotone)
			f := next(t, d)
			if want := []uint64{0, 0, 0, 1, 0}[i]; f.Lost != want {
				t.Errorf("frame %d: %+v", i, f.Header)
			}
			f.Release()
		}
	})
}
