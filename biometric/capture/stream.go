package capture

import (
	"context"

	"github.com/tilld/tilld/drivers/sense"
)

// Options are how a Stream works. The zero value is the product's.
type Options struct {
	Mode     sense.Mode        // zero: 640x480 at 30 frames/s, grey before colour
	Exposure sense.Exposure    // Time zero: DefaultExposure
	Now      func() sense.Time // the clock of the camera's frames; nil: sense.Now
}

// Stream is a camera and its lamps during one presentation. Not safe for concurrent use.
type Stream struct {
	cam  sense.Camera
	lamp sense.Lamp
	mode sense.Mode
	held sense.Held
}

// Open starts the camera with all lamps off, and locks its exposure. Where it returns an
// error the camera is stopped.
func Open(ctx context.Context, cam sense.Camera, lamp sense.Lamp, o Options) (*Stream, error) {
	return nil, nil
}

// Mode is what the camera granted.
func (s *Stream) Mode() sense.Mode { return s.mode }

// Held is what the camera holds still. Where TimeFixed or GainFixed is false brightness means
// nothing: pad.Input.Unlocked.
func (s *Stream) Held() sense.Held { return s.held }

// Size is how many bytes the luminance of a frame takes.
func (s *Stream) Size() int { return s.mode.Width * s.mode.Height }

// Switch sets the light of the frames that Next returns.
func (s *Stream) Switch(ctx context.Context, l Light) error { return nil }

// Next waits for the next good frame and writes its luminance to luma, of Size bytes. The
// Shot's Phase is -1. Settled says whether all of it was taken in its Light.
func (s *Stream) Next(ctx context.Context, luma []byte) (Shot, error) { return Shot{}, nil }

// Take plays an order and appends to shots the settled frames, at least one of each phase, in
// the order of their times; the lamps are off when it returns. A phase that no good frame
// came of is lit once more at the end. luma is memory for the shots: Phases*Size() bytes at
// least, Phases*2*Size() for all frames where the camera pauses between two. At 30 frames/s
// it takes 533 ms and the time to the next frame; where frames keep missing it fails within
// twice that.
func (s *Stream) Take(ctx context.Context, order Order, luma []byte, shots []Shot) ([]Shot, error) {
	return nil, nil
}

// Close turns the lamps off and stops the camera; the context's end does not keep it from it.
func (s *Stream) Close(ctx context.Context) error { return nil }
