package pad

import (
	"encoding/binary"
	"math/bits"
)

// maxCells is the largest number of cells along a side of a picture.
const maxCells = 80

// cellSide is the side of the cells of a picture of w x h pixels: 8, or as many times that as
// keeps them maxCells or fewer along a side.
func cellSide(w, h int) int {
	return 8 * max(1, (max(w, h)+8*maxCells-1)/(8*maxCells))
}

// lanes picks every second byte of a word.
const lanes = 0x00FF00FF00FF00FF

// cells writes the mean of each cell of a picture to dst, row by row: w/side by h/side of
// them. What is left at the right and at the bottom belongs to no cell.
func cells(dst []float32, luma []byte, w, h, side int) {
	nx, ny := w/side, h/side
	scale := 1 / float32(side*side)
	for cy := range ny {
		for x := range nx {
			at := cy*side*w + x*side
			sum := uint32(0)
			for column := 0; column < side; column += 8 {
				// Up to 80 rows of two bytes a lane stay below 2^16.
				acc := uint64(0)
				for y := range side {
					v := binary.LittleEndian.Uint64(luma[at+column+y*w:])
					acc += v&lanes + v>>8&lanes
				}
				acc = acc&0x0000FFFF0000FFFF + acc>>16&0x0000FFFF0000FFFF
				sum += uint32(acc) + uint32(acc>>32)
			}
			dst[cy*nx+x] = float32(sum) * scale
		}
	}
}

// saturated counts the pixels of 250 and above in a row, of which the
// first len(row)/8*8 are looked at.
func saturated(row []byte) (n int) {
	const top, low, add = 0x8080808080808080, 0x7F7F7F7F7F7F7F7F, 0x0606060606060606
	for ; len(row) >= 8; row = row[8:] {
		v := binary.LittleEndian.Uint64(row)
		n += bits.OnesCount64((v&low + add) & v & top)
	}
	return n
}

// alike counts the bytes that are the same in two rows, of which the first len(a)/8*8 are
// looked at.
func alike(a, b []byte) (n int) {
	const low = 0x7F7F7F7F7F7F7F7F
	for ; len(a) >= 8 && len(b) >= 8; a, b = a[8:], b[8:] {
		v := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b)
		n += bits.OnesCount64(^((v&low + low) | v | low))
	}
	return n
}
