package sense

import "time"

// PixelFormat is how the bytes of a frame are its picture: a FourCC as linux/videodev2.h
// defines it, first letter in the lowest byte.
type PixelFormat uint32

const (
	GREY  PixelFormat = 0x59455247 // 8-bit grey
	Y10   PixelFormat = 0x20303159 // 10-bit grey in the low bits of 16, little-endian
	Y16   PixelFormat = 0x20363159 // 16-bit grey, little-endian
	Y8I   PixelFormat = 0x20493859 // two 8-bit grey pictures, left and right byte in turn
	Y12I  PixelFormat = 0x49323159 // two 12-bit grey pictures, left and right packed in 3 bytes
	YUYV  PixelFormat = 0x56595559 // YUV 4:2:2, luminance in the even bytes
	UYVY  PixelFormat = 0x59565955 // YUV 4:2:2, luminance in the odd bytes
	NV12  PixelFormat = 0x3231564E // YUV 4:2:0, a plane of luminance first
	MJPEG PixelFormat = 0x47504A4D // one JPEG file a frame
)

// String is the four letters without trailing blanks: "GREY", "Y10", "MJPG".
func (f PixelFormat) String() string {
	b := []byte{byte(f), byte(f >> 8), byte(f >> 16), byte(f >> 24)}
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// Compressed reports whether a frame's length says nothing of its size in pixels.
func (f PixelFormat) Compressed() bool { return f == MJPEG }

// Infrared reports whether it is a format of cameras without colour, which near-infrared
// cameras are.
func (f PixelFormat) Infrared() bool {
	return f == GREY || f == Y10 || f == Y16 || f == Y8I || f == Y12I
}

// Row is the least number of bytes a row of width pixels takes; 0 for a compressed or an
// unknown format. Of NV12 it is a row of the luminance plane.
func (f PixelFormat) Row(width int) int {
	switch f {
	case GREY, NV12:
		return width
	case Y10, Y16, Y8I:
		return 2 * width
	case YUYV, UYVY:
		return 2 * ((width + 1) &^ 1)
	case Y12I:
		return 3 * width
	}
	return 0
}

// size is the least number of bytes of a picture, 0 for a compressed or an unknown format.
func (f PixelFormat) size(width, height, stride int) int64 {
	if f.Row(width) == 0 || height <= 0 {
		return 0
	}
	n := int64(stride)*int64(height-1) + int64(f.Row(width))
	if f == NV12 {
		n = int64(stride)*int64(height) + int64(stride)*int64((height+1)/2)
	}
	return n
}

// Mode is what a camera can be started with.
type Mode struct {
	Pixel         PixelFormat
	Width, Height int           // pixels
	Interval      time.Duration // between frames; 0 in a request leaves it to the device
}
