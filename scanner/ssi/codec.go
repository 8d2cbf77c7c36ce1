package ssi

import (
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

const (
	// Gap is the silence in the middle of a packet after which it is dropped, and the one
	// that ends noise.
	Gap = 100 * time.Millisecond
	// TailWithin is how long after a dropped packet bytes are not trusted to begin with one.
	TailWithin = time.Second
	// JoinWithin is the longest pause between the packets of a message: a decoder waits 2 s
	// for an acknowledgement before it repeats a packet, and repeats it twice.
	JoinWithin = 5 * time.Second
	// GivenUpAfter is how long after a packet a decoder may have given its message up and begun
	// another, if something was lost in between.
	GivenUpAfter = time.Second
	// ResentWithin is how long after a packet its retransmissions may come: twice the longest
	// time-out a decoder can be set to for an answer.
	ResentWithin = 20 * time.Second
	// DefaultMaxText is the longest text in bytes: a QR code holds 7089 digits.
	DefaultMaxText = 7089
)

// Config is one scanner.
type Config struct {
	// Wake sends 00 and waits for WakeDelay before each command: a serial line without RTS and CTS,
	// where the decoder may sleep.
	Wake bool
	// Triggered: the decoder looks for codes from the cue Trigger to Untrigger or the first
	// code (triggering mode "host"). Otherwise its mode is left as it is.
	Triggered bool
	// AIM makes the decoder send AIM identifiers before the text, which tell GS1 QR codes from
	// others. A scan without is taken for a sign that it lost its settings.
	AIM bool
	// Programmable accepts a decoder that refuses to switch off programming by bar code:
	// customers can then change its settings. Otherwise that is a Fault.
	Programmable bool
	MaxText      int           // bytes of one scan; 0 = DefaultMaxText
	ReplyWithin  time.Duration // for the answer to a command; 0 = DefaultReplyWithin
}

// Codec implements scanner.Commander. Before Restart it only listens and acknowledges. Its
// memory is bounded by Config.MaxText.
type Codec struct {
	c    Config
	out  [maxFrame]byte // a packet to be sent
	talk talk
	join join

	longest int // packet in bytes

	// buf was received and is not yet understood. It holds a bad packet, its retransmission and
	// some noise.
	buf  []byte
	last time.Time // of the last byte
	lost bool      // buf does not begin with a packet
	bad  int       // length of the bad packet that buf begins with
	told bool      // a Drop was emitted for what is in buf
	// old is how much of buf was dropped already, before a silence. It is kept until suspect,
	// because what follows may be the rest of it.
	old     int
	suspect time.Time

	seed     maphash.Seed
	accepted uint64    // of the last packet that was accepted
	at       time.Time // when; zero: none
	damages  int       // how often something was lost since
	flushed  bool      // Reset was called, the time is not known yet
	staleTo  time.Time // until when a retransmission may be of what was sent before Reset
	resetAt  time.Time // when Reset was called
	calm     bool      // the line was silent for Gap since then
	harmed   bool      // something was lost since Reset that began after it
}

var _ scanner.Commander = (*Codec)(nil)

// New checks c and makes a codec.
func New(c Config) (*Codec, error) {
	if c.MaxText == 0 {
		c.MaxText = DefaultMaxText
	}
	if c.MaxText < 1 || c.MaxText > 1<<20 {
		return nil, fmt.Errorf("ssi: longest text of %d bytes, want 1 to 1048576", c.MaxText)
	}
	if c.ReplyWithin == 0 {
		c.ReplyWithin = DefaultReplyWithin
	}
	if c.ReplyWithin < 0 {
		return nil, errors.New("ssi: negative time for a reply")
	}
	longest := max(maxFrame, longHead+1+c.MaxText+sumLen)
	return &Codec{
		c:       c,
		longest: longest,
		talk:    talk{setup: settings(c), queue: make([]command, 0, maxQueue)},
		join:    join{text: make([]byte, 0, c.MaxText)},
		buf:     make([]byte, 0, 2*longest+3*maxFrame),
		seed:    maphash.MakeSeed(),
	}, nil
}

// Feed decodes what arrived at now, answers it, and sends what waits.
func (d *Codec) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	if len(p) == 0 {
		return
	}
	d.clock(now)
	// Without a Tick in between the program stood still: whether the silence was on the line
	// cannot be told, so nothing is looked for in what came before it.
	d.silence(now, false, emit)
	d.last = now
	if d.old > 0 && len(d.buf) == d.old && !now.Before(d.suspect) {
		d.wipe()
	}
	for len(p) > 0 {
		n := copy(d.buf[len(d.buf):cap(d.buf)], p)
		d.buf, p = d.buf[:len(d.buf)+n], p[n:]
		d.parse(now, emit)
		if len(d.buf) == cap(d.buf) {
			d.overflow(emit)
		}
	}
	d.send(now, emit)
}

// Tick ends packets and noise by silence, repeats commands and sends what waits.
func (d *Codec) Tick(now time.Time, emit func(scanner.Result)) {
	d.clock(now)
	d.silence(now, true, emit)
	d.send(now, emit)
}

// Pending reports whether a message has begun and not ended.
func (d *Codec) Pending() bool { return len(d.buf) > d.old || d.join.open }

// Reset forgets a message in progress: what the decoder still sends of it is dropped. It has
// the decoder flush its queue.
func (d *Codec) Reset() {
	if len(d.buf) > d.old {
		d.outdate(d.last)
	}
	d.join.abandon(d.last)
	d.damages, d.harmed = 0, false
	if d.talk.live {
		d.flushed = true
		d.talk.flush = true
	}
}

// Restart forgets a message in progress and begins the set-up. What was accepted stays known:
// a decoder that kept its power may still repeat it.
func (d *Codec) Restart() {
	d.wipe()
	d.join.forget()
	d.talk.restart()
	d.flushed = true
}

// clock learns the time at which Reset was called.
func (d *Codec) clock(now time.Time) {
	if d.flushed {
		d.flushed, d.staleTo = false, now.Add(ResentWithin)
		d.resetAt, d.calm = now, false
	}
	if !d.calm && now.Sub(d.resetAt) >= Gap && now.Sub(d.last) >= Gap {
		d.calm = true
	}
}

// parse takes the packets off the beginning of buf.
func (d *Codec) parse(now time.Time, emit func(scanner.Result)) {
	at := 0
	for at < len(d.buf) {
		rest := d.buf[at:]
		if d.lost {
			n := d.bad
			if !d.again(rest) {
				break
			}
			at += n
			if rest = rest[n:]; !intact(rest[:n]) {
				d.refuse(rest, emit)
				continue
			}
			d.lost, d.bad, d.told = false, 0, false
			d.handle(rest[:n], now, emit)
			at += n
			continue
		}
		if rest[0] == 0 { // sent to wake the other side; no packet begins with it
			at++
			continue
		}
		n := frameLen(rest, d.longest)
		switch {
		case n < 0:
			d.lost = true
			d.harm()
			d.drop(scanner.DropMalformed, emit)
		case n == 0 || n > len(rest):
			d.consume(at)
			return
		case intact(rest[:n]):
			d.told = false
			d.handle(rest[:n], now, emit)
			at += n
		default:
			d.lost, d.bad = true, n
			d.harm()
			d.refuse(rest, emit)
		}
	}
	d.consume(at)
}

// refuse answers a packet with a bad checksum.
func (d *Codec) refuse(f []byte, emit func(scanner.Result)) {
	r := scanner.Result{Drop: scanner.DropChecksum}
	if op := Opcode(f[1]); op == DecodeLong || f[2] != fromHost && op != CmdACK && op != CmdNAK {
		r.Reply = Append(d.out[:0], CmdNAK, 0, byte(Resend))
	}
	d.told = true
	emit(r)
}

// again reports whether b begins with a bad packet and a retransmission of it, which may be
// damaged too. Anything else that follows a bad packet is not trusted: its Length may be what
// is bad, and then what follows is in truth the inside of it.
func (d *Codec) again(b []byte) bool {
	n := d.bad
	if n == 0 || len(b) < 2*n {
		return false
	}
	first, second := b[:n], b[n:2*n]
	differ := 0
	for i := range first {
		if first[i] != second[i] {
			differ++
		}
	}
	if first[0] != second[0] || first[1] != second[1] || frameLen(second, d.longest) != n || differ > 4+n/4 {
		d.bad = 0 // what comes later will not change that
		return false
	}
	return true
}

// silence ends what is in buf, if the line was silent for long enough.
func (d *Codec) silence(now time.Time, ticked bool, emit func(scanner.Result)) {
	if d.join.open && now.Sub(d.join.last) >= JoinWithin {
		d.join.abandon(now)
		emit(scanner.Result{Drop: scanner.DropPartial})
	}
	if len(d.buf) == d.old || now.Sub(d.last) < Gap {
		return
	}
	switch {
	case d.lost && ticked && d.hunt(now, emit):
		d.wipe()
		return
	case d.told:
	case d.lost:
		d.drop(scanner.DropMalformed, emit)
	default:
		d.harm()
		d.drop(scanner.DropPartial, emit)
	}
	d.outdate(now)
}

// outdate drops what is in buf, and keeps the end of it to look at with what follows.
func (d *Codec) outdate(now time.Time) {
	d.consume(len(d.buf) - min(len(d.buf), d.longest))
	d.lost, d.bad, d.told = true, 0, false
	d.old, d.suspect = len(d.buf), now.Add(TailWithin)
}

// overflow makes room when there is more noise than buf holds.
func (d *Codec) overflow(emit func(scanner.Result)) {
	d.consume(maxFrame)
	d.bad, d.old = 0, max(0, d.old-maxFrame)
	if !d.told {
		d.drop(scanner.DropMalformed, emit)
	}
}

// hunt looks for packets that end exactly where the line fell silent. One that lies within
// what may be another may be printed in it, and none is.
func (d *Codec) hunt(now time.Time, emit func(scanner.Result)) bool {
	reach := 0 // how far a packet with text in it that began earlier would go
	for at := range d.buf {
		rest := d.buf[at:]
		if !sure(rest, d.longest) {
			continue
		}
		if at >= d.old && d.chain(rest) {
			if at+frameLen(rest, d.longest) <= reach {
				return false
			}
			for len(rest) > 0 {
				n := frameLen(rest, d.longest)
				d.handle(rest[:n], now, emit)
				rest = rest[n:]
			}
			return true
		}
		if op := Opcode(rest[1]); op == DecodeData || op == DecodeLong || op == MultipacketSegment {
			reach = max(reach, at+frameLen(rest, d.longest))
		}
	}
	return false
}

// chain reports whether b consists of packets.
func (d *Codec) chain(b []byte) bool {
	for len(b) > 0 {
		n := frameLen(b, d.longest)
		if !sure(b, d.longest) || n > len(b) || !intact(b[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

// harm notes that something may have been lost.
func (d *Codec) harm() {
	d.damages++
	// Before the line was silent it may be the rest of what began before Reset.
	d.harmed = d.harmed || d.calm
}

func (d *Codec) drop(why scanner.DropReason, emit func(scanner.Result)) {
	d.told = true
	emit(scanner.Result{Drop: why})
}

// consume removes and wipes the first n bytes of buf.
func (d *Codec) consume(n int) {
	if n == 0 {
		return
	}
	left := copy(d.buf, d.buf[n:])
	secret.Zero(d.buf[left:])
	d.buf = d.buf[:left]
}

func (d *Codec) wipe() {
	secret.Zero(d.buf)
	d.buf, d.lost, d.bad, d.told, d.old = d.buf[:0], false, 0, false, 0
}
