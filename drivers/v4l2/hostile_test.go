package v4l2

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

// hostile is a kernel whose answers are the bytes of a fuzzer: a driver's bug, or a device
// that lies to a driver that believes it.
type hostile struct {
	fake
	script []byte
	memory [8][64]byte
}

func (h *hostile) byte() byte {
	if len(h.script) == 0 {
		return 0
	}
	b := h.script[0]
	h.script = h.script[1:]
	return b
}

func (h *hostile) ioctl(_ int, req uintptr, p unsafe.Pointer) error {
	nr, size := req&0xFF, req>>16&0x3FFF
	h.mu.Lock()
	defer h.mu.Unlock()
	a := unsafe.Slice((*byte)(p), size)
	if nr == 71 || nr == 72 {
		a = (*extControl)((*extControls)(p).controls).value[:] // a kernel that changes pointers is past help
	}
	if nr == 0 {
		arg(a).set(84, 0x04000001)
	}
	for n := h.byte() & 7; n > 0; n-- {
		a[int(h.byte())%len(a)] = h.byte()
	}
	switch h.byte() {
	case 0xFF:
		return unix.ENODEV
	case 0xFE:
		return unix.EINVAL
	case 0xFD:
		return unix.EIO
	case 0xFC:
		return unix.EAGAIN
	}
	return nil
}

func (h *hostile) mmap(_ int, offset int64, n int) ([]byte, error) {
	m := h.memory[offset&7][:]
	if n > len(m) {
		return nil, unix.EINVAL
	}
	return m[:n], nil
}

func (h *hostile) munmap([]byte) error { return nil }

func (h *hostile) poll(_, _ int, timeout time.Duration) (int16, error) {
	h.mu.Lock()
	over, events := len(h.script) == 0, int16(h.byte())
	h.mu.Unlock()
	time.Sleep(min(timeout, time.Millisecond))
	if over {
		return 0, unix.ENODEV
	}
	return events, nil
}

// FuzzHostileKernel: no answer makes the driver fail otherwise than by an error.
func FuzzHostileKernel(f *testing.F) {
	good := func(b ...byte) []byte { return b }
	f.Add(good())
	f.Add(make([]byte, 300))
	// S_FMT answers 4x4 with 16 bytes, then four buffers of 16 bytes and a few frames.
	f.Add(append(good(0, 0 /* cap */, 2, 24, 4, 28, 16, 0), make([]byte, 200)...))
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) {
			h := &hostile{script: script}
			h.fake.t, h.fake.changed, h.fake.signals = t, make(chan struct{}, 1), make(chan struct{}, 1)
			d, err := open(h, Config{Path: "x"})
			if err != nil {
				return
			}
			defer d.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			for _, px := range []sense.PixelFormat{sense.GREY, sense.MJPEG} {
				if _, err := d.Start(ctx, sense.Mode{Pixel: px, Width: 4, Height: 4}); err != nil {
					continue
				}
				for range 20 {
					f, err := d.Next(ctx)
					if err != nil {
						break
					}
					if len(f.Data()) > 64 || !f.Damaged && !f.Pixel.Whole(len(f.Data()), 4, 4, f.Stride) {
						t.Errorf("%+v of %d bytes", f.Header, len(f.Data()))
					}
					f.Release()
				}
			}
			var e *drivers.Error
			if _, err := d.Lock(ctx, sense.Exposure{Time: time.Millisecond}); err != nil && !errors.As(err, &e) {
				t.Error(err)
			}
			if _, err := d.Modes(ctx); err != nil && !errors.As(err, &e) {
				t.Error(err)
			}
		})
	})
}
