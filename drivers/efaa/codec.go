package efaa

import (
	"fmt"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

// ByteGap is the longest pause between two bytes of one frame.
const ByteGap = 100 * time.Millisecond

// Codec decodes what a module sends. It implements scanner.Codec, so that the tools which
// replay dumps can use it, and never emits a scan: frames come as events of type *Message.
//
// Bytes before a head are skipped in silence. A frame with a bad check is dropped whole: what
// looks like a frame inside it is not believed, because the data of a frame may be somebody's
// choice (a user's name).
type Codec struct {
	d    Dialect
	buf  []byte // the frame so far
	skip int64  // bytes of a picture still to be skipped
	last time.Time
	msg  Message
}

// New makes a codec.
func New(d Dialect) (*Codec, error) {
	if d != XOR && d != Sum {
		return nil, fmt.Errorf("unknown dialect %q, want ef-aa-xor or tx510-sum", d)
	}
	return &Codec{d: d, buf: make([]byte, 0, d.head()+MaxData+1)}, nil
}

var (
	_ scanner.Codec     = (*Codec)(nil)
	_ scanner.Restarter = (*Codec)(nil)
)

// Feed decodes bytes that arrived at now, in any split.
func (c *Codec) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	c.Tick(now, emit)
	for len(p) > 0 {
		if c.skip > 0 {
			n := min(c.skip, int64(len(p)))
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

// want is how much of p the next step needs: a byte while a head is sought or read, then all
// that is left of the frame.
func (c *Codec) want(p []byte) int {
	if len(c.buf) < c.d.head() {
		return 1
	}
	return min(len(p), c.d.head()+int(c.d.size(c.buf))+1-len(c.buf))
}

// check looks at what was just read.
func (c *Codec) check(emit func(scanner.Result)) {
	n, head := len(c.buf), c.d.head()
	switch {
	case n == 1 && c.buf[0] != 0xEF:
		c.wipe()
	case n == 2 && c.buf[1] == 0xEF:
		c.buf = c.buf[:1] // doubled: the second one counts
	case n == 2 && c.buf[1] != 0xAA:
		c.wipe()
	case n < head:
	case n == head && c.buf[2] == msgImage:
		c.skip = c.d.size(c.buf) + 1
		c.drop(scanner.DropMalformed, emit)
	case n == head && c.d.size(c.buf) > MaxData:
		c.drop(scanner.DropMalformed, emit)
	case n == head+int(c.d.size(c.buf))+1:
		c.finish(emit)
	}
}

func (c *Codec) finish(emit func(scanner.Result)) {
	end := len(c.buf) - 1
	data := c.buf[c.d.head():end]
	c.msg = Message{c.d, c.buf[2], data}
	_, note := c.msg.Note()
	_, _, reply := c.msg.Reply()
	switch {
	case c.d.check(c.buf[2:end]) != c.buf[end]:
		c.drop(scanner.DropChecksum, emit)
	case !note && !reply:
		c.drop(scanner.DropMalformed, emit)
	default:
		emit(scanner.Result{Event: &c.msg})
		c.wipe()
	}
	c.msg = Message{}
}

// Tick gives up on a frame whose bytes stopped.
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

// Pending reports whether a frame has begun and not ended.
func (c *Codec) Pending() bool { return len(c.buf) > 0 || c.skip > 0 }

// Reset forgets and wipes a frame in progress, and skips what is still to come of it.
func (c *Codec) Reset() {
	if n := len(c.buf); n >= c.d.head() {
		c.skip = int64(c.d.head()) + c.d.size(c.buf) + 1 - int64(n)
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
