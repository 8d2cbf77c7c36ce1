package v4l2

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers/sense"
	"github.com/tilld/tilld/internal/secret"
)

// await waits for a frame or a signal.
func (d *Device) await() {
	events, err := d.sys.poll(d.fd, d.waker, lookAgain)
	switch {
	case err != nil:
		d.end(err)
	case events&unix.POLLIN != 0:
		d.dequeue()
	case events != 0:
		d.trouble(unix.EIO)
	default:
		if _, err := d.handle.info(); err != nil {
			d.end(err)
		}
	}
}

// end is the end of a stream by itself. Who takes frames is told first; then the kernel's
// buffers are wiped at once, whether or not anybody closes the device.
func (d *Device) end(err error) {
	d.stream.ended = true
	d.queue.end(fail("read", d.path, err))
	_ = d.release() // the device has failed, and that is said
}

// trouble finds out whether a device that failed is being unplugged: its pictures fail some
// milliseconds before it is gone.
func (d *Device) trouble(cause error) {
	const looks, pause = 20, 5 * time.Millisecond
	for range looks {
		if _, err := d.handle.info(); err != nil {
			d.end(err)
			return
		}
		if d.isClosing() {
			return
		}
		if _, err := d.sys.poll(-1, d.waker, pause); err != nil {
			break
		}
	}
	d.end(cause)
}

// dequeue takes one frame and gives its buffer back.
func (d *Device) dequeue() {
	s := d.stream
	s.layout.prepare(&s.record, 0)
	switch err := d.call(s.layout.dequeue(), &s.record); {
	case errors.Is(err, unix.EAGAIN):
		return
	case errors.Is(err, unix.EIO):
		d.trouble(err)
		return
	case err != nil:
		d.end(err)
		return
	}
	b := s.layout.parse(&s.record)
	if int(b.index) >= len(s.maps) {
		d.end(fmt.Errorf("the kernel names buffer %d of %d", b.index, len(s.maps)))
		return
	}
	d.arrived(s, b)
	if err := d.requeue(s, b.index); err != nil {
		d.end(err)
		return
	}
	if b.used == 0 {
		d.empty()
	}
}

// empty keeps a device that answers with empty buffers, as one that is being unplugged does,
// from taking all of a processor.
func (d *Device) empty() {
	if _, err := d.handle.info(); err != nil {
		d.end(err)
		return
	}
	_, _ = d.sys.poll(-1, d.waker, 5*time.Millisecond)
}

// arrived copies a frame out of its buffer, wipes that, and hands the frame on.
func (d *Device) arrived(s *stream, b buffer) {
	seq := d.number(s, b.sequence)
	if b.used == 0 {
		d.counts.damaged.Add(1)
		return
	}
	full := s.maps[b.index]
	image := full[:min(int64(b.used), int64(len(full)), int64(s.pool.size))]
	defer secret.Zero(image)
	h := sense.Header{Stream: d.name, Seq: seq, Pixel: s.mode.Pixel, Width: s.mode.Width, Height: s.mode.Height, Stride: s.stride}
	h.Damaged = b.flags&flagError != 0 || int64(b.used) > int64(len(image)) ||
		!h.Pixel.Whole(len(image), h.Width, h.Height, h.Stride) || h.Pixel == sense.MJPEG && !isJPEG(image)
	h.At, h.Timed = sense.Time(b.sec*int64(time.Second)+b.usec*int64(time.Microsecond)), b.flags&stampMask == stampMonotone
	if !h.Timed {
		h.At = d.sys.now()
	}
	if h.Damaged {
		d.counts.damaged.Add(1)
	} else {
		d.counts.frames.Add(1)
	}
	data := s.pool.get(len(image))
	if data == nil {
		d.counts.dropped.Add(1)
		return
	}
	copy(data, image)
	d.counts.dropped.Add(uint64(d.queue.put(sense.NewFrame(h, data, s.pool.back), d.limit/2)))
}

// number makes a frame's number of the kernel's, which has 32 bits. A device whose numbers
// stand still or go back is taken to have left none out.
func (d *Device) number(s *stream, kernel uint32) uint64 {
	if !s.begun {
		s.seq, s.kernel, s.begun = uint64(kernel), kernel, true
		return s.seq
	}
	step := kernel - s.kernel
	if step == 0 || step > 1<<31 {
		step = 1
	}
	d.counts.gaps.Add(uint64(step - 1))
	s.seq, s.kernel = s.seq+uint64(step), kernel
	return s.seq
}

// isJPEG looks for the marks of a JPEG file's start and end: the kernel does not know when the
// end of a compressed frame is missing. Some cameras fill up with zeros behind it.
func isJPEG(b []byte) bool {
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	return end >= 4 && b[0] == 0xFF && b[1] == 0xD8 && b[end-2] == 0xFF && b[end-1] == 0xD9
}
