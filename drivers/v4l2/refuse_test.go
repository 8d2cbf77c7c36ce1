package v4l2

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

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
		{"no video device", func(k *fake) { k.fails[0] = unix.ENOTTY }, ErrNotCamera, "correct"},
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
