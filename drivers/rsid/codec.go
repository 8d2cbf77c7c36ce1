package rsid

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

// ByteGap is the longest pause between two bytes of one packet.
const ByteGap = 100 * time.Millisecond

// Codec decodes what a module sends. It implements scanner.Codec, so that the tools which
// replay dumps can use it, and never emits a scan: packets come as events of type *Packet.
// Bytes between packets, such as lines of text, are skipped in silence. A packet with a bad CRC
// is dropped whole: what looks like a packet inside it is not believed.
type Codec struct {
	buf  []byte // the packet so far
	skip int    // bytes of a picture still to be skipped
	last time.Time
	pkt  Packet
}

// New makes a codec.
func New() *Codec { return &Codec{buf: make([]byte, 0, head+MaxPayload+foot)} }

var (
	_ scanner.Codec     = (*Codec)(nil)
	_ scanner.Restarter = (*Codec)(nil)
)

// Feed decodes bytes that arrived at now, in any split.
func (c *Codec) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	c.Tick(now, emit)
	for len(p) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(p))
			c.skip -= n
			p = p[n:]
			continue
		}
		n := c.want(p)
		c.buf = append(c.buf, p[:n]...)
		p = p[n:]
		c.check(emit)
	}
	c.last = now
}

func (c *Codec) want(p []byte) int {
	if len(c.buf) < head {
		return 1
	}
	return min(len(p), head+c.size()+foot-len(c.buf))
}

func (c *Codec) size() int { return int(binary.LittleEndian.Uint16(c.buf[head-2:])) }

// check looks at what was just read.
func (c *Codec) check(emit func(scanner.Result)) {
	switch n := len(c.buf); {
	case n == 1 && c.buf[0] != '@':
		c.wipe()
	case n == 2 && c.buf[1] == '@':
		c.buf = c.buf[:1]
	case n == 2 && c.buf[1] != 'F':
		c.wipe()
	case n < head:
	case n == head && strings.IndexByte(pictures, c.buf[3]) >= 0:
		c.skip = c.size() + foot
		c.drop(scanner.DropMalformed, emit)
	case n == head && (c.buf[2] != 3 || c.size() < sequenceLen || c.size() > MaxPayload):
		c.drop(scanner.DropMalformed, emit)
	case n == head+c.size()+foot:
		c.finish(emit)
	}
}

func (c *Codec) finish(emit func(scanner.Result)) {
	end := len(c.buf) - 2
	if crc(c.buf[:end]) != binary.LittleEndian.Uint16(c.buf[end:]) {
		c.drop(scanner.DropChecksum, emit)
		return
	}
	body := head + c.size()
	c.pkt = Packet{Msg(c.buf[3]), c.buf[4:20], c.buf[head:body], c.buf[body:end]}
	if _, _, ok := c.pkt.fa(); c.pkt.msg.isFA() && !ok && !c.pkt.Encrypted() {
		c.drop(scanner.DropMalformed, emit)
	} else {
		emit(scanner.Result{Event: &c.pkt})
		c.wipe()
	}
	c.pkt = Packet{}
}

// Tick gives up on a packet whose bytes stopped.
func (c *Codec) Tick(now time.Time, emit func(scanner.Result)) {
	if now.Sub(c.last) < ByteGap {
		return
	}
	c.skip = 0
	switch {
	case len(c.buf) >= 2:
		c.drop(scanner.DropPartial, emit)
	case len(c.buf) == 1:
		c.wipe()
	}
}

// Pending reports whether a packet has begun and not ended.
func (c *Codec) Pending() bool { return len(c.buf) > 0 || c.skip > 0 }

// Reset forgets and wipes a packet in progress, and skips what is still to come of it.
func (c *Codec) Reset() {
	if n := len(c.buf); n >= head {
		c.skip = head + c.size() + foot - n
	}
	c.wipe()
}

// Restart forgets everything: the device was opened anew.
func (c *Codec) Restart() {
	c.wipe()
	c.skip = 0
}

func (c *Codec) drop(why scanner.DropReason, emit func(scanner.Result)) {
	c.wipe()
	emit(scanner.Result{Drop: why})
}

func (c *Codec) wipe() {
	secret.Zero(c.buf)
	c.buf = c.buf[:0]
}
