package bocv

import (
	"encoding/binary"
	"math/bits"

	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/internal/secret"
)

// Extractor computes codes. It holds the filters and a workspace, allocates nothing after
// New and is not safe for concurrent use.
//
// It does what Reference does with a quarter of the multiplications. Filters p and 6-p are
// mirror images of each other: half their sum is even in both coordinates, half their
// difference is odd in both. So the four pixels that lie in mirror images of each other
// around a cell are added first, with the signs of either case, and multiplied once.
type Extractor struct {
	taps     taps
	scale    float64 // of a response to grey values
	portable bool    // use no assembly

	rows      *rows
	sum, diff *folded
	out       *responses
}

const (
	padded = 160        // columns: 15 mirrored ones, the region and 17 more
	left   = 15         // mirrored columns at the left
	half   = radius + 1 // taps of a quadrant in one direction
	pairs  = half / 2
	phase  = padded / Cell // columns that are a multiple of Cell apart
)

// rows are the region, mirrored at the left and the right.
type rows [Size * padded]byte

func (r *rows) at(y int) *[padded]byte { return (*[padded]byte)(r[y*padded:]) }

// folded holds the rows around a row of cells, each added to its mirror image or less it.
// The low half of word i*phase+j of pair m is of row 2m and the high half of row 2m+1, both
// as int16, of column j*Cell+i: what 32 cells need for one tap stands side by side.
type folded [pairs * padded]uint32

func (f *folded) pair(m int) *[padded]uint32 { return (*[padded]uint32)(f[m*padded:]) }

// Filters as they are computed: those even in both coordinates, then those odd in both.
const (
	even0  = iota // filter 0
	even90        // filter 3
	even30        // half of filter 1 plus filter 5
	even60        // half of filter 2 plus filter 4
	odd30         // half of filter 1 less filter 5
	odd60         // half of filter 2 less filter 4
	parts
)

// taps are the quadrant right of and below a cell. pair holds, for each column dx and each
// pair of rows, two int16 of each part; offset is where columns dx and -dx start in a row of
// folded, in bytes.
type taps struct {
	pair   [half][pairs][parts]uint32
	offset [half][2]int32
}

// responses of one row of cells, part by part.
type responses [parts * feature.Side]int32

// New computes the filters and takes its workspace from the heap.
func New() *Extractor {
	e := &Extractor{rows: new(rows), sum: new(folded), diff: new(folded), out: new(responses)}
	e.prepare()
	return e
}

// NewIn is New with a workspace of ArenaSize bytes in a, which must stay open as long as the
// Extractor is used.
func NewIn(a *secret.Arena) *Extractor {
	e := &Extractor{
		rows: (*rows)(a.Bytes(len(rows{}))),
		sum:  (*folded)(secret.Slice[uint32](a, len(folded{}))),
		diff: (*folded)(secret.Slice[uint32](a, len(folded{}))),
		out:  (*responses)(secret.Slice[int32](a, len(responses{}))),
	}
	e.prepare()
	return e
}

// ArenaSize is how many bytes of an arena NewIn takes.
func ArenaSize() int {
	return secret.ArenaSize(len(rows{}), 4*len(folded{}), 4*len(folded{}), 4*len(responses{}))
}

func (e *Extractor) prepare() {
	unit := e.taps.fill()
	positive := 0.0
	for _, v := range gabor(0) {
		positive += max(v, 0)
	}
	e.scale = 1 / (unit * positive * feature.Bits)
}

// Code writes the code of a region to dst. The contrast is the mean size of the responses, as
// the difference in grey values between a line and what is beside it: how much the lines of
// the palm stand out. It is 0 for a region without any.
func (e *Extractor) Code(dst *Code, region *Region) (contrast float64) {
	e.pad(region)
	data, size := dst.Data(), uint64(0)
	for row := range feature.Side {
		e.foldRows(row*Cell + origin)
		e.respond()
		size += e.sign(data, row)
	}
	return float64(size) * e.scale
}

// pad copies the region and mirrors what the filters see to the left and the right of it.
func (e *Extractor) pad(region *Region) {
	for y := range Size {
		to, from := e.rows.at(y)[:], region[y*Size:][:Size]
		copy(to[left:], from)
		binary.LittleEndian.PutUint64(to[7:], bits.ReverseBytes64(binary.LittleEndian.Uint64(from[1:])))
		binary.LittleEndian.PutUint64(to[0:], bits.ReverseBytes64(binary.LittleEndian.Uint64(from[8:])))
		end := to[left+Size:]
		binary.LittleEndian.PutUint64(end, bits.ReverseBytes64(binary.LittleEndian.Uint64(from[Size-9:])))
		binary.LittleEndian.PutUint64(end[8:], bits.ReverseBytes64(binary.LittleEndian.Uint64(from[Size-17:])))
		end[16] = from[Size-18]
	}
}

// foldRows adds to each row its mirror image around row y, and subtracts it.
func (e *Extractor) foldRows(y int) {
	for m := range pairs {
		fold := foldPair
		if e.portable {
			fold = foldPairGo
		}
		i := 2 * m
		fold(e.sum.pair(m), e.diff.pair(m), e.rows.at(mirror(y+i)), e.rows.at(mirror(y-i)), e.rows.at(mirror(y+i+1)), e.rows.at(mirror(y-i-1)))
	}
}

func (e *Extractor) respond() {
	if e.portable {
		respondGo(e.out, e.sum, e.diff, &e.taps)
	} else {
		respond(e.out, e.sum, e.diff, &e.taps)
	}
}

// sign makes the six filters of the parts, writes their signs as one row of the code and
// returns the sum of their sizes.
func (e *Extractor) sign(data *[feature.Bytes]byte, row int) (size uint64) {
	var words [feature.Planes]uint32
	part := func(p int) *[feature.Side]int32 { return (*[feature.Side]int32)(e.out[p*feature.Side:]) }
	r0, r90, r30, r60, o30, o60 := part(even0), part(even90), part(even30), part(even60), part(odd30), part(odd60)
	for c := range feature.Side {
		for p, r := range [feature.Planes]int32{r0[c], r30[c] + o30[c], r60[c] + o60[c], r90[c], r60[c] - o60[c], r30[c] - o30[c]} {
			words[p] |= uint32(r) >> 31 << c
			size += uint64(max(r, -r))
		}
	}
	for p, w := range words {
		binary.LittleEndian.PutUint32(data[(p*feature.Side+row)*4:], w)
	}
	return size
}

// Wipe overwrites what is left of the last region.
func (e *Extractor) Wipe() {
	clear(e.rows[:])
	clear(e.sum[:])
	clear(e.diff[:])
	clear(e.out[:])
}
