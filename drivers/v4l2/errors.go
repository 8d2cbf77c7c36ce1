package v4l2

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
)

// ErrNotCamera: the device node takes no pictures. UVC cameras have a second node, for
// metadata, beside each that does.
var ErrNotCamera = errors.New("not a capture device")

// ErrMode: the device does not do exactly what was asked for.
var ErrMode = errors.New("the camera offers another mode")

// fail makes the error of an operation on a device, with the house's meaning of the kernel's.
func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var done *drivers.Error
	if errors.As(err, &done) {
		return err
	}
	e := &drivers.Error{Op: op, Subject: path, Err: err}
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		e.Err = fmt.Errorf("%w: %w", drivers.ErrGone, err)
		e.Hint = "plug the camera in"
	case errors.Is(err, unix.EBUSY):
		e.Err = fmt.Errorf("%w: %w", drivers.ErrBusy, err)
		e.Hint = "another program has the camera: stop it (fuser " + path + " names it)"
	case errors.Is(err, fs.ErrNotExist):
		e.Hint = "plug the camera in, or correct the device in the configuration"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "let tilld's user open the camera: add it to the group video (ls -l " + path + ")"
	case errors.Is(err, ErrNotCamera):
		e.Hint = "take the other /dev/video* of this camera"
	case errors.Is(err, unix.ENOTTY):
		e.Err = fmt.Errorf("%w: %w", ErrNotCamera, err)
		e.Hint = "correct the device in the configuration: it is no /dev/video*"
	case errors.Is(err, unix.ENOSPC):
		e.Hint = "the USB bus has no bandwidth left: plug the camera elsewhere, or choose MJPG or a smaller size"
	case errors.Is(err, unix.EPROTO), errors.Is(err, unix.ETIMEDOUT), errors.Is(err, unix.EPIPE):
		e.Hint = "the camera does not answer: check its cable and its power"
	}
	return e
}
