package roi

import (
	"errors"

	"github.com/tilld/tilld/biometric"
)

// Size is the side of a region in pixels.
const Size = 128

// Region is the palm's square, rows of Size pixels, fingers up.
type Region = [Size * Size]byte

// Point is a place in a picture, in pixels.
type Point struct{ X, Y float64 }

// Box is an upright rectangle of whole pixels: X0 <= x < X1.
type Box struct{ X0, Y0, X1, Y1 int }

// Side is which hand it is.
type Side uint8

// The numbers are those of a template's header.
const (
	SideUnknown Side = iota // the thumb is hidden
	SideLeft
	SideRight
)

func (s Side) String() string {
	switch s {
	case SideLeft:
		return "left"
	case SideRight:
		return "right"
	}
	return "unknown"
}

// Hand is a hand that was found, and where.
type Hand struct {
	Side Side
	// Valleys lie between index and middle finger, middle and ring finger, ring and little
	// finger. Where Side is unknown it may be the other way round; the region is the same.
	Valleys [3]Point
	// Corners of the region: top left, top right, bottom right, bottom left, fingers up.
	Corners [4]Point
	Box     Box     // around all of the hand that is in the picture
	Area    float64 // of the hand, as a share of the picture
	Level   float64 // mean brightness of the palm where it was looked for, 0..255
	Quality float64 // 0..1: the smallest of Reasons
	Reasons Reasons
	// Guide is what the person should do; "" when the hand is good to be taken.
	Guide biometric.Guidance
}

// Reasons are what Quality is made of, 0 (useless) to 1 (nothing to be wished for).
type Reasons struct {
	Sharpness float64 `json:"sharpness"`
	Contrast  float64 `json:"contrast"` // hand against background
	Exposure  float64 `json:"exposure"` // neither saturated nor too dark
	Size      float64 `json:"size"`     // neither too far nor too near
	Tilt      float64 `json:"tilt"`     // the palm faces the camera
	Centring  float64 `json:"centring"`
	Spread    float64 `json:"spread"` // the fingers do not touch
	Motion    float64 `json:"motion"` // as Track saw it; 1 of a single picture
}

// What Find says when there is no hand to be taken. The Hand returned with it says in Guide
// what the person should do.
var (
	ErrNone   = errors.New("find the palm: nothing is there")
	ErrMany   = errors.New("find the palm: more than one hand is in view")
	ErrBright = errors.New("find the palm: the light around outshines the lamp")
	ErrShape  = errors.New("find the palm: no finger valleys in what is there")
	ErrSize   = errors.New("find the palm: a picture of another size than the finder's")
)
