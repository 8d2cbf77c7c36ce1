package v4l2

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers/sense"
)

// Info is what a camera says of itself.
type Info struct {
	Driver string // "uvcvideo"
	Card   string // what the device calls itself
	Bus    string // where it is: "usb-0000:01:00.0-1.2"
	Modes  []sense.Mode
}

// Probe asks a device node what it is, without starting it or disturbing a program that has.
// Nodes that take no pictures are ErrNotCamera.
func Probe(path string) (Info, error) { return probe(kernel{}, path) }

func probe(s sys, path string) (Info, error) {
	fd, err := s.open(path)
	if err != nil {
		return Info{}, fail("open", path, err)
	}
	h := handle{s, fd}
	info, err := h.info()
	if err == nil {
		info.Modes, err = h.modes()
	}
	if err := errors.Join(err, s.close(fd)); err != nil {
		return Info{}, fail("probe", path, err)
	}
	return info, nil
}

// info asks who the device is, and refuses what is no camera.
func (h handle) info() (Info, error) {
	var r record
	if err := h.call(queryCap, &r); err != nil {
		return Info{}, err
	}
	info := Info{Driver: r.text(0, 16), Card: r.text(16, 32), Bus: r.text(48, 32)}
	caps := r.get(84) // of the whole device
	if caps&capDeviceCaps != 0 {
		caps = r.get(88) // of this node
	}
	switch {
	case caps&capVideoCapture == 0:
		return info, ErrNotCamera
	case caps&capStreaming == 0:
		return info, fmt.Errorf("%w: it does not stream", ErrNotCamera)
	}
	return info, nil
}

// most bounds each list that a device gives.
const most = 64

// modes lists what can be asked for, of the formats that sense knows.
func (h handle) modes() ([]sense.Mode, error) {
	var list []sense.Mode
	for i := range uint32(most) {
		var r record
		r.put(0, i, videoCapture)
		if err := h.call(enumFormat, &r); err != nil {
			return list, ended(err)
		}
		px := sense.PixelFormat(r.get(44))
		if px.Row(1) == 0 && !px.Compressed() {
			continue
		}
		sizes, err := h.sizes(px)
		if err != nil {
			return list, err
		}
		for _, s := range sizes {
			intervals, err := h.intervals(px, s[0], s[1])
			if err != nil {
				return list, err
			}
			for _, d := range intervals {
				list = append(list, sense.Mode{Pixel: px, Width: int(s[0]), Height: int(s[1]), Interval: d})
			}
		}
	}
	return list, nil
}

// ended takes the kernel's end of a list for what it is.
func ended(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) {
		return nil
	}
	return err
}

// usual are the sizes that are listed of a device that has any size in a range.
var usual = [][2]uint32{{320, 240}, {640, 360}, {640, 480}, {1280, 720}, {1920, 1080}}

func (h handle) sizes(px sense.PixelFormat) ([][2]uint32, error) {
	var list [][2]uint32
	for i := range uint32(most) {
		var r record
		r.put(0, i, uint32(px))
		if err := h.call(enumFrameSizes, &r); err != nil {
			return list, ended(err)
		}
		if discrete := r.get(8) == 1; discrete {
			list = append(list, [2]uint32{r.get(12), r.get(16)})
			continue
		}
		for _, s := range usual {
			if steps(s[0], r.get(12), r.get(16), r.get(20)) && steps(s[1], r.get(24), r.get(28), r.get(32)) {
				list = append(list, s)
			}
		}
		break
	}
	return list, nil
}

// steps reports whether v is least, or whole steps above it, and at most.
func steps(v, least, most, step uint32) bool {
	return v >= least && v <= most && (step == 0 || (v-least)%step == 0)
}

// intervals lists a size's frame intervals: one of 0 where the device does not say.
func (h handle) intervals(px sense.PixelFormat, width, height uint32) ([]time.Duration, error) {
	var list []time.Duration
	for i := range uint32(most) {
		var r record
		r.put(0, i, uint32(px), width, height)
		if err := h.call(enumFrameIntervals, &r); err != nil {
			if err = ended(err); err != nil {
				return list, err
			}
			break
		}
		list = append(list, interval(r.get(20), r.get(24)))
		if discrete := r.get(16) == 1; !discrete {
			break // the shortest of a range
		}
	}
	if len(list) == 0 {
		list = append(list, 0)
	}
	return list, nil
}

// interval is num/den seconds, 0 where that is no time.
func interval(num, den uint32) time.Duration {
	if den == 0 {
		return 0
	}
	return time.Duration(uint64(num) * uint64(time.Second) / uint64(den))
}
