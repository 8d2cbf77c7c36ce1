//go:build linux

package main

import (
	"context"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/board/usb"
)

// pictures is how many the camera shows in turn.
const pictures = 3

// camera is a USB camera that shows test pictures as fast as they are taken.
func camera(ctx context.Context, name string, port int) gadget {
	made := sync.OnceValue(func() (list [][]byte) { // they take a while under emulation
		for n := range pictures {
			list = append(list, device.Picture(n))
		}
		return list
	})
	uvc := device.NewUVC(device.UVCOptions{
		Modes: []device.UVCMode{{Format: "MJPG", Width: device.PictureWidth, Height: device.PictureHeight, Interval: time.Second / 30}},
		Frame: func(_, n int) []byte { return made()[n%pictures] },
	})
	p := &plugged{ctx: ctx, port: port, inside: func() {}, outside: func() {},
		about: hands.Device{Name: name, Class: "camera", Subsystem: "video4linux", ID: "1bcf:2c99 serial=CAM0001 if=0"},
		dev: &usb.Device{Vendor: 0x1BCF, Product: 0x2C99, Release: 0x0100, Manufacturer: "Virtual", Name: "Camera",
			Serial: "CAM0001", Functions: []usb.Function{uvc}}}
	p.act = func(_ context.Context, o hands.Order) (hands.Answer, error) {
		return hands.Answer{}, cannot(o)
	}
	return p
}
