package sense

import (
	"encoding/binary"
	"errors"
)

// Errors of Luma and Split.
var (
	// ErrFormat: the pixel format has no such conversion: compressed, or a pair where one
	// picture is asked for, or the other way round.
	ErrFormat = errors.New("no such conversion of this pixel format")
	// ErrShort: fewer bytes than the size says, or a destination that is too small.
	ErrShort = errors.New("fewer bytes than the picture's size takes")
	// ErrDamaged: the frame is marked as damaged.
	ErrDamaged = errors.New("damaged frame")
	// ErrSize: a width, height or stride that no camera has.
	ErrSize = errors.New("impossible size of a picture")
)

// maxSide bounds width and height, so that sizes fit 32-bit integers.
const maxSide = 16384

// Luma writes the luminance of a frame to dst, rows of Width bytes without a gap, and
// returns the Width*Height bytes it filled. Y10 and Y16 lose their lower bits; the padding
// bits of Y10 are ignored. It does not allocate.
func (f *Frame) Luma(dst []byte) ([]byte, error) {
	if f.Damaged {
		return nil, ErrDamaged
	}
	return Luma(dst, f.Data(), f.Pixel, f.Width, f.Height, f.Stride)
}

// Split writes the two pictures of a Y8I or Y12I frame to left and right, as Luma does.
func (f *Frame) Split(left, right []byte) (l, r []byte, err error) {
	if f.Damaged {
		return nil, nil, ErrDamaged
	}
	return Split(left, right, f.Data(), f.Pixel, f.Width, f.Height, f.Stride)
}

// Luma is Frame.Luma of a picture in src. dst and src must not overlap.
func Luma(dst, src []byte, px PixelFormat, width, height, stride int) ([]byte, error) {
	switch px {
	case GREY, NV12, Y10, Y16, YUYV, UYVY:
	default:
		return nil, ErrFormat
	}
	if err := check(src, px, width, height, stride); err != nil {
		return nil, err
	}
	if len(dst) < width*height {
		return nil, ErrShort
	}
	dst = dst[:width*height]
	for y := range height {
		d := dst[y*width:][:width]
		s := src[y*stride:][:px.Row(width)]
		switch px {
		case GREY, NV12:
			copy(d, s)
		case Y10:
			for x := range d {
				d[x] = byte(binary.LittleEndian.Uint16(s[2*x:]) >> 2)
			}
		case YUYV:
			for x := range d {
				d[x] = s[2*x]
			}
		case Y16, UYVY:
			for x := range d {
				d[x] = s[2*x+1]
			}
		}
	}
	return dst, nil
}

// Split is Frame.Split of a picture pair in src. The three must not overlap.
func Split(left, right, src []byte, px PixelFormat, width, height, stride int) (l, r []byte, err error) {
	if px != Y8I && px != Y12I {
		return nil, nil, ErrFormat
	}
	if err := check(src, px, width, height, stride); err != nil {
		return nil, nil, err
	}
	if len(left) < width*height || len(right) < width*height {
		return nil, nil, ErrShort
	}
	left, right = left[:width*height], right[:width*height]
	for y := range height {
		s := src[y*stride:][:px.Row(width)]
		l, r := left[y*width:][:width], right[y*width:][:width]
		if px == Y8I {
			for x := range l {
				l[x], r[x] = s[2*x], s[2*x+1]
			}
			continue
		}
		// Left is the low 12 bits of 24, right the high ones.
		for x := range l {
			l[x], r[x] = s[3*x]>>4|s[3*x+1]<<4, s[3*x+2]
		}
	}
	return left, right, nil
}

func check(src []byte, px PixelFormat, width, height, stride int) error {
	if width <= 0 || height <= 0 || width > maxSide || height > maxSide || stride < px.Row(width) || stride > 8*maxSide {
		return ErrSize
	}
	if int64(len(src)) < px.size(width, height, stride) {
		return ErrShort
	}
	return nil
}

// Whole reports whether n bytes hold a picture of this size. Of a compressed format it only
// says that there are some.
func (f PixelFormat) Whole(n, width, height, stride int) bool {
	if f.Compressed() {
		return n > 0
	}
	size := f.size(width, height, stride)
	return size > 0 && int64(n) >= size
}
