package sense

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

// Header is what is known of a frame besides its picture.
type Header struct {
	Stream string // which camera: the name its owner gave it
	// Seq counts the frames that the device began, from the start of the stream on. Numbers
	// that are left out are frames that nobody got.
	Seq uint64
	// Lost is how many frames are missing directly before this one, whether the device, the
	// kernel or a queue dropped them.
	Lost uint64
	// At is when the device began the frame where Timed is set (UVC: its first packet, or the
	// device's own clock turned into the host's), else when it was taken from the kernel.
	// It is the clock of Now.
	At    Time
	Timed bool
	// Damaged: bytes are missing or wrong. Such a frame is delivered to be counted, not to be
	// looked at: Luma and Split refuse it.
	Damaged bool

	Pixel         PixelFormat
	Width, Height int // pixels
	Stride        int // bytes from one row to the next; 0 for a compressed format
}

// Frame is one picture of a stream. Its Header does not change. Who gets a Frame calls
// Release when done, from any goroutine; nobody uses the bytes of Data during or after that.
type Frame struct {
	Header
	body *body
}

// body is the bytes of a person. Two pointers stand before them: of a field whose methods it
// may not call fmt follows one.
type body struct {
	data atomic.Pointer[[]byte] // nil once wiped
	free func([]byte)
}

func newBody(data []byte, free func([]byte)) *body {
	b := &body{free: free}
	b.data.Store(&data)
	return b
}

func (b *body) reveal() []byte {
	if p := b.data.Load(); p != nil {
		return (*p)[:len(*p):len(*p)]
	}
	return nil
}

func (b *body) wipe() {
	p := b.data.Swap(nil)
	if p == nil {
		return
	}
	secret.Zero(*p)
	if b.free != nil {
		b.free(*p)
	}
}

// NewFrame makes a frame of data, which it takes over. free, unless nil, is called once, by
// the first Release, with data overwritten with zeros: for a pool of buffers.
func NewFrame(h Header, data []byte, free func([]byte)) *Frame {
	return &Frame{Header: h, body: newBody(data, free)}
}

// Data is the picture, nil after Release. Its memory belongs to another frame after Release:
// keep no part of it.
func (f *Frame) Data() []byte { return f.body.reveal() }

// Release overwrites the picture with zeros and gives its memory back. It may be called more
// than once.
func (f *Frame) Release() { f.body.wipe() }

func (f Frame) String() string               { return secret.Redacted }
func (f Frame) GoString() string             { return secret.Redacted }
func (f Frame) Format(s fmt.State, _ rune)   { fmt.Fprint(s, secret.Redacted) }
func (f Frame) MarshalJSON() ([]byte, error) { return []byte(`"` + secret.Redacted + `"`), nil }
func (f Frame) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }

// Time is a moment of CLOCK_MONOTONIC in nanoseconds, the clock of the kernel's frame
// timestamps. It stands still while the machine sleeps and starts anew with it.
type Time int64

// Sub is the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Add is d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }
