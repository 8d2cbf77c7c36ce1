// Package capture takes the frames of one presentation under lamps that are switched in an
// order nobody can know before, and matches frames to lamps by their times.
package capture

import "github.com/tilld/tilld/drivers/sense"

// Light is which lamps shine in one phase.
type Light uint8

const (
	Dark  Light = iota // none
	NIR                // 850 nm
	White              // white
)

// Names of the lamps that a sense.Lamp must have.
const (
	ChannelNIR   sense.Channel = "nir850"
	ChannelWhite sense.Channel = "white"
)

// Shot is one frame as luminance, and the light it was taken in.
type Shot struct {
	Light         Light
	Phase         int        // which phase of the order, from 0; -1 before the first
	Settled       bool       // no lamp was switched while it was exposed
	At            sense.Time // when its exposure began
	Width, Height int        // pixels
	Luma          []byte     // Width*Height, rows without a gap; the capture owns and wipes it
}
