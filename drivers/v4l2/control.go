package v4l2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

// Controls, with the numbers of linux/v4l2-controls.h.
const (
	ctrlAutoWhite    = 0x98090C
	ctrlAutoGain     = 0x980912
	ctrlGain         = 0x980913
	ctrlPowerLine    = 0x980918 // 0 off, 1 50 Hz, 2 60 Hz
	ctrlExposureAuto = 0x9A0901
	ctrlExposureTime = 0x9A0902 // 100 us
	ctrlExposurePrio = 0x9A0903 // 0: the frame rate is kept in the dark

	exposureManual = 1
	exposureUnit   = 100 * time.Microsecond

	controlDisabled = 0x01
	controlReadOnly = 0x04
)

// control is one control's range.
type control struct {
	id        uint32
	name      string
	least     int32
	most      int32
	unchanged bool // it can be read only
}

// lock does what Device.Lock says.
func (h handle) lock(path string, want sense.Exposure) (held sense.Held, err error) {
	mains, known := map[int]int32{0: 0, 50: 1, 60: 2}[want.Mains]
	if !known {
		return held, &drivers.Error{Op: "lock exposure of", Subject: path, Hint: "the frequency of the mains is 50 or 60 Hz, or 0 for no filter",
			Err: fmt.Errorf("%d Hz", want.Mains)}
	}
	// Automatic modes first: while they are on, a device may refuse or ignore values.
	auto, _, err := h.fix(ctrlExposureAuto, exposureManual)
	if err != nil {
		return held, err
	}
	if held.RateFixed, _, err = h.fix(ctrlExposurePrio, 0); err != nil {
		return held, err
	}
	if _, _, err = h.fix(ctrlAutoGain, 0); err != nil {
		return held, err
	}
	if held.White, _, err = h.fix(ctrlAutoWhite, 0); err != nil {
		return held, err
	}
	if held.Mains, _, err = h.fix(ctrlPowerLine, mains); err != nil {
		return held, err
	}
	there, exposure, err := h.hold(ctrlExposureTime, want.Time > 0, int64(want.Time/exposureUnit))
	if err != nil {
		return held, err
	}
	held.TimeFixed, held.Time = there && auto, time.Duration(exposure)*exposureUnit
	there, gain, err := h.hold(ctrlGain, want.Gain.Set, int64(want.Gain.Value))
	if err != nil {
		return held, err
	}
	held.GainFixed, held.Gain = there, int(gain)
	return held, nil
}

// hold sets a control to a value, or to the one it has.
func (h handle) hold(id uint32, given bool, value int64) (there bool, now int32, err error) {
	c, err := h.control(id)
	if c == nil || err != nil {
		return false, 0, err
	}
	if !given {
		if now, err = h.get(id); err != nil {
			return false, 0, c.error(err)
		}
		value = int64(now)
	}
	if value < int64(c.least) || value > int64(c.most) {
		return false, 0, &drivers.Error{Op: "set", Subject: "camera control " + c.name,
			Hint: fmt.Sprintf("this camera takes %d to %d", c.least, c.most), Err: fmt.Errorf("%d is out of range", value)}
	}
	return h.fix(id, int32(value))
}

// fix sets a control and reads it back. It is not there where the device has no such control,
// or where it refuses the value and has another.
func (h handle) fix(id uint32, value int32) (there bool, now int32, err error) {
	c, err := h.control(id)
	if c == nil || err != nil {
		return false, 0, err
	}
	refused := c.unchanged
	if !refused {
		err := h.set(id, value)
		refused = refusal(err)
		if err != nil && !refused {
			return false, 0, c.error(err)
		}
	}
	if now, err = h.get(id); err != nil {
		return false, 0, c.error(err)
	}
	if now != value && !refused {
		return false, now, c.error(fmt.Errorf("set to %d, reads back as %d", value, now))
	}
	return now == value, now, nil
}

// refusal: a menu without that entry, a range without that value, a control that is locked.
func refusal(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ERANGE) || errors.Is(err, unix.EACCES)
}

func (c *control) error(err error) error {
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EBUSY) {
		return err
	}
	return fmt.Errorf("control %s: %w", c.name, err)
}

// control asks for a control's range; nil where there is no such control.
func (h handle) control(id uint32) (*control, error) {
	var r record
	r.put(0, id)
	if err := h.call(queryControl, &r); err != nil {
		return nil, ended(err)
	}
	flags := r.get(56)
	if flags&controlDisabled != 0 {
		return nil, nil
	}
	return &control{id, strconv.Quote(r.text(8, 32)), int32(r.get(40)), int32(r.get(44)), flags&controlReadOnly != 0}, nil
}

func (h handle) set(id uint32, value int32) error {
	_, err := h.ext(setExtControls, id, value)
	return err
}

func (h handle) get(id uint32) (int32, error) { return h.ext(getExtControls, id, 0) }

// ext makes a request about one control.
func (h handle) ext(q request, id uint32, value int32) (int32, error) {
	c := &extControl{id: id}
	binary.NativeEndian.PutUint32(c.value[:], uint32(value))
	// The class of a control is in its number; a list must be of one class.
	list := &extControls{which: id & 0x0FFF0000, count: 1, controls: unsafe.Pointer(c)}
	err := h.sys.ioctl(h.fd, q.code(), unsafe.Pointer(list))
	return int32(binary.NativeEndian.Uint32(c.value[:])), err
}
