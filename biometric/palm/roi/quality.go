package roi

import "github.com/tilld/tilld/biometric"

const minContrast = 12

const (
	regionSide = 1.5
	regionGap  = 0.15
)

func (f *Finder) nothing(dark []byte) (Hand, error) {
	return Hand{Guide: biometric.SensorReady}, ErrNone
}

func (f *Finder) shapeless(p *part) (Hand, error) {
	return Hand{Guide: biometric.SpreadFingers}, ErrShape
}
