package v4l2

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
	"github.com/tilld/tilld/internal/secret"
)

// stream is what exists between start and stop. It belongs to the owner.
type stream struct {
	layout layout
	mode   sense.Mode
	stride int
	maps   [][]byte // the kernel's buffers, mapped
	pool   *pool
	record record // of the ioctls that are made for each frame
	on     bool
	ended  bool // with an error: there is nothing left to wait for

	seq    uint64 // of the frame before
	kernel uint32 // its number as the kernel has it
	begun  bool
}

func (d *Device) start(want sense.Mode) (sense.Mode, error) {
	if err := d.stop(); err != nil {
		return sense.Mode{}, err
	}
	s := &stream{layout: d.layouts[0]}
	d.stream = s
	d.queue.reset()
	err := d.begin(s, want)
	if err != nil {
		return sense.Mode{}, errors.Join(err, d.stop())
	}
	return s.mode, nil
}

// begin sets the format, gets the buffers, and turns the stream on.
func (d *Device) begin(s *stream, want sense.Mode) error {
	size, err := d.format(s, want)
	if err != nil {
		return err
	}
	if err := d.rate(s, want.Interval); err != nil {
		return err
	}
	if err := d.mapBuffers(s); err != nil {
		return err
	}
	s.pool = newPool(d.sys, size, d.limit)
	for i := range s.maps {
		if err := d.requeue(s, uint32(i)); err != nil {
			return err
		}
	}
	var r record
	r.put(0, videoCapture)
	if err := d.call(streamOn, &r); err != nil {
		return err
	}
	s.on = true
	return nil
}

// format sets the pixel format and size, and refuses what the device made of it if that is
// another. size is the most that a frame takes.
func (d *Device) format(s *stream, want sense.Mode) (size int, err error) {
	var r record
	pix := s.layout.pix
	r.put(0, videoCapture)
	r.put(pix, uint32(want.Width), uint32(want.Height), uint32(want.Pixel), fieldNone)
	if err := d.call(s.layout.setFormat(), &r); err != nil {
		return 0, err
	}
	got := sense.Mode{Width: int(r.get(pix)), Height: int(r.get(pix + 4)), Pixel: sense.PixelFormat(r.get(pix + 8))}
	field, stride, image := r.get(pix+12), int(r.get(pix+16)), int(r.get(pix+20))
	switch {
	case got.Pixel != want.Pixel || got.Width != want.Width || got.Height != want.Height:
		return 0, d.otherMode(want, fmt.Sprintf("%v %dx%d", got.Pixel, got.Width, got.Height))
	case field != fieldNone && field != 0:
		return 0, d.otherMode(want, fmt.Sprintf("interlaced fields (%d)", field))
	case image <= 0 || image > mostImage:
		return 0, d.otherMode(want, fmt.Sprintf("frames of %d bytes", image))
	}
	if want.Pixel.Compressed() {
		stride = 0
	} else if !want.Pixel.Whole(image, got.Width, got.Height, stride) || stride < want.Pixel.Row(got.Width) {
		return 0, d.otherMode(want, fmt.Sprintf("rows of %d and frames of %d bytes", stride, image))
	}
	s.mode, s.stride = got, stride
	return image, nil
}

// mostImage bounds a frame; 4096x4096 with two bytes a pixel.
const mostImage = 32 << 20

func (d *Device) otherMode(want sense.Mode, got string) error {
	return &drivers.Error{Op: "start", Subject: d.path, Hint: "choose one of the camera's own modes",
		Err: fmt.Errorf("%w: asked for %v %dx%d, it makes that %s", ErrMode, want.Pixel, want.Width, want.Height, got)}
}

// rate sets the frame interval, and refuses one that differs by more than a hundredth.
func (d *Device) rate(s *stream, want time.Duration) error {
	const unit = 100 * time.Nanosecond // that of UVC: 333333 for 30 frames a second
	q := getParameters
	var r record
	r.put(0, videoCapture)
	if want > 0 {
		q = setParameters
		r.put(12, uint32(min(want/unit, 1<<31)), uint32(time.Second/unit))
	}
	err := d.call(q, &r)
	if want <= 0 {
		if err == nil {
			s.mode.Interval = interval(r.get(12), r.get(16))
		}
		return ended(err)
	}
	if err != nil {
		return fmt.Errorf("set the frame rate: %w", err)
	}
	s.mode.Interval = interval(r.get(12), r.get(16))
	if off := (s.mode.Interval - want).Abs(); off > want/100 {
		return &drivers.Error{Op: "start", Subject: d.path, Hint: "choose one of the camera's own modes",
			Err: fmt.Errorf("%w: asked for a frame every %v, it makes that %v", ErrMode, want, s.mode.Interval)}
	}
	return nil
}

// mapBuffers gets buffers of the kernel and finds out which layout it has for them.
func (d *Device) mapBuffers(s *stream) error {
	count, err := d.requestBuffers(uint32(d.buffers))
	if err != nil {
		return err
	}
	if count < 2 || count > 32 {
		return fmt.Errorf("asked for %d buffers, got %d", d.buffers, count)
	}
	for i := range count {
		b, err := d.queryBuffer(s, i)
		if err != nil {
			return err
		}
		if b.length == 0 || b.length > 2*mostImage {
			return fmt.Errorf("a buffer of %d bytes", b.length)
		}
		m, err := d.sys.mmap(d.fd, int64(b.offset), int(b.length))
		if err != nil {
			return fmt.Errorf("map a buffer: %w", err)
		}
		// The first touch of each page costs a fault: now, and not when Close has to be quick.
		secret.Zero(m)
		s.maps = append(s.maps, m)
	}
	return nil
}

// queryBuffer asks for a buffer's place. The first that works of the layouts stays.
func (d *Device) queryBuffer(s *stream, index uint32) (buffer, error) {
	var r record
	s.layout.prepare(&r, index)
	err := d.call(s.layout.queryBuffer(), &r)
	if errors.Is(err, unix.ENOTTY) && index == 0 {
		for _, older := range d.layouts[1:] {
			older.prepare(&r, index)
			if err = d.call(older.queryBuffer(), &r); err == nil {
				s.layout = older
				break
			}
		}
	}
	return s.layout.parse(&r), err
}

func (d *Device) requestBuffers(n uint32) (uint32, error) {
	var r record
	r.put(0, n, videoCapture, memoryMapped)
	err := d.call(requestBuffers, &r)
	return r.get(0), err
}

func (d *Device) requeue(s *stream, index uint32) error {
	s.layout.prepare(&s.record, index)
	return d.call(s.layout.queue(), &s.record)
}

// stop ends the stream. A device that is gone is stopped.
func (d *Device) stop() error {
	if d.stream == nil {
		return nil
	}
	err := d.release()
	d.stream = nil
	d.queue.reset()
	return err
}

// release turns the stream off, wipes and gives back the kernel's buffers.
func (d *Device) release() error {
	s := d.stream
	var errs []error
	note := func(err error) {
		if err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, err)
		}
	}
	if s.on {
		var r record
		r.put(0, videoCapture)
		note(d.call(streamOff, &r))
		s.on = false
	}
	wipe(s.maps)
	for _, m := range s.maps {
		note(d.sys.munmap(m))
	}
	if s.maps != nil {
		_, err := d.requestBuffers(0)
		note(err)
	}
	s.maps = nil
	if s.pool != nil {
		s.pool.end()
	}
	return errors.Join(errs...)
}
