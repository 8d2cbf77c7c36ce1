package device

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tilld/tilld/internal/board/usb"
)

// Class requests of the USB video class, chapter 4 of its definition.
const (
	uvcSetCur  = 0x01
	uvcGetCur  = 0x81
	uvcGetMin  = 0x82
	uvcGetMax  = 0x83
	uvcGetRes  = 0x84
	uvcGetLen  = 0x85
	uvcGetInfo = 0x86
	uvcGetDef  = 0x87
)

// Units of a stream's control interface.
const (
	uvcTerminal   = 1
	uvcOutput     = 3
	uvcProcessing = 2
)

// uvcGUID is how uvcvideo knows an uncompressed format: mostly the FourCC in the tail that
// all of them share.
func uvcGUID(format string) (guid []byte, bits int) {
	name := map[string]string{"YUYV": "YUY2", "UYVY": "UYVY", "NV12": "NV12", "GREY": "Y800", "Y10": "Y10 ", "Y16": "Y16 ", "Y8I": "Y8I ", "Y12I": "Y12I"}[format]
	if name == "" {
		panic(fmt.Sprintf("uvc: no format %q", format))
	}
	bits = map[string]int{"GREY": 8, "NV12": 12, "Y12I": 24}[format]
	if bits == 0 {
		bits = 16
	}
	return append([]byte(name), 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71), bits
}

// bytes is the size of a frame, of MJPEG the most it can be.
func (m UVCMode) bytes() uint32 {
	if m.Format == "MJPG" {
		return uint32(2 * m.Width * m.Height)
	}
	_, bits := uvcGUID(m.Format)
	return uint32(m.Width * m.Height * bits / 8)
}

// formats groups the modes by pixel format: one format descriptor each, in the order in
// which they first appear.
func (c *UVC) formats() [][]int {
	var names []string
	var list [][]int
	for i, m := range c.Modes {
		k := slices.Index(names, m.Format)
		if k < 0 {
			names, list, k = append(names, m.Format), append(list, nil), len(list)
		}
		list[k] = append(list[k], i)
	}
	return list
}

// describe makes the descriptors of one stream: its association, its control interface, its
// streaming interface and the endpoint.
func (c *UVC) describe() []byte {
	control, stream, endpoint := c.iface, c.iface+1, 0x80|c.endpoint
	units := slices.Concat(
		// Camera terminal: exposure mode, priority, absolute time.
		[]byte{18, 0x24, 2, uvcTerminal}, uvc16(0x0201), []byte{0, 0}, make([]byte, 6), []byte{3, 0x0E, 0, 0},
		// Processing unit: gain, power line frequency, automatic white balance.
		[]byte{11, 0x24, 5, uvcProcessing, uvcTerminal}, uvc16(0), []byte{2, 0x00, 0x16, 0},
		// Output terminal to USB.
		[]byte{9, 0x24, 3, uvcOutput}, uvc16(0x0101), []byte{0, uvcProcessing, 0},
	)
	vc := slices.Concat([]byte{13, 0x24, 1}, uvc16(0x0100), uvc16(uint16(13+len(units))), uvc32(48_000_000), []byte{1, stream}, units)

	var body []byte
	groups := c.formats()
	for i, modes := range groups {
		body = append(body, c.describeFormat(byte(i+1), modes)...)
	}
	head := 13 + len(groups)
	vs := slices.Concat([]byte{byte(head), 0x24, 1, byte(len(groups))}, uvc16(uint16(head+len(body))),
		[]byte{endpoint, 0, uvcOutput, 0, 0, 0, 1}, make([]byte, len(groups)), body)

	return slices.Concat(
		[]byte{8, 11, control, 2, 14, 3, 0, 0},
		[]byte{9, 4, control, 0, 0, 14, 1, 0, 0}, vc,
		[]byte{9, 4, stream, 0, 1, 14, 2, 0, 0}, vs,
		[]byte{7, 5, endpoint, 2}, uvc16(512), []byte{0},
	)
}

func (c *UVC) describeFormat(index byte, modes []int) []byte {
	var b []byte
	frameKind := byte(7)
	if format := c.Modes[modes[0]].Format; format == "MJPG" {
		b = []byte{11, 0x24, 6, index, byte(len(modes)), 0, 1, 0, 0, 0, 0}
	} else {
		frameKind = 5
		guid, bits := uvcGUID(format)
		b = slices.Concat([]byte{27, 0x24, 4, index, byte(len(modes))}, guid, []byte{byte(bits), 1, 0, 0, 0, 0})
	}
	for j, i := range modes {
		m := c.Modes[i]
		interval := uvc32(uint32(m.Interval / 100))
		b = append(b, slices.Concat([]byte{30, 0x24, frameKind, byte(j + 1), 0}, uvc16(uint16(m.Width)), uvc16(uint16(m.Height)),
			uvc32(1_000_000), uvc32(500_000_000), uvc32(m.bytes()), interval, []byte{1}, interval)...)
	}
	return b
}

// UVCControl is one control of a stream.
type UVCControl int

const (
	UVCExposureMode     UVCControl = iota // 1 manual, 8 aperture priority
	UVCExposurePriority                   // 0: the frame rate is kept
	UVCExposureTime                       // 100 us
	UVCGain
	UVCPowerLine    // 0 off, 1 50 Hz, 2 60 Hz
	UVCWhiteBalance // 1 automatic

	uvcControls = 6
)

// uvcValue is a control's value and what it can be.
type uvcValue struct {
	unit, selector      uint8
	size                int
	value, least, most  int
	resolution, initial int
}

func newUVCControls() [uvcControls]uvcValue {
	return [uvcControls]uvcValue{
		UVCExposureMode:     {uvcTerminal, 2, 1, 8, 0, 9, 9, 8},
		UVCExposurePriority: {uvcTerminal, 3, 1, 1, 0, 1, 1, 1},
		UVCExposureTime:     {uvcTerminal, 4, 4, 156, 3, 2047, 1, 156},
		UVCGain:             {uvcProcessing, 4, 2, 40, 0, 100, 1, 40},
		UVCPowerLine:        {uvcProcessing, 5, 1, 1, 0, 2, 1, 1},
		UVCWhiteBalance:     {uvcProcessing, 0x0B, 1, 1, 0, 1, 1, 1},
	}
}

// control answers the requests of the control interface. mu is held.
func (c *UVC) control(s usb.Setup, out []byte) ([]byte, bool) {
	unit, selector := uint8(s.Index>>8), uint8(s.Value>>8)
	if unit == 0 { // the interface itself: the error code of the last request
		return []byte{0}, s.Request == uvcGetCur
	}
	for i := range c.controls {
		if v := &c.controls[i]; v.unit == unit && v.selector == selector {
			return v.request(s.Request, out)
		}
	}
	return nil, false
}

func (v *uvcValue) request(request uint8, out []byte) ([]byte, bool) {
	number := func(n int) ([]byte, bool) { return binary.LittleEndian.AppendUint32(nil, uint32(n))[:v.size], true }
	switch request {
	case uvcSetCur:
		if len(out) < v.size {
			return nil, false
		}
		n := int(binary.LittleEndian.Uint32(append(slices.Clone(out[:v.size]), 0, 0, 0)))
		if n < v.least || n > v.most {
			return nil, false
		}
		v.value = n
		return nil, true
	case uvcGetCur:
		return number(v.value)
	case uvcGetMin:
		return number(v.least)
	case uvcGetMax:
		return number(v.most)
	case uvcGetRes:
		return number(v.resolution)
	case uvcGetDef:
		return number(v.initial)
	case uvcGetInfo:
		return []byte{3}, true
	case uvcGetLen:
		return uvc16(uint16(v.size)), true
	}
	return nil, false
}

func uvc16(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
func uvc32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
