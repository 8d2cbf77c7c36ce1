//go:build linux

package main

import (
	"sync"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
)

// sight is what a device was told. Safe for concurrent use.
type sight struct {
	mu  sync.Mutex
	saw hands.Sight
}

func (s *sight) told(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saw.Written++
	if len(s.saw.Told)+len(b) <= 4<<10 {
		s.saw.Told = append(s.saw.Told, b...)
	}
}

func (s *sight) scanned(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saw.Scans += n
}

func (s *sight) take() hands.Sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	saw := s.saw
	s.saw = hands.Sight{}
	return saw
}

// posDescriptor: a bar code scanner of the POS usage page (USB-IF, HID Point of Sale Usage
// Tables 1.02): report 2 is length, AIM identifier, 56 bytes of data, symbology, reserved and
// the bit that says "continued"; report FD takes commands.
var posDescriptor = []byte{
	0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01,
	0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02,
	0x05, 0x8C, 0x95, 0x03, 0x09, 0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x81, 0x02,
	0x95, 0x38, 0x09, 0xFE, 0x82, 0x02, 0x01,
	0x95, 0x02, 0x06, 0x66, 0xFF, 0x09, 0x04, 0x09, 0x00, 0x81, 0x02,
	0x05, 0x8C, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0xFF, 0x81, 0x02, 0x95, 0x07, 0x81, 0x03, 0xC0,
	0x85, 0xFD, 0x06, 0x66, 0xFF, 0x09, 0x05, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x3F, 0x91, 0x02,
	0xC0,
}

// posReports is a code in as many reports as it takes.
func posReports(symbology, text string) (list [][]byte) {
	for {
		n := min(len(text), 56)
		r := make([]byte, 64)
		r[0], r[1] = 2, byte(n)
		copy(r[2:5], device.AIM(symbology))
		copy(r[5:61], text[:n])
		if text = text[n:]; text != "" {
			r[63] = 1
		}
		if list = append(list, r); text == "" {
			return list
		}
	}
}
