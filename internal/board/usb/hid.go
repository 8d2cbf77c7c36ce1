package usb

import (
	"encoding/binary"
	"sync"
)

// HID is a function of the human interface device class: Device Class Definition for HID 1.11.
type HID struct {
	Descriptor         []byte // of the reports
	Subclass, Protocol uint8  // 1 and 1: a boot keyboard
	// Output is called with each output report, Feature with each feature report that is
	// set, its number in the first byte where the descriptor numbers reports. Either may be
	// nil.
	Output, Feature func(report []byte)
	// Ask answers what is asked by GET_REPORT; nil stalls it.
	Ask func(kind, number uint8) (report []byte, ok bool)

	mu      sync.Mutex
	wake    func(uint8)
	in      uint8
	plugged bool
	queue   [][]byte
	taken   sync.Cond // a report was fetched, or the plug is out
}

// NewHID makes the function of a report descriptor.
func NewHID(descriptor []byte) *HID {
	h := &HID{Descriptor: descriptor}
	h.taken.L = &h.mu
	return h
}

// Bind describes one interface with an interrupt endpoint each way.
func (h *HID) Bind(iface, endpoint uint8, wake func(uint8)) ([]byte, int, int) {
	h.mu.Lock()
	h.wake, h.in = wake, endpoint
	h.mu.Unlock()
	d := []byte{9, 4, iface, 0, 2, 3, h.Subclass, h.Protocol, 0, 9, 0x21, 0x11, 1, 0, 1, 0x22}
	d = binary.LittleEndian.AppendUint16(d, uint16(len(h.Descriptor)))
	d = append(d, 7, 5, 0x80|endpoint, 3, 64, 0, 4)
	return append(d, 7, 5, endpoint, 3, 64, 0, 4), 1, 1
}

// Control answers the class's requests: chapter 7.
func (h *HID) Control(s Setup, data []byte) ([]byte, bool) {
	switch {
	case s.Type == 0x81 && s.Request == getDescriptor && s.Value>>8 == 0x22:
		return h.Descriptor, true
	case s.Type == 0xA1 && s.Request == 1 && h.Ask != nil:
		return h.Ask(uint8(s.Value>>8), uint8(s.Value))
	case s.Type == 0x21 && s.Request == 9:
		switch s.Value >> 8 {
		case 2:
			h.Out(0, data)
		case 3:
			if h.Feature != nil {
				h.Feature(data)
			}
		}
		return nil, true
	case s.Type == 0x21 && (s.Request == 0x0A || s.Request == 0x0B): // SET_IDLE, SET_PROTOCOL
		return nil, true
	}
	return nil, false
}

// Out takes an output report.
func (h *HID) Out(_ uint8, data []byte) {
	if h.Output != nil {
		h.Output(data)
	}
}

// In is the next report.
func (h *HID) In(uint8, int) ([]byte, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return nil, false
	}
	r := h.queue[0]
	h.queue = h.queue[1:]
	h.taken.Broadcast()
	return r, true
}

// Plugged forgets what was not fetched.
func (h *HID) Plugged(in bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.plugged, h.queue = in, nil
	h.taken.Broadcast()
}

// Report sends one input report and waits until the host has fetched it, or the plug is out:
// then it is false. The host fetches reports only while a program has the device open.
func (h *HID) Report(report []byte) bool {
	h.mu.Lock()
	if !h.plugged {
		h.mu.Unlock()
		return false
	}
	h.queue = append(h.queue, report)
	wake, in := h.wake, h.in
	h.mu.Unlock()
	wake(in)
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.queue) > 0 && h.plugged {
		h.taken.Wait()
	}
	return h.plugged
}
