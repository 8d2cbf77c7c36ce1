package device

import (
	"bytes"
	"crypto/subtle"
	"sync"
	"time"
)

// Lamp lines of the virtual board, on its GPIO controller.
const (
	LampNIR   = 1
	LampWhite = 2
)

// Lights that a Stage has pictures in: what the lamps make, one after the other.
const (
	Unlit = iota
	LitNIR
	LitWhite
	stageLights
)

// StagePictures is how many pictures of each light a thing on a Stage has.
const StagePictures = 4

// StageMode is the one that a Stage has pictures for.
func StageMode() UVCMode {
	return UVCMode{Format: "GREY", Width: PictureWidth, Height: PictureHeight, Interval: time.Second / 30}
}

// StageBytes is how long the pictures of a thing are: all of one light, then the next.
func StageBytes() int { return stageLights * StagePictures * PictureWidth * PictureHeight }

// Stage is what a palm camera sees: a thing in the light of the board's lamps as they are when
// a frame begins. Safe for concurrent use.
type Stage struct {
	lit   func() int
	empty []byte // the picture of nothing, the same in every light
	noise []byte // of the last bit; longer than a picture, so that each frame takes another part

	mu     sync.Mutex
	thing  []byte // nil: nothing is there
	replay bool
	steady int // frames under the NIR lamp alone so far
	step   int // of the recording; 0: it does not run
	frames int
	frame  []byte // the last one
}

// stageNoise is how many frames pass before one has the noise of another.
const stageNoise = 4099

// NewStage makes an empty stage. lit says which lamp shines: Unlit, LitNIR or LitWhite.
func NewStage(lit func() int) *Stage {
	const size = PictureWidth * PictureHeight
	s := &Stage{lit: lit, empty: bytes.Repeat([]byte{6}, size), noise: make([]byte, size+stageNoise), frame: make([]byte, size)}
	x := uint32(1)
	for i := range s.noise {
		x = x*1664525 + 1013904223
		s.noise[i] = byte(x >> 31)
	}
	return s
}

// Show puts a thing there, by its pictures (StageBytes), or nothing. A replay follows the
// lamps until they begin to play an order, then shows the one it was recorded under, and ends.
func (s *Stage) Show(thing []byte, replay bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.thing, s.replay, s.steady, s.step = thing, replay, 0, 0
}

// Frames is how many were taken since the beginning.
func (s *Stage) Frames() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frames
}

// Frame is the n-th frame of a stream, which begins now. It is valid until the next. Its noise
// is its own: no two frames of a camera are equal.
func (s *Stage) Frame(n int) []byte {
	light := s.lit()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames++
	picture := s.empty
	if s.replay {
		light = s.recorded(light)
	}
	if s.thing != nil {
		picture = s.thing[(light*StagePictures+swing(n))*len(s.empty):][:len(s.empty)]
	}
	subtle.XORBytes(s.frame, picture, s.noise[s.frames*577%stageNoise:][:len(s.frame)])
	return s.frame
}

// swing goes through the pictures there and back: a hand that drifts does not jump.
func swing(n int) int {
	n %= 2 * (StagePictures - 1)
	return min(n, 2*(StagePictures-1)-n)
}

// recorded is the light of the recording where it runs. It begins when the lamps change after
// a hand was followed for a while. mu is held.
func (s *Stage) recorded(light int) int {
	const followed, each = 3, 2
	order := [...]int{LitWhite, Unlit, LitNIR, LitNIR, Unlit, LitWhite, LitWhite, LitNIR}
	switch {
	case s.step > 0:
	case light == LitNIR:
		s.steady++
		return light
	case s.steady < followed:
		s.steady = 0
		return light
	}
	light = order[s.step/each]
	if s.step++; s.step == each*len(order) {
		s.thing, s.step = nil, 0 // its end
	}
	return light
}
