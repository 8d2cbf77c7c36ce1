package usb

import (
	"io"
	"sync"
)

// ACM is a serial port of the communications class: PSTN subclass 1.2, abstract control model.
// It is also the device's end of that port: Read is what the host sent, Write what it gets.
type ACM struct {
	// Opened is called when the host asserts or drops DTR; nil does nothing. It must not
	// write.
	Opened func(open bool)

	mu       sync.Mutex
	changed  sync.Cond
	wake     func(uint8)
	iface    uint8
	data     uint8 // number of the bulk endpoints
	plugged  bool
	dtr      bool
	coding   []byte
	to, from []byte // what the host has not fetched, what we have not read
}

// mostWaiting bounds what the host sent and nobody read.
const mostWaiting = 64 << 10

// NewACM makes a serial port.
func NewACM() *ACM {
	a := &ACM{coding: []byte{0x80, 0x25, 0, 0, 0, 0, 8}} // 9600 8N1
	a.changed.L = &a.mu
	return a
}

// Bind describes two interfaces: control with a notification endpoint, and data.
func (a *ACM) Bind(iface, endpoint uint8, wake func(uint8)) ([]byte, int, int) {
	a.mu.Lock()
	a.wake, a.iface, a.data = wake, iface, endpoint+1
	a.mu.Unlock()
	return []byte{
		8, 11, iface, 2, 2, 2, 1, 0, // interface association
		9, 4, iface, 0, 1, 2, 2, 1, 0,
		5, 0x24, 0, 0x10, 0x01, // header
		5, 0x24, 1, 0, iface + 1, // call management
		4, 0x24, 2, 2, // abstract control: line coding and state
		5, 0x24, 6, iface, iface + 1, // union
		7, 5, 0x80 | endpoint, 3, 16, 0, 8,
		9, 4, iface + 1, 0, 2, 10, 0, 0, 0,
		7, 5, 0x80 | (endpoint + 1), 2, 0, 2, 0,
		7, 5, endpoint + 1, 2, 0, 2, 0,
	}, 2, 2
}

// Control answers SET and GET_LINE_CODING, SET_CONTROL_LINE_STATE and SEND_BREAK.
func (a *ACM) Control(s Setup, data []byte) ([]byte, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch s.Request {
	case 0x20:
		if len(data) != 7 {
			return nil, false
		}
		a.coding = append(a.coding[:0], data...)
		return nil, true
	case 0x21:
		return a.coding, true
	case 0x22:
		if open := s.Value&1 != 0; open != a.dtr {
			a.dtr = open
			if a.Opened != nil {
				a.Opened(open)
			}
			if !open {
				a.to = nil
			}
			a.changed.Broadcast()
		}
		return nil, true
	case 0x23:
		return nil, true
	}
	return nil, false
}

// Out takes what the host sent.
func (a *ACM) Out(_ uint8, data []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.from)+len(data) <= mostWaiting {
		a.from = append(a.from, data...)
	}
	a.changed.Broadcast()
}

// In is what the host gets; nothing ever on the notification endpoint.
func (a *ACM) In(endpoint uint8, n int) ([]byte, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if endpoint != a.data || len(a.to) == 0 {
		return nil, false
	}
	k := min(n, len(a.to))
	data := append([]byte(nil), a.to[:k]...)
	if a.to = a.to[k:]; len(a.to) == 0 {
		a.changed.Broadcast()
	}
	return data, true
}

// Plugged begins anew.
func (a *ACM) Plugged(in bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plugged, a.dtr, a.to, a.from = in, false, nil, nil
	a.changed.Broadcast()
}

// Read waits for what the host sent. It is io.EOF once the plug is out.
func (a *ACM) Read(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.from) == 0 && a.plugged {
		a.changed.Wait()
	}
	if !a.plugged {
		return 0, io.EOF
	}
	n := copy(p, a.from)
	a.from = a.from[n:]
	return n, nil
}

// Write sends to the host and waits until it has fetched it. What is sent while no program has
// the port open is lost, as it is on the wire. It is io.ErrClosedPipe once the plug is out.
func (a *ACM) Write(p []byte) (int, error) {
	a.mu.Lock()
	if !a.plugged {
		a.mu.Unlock()
		return 0, io.ErrClosedPipe
	}
	if !a.dtr {
		a.mu.Unlock()
		return len(p), nil
	}
	a.to = append(a.to, p...)
	wake, ep := a.wake, a.data
	a.mu.Unlock()
	wake(ep)
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.to) > 0 && a.plugged && a.dtr {
		a.changed.Wait()
	}
	if !a.plugged {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}
