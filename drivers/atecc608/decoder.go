package atecc608

import (
	"bytes"
	"encoding/hex"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

// Fields implements scanner.Told: "status", or "data" in hexadecimal digits. A
// digest or a random number that a dump holds is no secret any more.
func (r Response) Fields() map[string]any {
	if r.Data == nil {
		return map[string]any{"status": r.Status.String()}
	}
	return map[string]any{"data": hex.EncodeToString(r.Data)}
}

// padding is what a bus holds when nobody speaks.
const padding = 0xFF

// silence ends an answer that is not complete.
const silence = 50 * time.Millisecond

// Decoder reads the answers in a dump of the bus, one after the other. It is for tools: a
// Device reads the bus itself. It delivers no scans. After something that is no answer it
// waits for silence, because nothing in the bytes says where the next one begins.
type Decoder struct {
	buf  [maxFrame]byte
	n    int
	at   time.Time
	lost bool // everything up to the next silence
}

var _ scanner.Codec = (*Decoder)(nil)

// NewDecoder makes a decoder that waits for an answer.
func NewDecoder() *Decoder { return &Decoder{} }

// Feed implements scanner.Codec.
func (d *Decoder) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	d.Tick(now, emit)
	if len(p) > 0 {
		d.at = now
	}
	answered := false
	for _, b := range p {
		if d.lost {
			return
		}
		if answered && d.n == 0 && b == padding {
			continue // more was read than the chip had to say
		}
		d.buf[d.n] = b
		d.n++
		if d.n == 1 && (b < minFrame || b > maxFrame) {
			d.drop(scanner.DropMalformed, emit)
			continue
		}
		if d.n < int(d.buf[0]) {
			continue
		}
		r, err := Parse(d.buf[:d.n])
		if err != nil {
			d.drop(scanner.DropChecksum, emit)
			continue
		}
		r.Data = bytes.Clone(r.Data)
		emit(scanner.Result{Event: r})
		d.forget()
		answered = true
	}
}

func (d *Decoder) drop(why scanner.DropReason, emit func(scanner.Result)) {
	d.forget()
	d.lost = true
	emit(scanner.Result{Drop: why})
}

// Tick implements scanner.Codec.
func (d *Decoder) Tick(now time.Time, emit func(scanner.Result)) {
	if now.Sub(d.at) < silence || !d.Pending() {
		return
	}
	if d.n > 0 {
		d.forget()
		emit(scanner.Result{Drop: scanner.DropPartial})
	}
	d.lost = false
}

// Pending implements scanner.Codec.
func (d *Decoder) Pending() bool { return d.n > 0 || d.lost }

// Reset implements scanner.Codec.
func (d *Decoder) Reset() {
	if d.n > 0 {
		d.lost = true
	}
	d.forget()
}

// Restart implements scanner.Restarter.
func (d *Decoder) Restart() { d.forget(); d.lost = false }

func (d *Decoder) forget() {
	secret.Zero(d.buf[:])
	d.n = 0
}
