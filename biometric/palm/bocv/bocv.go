// Package bocv turns a region of a palm into a binary orientation co-occurrence vector
// (Guo, Zhang, Zhang and Zhang, 2009): six even Gabor filters, thirty degrees apart, and
// for each of them one bit a cell that says whether a dark line runs there in its direction.
// Nothing is trained.
//
// A cell is 4 pixels wide; there are 32x32 of them. Two codes are compared over a few shifts
// by whole cells, because no region is ever cut at exactly the same place twice.
package bocv

import "github.com/tilld/tilld/biometric/internal/feature"

// Size is the side of a region in pixels.
const Size = 128

// Cell is the distance between two cells of a code, in pixels.
const Cell = Size / feature.Side

// Region is a square cut of a palm, luminance in rows.
type Region = [Size * Size]byte

// Code is what is computed of a region. It can be held and compared outside of
// biometric/..., and shows nothing of itself.
type Code = feature.Code
