package hw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/board/hands"
)

// How often the plug is pulled: along with the rest, and where that is all.
const (
	cameraPulls = 3
	cameraMany  = 100
)

// cameraPlugCheck pulls the plug a hundred times.
func cameraPlugCheck(ctx context.Context, b *Bench) error {
	return b.cameras(ctx, func(c *cameraBench, ctx context.Context) {
		c.rule("unplugged while streaming, often", func(v *hands.Verdict) error { return c.pulls(ctx, cameraMany, v) })
	})
}

// pulls takes the plug out while frames come, and puts it in again.
func (c *cameraBench) pulls(ctx context.Context, times int, v *hands.Verdict) error {
	v.Of = times
	before, err := openFiles()
	if err != nil {
		return err
	}
	var noticed, closed, back time.Duration
	for range times {
		n, cl, b, err := c.pull(ctx)
		if err != nil {
			return err
		}
		noticed, closed, back = max(noticed, n), max(closed, cl), max(back, b)
		v.Done++
	}
	v.Found = fmt.Sprintf("noticed in %s, closed in %s, back in %s at most", ms(noticed), ms(closed), ms(back))
	after, err := openFiles()
	switch {
	case err != nil:
		return err
	case after > before:
		return fmt.Errorf("%d more files are open", after-before)
	case noticed > noticedWithin, closed > closesWithin, back > backWithin:
		return fmt.Errorf("allowed are %v, %v and %v", noticedWithin, closesWithin, backWithin)
	}
	return nil
}

func (c *cameraBench) pull(ctx context.Context) (noticed, closed, back time.Duration, err error) {
	if _, err = c.cam.Start(ctx, c.modes[0]); err != nil {
		return
	}
	f, err := c.next(ctx)
	if err != nil {
		return
	}
	f.Release()
	out, err := c.Do(ctx, hands.Order{Do: hands.Unplug, Device: c.about.Name})
	if err != nil {
		return
	}
	for err == nil {
		if f, err = c.next(ctx); err == nil {
			f.Release()
		}
	}
	if noticed = hands.Now() - out.At; !errors.Is(err, drivers.ErrGone) {
		return
	}
	begun := time.Now()
	err = c.close()
	if closed = time.Since(begun); err != nil {
		return
	}
	in, err := c.Do(ctx, hands.Order{Do: hands.Plug, Device: c.about.Name})
	if err != nil {
		return
	}
	if err = c.open(ctx); err != nil {
		return
	}
	if _, err = c.cam.Start(ctx, c.modes[0]); err != nil {
		return
	}
	if f, err = c.next(ctx); err != nil {
		return
	}
	back = hands.Now() - in.At
	f.Release()
	return noticed, closed, back, c.cam.Stop(ctx)
}

// openFiles is how many files this process has open.
func openFiles() (int, error) {
	list, err := os.ReadDir("/proc/self/fd")
	return len(list), err
}
