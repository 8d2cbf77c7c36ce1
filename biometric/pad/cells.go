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
// them, from every second row of pixels. What is left at the right and at the bottom belongs
// to no cell.
func cells(dst []float32, luma []byte, w, h, side int) {
	nx, ny := w/side, h/side
	scale := 2 / float32(side*side)
	var acc [maxSide / 8]uint64 // of 8 columns each, four lanes
	for cy := range ny {
		words := acc[:nx*side/8]
		clear(words)
		for y := 0; y < side; y += 8 {
			at := (cy*side + y) * w
			n := 8 * len(words)
			r0, r2 := luma[at:][:n], luma[at+2*w:][:n]
			r4, r6 := luma[at+4*w:][:n], luma[at+6*w:][:n]
			for i := range words {
				// Up to 28 rows of two bytes a lane stay below 2^16.
				v0, v2 := word(r0, i), word(r2, i)
				v4, v6 := word(r4, i), word(r6, i)
				words[i] += v0&lanes + v0>>8&lanes + v2&lanes + v2>>8&lanes +
					v4&lanes + v4>>8&lanes + v6&lanes + v6>>8&lanes
			}
		}
		for x := range nx {
			sum := uint32(0)
			for _, v := range words[:side/8] {
				v = v&0x0000FFFF0000FFFF + v>>16&0x0000FFFF0000FFFF
				sum += uint32(v) + uint32(v>>32)
			}
			words = words[side/8:]
			dst[cy*nx+x] = float32(sum) * scale
		}
	}
}

func word(row []byte, i int) uint64 { return binary.LittleEndian.Uint64(row[8*i : 8*i+8]) }

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
