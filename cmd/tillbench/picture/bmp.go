package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// bitmap is what the headers of a BMP say.
type bitmap struct {
	width, height int
	topDown       bool
	depth         int // bits a pixel
	offset        int // of the pixels
	palette       []byte
	entry         int       // bytes of a palette's entry
	masks         [3]uint32 // of red, green, blue at 32 bits; zero: blue, green, red, unused
}

// decodeBMP reads 8, 24 and 32 bits a pixel, uncompressed, from the bottom up or from the
// top down.
func decodeBMP(data []byte) (*Grey, error) {
	b, err := parseBMP(data)
	if err != nil {
		return nil, fmt.Errorf("BMP: %w", err)
	}
	if err := bounded(b.width, b.height); err != nil {
		return nil, fmt.Errorf("BMP: %w", err)
	}
	row := b.width * b.depth / 8
	stride := (row + 3) &^ 3
	// Some writers leave out the padding of the last row.
	if need := b.offset + stride*(b.height-1) + row; need > len(data) {
		return nil, fmt.Errorf("BMP: %d bytes, want %d: the file is cut off", len(data), need)
	}
	g := newGrey(b.width, b.height)
	for y := range b.height {
		from := b.height - 1 - y
		if b.topDown {
			from = y
		}
		b.row(g.Pix[y*g.Width:][:g.Width], data[b.offset+from*stride:][:row])
	}
	return g, nil
}

func parseBMP(data []byte) (b bitmap, err error) {
	const fileHeader = 14
	if len(data) < fileHeader+12 {
		return b, errors.New("the file is cut off in its header")
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(data[at:])) }
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	b.offset = int(u32(10))
	header := int(u32(fileHeader))
	if header != 12 && header < 40 || header > 1<<10 || fileHeader+header > len(data) {
		return b, fmt.Errorf("a header of %d bytes", header)
	}
	compression, colours := uint32(0), 0
	if header == 12 { // of OS/2
		b.width, b.height, b.depth, b.entry = u16(18), u16(20), u16(24), 3
	} else {
		width, height := int32(u32(18)), int32(u32(22))
		b.topDown = height < 0
		b.width, b.height, b.depth, b.entry = int(width), max(int(height), -int(height)), u16(28), 4
		compression, colours = u32(30), int(min(u32(46), 256))
	}
	if compression != 0 && !(compression == 3 && b.depth == 32) {
		return b, fmt.Errorf("compression %d with %d bits a pixel is not read, only uncompressed pictures are", compression, b.depth)
	}
	switch b.depth {
	case 8:
		if colours == 0 {
			colours = 256
		}
		at := fileHeader + header
		if at+colours*b.entry > len(data) {
			return b, errors.New("the file is cut off in its palette")
		}
		b.palette = data[at : at+colours*b.entry]
	case 24:
	case 32:
		if compression == 3 {
			if fileHeader+40+12 > len(data) {
				return b, errors.New("the file is cut off in its masks")
			}
			b.masks = [3]uint32{u32(54), u32(58), u32(62)}
		}
	default:
		return b, fmt.Errorf("%d bits a pixel are not read, only 8, 24 and 32 are", b.depth)
	}
	if b.offset < fileHeader+header || b.offset > len(data) {
		return b, fmt.Errorf("pixels at byte %d of %d", b.offset, len(data))
	}
	return b, nil
}

func (b *bitmap) row(dst, src []byte) {
	for x := range dst {
		switch {
		case b.depth == 8:
			if at := int(src[x]) * b.entry; at+2 < len(b.palette) {
				dst[x] = luma(b.palette[at+2], b.palette[at+1], b.palette[at])
			}
		case b.depth == 24:
			dst[x] = luma(src[3*x+2], src[3*x+1], src[3*x])
		case b.masks != [3]uint32{}:
			v := binary.LittleEndian.Uint32(src[4*x:])
			dst[x] = luma(masked(v, b.masks[0]), masked(v, b.masks[1]), masked(v, b.masks[2]))
		default:
			dst[x] = luma(src[4*x+2], src[4*x+1], src[4*x])
		}
	}
}

// masked is the upper 8 bits of what mask leaves of v.
func masked(v, mask uint32) byte {
	if mask == 0 {
		return 0
	}
	v = (v & mask) >> bits.TrailingZeros32(mask)
	if n := bits.Len32(mask >> bits.TrailingZeros32(mask)); n > 8 {
		return byte(v >> (n - 8))
	} else {
		return byte(v << (8 - n))
	}
}
