// Package usb is the device's side of USB: devices made of functions (a HID scanner, a serial
// port, a camera), plugged into a kernel's own host controller by USB/IP over a socket that
// never leaves the machine. The kernel sees a plug go in, reads descriptors, binds its usual
// drivers; when the socket is closed it sees the plug go out.
//
// Sources: Universal Serial Bus Specification 2.0, chapter 9; the kernel's
// Documentation/usb/usbip_protocol.rst.
package usb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf16"
)

// Setup is the setup packet of a control request: chapter 9.3.
type Setup struct {
	Type, Request        uint8
	Value, Index, Length uint16
}

// In reports whether the device is to answer with data.
func (s Setup) In() bool { return s.Type&0x80 != 0 }

// Function is one function of a device: one interface, or several that belong together. Its
// methods are called one at a time.
type Function interface {
	// Bind tells the numbers of the function's first interface and first endpoint, which it
	// counts up from, and returns its part of the configuration descriptor and how many of
	// each it takes. Wake has pending requests of an IN endpoint asked again; it may be
	// called from any goroutine, but not from within a method.
	Bind(iface, endpoint uint8, wake func(endpoint uint8)) (descriptors []byte, ifaces, endpoints int)
	// Control answers a request to one of its interfaces or endpoints; false stalls it.
	Control(s Setup, data []byte) (answer []byte, ok bool)
	// Out takes what the host sent to an OUT endpoint.
	Out(endpoint uint8, data []byte)
	// In is at most n bytes for the host at an IN endpoint; false: nothing yet.
	In(endpoint uint8, n int) (data []byte, ok bool)
	// Plugged tells that the plug went in, or out.
	Plugged(in bool)
}

// Device is a USB device of high speed.
type Device struct {
	Vendor, Product uint16
	Release         uint16 // bcdDevice
	Manufacturer    string
	Name            string // iProduct
	Serial          string // empty: the device has none
	Functions       []Function
}

// served is a device with its numbers given out.
type served struct {
	device, config []byte
	strings        []string
	byIface        map[uint8]Function
	byEndpoint     map[uint8]Function // number without direction
	all            []Function
}

// serve lays out the descriptors: tables 9-8, 9-10 and 9-15 of the specification.
func (d *Device) serve(wake func(uint8)) *served {
	s := &served{byIface: map[uint8]Function{}, byEndpoint: map[uint8]Function{}, all: d.Functions}
	index := func(text string) byte {
		if text == "" {
			return 0
		}
		s.strings = append(s.strings, text)
		return byte(len(s.strings))
	}
	iface, endpoint := uint8(0), uint8(1)
	var body []byte
	for _, f := range d.Functions {
		part, ifaces, endpoints := f.Bind(iface, endpoint, wake)
		body = append(body, part...)
		for range ifaces {
			s.byIface[iface] = f
			iface++
		}
		for range endpoints {
			s.byEndpoint[endpoint] = f
			endpoint++
		}
	}
	s.device = []byte{18, 1, 0x00, 0x02, 0, 0, 0, 64}
	if len(d.Functions) > 1 || iface > 1 {
		copy(s.device[4:], []byte{0xEF, 2, 1}) // interface association descriptors follow
	}
	for _, v := range []uint16{d.Vendor, d.Product, d.Release} {
		s.device = binary.LittleEndian.AppendUint16(s.device, v)
	}
	s.device = append(s.device, index(d.Manufacturer), index(d.Name), index(d.Serial), 1)
	s.config = binary.LittleEndian.AppendUint16([]byte{9, 2}, uint16(9+len(body)))
	s.config = append(append(s.config, iface, 1, 0, 0x80, 50), body...)
	return s
}

// control answers a request to endpoint 0.
func (s *served) control(r Setup, data []byte) ([]byte, bool) {
	switch r.Type & 0x1F {
	case 1:
		if f := s.byIface[uint8(r.Index)]; f != nil && (r.Type&0x60 != 0 || r.Request == getDescriptor) {
			return f.Control(r, data)
		}
	case 2:
		if f := s.byEndpoint[uint8(r.Index)&0x0F]; f != nil && r.Type&0x60 != 0 {
			return f.Control(r, data)
		}
	}
	if r.Type&0x60 != 0 {
		return nil, false
	}
	switch r.Request {
	case getDescriptor:
		return s.descriptor(r.Value)
	case getStatus:
		return []byte{0, 0}, true
	case clearFeature, setFeature, setAddress, setConfiguration, setInterface:
		return nil, true
	}
	return nil, false
}

// Standard requests: table 9-4.
const (
	getStatus        = 0
	clearFeature     = 1
	setFeature       = 3
	setAddress       = 5
	getDescriptor    = 6
	setConfiguration = 9
	setInterface     = 11
)

func (s *served) descriptor(value uint16) ([]byte, bool) {
	switch value >> 8 {
	case 1:
		return s.device, true
	case 2:
		return s.config, true
	case 3:
		n := int(value & 0xFF)
		if n == 0 {
			return []byte{4, 3, 0x09, 0x04}, true // English
		}
		if n > len(s.strings) {
			return nil, false
		}
		text := utf16.Encode([]rune(s.strings[n-1]))
		b := []byte{byte(2 + 2*len(text)), 3}
		for _, c := range text {
			b = binary.LittleEndian.AppendUint16(b, c)
		}
		return b, true
	}
	return nil, false // no device qualifier: stalled by devices of one speed
}

// Commands and codes of USB/IP.
const (
	cmdSubmit = 1
	cmdUnlink = 2
	retSubmit = 3
	retUnlink = 4

	statusStall = -32  // EPIPE
	statusReset = -104 // ECONNRESET
	headerSize  = 48
	// longest bounds one transfer: the kernel's own limit for a bulk request is below it.
	longest = 1 << 20
)

// request is one that waits for data.
type request struct {
	seq uint32
	ep  uint8
	n   int
}

// session is one plug in one socket.
type session struct {
	mu      sync.Mutex
	conn    io.ReadWriteCloser
	dev     *served
	pending []request
	last    uint32            // number of the newest request
	early   map[uint32]uint32 // numbers of requests taken back before they came, and of the commands that did it
	out     []byte            // a reply being put together
}

// Serve answers a host on conn until it hangs up or ctx ends, and closes conn. The device has
// one plug: it is served once at a time.
func (d *Device) Serve(ctx context.Context, conn io.ReadWriteCloser) error {
	return d.begin(conn).run(ctx)
}

// begin plugs the device in: its functions know of the plug when it returns.
func (d *Device) begin(conn io.ReadWriteCloser) *session {
	s := &session{conn: conn, early: map[uint32]uint32{}}
	s.dev = d.serve(s.wake)
	for _, f := range s.dev.all {
		f.Plugged(true)
	}
	return s
}

// run answers until the plug is out.
func (s *session) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()
	defer s.conn.Close()
	for _, f := range s.dev.all {
		defer f.Plugged(false)
	}
	head := make([]byte, headerSize)
	for {
		if _, err := io.ReadFull(s.conn, head); err != nil {
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := s.command(head); err != nil {
			return err
		}
	}
}

func (s *session) command(head []byte) error {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(head[i:]) }
	cmd, seq, in, ep, n := word(0), word(4), word(12) == 1, uint8(word(16)), word(24)
	switch {
	case cmd == cmdUnlink:
		return s.unlink(seq, word(20))
	case cmd != cmdSubmit:
		return fmt.Errorf("usbip: command %d", cmd)
	case n > longest:
		return fmt.Errorf("usbip: a transfer of %d bytes", n)
	}
	var data []byte
	if !in {
		data = make([]byte, n)
		if _, err := io.ReadFull(s.conn, data); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = seq
	if unlink, taken := s.early[seq]; taken {
		delete(s.early, seq)
		return s.reply(retUnlink, unlink, statusReset, nil, 0)
	}
	switch f := s.dev.byEndpoint[ep]; {
	case ep == 0:
		le := binary.LittleEndian
		setup := Setup{head[40], head[41], le.Uint16(head[42:]), le.Uint16(head[44:]), le.Uint16(head[46:])}
		answer, ok := s.dev.control(setup, data)
		if !ok {
			return s.reply(retSubmit, seq, statusStall, nil, 0)
		}
		if in {
			answer = answer[:min(len(answer), int(n))]
			return s.reply(retSubmit, seq, 0, answer, len(answer))
		}
		return s.reply(retSubmit, seq, 0, nil, len(data))
	case f == nil:
		return s.reply(retSubmit, seq, statusStall, nil, 0)
	case in:
		s.pending = append(s.pending, request{seq, ep, int(n)})
		return s.feed(ep)
	default:
		f.Out(ep, data)
		return s.reply(retSubmit, seq, 0, nil, len(data))
	}
}

// feed answers pending requests of an endpoint, in order, as far as there is data.
func (s *session) feed(ep uint8) error {
	for i := 0; i < len(s.pending); {
		r := s.pending[i]
		if r.ep != ep {
			i++
			continue
		}
		data, ok := s.dev.byEndpoint[ep].In(ep, r.n)
		if !ok {
			return nil
		}
		s.pending = append(s.pending[:i], s.pending[i+1:]...)
		if err := s.reply(retSubmit, r.seq, 0, data, len(data)); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) wake(ep uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feed(ep) != nil {
		s.conn.Close() // Serve sees it
	}
}

// unlink takes a request back. Under load vhci_hcd sends the word for that before the request
// itself. It then waits: the kernel would end the connection at an answer to a request that it
// has taken back, and without an answer to either wait for ever.
func (s *session) unlink(seq, victim uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int32(victim-s.last) > 0 {
		s.early[victim] = seq
		return nil
	}
	status := 0
	for i, r := range s.pending {
		if r.seq == victim {
			s.pending = append(s.pending[:i], s.pending[i+1:]...)
			status = statusReset
			break
		}
	}
	return s.reply(retUnlink, seq, status, nil, 0)
}

func (s *session) reply(kind, seq uint32, status int, data []byte, n int) error {
	s.out = append(s.out[:0], make([]byte, headerSize)...)
	be := binary.BigEndian
	be.PutUint32(s.out, kind)
	be.PutUint32(s.out[4:], seq)
	be.PutUint32(s.out[20:], uint32(int32(status)))
	be.PutUint32(s.out[24:], uint32(n))
	s.out = append(s.out, data...)
	_, err := s.conn.Write(s.out)
	return err
}
