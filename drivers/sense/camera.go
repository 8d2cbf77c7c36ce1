package sense

import (
	"context"
	"time"
)

// Camera takes frames. Its methods may be called from any goroutine; one caller at a time
// should take the frames. Errors are *drivers.Error: drivers.ErrGone after an unplug,
// drivers.ErrClosed after Close, drivers.ErrBusy while another program has the camera.
type Camera interface {
	// Modes is what Start can be asked for, in the device's order.
	Modes(ctx context.Context) ([]Mode, error)
	// Start begins a stream of exactly this mode, or says why not. It returns the mode with
	// the interval that the device granted.
	Start(ctx context.Context, m Mode) (Mode, error)
	// Next waits for a frame, the oldest first: drivers.ErrTimeout when the context's deadline
	// passes. When nobody takes frames, the oldest are released, and counted in Header.Lost.
	Next(ctx context.Context) (*Frame, error)
	// Lock takes exposure, gain and white balance out of the device's hands, and tells what
	// the device says it holds now. Settle a few frames afterwards.
	Lock(ctx context.Context, want Exposure) (Held, error)
	// Stop ends the stream and releases the frames that nobody took. Frames that were taken
	// stay good. It is no error where there is no stream.
	Stop(ctx context.Context) error
	// Close ends everything within 250 ms. It may be called more than once.
	Close() error
	// String names the device: "/dev/video0".
	String() string
}

// Exposure is what Lock is asked for.
type Exposure struct {
	Time time.Duration // in steps of 100 us; 0 = what the device has now
	Gain Gain          // the zero value = what the device has now
	// Mains is the frequency in Hz that the device shall avoid flicker of, 50 or 60;
	// 0 = no such filter.
	Mains int
}

// Gain is a gain in the device's own units, whose range differs between devices.
type Gain struct {
	Set   bool
	Value int
}

// Held is what a device holds still, as read back from it. A false means that the device has
// no such control: what it does by itself is then unknown.
type Held struct {
	Time      time.Duration // exposure, read back
	Gain      int           // read back
	TimeFixed bool          // automatic exposure is off and Time is set
	GainFixed bool          // Gain is set, and automatic gain, if there is one, is off
	RateFixed bool          // the device may not slow down in the dark
	White     bool          // automatic white balance is off
	Mains     bool          // the flicker filter is as asked
}

// Channel is a lamp string: "nir850", "white".
type Channel string

// Step is one switching of a lamp: what was driven, and when.
type Step struct {
	Channel Channel
	On      bool
	// At is a moment at or after which the lamp was as Step says: read after the line was
	// driven. Frames whose exposure begins before it show a mixture.
	At Time
}

// Lamp switches the light of a capture. Off at start, off after Close, and off when the
// process ends, as far as the hardware allows. One caller at a time.
type Lamp interface {
	// Channels is what Switch takes.
	Channels() []Channel
	// Switch turns one channel on or off and leaves the others as they are.
	Switch(ctx context.Context, c Channel, on bool) (Step, error)
	// Close turns everything off.
	Close() error
}
