package menu

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

// resetUpAfter is the least time between set-ups: a scanner that lost its volatile settings
// (a dip of the supply, a programming bar code) is set up anew when its scans come wrong.
const resetUpAfter = 5 * time.Second

// Config is one scanner.
type Config struct {
	Dialect Dialect
	// Triggered: the scanner reads from the cue Trigger to Untrigger or the first code.
	// Otherwise it reads as it was set up to.
	Triggered bool
	// Settings are sent after those that the dialect needs, volatile: "BEPLVL1". A refusal
	// shows as an event.
	Settings []string
	MaxText  int // of a scan, in bytes; 0 = line.DefaultMaxText
}

// Codec implements scanner.Commander and scanner.Outstanding. Before Restart it only listens.
type Codec struct {
	line  *line.Codec
	talk  *Dialogue
	setup []Setting
	p     parser
	raw   []byte // of the reply under way, for the case that it is none
	mid   bool   // in the middle of a line: no reply begins here
	last  time.Time

	began time.Time // of the last set-up; zero: none
	wrong bool      // a scan came malformed
	emit  func(scanner.Result)
	pass  func(scanner.Result) // emits what package line emits
}

// New checks c and makes a codec.
func New(c Config) (*Codec, error) {
	setup := Settings(c.Dialect, c.Triggered)
	for _, s := range c.Settings {
		setup = append(setup, Setting{Text: s})
	}
	for _, s := range setup {
		storage := Volatile
		if c.Dialect == Mindeo {
			storage = Permanent
		}
		if err := check(c.Dialect, storage, s.Text); err != nil {
			return nil, fmt.Errorf("setting %.20q: %w", s.Text, err)
		}
	}
	if c.Dialect == Mindeo && len(c.Settings) > 0 {
		return nil, errors.New("a mindeo scanner keeps all settings in flash: set it up once, by bar code")
	}
	l, err := line.New(line.Config{Terminator: line.CRLF, AIM: true, MaxText: c.MaxText})
	if err != nil {
		return nil, err
	}
	d := &Codec{line: l, talk: NewDialogue(c.Dialect), setup: setup, raw: make([]byte, 0, maxReply+1)}
	d.p = parser{d: c.Dialect, reply: Reply{Text: make([]byte, 0, maxReply), Status: make([]Status, 0, maxStatus+1)}}
	d.pass = func(r scanner.Result) {
		d.wrong = d.wrong || r.Drop == scanner.DropMalformed
		d.emit(r)
	}
	return d, nil
}

// Feed decodes scans and replies.
func (d *Codec) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	d.emit = emit
	defer func() { d.emit = nil }()
	d.silence(now)
	for len(p) > 0 {
		p = p[d.take(p, now):]
		d.last = now
	}
	d.work(now)
}

// Tick ends frames by silence, and sends what is to be sent.
func (d *Codec) Tick(now time.Time, emit func(scanner.Result)) {
	d.emit = emit
	defer func() { d.emit = nil }()
	d.silence(now)
	d.line.Tick(now, d.pass)
	if err := d.talk.Tick(now); err != nil {
		d.emit(scanner.Result{Fault: err})
	}
	d.work(now)
}

// take decodes some of p and says how much.
func (d *Codec) take(p []byte, now time.Time) (n int) {
	if len(d.raw) == 0 && (d.mid || !d.talk.Listening(now) || !d.p.begins(p[0])) {
		n = untilEnd(p)
		d.lines(p[:n], now)
		return n
	}
	for n < len(p) {
		c := p[n]
		n++
		d.raw = append(d.raw, c)
		switch d.p.add(c) {
		case refused:
			d.unread(now)
			return n
		case complete:
			d.heard(now)
			return n
		}
	}
	return n
}

// lines gives package line what is no reply.
func (d *Codec) lines(p []byte, at time.Time) {
	d.line.Feed(p, at, d.pass)
	d.mid = !isEnd(p[len(p)-1])
}

// untilEnd is the length of p up to and with its first line end.
func untilEnd(p []byte) int {
	for i, c := range p {
		if isEnd(c) {
			return i + 1
		}
	}
	return len(p)
}

func isEnd(c byte) bool { return c == '\r' || c == '\n' }

// silence gives up on a reply that stopped. One that was surely a reply is no part of a scan:
// the scan after it is whole.
func (d *Codec) silence(now time.Time) {
	if now.Sub(d.last) < line.PartialAfter {
		return
	}
	d.mid = false
	if len(d.raw) == 0 {
		return
	}
	d.talk.broken()
	if !d.p.sure() {
		d.unread(d.last)
		d.mid = false
		return
	}
	d.forget()
	d.emit(scanner.Result{Drop: scanner.DropPartial})
}

// unread hands over to package line what turned out to be no reply.
func (d *Codec) unread(at time.Time) {
	d.lines(d.raw, at)
	d.forget()
}

func (d *Codec) forget() {
	secret.Zero(d.raw)
	secret.Zero(d.p.reply.Text)
	d.raw = d.raw[:0]
	d.p.reset()
}

func (d *Codec) heard(now time.Time) {
	due, fault := d.talk.Heard(&d.p.reply)
	if due {
		d.emit(scanner.Result{Event: &d.p.reply})
	}
	d.forget()
	if fault != nil {
		d.emit(scanner.Result{Fault: fault})
	}
}

// work sends the next command between two frames.
func (d *Codec) work(now time.Time) {
	if d.wrong && !d.began.IsZero() && d.talk.Done() && now.Sub(d.began) >= resetUpAfter {
		d.talk.Start(d.setup)
		d.began = now
	}
	d.wrong = false
	if d.Pending() {
		return
	}
	if b := d.talk.Next(now); len(b) > 0 {
		if d.began.IsZero() {
			d.began = now
		}
		d.emit(scanner.Result{Reply: b})
	}
}

// Pending reports whether a frame has begun and not ended.
func (d *Codec) Pending() bool { return len(d.raw) > 0 || d.line.Pending() }

// Reset forgets and wipes a frame in progress. A command whose reply is lost is sent again.
func (d *Codec) Reset() {
	d.forget()
	d.line.Reset()
}

// Restart begins the set-up.
func (d *Codec) Restart() {
	d.forget()
	d.mid = false
	d.line.Restart()
	d.began = time.Time{}
	d.talk.Start(d.setup)
}

// Do queues a cue.
func (d *Codec) Do(c scanner.Cue) bool { return d.talk.Do(c) }

// Due is when Tick is to be called. What waits to be sent waits for the end of a frame, and
// that is looked for with a Tick anyway.
func (d *Codec) Due() time.Time {
	if d.Pending() && !d.talk.waits() {
		return time.Time{}
	}
	return d.talk.Due()
}

// Outstanding notes a command that somebody else sent; those that are not answered are none.
func (d *Codec) Outstanding(command []byte, now time.Time) {
	if len(command) == 0 || bytes.Contains(command, []byte(honeywellHead)) || bytes.Contains(command, []byte(newlandHead)) {
		d.talk.Expect(now)
	}
}

var (
	_ scanner.Commander   = (*Codec)(nil)
	_ scanner.Outstanding = (*Codec)(nil)
)
