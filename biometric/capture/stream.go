package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/biometric"
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
	cam    sense.Camera
	lights *lights
	mode   sense.Mode
	held   sense.Held
	now    func() sense.Time
	timing timing
}

// Reasons for which a Stream fails.
var (
	// ErrFrames: the camera goes on and on with frames that cannot be used.
	ErrFrames = errors.New("no whole frames of the size that was asked for")
	// ErrPhases: a phase of the lamp order got no frame, however often it was lit.
	ErrPhases = errors.New("no frame under each light of the order")
	// ErrMode: the camera has no mode that could be used.
	ErrMode = errors.New("no 640x480 picture with plain luminance")
	// ErrLamps: a lamp is missing.
	ErrLamps = errors.New("a white and an 850 nm lamp are needed")
)

// badLimit is how many useless frames in a row are put up with: a second's.
const badLimit = 30

// fail makes of err what the contract promises. Its context's end stays what it is.
func fail(ctx context.Context, op, hint string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", op, cause)
	}
	return &biometric.Error{Op: op, Fault: biometric.FaultDevice, Hint: hint, Err: err}
}

// Open starts the camera with all lamps off, and locks its exposure. Where it returns an
// error the camera is stopped.
func Open(ctx context.Context, cam sense.Camera, lamp sense.Lamp, o Options) (*Stream, error) {
	const op, hint = "start the camera", "look at the camera's cable and at [palm] in the configuration"
	if o.Now == nil {
		o.Now = sense.Now
	}
	if o.Exposure.Time == 0 {
		o.Exposure.Time = DefaultExposure
	}
	s := &Stream{cam: cam, lights: newLights(lamp, o.Now), now: o.Now}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(fail(ctx, op, hint, err), s.Close(ctx))
	}
	return s, nil
}

func (s *Stream) open(ctx context.Context, o Options) (err error) {
	var have [2]bool
	for _, c := range s.lights.lamp.Channels() {
		have[0], have[1] = have[0] || c == ChannelWhite, have[1] || c == ChannelNIR
	}
	if have != [2]bool{true, true} {
		return ErrLamps
	}
	if err := s.lights.set(ctx, Dark, -1); err != nil {
		return err
	}
	if o.Mode == (sense.Mode{}) {
		if o.Mode, err = choose(ctx, s.cam); err != nil {
			return err
		}
	}
	if s.mode, err = s.cam.Start(ctx, o.Mode); err != nil {
		return err
	}
	if s.held, err = s.cam.Lock(ctx, o.Exposure); err != nil {
		return err
	}
	s.timing = newTiming(s.mode, s.held)
	return nil
}

// choose takes the first mode of 640x480 with plain luminance, grey before colour, whose
// interval is nearest to the nominal one.
func choose(ctx context.Context, cam sense.Camera) (sense.Mode, error) {
	modes, err := cam.Modes(ctx)
	if err != nil {
		return sense.Mode{}, err
	}
	rank := map[sense.PixelFormat]int{sense.GREY: 1, sense.Y10: 2, sense.Y16: 3, sense.YUYV: 4, sense.UYVY: 5, sense.NV12: 6}
	var best sense.Mode
	for _, m := range modes {
		if m.Width != 640 || m.Height != 480 || rank[m.Pixel] == 0 {
			continue
		}
		switch far, least := off(m), off(best); {
		case best.Pixel == 0, rank[m.Pixel] < rank[best.Pixel], rank[m.Pixel] == rank[best.Pixel] && far < least:
			best = m
		}
	}
	if best.Pixel == 0 {
		return best, fmt.Errorf("%s: %w", cam, ErrMode)
	}
	return best, nil
}

// off is how far a mode's interval is from the nominal one.
func off(m sense.Mode) time.Duration {
	return max(m.Interval-nominal, nominal-m.Interval)
}

// Mode is what the camera granted.
func (s *Stream) Mode() sense.Mode { return s.mode }

// Held is what the camera holds still. Where TimeFixed or GainFixed is false brightness means
// nothing: pad.Input.Unlocked.
func (s *Stream) Held() sense.Held { return s.held }

// Size is how many bytes the luminance of a frame takes.
func (s *Stream) Size() int { return s.mode.Width * s.mode.Height }

// Switch sets the light of the frames that Next returns.
func (s *Stream) Switch(ctx context.Context, l Light) error {
	if err := s.lights.set(ctx, l, -1); err != nil {
		return fail(ctx, "switch the lamps", "look at the lamps' lines in the configuration", err)
	}
	return nil
}

// Next waits for the next good frame and writes its luminance to luma, of Size bytes. The
// Shot's Phase is -1. Settled says whether all of it was taken in its Light.
func (s *Stream) Next(ctx context.Context, luma []byte) (Shot, error) {
	const op, hint = "take a frame", "look at the camera's cable"
	for range badLimit {
		f, err := s.cam.Next(ctx)
		if err != nil {
			return Shot{}, fail(ctx, op, hint, err)
		}
		shot, ok := s.place(f)
		if ok {
			shot.Luma, err = f.Luma(luma)
		}
		f.Release()
		if ok && err == nil {
			shot.Phase = -1
			return shot, nil
		}
	}
	return Shot{}, fail(ctx, op, hint, ErrFrames)
}

// place finds out what light a frame was taken in. It is false for a frame that is of no use.
func (s *Stream) place(f *sense.Frame) (Shot, bool) {
	now := s.now()
	if f.Damaged || f.Width != s.mode.Width || f.Height != s.mode.Height || f.At > now || !s.timing.saw(&f.Header) {
		return Shot{}, false
	}
	before, after := s.timing.reach()
	shot := Shot{At: f.At, Width: f.Width, Height: f.Height}
	// What has arrived is no longer being exposed.
	shot.Light, shot.Phase, shot.Settled = s.lights.at(f.At.Add(-before), min(f.At.Add(after), now))
	return shot, true
}

// Close turns the lamps off and stops the camera; the context's end does not keep it from it.
func (s *Stream) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return errors.Join(s.lights.set(ctx, Dark, -1), s.cam.Stop(ctx))
}
