package capture

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/drivers/sense"
)

// open opens a stream on a rig and shows it n frames under NIR first.
func open(t *testing.T, r *rig, n int) *Stream {
	t.Helper()
	s, err := Open(t.Context(), r, r, r.options())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Switch(t.Context(), NIR); err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := s.Next(t.Context(), make([]byte, s.Size())); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// good checks that the shots are those of an order, each in nothing but its own light.
func good(t *testing.T, order Order, shots []Shot) {
	t.Helper()
	seen := [Phases]bool{}
	for i, s := range shots {
		if !s.Settled || s.Phase < 0 || s.Phase >= Phases || s.Light != order[s.Phase] {
			t.Fatalf("shot %d: settled %v in phase %d, light %v; order %v", i, s.Settled, s.Phase, s.Light, order)
		}
		seen[s.Phase] = true
		if want := bytes.Repeat([]byte{levels[s.Light]}, rigW*rigH); !bytes.Equal(s.Luma, want) {
			t.Fatalf("shot %d in phase %d under %v is a mixture: rows from %d to %d", i, s.Phase, s.Light, s.Luma[0], s.Luma[len(s.Luma)-1])
		}
		if i > 0 && s.At <= shots[i-1].At {
			t.Errorf("shot %d is not later than the one before", i)
		}
	}
	if seen != [Phases]bool{true, true, true, true, true, true, true, true} {
		t.Errorf("phases %v have shots", seen)
	}
}

func dark(r *rig) bool { return r.lit() == [2]bool{} }

func TestTake(t *testing.T) {
	ms := time.Millisecond
	every := func(n uint64) func(uint64) bool { return func(k uint64) bool { return k%n == n-1 } }
	for _, c := range []struct {
		name   string
		change func(r *rig)
		within time.Duration
	}{
		{"plain", func(r *rig) {}, 600 * ms},
		{"frames queue for 80 ms", func(r *rig) { r.late = 80 * ms }, 720 * ms},
		{"slow lamps", func(r *rig) { r.lampLate = 5 * ms }, 600 * ms},
		{"times that jitter by 3 ms", func(r *rig) {
			r.jitter = func(k uint64) time.Duration { return time.Duration(k*7%7) * ms / 2 }
		}, 600 * ms},
		{"every 5th frame lost", func(r *rig) { r.lose = every(5) }, 1100 * ms},
		{"every 7th frame damaged", func(r *rig) { r.damage = every(7) }, 1000 * ms},
		{"27 frames a second", func(r *rig) { r.interval = time.Second / 27 }, 660 * ms},
		{"exposure not held", func(r *rig) { r.held = sense.Held{}; r.exposure = frameTime }, 900 * ms},
		{"no times of its own", func(r *rig) { r.untimed = true }, 1200 * ms},
		{"short exposure", func(r *rig) { r.held.Time, r.exposure = ms, ms }, 600 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				c.change(r)
				s := open(t, r, 5)
				rnd := rand.NewChaCha8([32]byte{1})
				luma, shots := make([]byte, 2*Phases*s.Size()), make([]Shot, 0, 2*Phases)
				for range 12 {
					order, err := DrawOrder(rnd)
					if err != nil {
						t.Fatal(err)
					}
					began := r.since()
					shots, err = s.Take(t.Context(), order, luma, shots[:0])
					if err != nil {
						t.Fatal(err)
					}
					if took := r.since() - began; took > c.within {
						t.Errorf("took %v, more than %v", took, c.within)
					}
					good(t, order, shots)
					if !dark(r) || r.alive != 0 {
						t.Fatalf("lamps %v, %d frames alive", r.lit(), r.alive)
					}
				}
				if err := s.Close(t.Context()); err != nil || r.running {
					t.Errorf("close: %v", err)
				}
			})
		})
	}
}

func TestTakeFromACameraMuchSlowerThanGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.interval = time.Second / 5
		s, err := Open(t.Context(), r, r, r.options())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Switch(t.Context(), NIR); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := s.Next(t.Context(), make([]byte, s.Size())); err != nil {
				t.Fatal(err)
			}
		}
		order := Order{NIR, NIR, Dark, White, White, Dark, NIR, White}
		shots, err := s.Take(t.Context(), order, make([]byte, Phases*s.Size()), nil)
		if err != nil {
			t.Fatal(err)
		}
		good(t, order, shots)
	})
}

func TestTakeFails(t *testing.T) {
	order := Order{NIR, Dark, White, NIR, Dark, White, White, NIR}
	for _, c := range []struct {
		name   string
		change func(r *rig, cancel func())
		want   error
		device bool
	}{
		{"no frames any more", func(r *rig, _ func()) { r.silent = true }, ErrPhases, true},
		{"damaged ones only", func(r *rig, _ func()) { r.damage = func(uint64) bool { return true } }, ErrPhases, true},
		{"lamp breaks", func(r *rig, _ func()) {
			n := 0
			r.lampErr = func(_ sense.Channel, on bool) error {
				if n++; n == 5 {
					return errRig
				}
				return nil
			}
		}, errRig, true},
		{"cancelled under way", func(r *rig, cancel func()) { time.AfterFunc(200*time.Millisecond, cancel) }, context.Canceled, false},
		{"cancelled before", func(r *rig, cancel func()) { cancel() }, context.Canceled, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				s := open(t, r, 5)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c.change(r, cancel)
				luma := bytes.Repeat([]byte{7}, Phases*s.Size())
				began := r.since()
				_, err := s.Take(ctx, order, luma, nil)
				if !errors.Is(err, c.want) {
					t.Fatalf("%v; want %v", err, c.want)
				}
				var fault *biometric.Error
				if errors.As(err, &fault) != c.device || c.device && (fault.Fault != biometric.FaultDevice || fault.Hint == "") {
					t.Errorf("%#v", err)
				}
				if took := r.since() - began; took > 1700*time.Millisecond {
					t.Errorf("failed after %v", took)
				}
				if !dark(r) || r.alive != 0 {
					t.Errorf("lamps %v, %d frames alive", r.lit(), r.alive)
				}
				if !bytes.Equal(luma, make([]byte, len(luma))) {
					t.Error("pictures are left in memory")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		s := open(t, r, 1)
		if _, err := s.Take(t.Context(), order, make([]byte, Phases*s.Size()-1), nil); err == nil {
			t.Error("too little memory is enough")
		}
		if _, err := s.Take(t.Context(), Order{}, make([]byte, Phases*s.Size()), nil); err == nil || !dark(r) {
			t.Errorf("an order of one light is played: %v", err)
		}
	})
}

func TestNextKnowsItsLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		s := open(t, r, 0)
		luma := make([]byte, s.Size())
		settled := map[Light]int{}
		for i := range 24 {
			if i%6 == 0 {
				if err := s.Switch(t.Context(), Light(i/6%3)); err != nil {
					t.Fatal(err)
				}
			}
			shot, err := s.Next(t.Context(), luma)
			if err != nil {
				t.Fatal(err)
			}
			if !shot.Settled {
				continue
			}
			settled[shot.Light]++
			if shot.Phase != -1 || shot.Luma[0] != levels[shot.Light] || shot.Luma[len(shot.Luma)-1] != levels[shot.Light] {
				t.Errorf("frame %d under %v: %d to %d", i, shot.Light, shot.Luma[0], shot.Luma[len(shot.Luma)-1])
			}
		}
		if settled[Dark] < 7 || settled[NIR] < 4 || settled[White] < 4 {
			t.Errorf("settled frames: %v", settled)
		}
		r.damage = func(uint64) bool { return true }
		if _, err := s.Next(t.Context(), luma); !errors.Is(err, ErrFrames) {
			t.Errorf("damaged frames only: %v", err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.lampErr = func(sense.Channel, bool) error { return errRig }
		if _, err := Open(t.Context(), r, r, r.options()); !errors.Is(err, errRig) || r.running {
			t.Errorf("lamps that do not work: %v, camera on: %v", err, r.running)
		}
		r = newRig()
		if _, err := Open(t.Context(), r, oneLamp{r}, r.options()); !errors.Is(err, ErrLamps) {
			t.Errorf("one lamp: %v", err)
		}
		s, err := Open(t.Context(), r, r, Options{Now: r.now})
		if err != nil || s.Mode().Width != 640 {
			t.Errorf("%v", err)
		}
	})
}

type oneLamp struct{ *rig }

func (oneLamp) Channels() []sense.Channel { return []sense.Channel{ChannelNIR} }

func TestFramesDoNotAllocate(t *testing.T) {
	r := newRig()
	s, err := Open(t.Context(), r, r, r.options())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.lights.set(t.Context(), Dark, 0); err != nil {
		t.Fatal(err)
	}
	luma, shots := make([]byte, Phases*s.Size()), make([]Shot, 0, Phases)
	data := make([]byte, rigW*rigH)
	f := sense.NewFrame(sense.Header{Timed: true, Pixel: sense.GREY, Width: rigW, Height: rigH, Stride: rigW}, data, nil)
	taking := taking{s: s, size: s.Size()}
	n := testing.AllocsPerRun(50, func() {
		taking.luma, taking.shots, taking.count = luma, shots, [Phases]int{}
		f.Seq++
		f.At = s.now()
		shot, ok := s.place(f)
		if !ok {
			t.Fatal("not placed")
		}
		shot.Settled = true
		taking.keep(f, shot)
		if len(taking.shots) != 1 {
			t.Fatal("not kept")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
