//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/board/usb"
)

// lens is what a camera sees, and what befalls its next frames.
type lens struct {
	pictures []func() [][]byte // of each mode

	mu   sync.Mutex
	harm device.UVCFault
	left int
}

func newLens(modes []device.UVCMode) *lens {
	l := &lens{}
	for _, m := range modes {
		l.pictures = append(l.pictures, sync.OnceValue(func() (list [][]byte) { // they take a while under emulation
			for n := range device.UVCPictures {
				list = append(list, device.UVCPicture(m, n))
			}
			return list
		}))
	}
	return l
}

func (l *lens) frame(mode, n int) []byte { return l.pictures[mode]()[n%device.UVCPictures] }

// fault is asked once for each frame.
func (l *lens) fault(int) device.UVCFault {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		return device.UVCWhole
	}
	l.left--
	return l.harm
}

// befall sets what befalls the next frames.
func (l *lens) befall(o hands.Order) error {
	fault, known := map[string]device.UVCFault{"error bit": device.UVCErrorBit, "truncated": device.UVCTruncated}[o.Text]
	if !known {
		return cannot(o)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.harm, l.left = fault, max(o.Times, 1)
	return nil
}

// camera is a USB camera that shows test pictures as fast as they are taken. What it was told
// is the settings of its controls.
func camera(ctx context.Context, name string, port int) gadget {
	modes := device.UVCModes()
	l := newLens(modes)
	uvc := device.NewUVC(device.UVCOptions{Modes: modes, Frame: l.frame, Fault: l.fault})
	p := &plugged{ctx: ctx, port: port, inside: func() {}, outside: func() {},
		about: hands.Device{Name: name, Class: "camera", Subsystem: "video4linux", ID: "1bcf:2c99 serial=CAM0001 if=0",
			Faults: []string{"error bit", "truncated"}, Deeds: []hands.Deed{hands.Fault, hands.Saw}},
		dev: &usb.Device{Vendor: 0x1BCF, Product: 0x2C99, Release: 0x0100, Manufacturer: "Virtual", Name: "Camera",
			Serial: "CAM0001", Functions: []usb.Function{uvc}}}
	p.act = func(_ context.Context, o hands.Order) (hands.Answer, error) {
		switch o.Do {
		case hands.Fault:
			return hands.Answer{}, l.befall(o)
		case hands.Saw:
			return hands.Answer{Saw: &hands.Sight{Told: []byte(settings(uvc))}}, nil
		}
		return hands.Answer{}, cannot(o)
	}
	return p
}

func settings(c *device.UVC) string {
	return fmt.Sprintf("mode=%d priority=%d time=%d gain=%d mains=%d white=%d",
		c.Setting(device.UVCExposureMode), c.Setting(device.UVCExposurePriority), c.Setting(device.UVCExposureTime),
		c.Setting(device.UVCGain), c.Setting(device.UVCPowerLine), c.Setting(device.UVCWhiteBalance))
}
