// Package picture reads pictures of research data sets as luminance: PNG, BMP and PGM, by
// what they hold and not by what they are called. A file may be anything: sizes are bounded
// before memory is taken, and what is wrong is an error.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/bits"
	"os"
)

// Bounds of what is read.
const (
	MaxSide   = 1 << 14 // pixels
	MaxPixels = 1 << 26
	MaxBytes  = 1 << 28
)

// Grey is a picture as 8-bit luminance, rows from the top without a gap.
type Grey struct {
	Width, Height int
	Pix           []byte
}

// Read reads a file.
func Read(path string) (*Grey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	g, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return g, nil
}

// Decode reads a picture.
func Decode(data []byte) (*Grey, error) {
	switch {
	case len(data) == 0:
		return nil, errors.New("the file is empty")
	case len(data) > MaxBytes:
		return nil, fmt.Errorf("more than %d MB", MaxBytes>>20)
	case bytes.HasPrefix(data, []byte("\x89PNG")):
		return decodePNG(data)
	case bytes.HasPrefix(data, []byte("BM")):
		return decodeBMP(data)
	case len(data) > 2 && data[0] == 'P' && (data[1] == '2' || data[1] == '5'):
		return decodePGM(data)
	}
	return nil, errors.New("neither PNG nor BMP nor PGM")
}

// bounded says what is wrong with a size. Only then is memory taken, and only for as many
// pixels as the file has bytes for.
func bounded(width, height int) error {
	if width < 1 || height < 1 || width > MaxSide || height > MaxSide || width*height > MaxPixels {
		return fmt.Errorf("%d x %d pixels, want 1 to %d a side and at most %d", width, height, MaxSide, MaxPixels)
	}
	return nil
}

func newGrey(width, height int) *Grey { return &Grey{width, height, make([]byte, width*height)} }

func decodePNG(data []byte) (*Grey, error) {
	c, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if err := bounded(c.Width, c.Height); err != nil {
		return nil, fmt.Errorf("PNG: %w", err)
	}
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return fromImage(m), nil
}

func fromImage(m image.Image) *Grey {
	b := m.Bounds()
	g := newGrey(b.Dx(), b.Dy())
	switch m := m.(type) {
	case *image.Gray:
		for y := range g.Height {
			copy(g.Pix[y*g.Width:][:g.Width], m.Pix[y*m.Stride:])
		}
	case *image.Gray16:
		deep := make([]uint16, 0, len(g.Pix))
		for y := range g.Height {
			for x := range g.Width {
				deep = append(deep, m.Gray16At(b.Min.X+x, b.Min.Y+y).Y)
			}
		}
		narrow(g.Pix, deep)
	default:
		for y := range g.Height {
			for x := range g.Width {
				g.Pix[y*g.Width+x] = color.GrayModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y
			}
		}
	}
	return g
}

// narrow takes the upper 8 of the bits that are used: cameras put 10 or 12 bits into 16.
func narrow(dst []byte, deep []uint16) {
	most := uint16(0)
	for _, v := range deep {
		most = max(most, v)
	}
	shift := max(bits.Len16(most)-8, 0)
	for i, v := range deep {
		dst[i] = byte(v >> shift)
	}
}

func luma(r, g, b byte) byte {
	return byte((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}
