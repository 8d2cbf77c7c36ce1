package v4l2

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

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
		synctest.Wait()
		k.do(func() {
			if k.mapped != 0 {
				t.Errorf("%d buffers of a camera that is gone are kept", k.mapped)
			}
		})
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
	inBubble("ends every Next", t, func(t *testing.T, k *fake) {
		d := started(t, k)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := d.Next(t.Context()); !errors.Is(err, drivers.ErrGone) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		k.unplug()
		all.Wait()
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
		k.do(func() {
			if k.locked == 0 {
				t.Error("the frame's memory can be swapped")
			}
		})
		f.Release()
		k.do(func() {
			if k.locked != 0 {
				t.Errorf("%d bytes are still locked", k.locked)
			}
		})
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
