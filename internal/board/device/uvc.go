package device

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/board/usb"
)

// UVCOptions are what a camera is.
type UVCOptions struct {
	Modes []UVCMode
	// Frame is the n-th frame, counted from 0 at each start of the stream, of a mode, given by
	// its place in Modes: a JPEG file, or as many bytes as the mode takes. nil ends the stream:
	// nothing more comes until it is started anew.
	Frame func(mode, n int) []byte
	// Paced keeps to the frame interval; else frames come as fast as the host takes them.
	Paced bool
	// Fault, if not nil, says what befalls frame n.
	Fault func(n int) UVCFault
}

// UVCMode is one frame descriptor.
type UVCMode struct {
	Format        string // "MJPG", "YUYV", "UYVY", "NV12", "GREY", "Y10", "Y16", "Y8I", "Y12I"
	Width, Height int
	Interval      time.Duration // the only one the mode has
}

// UVCFault is what can befall a frame on its way.
type UVCFault int

const (
	UVCWhole     UVCFault = iota // nothing
	UVCErrorBit                  // its payloads have the error bit set
	UVCTruncated                 // the second half is missing, the end is marked
)

// UVC is a camera, a function of a USB device: USB video class 1.0, with a bulk endpoint. A
// module for colour and near-infrared is a device with two of them. It has a camera terminal
// (exposure mode, priority, time) and a processing unit (gain, power line frequency, white
// balance), whose settings Setting tells.
type UVC struct {
	UVCOptions

	mu       sync.Mutex
	wake     func(endpoint uint8)
	iface    uint8
	endpoint uint8
	current  uvcProbe
	controls [uvcControls]uvcValue
	running  bool
	starts   int
	began    time.Time

	mode, n int // what is being sent, frames since the start
	frame   []byte
	off     int
	fault   UVCFault
	toggle  byte
	buf     []byte
}

// NewUVC makes a camera. It panics where there is no mode or one of an unknown format.
func NewUVC(o UVCOptions) *UVC {
	c := &UVC{UVCOptions: o, controls: newUVCControls()}
	for _, m := range o.Modes {
		m.bytes()
	}
	c.current = c.settings(0)
	return c
}

// NewUVCFrames makes a camera of one mode that sends the frames over and over.
func NewUVCFrames(m UVCMode, frames [][]byte) *UVC {
	return NewUVC(UVCOptions{Modes: []UVCMode{m}, Frame: func(_, n int) []byte { return frames[n%len(frames)] }})
}

// Setting is the value of a control as the host has set it last.
func (c *UVC) Setting(k UVCControl) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.controls[k].value
}

// Starts is how often the host has started the stream.
func (c *UVC) Starts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.starts
}

// Bind implements usb.Function: a control and a streaming interface, one endpoint.
func (c *UVC) Bind(iface, endpoint uint8, wake func(uint8)) ([]byte, int, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.iface, c.endpoint, c.wake = iface, endpoint, wake
	return c.describe(), 2, 1
}

// Plugged implements usb.Function: a device that is plugged in begins as it left the factory.
func (c *UVC) Plugged(bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.frame, c.controls = false, nil, newUVCControls()
}

// Control implements usb.Function.
func (c *UVC) Control(s usb.Setup, out []byte) ([]byte, bool) {
	if s.Type&0x7F != 0x21 {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if uint8(s.Index) == c.iface {
		return c.control(s, out)
	}
	return c.stream(s, out)
}

// Out implements usb.Function: there is no such endpoint.
func (c *UVC) Out(uint8, []byte) {}

// In implements usb.Function: one bulk transfer is one payload.
func (c *UVC) In(_ uint8, n int) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < 3 || !c.next() {
		return nil, false
	}
	return c.piece(min(n, uvcPayload)), true
}

// uvcProbe is the negotiation block of version 1.0, 26 bytes.
type uvcProbe struct {
	format, frame uint8
	interval      uint32 // 100 ns
}

const (
	uvcProbeSize = 26
	// uvcPayload is the most of one payload. uvcvideo takes 32 packets of 512 bytes a transfer.
	uvcPayload = 16384
)

// settings is what the device makes of a wish for the i-th mode.
func (c *UVC) settings(i int) uvcProbe {
	formats := c.formats()
	for k, list := range formats {
		for j, m := range list {
			if m == i {
				return uvcProbe{uint8(k + 1), uint8(j + 1), uint32(c.Modes[i].Interval / 100)}
			}
		}
	}
	return uvcProbe{1, 1, 0}
}

// modeOf is the mode that a probe names.
func (c *UVC) modeOf(p uvcProbe) (int, bool) {
	formats := c.formats()
	if p.format < 1 || int(p.format) > len(formats) || p.frame < 1 || int(p.frame) > len(formats[p.format-1]) {
		return 0, false
	}
	return formats[p.format-1][p.frame-1], true
}

// stream answers the requests of the streaming interface: probe (1) and commit (2). mu is held.
func (c *UVC) stream(s usb.Setup, out []byte) ([]byte, bool) {
	selector := s.Value >> 8
	if selector != 1 && selector != 2 {
		return nil, false
	}
	switch s.Request {
	case uvcSetCur:
		if len(out) < uvcProbeSize {
			return nil, false
		}
		i, ok := c.modeOf(uvcProbe{format: out[2], frame: out[3]})
		if !ok {
			i = 0
		}
		c.current = c.settings(i)
		if selector == 2 {
			c.mode, c.running, c.began = i, true, time.Now()
			c.starts++
			c.frame, c.n, c.toggle = nil, 0, 0
		}
		return nil, true
	case uvcGetCur, uvcGetMin, uvcGetMax, uvcGetDef:
		return c.probe(), true
	case uvcGetLen:
		return uvc16(uvcProbeSize), true
	case uvcGetInfo:
		return []byte{3}, true
	}
	return nil, false
}

func (c *UVC) probe() []byte {
	i, _ := c.modeOf(c.current)
	b := make([]byte, uvcProbeSize)
	b[0], b[2], b[3] = 1, c.current.format, c.current.frame
	binary.LittleEndian.PutUint32(b[4:], c.current.interval)
	binary.LittleEndian.PutUint32(b[18:], c.Modes[i].bytes())
	binary.LittleEndian.PutUint32(b[22:], uvcPayload)
	return b
}

// next takes up the frame to send and reports whether there is one. mu is held.
func (c *UVC) next() bool {
	for c.running && c.frame == nil {
		if c.Paced {
			early := time.Until(c.began.Add(time.Duration(c.n) * c.Modes[c.mode].Interval))
			if early > 0 {
				time.AfterFunc(early, func() { c.wake(c.endpoint) })
				return false
			}
			c.n += int(-early / c.Modes[c.mode].Interval) // nobody fetched these: they were never sent
		}
		c.fault = UVCWhole
		if c.Fault != nil {
			c.fault = c.Fault(c.n)
		}
		frame := c.Frame(c.mode, c.n)
		if frame == nil {
			return false
		}
		c.n++
		if c.fault == UVCTruncated {
			frame = frame[:len(frame)/2]
		}
		c.frame, c.off = frame, 0
	}
	return c.running
}

// piece is the next payload of the frame, n bytes at most. mu is held.
func (c *UVC) piece(n int) []byte {
	const end, failed, toEnd = 0x02, 0x40, 0x80
	k := min(len(c.frame)-c.off, n-2)
	head := byte(toEnd) | c.toggle
	if c.fault == UVCErrorBit {
		head |= failed
	}
	part := c.frame[c.off : c.off+k]
	if c.off += k; c.off == len(c.frame) {
		head |= end
		c.frame, c.toggle = nil, c.toggle^1
	}
	c.buf = append(append(c.buf[:0], 2, head), part...)
	return c.buf
}
