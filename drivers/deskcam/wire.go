package deskcam

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tilld/tilld/drivers/sense"
)

// A message is a kind, the length of its body in 4 bytes, and the body. Integers are
// big-endian. The side with the camera sends Modes first, and answers every request with one
// Granted, Held, Switched, Done or Refused; Frames come in between.
const (
	KindModes    = 'M' // the modes
	KindStart    = 's' // a mode
	KindGranted  = 'G' // a mode
	KindStop     = 'x'
	KindDone     = 'D'
	KindLock     = 'e' // exposure in ns, gain, whether the gain is set
	KindHeld     = 'H' // exposure in ns, gain, five flags
	KindSwitch   = 'l' // on or off, the channel
	KindSwitched = 'L' // when, as sense.Time
	KindRefused  = 'R' // why, in words
	KindFrame    = 'F' // a frame
)

// MaxBody bounds the body of a message: one frame of 2048x2048 in 16 bits, and its header.
const MaxBody = 2048*2048*2 + frameHeader

const (
	modeSize    = 24
	frameHeader = 48
)

var errForm = errors.New("not a message of this protocol")

// WriteMessage writes one message.
func WriteMessage(w io.Writer, kind byte, body []byte) error {
	head := [5]byte{kind}
	binary.BigEndian.PutUint32(head[1:], uint32(len(body)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// ReadHead reads the kind and the length of the next message.
func ReadHead(r io.Reader) (kind byte, n int, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > MaxBody {
		return 0, 0, fmt.Errorf("%w: %d bytes", errForm, size)
	}
	return head[0], int(size), nil
}

// AppendMode appends a mode: format, width, height in 4 bytes each, 4 bytes of nothing, and
// the interval in ns.
func AppendMode(b []byte, m sense.Mode) []byte {
	for _, v := range []uint32{uint32(m.Pixel), uint32(m.Width), uint32(m.Height), 0} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return binary.BigEndian.AppendUint64(b, uint64(m.Interval))
}

// ParseModes reads what AppendMode appended, any number of them.
func ParseModes(b []byte) ([]sense.Mode, error) {
	if len(b)%modeSize != 0 {
		return nil, errForm
	}
	var list []sense.Mode
	for ; len(b) > 0; b = b[modeSize:] {
		list = append(list, sense.Mode{Pixel: sense.PixelFormat(binary.BigEndian.Uint32(b)),
			Width: int(int32(binary.BigEndian.Uint32(b[4:]))), Height: int(int32(binary.BigEndian.Uint32(b[8:]))),
			Interval: time.Duration(binary.BigEndian.Uint64(b[16:]))})
	}
	return list, nil
}

// AppendFrame appends a frame's header and its picture.
func AppendFrame(b []byte, h sense.Header, picture []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, h.Seq)
	b = binary.BigEndian.AppendUint64(b, h.Lost)
	b = binary.BigEndian.AppendUint64(b, uint64(h.At))
	for _, v := range []uint32{uint32(h.Pixel), uint32(h.Width), uint32(h.Height), uint32(h.Stride), flag(h.Timed, 1) | flag(h.Damaged, 2), 0} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, picture...)
}

// parseFrame splits the body of a frame; the picture is a part of it.
func parseFrame(b []byte) (h sense.Header, picture []byte, err error) {
	if len(b) < frameHeader {
		return h, nil, errForm
	}
	word := func(at int) int { return int(int32(binary.BigEndian.Uint32(b[at:]))) }
	flags := binary.BigEndian.Uint32(b[40:])
	h = sense.Header{Seq: binary.BigEndian.Uint64(b), Lost: binary.BigEndian.Uint64(b[8:]), At: sense.Time(binary.BigEndian.Uint64(b[16:])),
		Pixel: sense.PixelFormat(binary.BigEndian.Uint32(b[24:])), Width: word(28), Height: word(32), Stride: word(36),
		Timed: flags&1 != 0, Damaged: flags&2 != 0}
	picture = b[frameHeader:]
	if !h.Pixel.Whole(len(picture), h.Width, h.Height, h.Stride) {
		h.Damaged = true
	}
	return h, picture, nil
}

func flag(set bool, bit uint32) uint32 {
	if set {
		return bit
	}
	return 0
}

// AppendHeld appends what a camera holds still.
func AppendHeld(b []byte, h sense.Held) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(h.Time))
	b = binary.BigEndian.AppendUint64(b, uint64(h.Gain))
	return append(b, byte(flag(h.TimeFixed, 1)|flag(h.GainFixed, 2)|flag(h.RateFixed, 4)|flag(h.White, 8)|flag(h.Mains, 16)))
}

func parseHeld(b []byte) (h sense.Held, err error) {
	if len(b) != 17 {
		return h, errForm
	}
	f := b[16]
	return sense.Held{Time: time.Duration(binary.BigEndian.Uint64(b)), Gain: int(binary.BigEndian.Uint64(b[8:])),
		TimeFixed: f&1 != 0, GainFixed: f&2 != 0, RateFixed: f&4 != 0, White: f&8 != 0, Mains: f&16 != 0}, nil
}

func appendExposure(b []byte, e sense.Exposure) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Gain.Value))
	b = binary.BigEndian.AppendUint32(b, uint32(e.Mains))
	return append(b, byte(flag(e.Gain.Set, 1)))
}

// ParseExposure reads the body of a Lock.
func ParseExposure(b []byte) (e sense.Exposure, err error) {
	if len(b) != 21 {
		return e, errForm
	}
	return sense.Exposure{Time: time.Duration(binary.BigEndian.Uint64(b)), Mains: int(binary.BigEndian.Uint32(b[16:])),
		Gain: sense.Gain{Set: b[20] == 1, Value: int(binary.BigEndian.Uint64(b[8:]))}}, nil
}
