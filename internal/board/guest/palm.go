//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/board/usb"
)

// things is where the pictures lie of what can be held before the palm camera.
const things = "/lib/stage"

// palmCamera is a USB camera that sees what is held before it in the light of the board's
// lamps. What it was told is how many frames it took.
func palmCamera(ctx context.Context, name string, port int) gadget {
	s := device.NewStage(lamp)
	uvc := device.NewUVC(device.UVCOptions{Modes: []device.UVCMode{device.StageMode()}, Paced: true,
		Frame: func(_, n int) []byte { return s.Frame(n) }})
	p := &plugged{ctx: ctx, port: port, inside: func() {}, outside: func() {},
		about: hands.Device{Name: name, Class: "palm", Subsystem: "video4linux", ID: "1bcf:2c9a serial=PALM001 if=0",
			Deeds: []hands.Deed{hands.Hold, hands.Saw}},
		dev: &usb.Device{Vendor: 0x1BCF, Product: 0x2C9A, Release: 0x0100, Manufacturer: "Virtual", Name: "Palm camera",
			Serial: "PALM001", Functions: []usb.Function{uvc}}}
	p.act = func(_ context.Context, o hands.Order) (hands.Answer, error) {
		switch o.Do {
		case hands.Hold:
			return hands.Answer{}, hold(s, o.Text)
		case hands.Saw:
			return hands.Answer{Saw: &hands.Sight{Told: fmt.Appendf(nil, "frames=%d", s.Frames())}}, nil
		}
		return hands.Answer{}, cannot(o)
	}
	return p
}

// hold puts a thing before the camera: "live", "print"; "replay", which is "live" with no eye
// for the lamps; nothing where text is empty.
func hold(s *device.Stage, text string) error {
	if text == "" {
		s.Show(nil, false)
		return nil
	}
	file, replay := text, text == "replay"
	if replay {
		file = "live"
	}
	b, err := os.ReadFile(filepath.Join(things, filepath.Base(file)))
	if err != nil {
		return err
	}
	if len(b) != device.StageBytes() {
		return fmt.Errorf("hold %s: pictures of %d bytes, want %d", text, len(b), device.StageBytes())
	}
	s.Show(b, replay)
	return nil
}

// lamp is which lamp the board lights now, as the kernel tells of its GPIO controller's lines.
// A line that nobody drives is no light.
func lamp() int {
	b, err := os.ReadFile("/sys/kernel/debug/gpio")
	if err != nil {
		return device.Unlit
	}
	base, light := -1, device.Unlit
	for in := bufio.NewScanner(bytes.NewReader(b)); in.Scan(); {
		text := in.Text()
		if strings.HasPrefix(text, "gpiochip") {
			_, after, _ := strings.Cut(text, "GPIOs ")
			if fmt.Sscanf(after, "%d", &base); !strings.Contains(text, "pl061") {
				base = -1
			}
			continue
		}
		var line int
		if n, _ := fmt.Sscanf(strings.TrimSpace(text), "gpio-%d", &line); n == 0 || base < 0 || !strings.Contains(text, ") out hi") {
			continue
		}
		switch line - base {
		case device.LampNIR:
			light = max(light, device.LitNIR)
		case device.LampWhite:
			light = device.LitWhite
		}
	}
	return light
}
