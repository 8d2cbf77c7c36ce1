package v4l2

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// The kernel's structures are laid out here by hand. A Go struct will not do: on 32-bit arm
// the C ABI aligns 64-bit numbers to 8 bytes and Go to 4, so that v4l2_buffer would be of a
// size whose ioctl the kernel does not know.

const wordSize = unsafe.Sizeof(uintptr(0))

// record is the memory of one ioctl's argument, aligned as the kernel needs it. 256 bytes are
// more than the longest structure has.
type record [32]uint64

func (r *record) bytes() []byte         { return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r)) }
func (r *record) get(at uintptr) uint32 { return binary.NativeEndian.Uint32(r.bytes()[at:]) }
func (r *record) put(at uintptr, v ...uint32) {
	for i, x := range v {
		binary.NativeEndian.PutUint32(r.bytes()[at+4*uintptr(i):], x)
	}
}
func (r *record) long(at uintptr) uint64 { return binary.NativeEndian.Uint64(r.bytes()[at:]) }
func (r *record) text(at, n uintptr) string {
	b, _, _ := bytes.Cut(r.bytes()[at:at+n], []byte{0})
	return printable(b)
}

// printable keeps what a device calls itself to one line of ASCII.
func printable(b []byte) string {
	b = bytes.Clone(b)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

// request is an ioctl of the video device: its number, the size of its argument, and in which
// directions the argument goes.
type request struct {
	nr, size uintptr
	write    bool // from the program to the kernel only
	read     bool // from the kernel to the program only
}

func (q request) code() uintptr {
	dir := uintptr(3)
	switch {
	case q.write:
		dir = 1
	case q.read:
		dir = 2
	}
	return dir<<30 | q.size<<16 | 'V'<<8 | q.nr
}

// layout is what differs between kernels and word sizes.
type layout struct {
	formatSize, pix uintptr // v4l2_format; where its union begins

	bufferSize                         uintptr // v4l2_buffer
	stamp, sequence, memory, m, length uintptr
	wideTime                           bool // 64-bit seconds
}

// layouts are those that a kernel may know for a word size, the newest first. 32-bit kernels
// before 5.6 know the second alone.
func layouts(word uintptr) []layout {
	if word == 8 {
		return []layout{{208, 8, 88, 24, 56, 60, 64, 72, true}}
	}
	return []layout{
		{204, 4, 80, 24, 56, 60, 64, 68, true},
		{204, 4, 68, 20, 44, 48, 52, 56, false},
	}
}

// Requests, with the numbers and sizes of linux/videodev2.h.
var (
	queryCap           = request{nr: 0, size: 104, read: true}
	enumFormat         = request{nr: 2, size: 64}
	requestBuffers     = request{nr: 8, size: 20}
	streamOn           = request{nr: 18, size: 4, write: true}
	streamOff          = request{nr: 19, size: 4, write: true}
	getParameters      = request{nr: 21, size: 204}
	setParameters      = request{nr: 22, size: 204}
	queryControl       = request{nr: 36, size: 68}
	enumFrameSizes     = request{nr: 74, size: 44}
	enumFrameIntervals = request{nr: 75, size: 52}
	getExtControls     = request{nr: 71, size: unsafe.Sizeof(extControls{})}
	setExtControls     = request{nr: 72, size: unsafe.Sizeof(extControls{})}
)

func (l layout) setFormat() request   { return request{nr: 5, size: l.formatSize} }
func (l layout) queryBuffer() request { return request{nr: 9, size: l.bufferSize} }
func (l layout) queue() request       { return request{nr: 15, size: l.bufferSize} }
func (l layout) dequeue() request     { return request{nr: 17, size: l.bufferSize} }

const (
	videoCapture = 1 // V4L2_BUF_TYPE_VIDEO_CAPTURE
	memoryMapped = 1 // V4L2_MEMORY_MMAP
	fieldNone    = 1 // V4L2_FIELD_NONE: progressive

	capVideoCapture = 0x00000001
	capStreaming    = 0x04000000
	capDeviceCaps   = 0x80000000

	flagError     = 0x00000040 // V4L2_BUF_FLAG_ERROR
	stampMask     = 0x0000E000 // V4L2_BUF_FLAG_TIMESTAMP_MASK
	stampMonotone = 0x00002000
)

// buffer is what is used of v4l2_buffer.
type buffer struct {
	index, used, flags uint32
	sec, usec          int64
	sequence           uint32
	offset, length     uint32
}

// prepare fills r for a request about buffer index.
func (l layout) prepare(r *record, index uint32) {
	*r = record{}
	r.put(0, index, videoCapture)
	r.put(l.memory, memoryMapped)
}

func (l layout) parse(r *record) buffer {
	b := buffer{index: r.get(0), used: r.get(8), flags: r.get(12), sequence: r.get(l.sequence), offset: r.get(l.m), length: r.get(l.length)}
	if l.wideTime {
		b.sec, b.usec = int64(r.long(l.stamp)), int64(r.long(l.stamp+8))
	} else {
		b.sec, b.usec = int64(int32(r.get(l.stamp))), int64(int32(r.get(l.stamp+4)))
	}
	return b
}

// extControls is v4l2_ext_controls: 32 bytes, 24 on 32 bit, with the pointer last.
type extControls struct {
	which, count, errorIndex uint32
	requestFD                int32
	_                        uint32
	controls                 unsafe.Pointer
}

// extControl is v4l2_ext_control, which is packed: 20 bytes.
type extControl struct {
	id, size, _ uint32
	value       [8]byte
}
