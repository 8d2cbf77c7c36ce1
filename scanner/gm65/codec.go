package gm65

import (
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

// Model says where a module has what.
type Model string

// Models. The zero value is GM65.
const (
	GM65  Model = "gm65" // and GM66, GM805, GM861, EM3095
	GM812 Model = "gm812"
)

// Mode is when a module reads codes.
type Mode string

// Modes. The zero value leaves it as it is.
const (
	ModeManual     Mode = "manual"  // while its button is held
	ModeCommand    Mode = "command" // at the cue Trigger
	ModeContinuous Mode = "continuous"
	ModeInduction  Mode = "induction" // when something moves before it
)

// Config is one module.
type Config struct {
	Model Model
	Mode  Mode
	// NoAIM is for a module without AIM identifiers: its zone is left alone, and codes are
	// known by their content only.
	NoAIM       bool
	MaxText     int           // of a scan, in bytes; 0 = line.DefaultMaxText
	ReplyWithin time.Duration // 0 = DefaultReplyWithin
}

// Codec implements scanner.Commander and scanner.Outstanding. Before Restart it only listens.
type Codec struct {
	line *line.Codec
	talk talk
	out  [16]byte // a command to be sent

	raw  []byte // of the reply under way
	last time.Time
	now  time.Time // of the Feed or Tick under way
	text bool      // the last byte was of a line that has not ended; no reply begins in it
	junk bool      // package line holds what is no scan; its drop was told

	reply Reply
	emit  func(scanner.Result)
	pass  func(scanner.Result) // emits what package line emits
}

var (
	_ scanner.Commander   = (*Codec)(nil)
	_ scanner.Outstanding = (*Codec)(nil)
)

// New checks c and makes a codec.
func New(c Config) (*Codec, error) {
	if c.ReplyWithin == 0 {
		c.ReplyWithin = DefaultReplyWithin
	}
	if c.ReplyWithin < 0 {
		return nil, errors.New("gm65: negative time for a reply")
	}
	setup, err := settings(c)
	if err != nil {
		return nil, err
	}
	d := &Codec{raw: make([]byte, 0, maxReply)}
	framing := line.Config{Terminator: line.CRLF, AIM: !c.NoAIM, MaxText: c.MaxText}
	if !c.NoAIM {
		framing.Believe = d.believe
	}
	if d.line, err = line.New(framing); err != nil {
		return nil, fmt.Errorf("gm65: %w", err)
	}
	d.talk = talk{setup: setup, within: c.ReplyWithin, cues: make([]setting, 0, 2)}
	d.pass = d.scanned
	return d, nil
}

// believe takes a reply in the middle of a code for what the code holds, while none can be
// under way. Other control characters are noise.
func (d *Codec) believe(text []byte) bool {
	if d.talk.listening(d.now) {
		return false
	}
	for len(text) > 0 {
		n := 1
		switch c := text[0]; {
		case c == replyHead:
			if n = replyLen(text); n == 0 {
				return false
			}
		case c < 0x20 && c != 0x1D || c == 0x7F: // 1D separates fields
			return false
		}
		text = text[n:]
	}
	return true
}

// scanned passes on what package line found.
func (d *Codec) scanned(r scanner.Result) {
	if r.Drop != "" {
		if r.Drop == scanner.DropMalformed {
			d.talk.suspicious = true
		}
		if d.junk {
			d.junk = false
			return
		}
	}
	if d.talk.live && !d.talk.ready {
		r.Text = nil
	}
	if r.Drop != "" || len(r.Text) > 0 {
		d.emit(r)
	}
}

// Feed decodes scans and replies, and sends what is to be sent.
func (d *Codec) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	d.emit, d.now = emit, now
	d.silence(now)
	for len(p) > 0 {
		p = p[d.take(p, now):]
	}
	d.work(now)
	d.emit = nil
}

// Tick ends frames by silence, and sends what is to be sent.
func (d *Codec) Tick(now time.Time, emit func(scanner.Result)) {
	d.emit, d.now = emit, now
	d.silence(now)
	d.line.Tick(now, d.pass)
	d.work(now)
	d.emit = nil
}

// take decodes some of p and says how much.
func (d *Codec) take(p []byte, now time.Time) (n int) {
	expecting := d.talk.listening(now)
	if len(d.raw) == 0 && (!expecting || d.text || !d.talk.due.begins(p[0])) {
		n = len(p)
		if expecting {
			n = untilEnd(p)
		}
		d.read(p[:n], now)
		d.junk = d.junk && d.line.Pending()
		return n
	}
	d.last = now
	for n < len(p) {
		d.raw = append(d.raw, p[n])
		n++
		switch d.talk.due.match(d.raw) {
		case partial:
			continue
		case complete:
			d.heard(now)
		case damaged:
			// Part of it may be the beginning of a scan: the rest of that is no scan.
			d.emit(scanner.Result{Drop: scanner.DropChecksum})
			d.unread(now)
			d.junk = d.line.Pending()
		case none:
			d.unread(now)
		}
		return n
	}
	return n
}

// read hands bytes to package line.
func (d *Codec) read(p []byte, at time.Time) {
	d.line.Feed(p, at, d.pass)
	d.last, d.text = at, !isEnd(p[len(p)-1])
}

func isEnd(c byte) bool { return c == '\r' || c == '\n' }

// untilEnd is how much of p package line is to decode before the next reply may begin.
func untilEnd(p []byte) int {
	for i, c := range p {
		if isEnd(c) {
			return i + 1
		}
	}
	return len(p)
}

// silence gives up on a reply that stopped. No scan begins as it did: what follows is none of
// its rest.
func (d *Codec) silence(now time.Time) {
	if now.Sub(d.last) < line.PartialAfter {
		return
	}
	d.text = false
	if len(d.raw) == 0 {
		return
	}
	d.emit(scanner.Result{Drop: scanner.DropPartial})
	d.forget()
}

// unread hands over to package line what turned out to be no reply.
func (d *Codec) unread(at time.Time) {
	d.read(d.raw, at)
	d.forget()
}

func (d *Codec) forget() {
	secret.Zero(d.raw)
	d.raw = d.raw[:0]
}

// heard takes a reply.
func (d *Codec) heard(now time.Time) {
	n := headLen + length(d.raw[3])
	d.reply = Reply{Code: Code(d.raw[2]), Data: d.raw[headLen:n], Type: d.talk.due.kind, Zone: d.talk.due.zone}
	due, fault := d.talk.heard(&d.reply, now)
	if due || fault != nil {
		d.emit(scanner.Result{Event: &d.reply, Fault: fault})
	}
	d.forget()
}

// work sends the next command between two frames.
func (d *Codec) work(now time.Time) {
	if err := d.talk.tick(now); err != nil {
		d.emit(scanner.Result{Fault: err})
	}
	if d.Pending() {
		return
	}
	if b := d.talk.next(d.out[:0], now); len(b) > 0 {
		d.emit(scanner.Result{Reply: b})
	}
}

// Pending reports whether a frame has begun and not ended.
func (d *Codec) Pending() bool { return len(d.raw) > 0 || d.line.Pending() }

// Reset forgets and wipes a frame in progress. A command whose reply is lost is sent again.
func (d *Codec) Reset() {
	d.forget()
	d.junk = false
	d.line.Reset()
}

// Restart begins the set-up.
func (d *Codec) Restart() {
	d.forget()
	d.junk, d.text = false, false
	d.line.Restart()
	d.talk.restart()
}

// Do queues a cue: Trigger and Untrigger, AimOn and AimOff.
func (d *Codec) Do(c scanner.Cue) bool { return d.talk.do(c) }

// Due is when a command is to be sent or its reply is overdue. What waits for the end of a
// frame is looked for with the Tick of that.
func (d *Codec) Due() time.Time {
	due, waits := d.talk.when()
	if d.Pending() && !waits {
		return time.Time{}
	}
	return due
}

// Outstanding says that a command was sent whose reply is due; nil if it is not known which.
func (d *Codec) Outstanding(command []byte, now time.Time) {
	d.talk.expect(requestOf(command), now)
}
