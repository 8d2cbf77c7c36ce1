package v4l2

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers/sense"
)

// fake is a kernel with one camera, whose ioctls have the layout of any word size. The
// structures are laid out anew here, from linux/videodev2.h, so that a mistake shows.
type fake struct {
	t      *testing.T
	layout layout

	mu      sync.Mutex
	changed chan struct{} // capacity 1
	signals chan struct{} // capacity 1

	caps, nodeCaps      uint32
	pixel, w, h, stride uint32
	image               uint32
	interval            [2]uint32
	controls            map[uint32]*fakeControl
	fails               map[uintptr]error // by ioctl number
	hang                map[uintptr]chan struct{}

	opened    int
	buffers   [][]byte
	mapped    int
	locked    int
	queued    []uint32
	done      []fakeBuffer
	streaming bool
	gone      bool
	failing   bool // poll says so, and nothing is there
	sequence  uint32
	calls     int
}

type fakeControl struct{ least, most, value, flags, sticks int32 }

type fakeBuffer struct {
	index, used, flags, sequence uint32
	at                           time.Duration
}

// newFake is a grey camera of 8x4 pixels.
func newFake(t *testing.T) *fake {
	return &fake{
		t: t, layout: layouts(wordSize)[0], changed: make(chan struct{}, 1), signals: make(chan struct{}, 1),
		caps: 0x84A00001, nodeCaps: 0x04200001, pixel: uint32(sense.GREY), w: 8, h: 4, stride: 8, image: 32, interval: [2]uint32{1, 30},
		controls: map[uint32]*fakeControl{
			ctrlExposureAuto: {0, 3, 3, 0, -1}, ctrlExposureTime: {3, 2047, 156, 0, -1}, ctrlExposurePrio: {0, 1, 1, 0, -1},
			ctrlGain: {0, 100, 40, 0, -1}, ctrlPowerLine: {0, 2, 1, 0, -1}, ctrlAutoWhite: {0, 1, 1, 0, -1},
		},
		fails: map[uintptr]error{}, hang: map[uintptr]chan struct{}{},
	}
}

func (k *fake) open(string) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.fails[0xFFFF]; err != nil {
		return -1, err
	}
	k.opened++
	return 10, nil
}

func (k *fake) close(fd int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opened--
	if k.opened < 0 {
		k.t.Errorf("closed %d once too often", fd)
	}
	return nil
}

func (k *fake) waker() (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opened++
	return 11, nil
}

func (k *fake) signal(int) error {
	select {
	case k.signals <- struct{}{}:
	default:
	}
	return nil
}

func (k *fake) poke() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

func (k *fake) poll(fd, _ int, timeout time.Duration) (int16, error) {
	end := time.NewTimer(timeout)
	defer end.Stop()
	for {
		k.mu.Lock()
		var events int16
		switch {
		case fd < 0:
		case k.gone:
			events = unix.POLLERR | unix.POLLHUP | unix.POLLPRI
		case len(k.done) > 0:
			events = unix.POLLIN
		case k.failing || !k.streaming:
			events = unix.POLLERR
		}
		k.calls++
		k.mu.Unlock()
		if events != 0 {
			return events, nil
		}
		select {
		case <-k.changed:
		case <-k.signals:
			return 0, nil
		case <-end.C:
			return 0, nil
		}
	}
}

func (k *fake) now() sense.Time { return 77 }

func (k *fake) mmap(_ int, offset int64, n int) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mapped++
	return k.buffers[offset>>12][:n], nil
}

func (k *fake) lock(b []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.locked += len(b)
}

func (k *fake) unlock(b []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.locked -= len(b)
}

func (k *fake) munmap([]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mapped--
	return nil
}

// arg is an ioctl's argument, of exactly the size that the number says.
type arg []byte

func (a arg) u32(at int) uint32 { return binary.LittleEndian.Uint32(a[at:]) }
func (a arg) set(at int, v ...uint32) {
	for i, x := range v {
		binary.LittleEndian.PutUint32(a[at+4*i:], x)
	}
}

func (k *fake) ioctl(_ int, req uintptr, p unsafe.Pointer) error {
	nr, size := req&0xFF, req>>16&0x3FFF
	k.mu.Lock()
	hang := k.hang[nr]
	k.mu.Unlock()
	if hang != nil {
		<-hang
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.gone {
		return unix.ENODEV
	}
	if err := k.fails[nr]; err != nil {
		return err
	}
	a := arg(unsafe.Slice((*byte)(p), size))
	switch nr {
	case 0:
		copy(a[0:], "uvcvideo")
		copy(a[16:], "Fake \x01 camera")
		copy(a[48:], "usb-1-1.2")
		a.set(84, k.caps, k.nodeCaps)
	case 2:
		if a.u32(0) > 1 || a.u32(4) != 1 {
			return unix.EINVAL
		}
		a.set(44, [2]uint32{k.pixel, 0x34363248}[a.u32(0)]) // the second is H264, which nobody here knows
	case 74:
		if a.u32(0) > 0 {
			return unix.EINVAL
		}
		a.set(8, 1, k.w, k.h)
	case 75:
		if a.u32(0) > 0 {
			return unix.EINVAL
		}
		a.set(16, 1, k.interval[0], k.interval[1])
	case 5:
		if size != k.layout.formatSize {
			return unix.ENOTTY
		}
		at := int(k.layout.pix)
		a.set(at, k.w, k.h, k.pixel, 1, k.stride, k.image)
	case 21, 22:
		a.set(12, k.interval[0], k.interval[1])
	case 8:
		return k.request(a)
	case 9, 15, 17:
		return k.buffer(nr, size, a)
	case 18, 19:
		k.streaming = nr == 18
		if !k.streaming {
			k.queued, k.done = nil, nil
		}
	case 36:
		c := k.controls[a.u32(0)]
		if c == nil {
			return unix.EINVAL
		}
		copy(a[8:], "Control")
		a.set(40, uint32(c.least), uint32(c.most))
		a.set(56, uint32(c.flags))
	case 71, 72:
		return k.ext(nr, (*extControls)(p))
	default:
		return unix.ENOTTY
	}
	return nil
}

func (k *fake) request(a arg) error {
	n := a.u32(0)
	if n == 0 {
		if k.mapped != 0 {
			k.t.Error("buffers given back while mapped")
		}
		k.buffers = nil
		return nil
	}
	for range n {
		k.buffers = append(k.buffers, make([]byte, 4096))
	}
	return nil
}

func (k *fake) buffer(nr, size uintptr, a arg) error {
	l := k.layout
	if size != l.bufferSize {
		return unix.ENOTTY
	}
	if a.u32(4) != 1 || a.u32(int(l.memory)) != 1 {
		return unix.EINVAL
	}
	i := a.u32(0)
	switch nr {
	case 9:
		a.set(int(l.m), i<<12)
		a.set(int(l.length), k.image)
	case 15:
		k.queued = append(k.queued, i)
	case 17:
		if k.failing {
			return unix.EIO
		}
		if len(k.done) == 0 {
			return unix.EAGAIN
		}
		b := k.done[0]
		k.done = k.done[1:]
		a.set(0, b.index)
		a.set(8, b.used, b.flags)
		a.set(int(l.sequence), b.sequence)
		sec, usec := uint64(b.at/time.Second), uint64(b.at%time.Second/time.Microsecond)
		if l.wideTime {
			binary.LittleEndian.PutUint64(a[l.stamp:], sec)
			binary.LittleEndian.PutUint64(a[l.stamp+8:], usec)
		} else {
			a.set(int(l.stamp), uint32(sec), uint32(usec))
		}
	}
	return nil
}

func (k *fake) ext(nr uintptr, list *extControls) error {
	c := (*extControl)(list.controls)
	have := k.controls[c.id]
	if list.count != 1 || list.which != c.id&0xFFFF0000 || have == nil {
		return unix.EINVAL
	}
	if nr == 72 {
		v := int32(binary.LittleEndian.Uint32(c.value[:]))
		if v < have.least || v > have.most {
			return unix.ERANGE
		}
		have.value = v
		if have.sticks >= 0 {
			have.value = have.sticks
		}
		return nil
	}
	binary.LittleEndian.PutUint32(c.value[:], uint32(have.value))
	return nil
}

const monotone = stampMonotone

// frame puts a picture of n bytes of v into the next buffer that is queued; false: none is.
func (k *fake) frame(v byte, n uint32, flags uint32) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sequence++
	if len(k.queued) == 0 {
		return false
	}
	i := k.queued[0]
	k.queued = k.queued[1:]
	for j := range min(n, k.image) {
		k.buffers[i][j] = v
	}
	k.done = append(k.done, fakeBuffer{i, n, flags, k.sequence, time.Duration(k.sequence) * 33333 * time.Microsecond})
	k.poke()
	return true
}

func (k *fake) unplug() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone = true
	k.poke()
}

func (k *fake) do(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}
