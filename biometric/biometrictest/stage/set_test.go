package stage

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

// small is a sensor whose frames are quick to draw.
func small() Sensor { return Sensor{Width: 160, Height: 120, Focal: 102} }

func TestLampsShowInFrames(t *testing.T) {
	for _, px := range []sense.PixelFormat{sense.GREY, sense.YUYV} {
		set := NewSet(new(Virtual))
		set.Show(Live(Options{Person: 2, Arrive: -1, Tone: 0.5}))
		cam, lamp := set.Camera(small()), set.Lamp()
		if _, err := cam.Start(t.Context(), sense.Mode{Pixel: px, Width: 160, Height: 120}); err != nil {
			t.Fatal(err)
		}
		seen := map[capture.Light]int{}
		luma := make([]byte, 160*120)
		for _, l := range []capture.Light{capture.Dark, capture.NIR, capture.White, capture.Dark} {
			on := LampsOf(l)
			for c, v := range map[sense.Channel]bool{capture.ChannelNIR: on.NIR, capture.ChannelWhite: on.White} {
				if _, err := lamp.Switch(t.Context(), c, v); err != nil {
					t.Fatal(err)
				}
			}
			f, err := cam.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if luma, err = f.Luma(luma); err != nil {
				t.Fatal(err)
			}
			f.Release()
			seen[l] = int(luma[60*160+80])
		}
		if seen[capture.NIR] < 60 || seen[capture.White] < 60 || seen[capture.Dark] > 25 {
			t.Errorf("%v: %v", px, seen)
		}
		if err := cam.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestStraddlingFrame switches a lamp while a frame is exposed: its upper rows were read
// before.
func TestStraddlingFrame(t *testing.T) {
	f := NewFilm(small())
	p := Live(Options{Person: 2, Arrive: -1})
	dst := make([]byte, f.Width*f.Height)
	f.Expose(dst, p, time.Second, Lighting{{time.Second + f.Exposure + f.Readout/2, Lamps{NIR: true}}})
	if top, low := dst[40*160+80], dst[100*160+80]; top > 20 || low < top+20 {
		t.Errorf("%d on top and %d below", top, low)
	}
}

func TestCameraStates(t *testing.T) {
	set := NewSet(Real{})
	cam := set.Camera(small())
	if _, err := cam.Next(t.Context()); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("not started: %v", err)
	}
	modes, _ := cam.Modes(t.Context())
	if _, err := cam.Start(t.Context(), sense.Mode{Pixel: sense.MJPEG, Width: 160, Height: 120}); err == nil {
		t.Error("started a mode that it does not have")
	}
	if _, err := cam.Start(t.Context(), modes[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := cam.Start(t.Context(), modes[0]); !errors.Is(err, drivers.ErrBusy) {
		t.Errorf("started twice: %v", err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if _, err := cam.Next(late); !errors.Is(err, drivers.ErrTimeout) {
		t.Errorf("past its deadline: %v", err)
	}
	waiting := make(chan error)
	go func() {
		for {
			f, err := cam.Next(t.Context())
			if err != nil {
				waiting <- err
				return
			}
			f.Release()
		}
	}()
	if err := cam.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := cam.Start(t.Context(), modes[0]); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("started after Close: %v", err)
	}
}

func TestFramesAreLostWhenNobodyTakesThem(t *testing.T) {
	clock := new(Virtual)
	set := NewSet(clock)
	cam := set.Camera(small())
	modes, _ := cam.Modes(t.Context())
	if _, err := cam.Start(t.Context(), modes[0]); err != nil {
		t.Fatal(err)
	}
	if err := clock.Until(t.Context(), clock.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	f, err := cam.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Lost < 20 || f.Lost != f.Seq {
		t.Errorf("frame %d, %d lost before it", f.Seq, f.Lost)
	}
	g, err := cam.Next(t.Context())
	if err != nil || g.Lost != 0 || g.Seq != f.Seq+1 {
		t.Errorf("frame %d, %d lost before it: %v", g.Seq, g.Lost, err)
	}
	f.Release()
	g.Release()
}
