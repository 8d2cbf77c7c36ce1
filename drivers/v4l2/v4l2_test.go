package v4l2

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

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

func TestUnplug(t *testing.T) {
	inBubble("while waiting", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		time.AfterFunc(time.Minute, k.unplug)
		before := time.Now()
		_, err := d.Next(t.Context())
		wantError(t, err, drivers.ErrGone, "plug")
		if took := time.Since(before); took > time.Minute+100*time.Millisecond {
			t.Errorf("noticed after %v", took)
		}
		_, err = d.Start(t.Context(), grey)
		wantError(t, err, drivers.ErrGone, "plug")
	})
	inBubble("frames before it are not lost", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		k.frame(1, 32, monotone)
		k.frame(2, 32, monotone)
		synctest.Wait()
		k.unplug()
		synctest.Wait()
		next(t, d).Release()
		next(t, d).Release()
		_, err := d.Next(t.Context())
		wantError(t, err, drivers.ErrGone, "plug")
	})
	inBubble("errors first, gone later", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		k.do(func() { k.failing = true })
		k.poke()
		time.AfterFunc(30*time.Millisecond, k.unplug)
		_, err := d.Next(t.Context())
		wantError(t, err, drivers.ErrGone, "plug")
	})
	inBubble("errors without end", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		k.do(func() { k.failing = true })
		k.poke()
		_, err := d.Next(t.Context())
		wantError(t, err, unix.EIO, "")
		k.do(func() { k.failing = false })
		if _, err := d.Start(t.Context(), grey); err != nil {
			t.Errorf("not started again: %v", err)
		}
		k.frame(1, 32, monotone)
		next(t, d).Release()
	})
	inBubble("empty buffers do not spin", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		for range 1000 {
			if !k.frame(0, 0, flagError) {
				time.Sleep(time.Millisecond)
			}
		}
		synctest.Wait()
		k.do(func() {
			if k.calls > 5000 {
				t.Errorf("%d calls", k.calls)
			}
		})
		if d.Counts().Damaged == 0 {
			t.Error("not counted")
		}
	})
	inBubble("unnoticed by poll", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		k.do(func() { k.fails[0] = unix.ENODEV })
		before := time.Now()
		_, err := d.Next(t.Context())
		wantError(t, err, drivers.ErrGone, "plug")
		if took := time.Since(before); took > time.Second {
			t.Errorf("noticed after %v", took)
		}
	})
}

func TestClose(t *testing.T) {
	inBubble("ends Next", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		time.AfterFunc(time.Second, func() { d.Close() })
		_, err := d.Next(t.Context())
		wantError(t, err, drivers.ErrClosed, "")
		if _, err := d.Modes(t.Context()); !errors.Is(err, drivers.ErrClosed) {
			t.Error(err)
		}
		if err := d.Stop(t.Context()); !errors.Is(err, drivers.ErrClosed) {
			t.Error(err)
		}
	})
	inBubble("a frame outlives it", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		k.frame(9, 32, monotone)
		f := next(t, d)
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Error(err)
		}
		if f.Data()[31] != 9 {
			t.Error("gone with the camera")
		}
		f.Release()
	})
	inBubble("while the kernel holds a call", t, func(t *testing.T, k *fake) {
		d := opened(t, k)
		stuck := make(chan struct{})
		k.do(func() { k.hang[36] = stuck })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Lock(ctx, sense.Exposure{}); !errors.Is(err, drivers.ErrTimeout) {
			t.Error(err)
		}
		before := time.Now()
		if err := d.Close(); !errors.Is(err, drivers.ErrTimeout) {
			t.Error(err)
		}
		if took := time.Since(before); took > 250*time.Millisecond {
			t.Errorf("took %v", took)
		}
		close(stuck)
	})
}

func TestStop(t *testing.T) {
	inBubble("wipes and starts again", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		for round := range 3 {
			k.frame(1, 32, monotone)
			synctest.Wait()
			k.do(func() { k.buffers[1][0] = 5 }) // a picture that was begun
			buffers := k.buffers
			if err := d.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, b := range buffers {
				if !bytes.Equal(b, make([]byte, len(b))) {
					t.Errorf("round %d: buffer %d is not wiped", round, i)
				}
			}
			k.do(func() {
				if k.mapped != 0 || k.buffers != nil || k.streaming {
					t.Error("something is left of the stream")
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := d.Next(ctx); !errors.Is(err, drivers.ErrTimeout) {
				t.Errorf("a frame of the stream before: %v", err)
			}
			cancel()
			if _, err := d.Start(t.Context(), grey); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(d.Stop(t.Context()), d.Stop(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func TestStartRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(k *fake)
		mode sense.Mode
		want error
		hint string
	}{
		{"another size", func(k *fake) { k.w = 16 }, grey, ErrMode, "modes"},
		{"another format", func(k *fake) { k.pixel = uint32(sense.YUYV) }, grey, ErrMode, "modes"},
		{"another rate", nil, sense.Mode{Pixel: sense.GREY, Width: 8, Height: 4, Interval: 10 * time.Millisecond}, ErrMode, "modes"},
		{"a stride of less than a row", func(k *fake) { k.stride = 7 }, grey, ErrMode, "modes"},
		{"too little memory", func(k *fake) { k.image = 31 }, grey, ErrMode, "modes"},
		{"another program has it", func(k *fake) { k.fails[8] = unix.EBUSY }, grey, drivers.ErrBusy, "another program"},
		{"busy at the start", func(k *fake) { k.fails[18] = unix.EBUSY }, grey, drivers.ErrBusy, "another program"},
		{"no bandwidth", func(k *fake) { k.fails[18] = unix.ENOSPC }, grey, unix.ENOSPC, "bandwidth"},
		{"unplugged meanwhile", func(k *fake) { k.fails[15] = unix.ENODEV }, grey, drivers.ErrGone, "plug"},
		{"the camera is mute", func(k *fake) { k.fails[5] = unix.ETIMEDOUT }, grey, unix.ETIMEDOUT, "cable"},
	} {
		inBubble(c.name, t, func(t *testing.T, k *fake) {
			if c.make != nil {
				c.make(k)
			}
			d := opened(t, k)
			_, err := d.Start(t.Context(), c.mode)
			wantError(t, err, c.want, c.hint)
			k.do(func() {
				if k.mapped != 0 || k.streaming {
					t.Error("half a stream is left")
				}
			})
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(k *fake)
		want error
		hint string
	}{
		{"absent", func(k *fake) { k.fails[0xFFFF] = unix.ENOENT }, fs.ErrNotExist, "plug"},
		{"not allowed", func(k *fake) { k.fails[0xFFFF] = unix.EACCES }, fs.ErrPermission, "group"},
		{"metadata node", func(k *fake) { k.nodeCaps = 0x04A00000 }, ErrNotCamera, "other"},
		{"no video device", func(k *fake) { k.fails[0] = unix.ENOTTY }, ErrNotCamera, "other"},
		{"cannot stream", func(k *fake) { k.nodeCaps = 1 }, ErrNotCamera, "other"},
	} {
		k := newFake(t)
		c.make(k)
		_, err := open(k, Config{Path: "/dev/video7"})
		t.Run(c.name, func(t *testing.T) { wantError(t, err, c.want, c.hint) })
		if k.opened != 0 {
			t.Errorf("%s: %d descriptors left", c.name, k.opened)
		}
	}
	if _, err := Open(t.Context(), Config{Path: "/nonexistent/video"}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// qemu-user does not know the ioctl.
	if _, err := Open(t.Context(), Config{Path: "/dev/null"}); !errors.Is(err, ErrNotCamera) && !errors.Is(err, unix.ENOSYS) {
		t.Error(err)
	}
}

func TestProbe(t *testing.T) {
	k := newFake(t)
	got, err := probe(k, "/dev/video7")
	if err != nil || k.opened != 0 {
		t.Fatal(err, k.opened)
	}
	want := sense.Mode{Pixel: sense.GREY, Width: 8, Height: 4, Interval: 33333333}
	if got.Driver != "uvcvideo" || got.Card != "Fake ? camera" || got.Bus != "usb-1-1.2" || len(got.Modes) != 1 || got.Modes[0] != want {
		t.Errorf("%+v", got)
	}
}

func TestLock(t *testing.T) {
	inBubble("all there", t, func(t *testing.T, k *fake) {
		d := opened(t, k)
		held, err := d.Lock(t.Context(), sense.Exposure{Time: 5 * time.Millisecond, Gain: sense.Gain{Set: true, Value: 0}, Mains: 60})
		want := sense.Held{Time: 5 * time.Millisecond, TimeFixed: true, GainFixed: true, RateFixed: true, White: true, Mains: true}
		if err != nil || held != want {
			t.Errorf("%+v %v", held, err)
		}
		if k.controls[ctrlExposureAuto].value != 1 || k.controls[ctrlExposureTime].value != 50 || k.controls[ctrlPowerLine].value != 2 {
			t.Error("the device was told another thing")
		}
	})
	inBubble("what it has now", t, func(t *testing.T, k *fake) {
		held, err := opened(t, k).Lock(t.Context(), sense.Exposure{})
		if err != nil || held.Time != 15600*time.Microsecond || held.Gain != 40 || !held.TimeFixed || !held.GainFixed {
			t.Errorf("%+v %v", held, err)
		}
	})
	inBubble("nothing there", t, func(t *testing.T, k *fake) {
		clear(k.controls)
		held, err := opened(t, k).Lock(t.Context(), sense.Exposure{Time: time.Millisecond})
		if err != nil || held != (sense.Held{}) {
			t.Errorf("%+v %v", held, err)
		}
	})
	inBubble("no manual exposure", t, func(t *testing.T, k *fake) {
		k.controls[ctrlExposureAuto].least = 3
		held, err := opened(t, k).Lock(t.Context(), sense.Exposure{})
		if err != nil || held.TimeFixed {
			t.Errorf("%+v %v", held, err)
		}
	})
	inBubble("out of range", t, func(t *testing.T, k *fake) {
		_, err := opened(t, k).Lock(t.Context(), sense.Exposure{Time: time.Second})
		var e *drivers.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, "3 to 2047") {
			t.Errorf("%v", err)
		}
	})
	inBubble("reads back as another value", t, func(t *testing.T, k *fake) {
		k.controls[ctrlExposureTime].sticks = 200
		_, err := opened(t, k).Lock(t.Context(), sense.Exposure{Time: 5 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "reads back as 200") {
			t.Errorf("%v", err)
		}
	})
	inBubble("mains of no country", t, func(t *testing.T, k *fake) {
		if _, err := opened(t, k).Lock(t.Context(), sense.Exposure{Mains: 55}); err == nil {
			t.Error("accepted")
		}
	})
	inBubble("while streaming", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		if held, err := d.Lock(t.Context(), sense.Exposure{}); err != nil || !held.TimeFixed {
			t.Errorf("%+v %v", held, err)
		}
		k.frame(1, 32, monotone)
		next(t, d).Release()
	})
}
