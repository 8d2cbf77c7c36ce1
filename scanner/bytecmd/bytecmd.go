package bytecmd

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

const (
	// AfterReboot is how long a Datalogic scanner may ignore commands after a reset.
	AfterReboot = 30 * time.Second
	// enableAfter is how long after "not on file" the scanner is enabled again: its tone is
	// over by then.
	enableAfter = time.Second
	// answerWithin is how long a request's answer may take.
	answerWithin = time.Second
	maxAnswer    = 2048
)

// Config is one scanner.
type Config struct {
	Dialect Dialect
	Line    line.Config // how the scanner frames its scans; switch AIM identifiers on
	// Triggered: the scanner is left disabled, or untriggered, until the cue Trigger.
	Triggered bool
	// Settings are sent after each opening, see AppendSetting.
	Settings []string
}

// Codec implements scanner.Commander and scanner.Outstanding. Before Restart it only listens.
type Codec struct {
	line  *line.Codec
	c     Config
	last  time.Time // of the last byte
	asked time.Time // when a request was sent whose answer is due; zero: none
	raw   []byte    // of the framed answer under way
	mid   bool      // in the middle of a line: no answer begins here

	start   bool // set-up waits
	pending todo
	off     bool      // disabled on purpose
	enable  time.Time // when to enable again; zero: never
	quiet   time.Time // no command before
	request Command   // the one that was asked
	answer  Answer
	buf     []byte
	emit    func(scanner.Result)
	pass    func(scanner.Result)
}

// todo are the commands that wait, one of each kind: the later one stands.
type todo struct{ reboot, power, trigger, sound, ask Command }

// New checks c and makes a codec.
func New(c Config) (*Codec, error) {
	if c.Dialect != Datalogic && c.Dialect != Opticon && c.Dialect != CipherLab {
		return nil, fmt.Errorf("unknown dialect %q, want datalogic, opticon or cipherlab", c.Dialect)
	}
	size := 16
	for _, s := range c.Settings {
		if _, err := AppendSetting(nil, c.Dialect, s); err != nil {
			return nil, err
		}
		size += len(s) + 4
	}
	l, err := line.New(c.Line)
	if err != nil {
		return nil, err
	}
	d := &Codec{line: l, c: c, raw: make([]byte, 0, maxAnswer), buf: make([]byte, 0, size)}
	d.pass = d.fromLine
	return d, nil
}

// Send queues a command and reports whether the dialect has it. It is sent by the next Tick or
// Feed, after a reset not before AfterReboot.
func (d *Codec) Send(c Command) bool {
	var room [16]byte
	if _, ok := Append(room[:0], d.c.Dialect, c); !ok {
		return false
	}
	switch c {
	case Reboot:
		d.pending.reboot = c
	case Enable, Disable:
		d.pending.power = c
	case Pull, Release:
		d.pending.trigger = c
	case Identify, Health, Status:
		d.pending.ask = c
	default:
		d.pending.sound = c
	}
	return true
}

// Do queues a cue. Datalogic's "not paid" is its "not on file", with the enabling after it.
func (d *Codec) Do(c scanner.Cue) bool {
	switch c {
	case scanner.Trigger:
		return d.Send(Pull)
	case scanner.Untrigger:
		return d.Send(Release)
	case scanner.BeepGood:
		return d.Send(Beep)
	case scanner.BeepBad:
		return d.Send(NotOnFile) || d.Send(BeepError)
	}
	return false
}

// Due is when Tick is to be called.
func (d *Codec) Due() time.Time {
	var due time.Time
	sooner := func(t time.Time) {
		if due.IsZero() || t.Before(due) {
			due = t
		}
	}
	if (d.start || d.pending != todo{}) && !d.Pending() {
		sooner(time.Unix(0, 0))
	}
	if !d.enable.IsZero() {
		sooner(d.enable)
	}
	if !d.asked.IsZero() {
		sooner(d.asked.Add(answerWithin))
	}
	if !due.IsZero() && due.Before(d.quiet) {
		return d.quiet
	}
	return due
}

// Restart begins afresh: a scanner that was left disabled is enabled.
func (d *Codec) Restart() {
	d.forget()
	d.mid = false
	d.line.Restart()
	d.start, d.pending, d.off = true, todo{}, false
	d.enable, d.quiet, d.asked = time.Time{}, time.Time{}, time.Time{}
}

// Pending reports whether a frame has begun and not ended.
func (d *Codec) Pending() bool { return len(d.raw) > 0 || d.line.Pending() }

// Reset forgets and wipes a frame in progress.
func (d *Codec) Reset() {
	d.forget()
	d.line.Reset()
}

func (d *Codec) forget() {
	secret.Zero(d.raw)
	d.raw = d.raw[:0]
}

// Feed decodes scans and answers.
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

// Tick ends frames by silence and sends what is to be sent.
func (d *Codec) Tick(now time.Time, emit func(scanner.Result)) {
	d.emit = emit
	defer func() { d.emit = nil }()
	d.silence(now)
	d.line.Tick(now, d.pass)
	d.work(now)
}

func (d *Codec) silence(now time.Time) {
	if now.Sub(d.last) >= line.PartialAfter {
		d.mid = false
		if len(d.raw) > 0 {
			d.forget()
			d.emit(scanner.Result{Drop: scanner.DropPartial})
		}
	}
	if !d.asked.IsZero() && now.Sub(d.asked) >= answerWithin {
		d.asked = time.Time{}
	}
}

// take decodes some of p and says how much.
func (d *Codec) take(p []byte, now time.Time) int {
	if len(d.raw) == 0 && (d.mid || d.asked.IsZero() || p[0] != soh) {
		n := untilEnd(p)
		d.line.Feed(p[:n], now, d.pass)
		d.mid = !isEnd(p[n-1])
		return n
	}
	for i, c := range p {
		d.raw = append(d.raw, c)
		switch {
		case c == eot && len(d.raw) >= 4 && d.raw[len(d.raw)-2] == etx:
			d.answered(d.raw[2 : len(d.raw)-2])
			d.forget()
			return i + 1
		case len(d.raw) == 2 && c != stx, c == eot, len(d.raw) == maxAnswer:
			d.forget()
			d.emit(scanner.Result{Drop: scanner.DropMalformed})
			return i + 1
		}
	}
	return len(p)
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

func isEnd(c byte) bool { return c == '\r' || c == '\n' || c == '\t' }

// fromLine passes scans on. Where no identifier tells them apart, the first line after a
// request is its answer, not a scan: some models answer without a frame.
func (d *Codec) fromLine(r scanner.Result) {
	if len(r.Text) > 0 && !d.asked.IsZero() && !d.c.Line.AIM {
		d.answered(nil) // it may have been a scan after all: its text is not shown
		return
	}
	d.emit(r)
}

func (d *Codec) answered(text []byte) {
	d.asked = time.Time{}
	d.answer = Answer{To: d.request, Text: text}
	d.emit(scanner.Result{Event: &d.answer})
	d.answer.Text = nil
}

const soh, stx, etx, eot = 0x01, 0x02, 0x03, 0x04

// Answer is what a Datalogic scanner says of itself; valid during the emit call only.
type Answer struct {
	To   Command // Identify, Health or Status
	Text []byte  // empty if the scanner sent it without a frame
}

// Fields are "to" and "reply".
func (a *Answer) Fields() map[string]any {
	return map[string]any{"to": string(a.To), "reply": string(a.Text)}
}

// work sends what waits, between two frames.
func (d *Codec) work(now time.Time) {
	if d.Pending() || now.Before(d.quiet) {
		return
	}
	d.buf = d.buf[:0]
	if d.start {
		d.setUp()
	}
	if d.pending.power == Disable {
		d.off = true
	} else if d.pending.power == Enable {
		d.off = false
	}
	d.add(d.pending.power)
	if !d.enable.IsZero() && (!now.Before(d.enable) || d.pending.trigger == Pull) {
		d.add(Enable)
		d.enable = time.Time{}
	}
	d.add(d.pending.trigger)
	d.add(d.pending.sound)
	if d.pending.sound == NotOnFile && !d.off {
		d.enable = now.Add(enableAfter)
	}
	if d.pending.ask != "" {
		d.add(d.pending.ask)
		d.asked, d.request = now, d.pending.ask
	}
	if d.pending.reboot != "" {
		d.add(d.pending.reboot)
		// It comes back as it starts: set it up when it listens again.
		d.quiet, d.start, d.enable = now.Add(AfterReboot), true, time.Time{}
	}
	d.pending = todo{}
	if len(d.buf) > 0 {
		d.emit(scanner.Result{Reply: d.buf})
	}
}

func (d *Codec) setUp() {
	d.start = false
	if !d.off {
		d.add(Enable)
	}
	for _, s := range d.c.Settings {
		d.buf, _ = AppendSetting(d.buf, d.c.Dialect, s) // New has checked them
	}
	if d.c.Triggered && d.pending.trigger == "" {
		d.add(Release)
	}
}

// add appends a command to what is sent next; the empty one is none.
func (d *Codec) add(c Command) { d.buf, _ = Append(d.buf, d.c.Dialect, c) }

// Outstanding notes a request that somebody else sent; those that are not answered are none.
func (d *Codec) Outstanding(command []byte, now time.Time) {
	request := Command("")
	for _, c := range [...]Command{Identify, Health, Status} {
		var room [16]byte
		if wire, ok := Append(room[:0], d.c.Dialect, c); ok && (len(command) == 0 || bytes.Equal(command, wire)) {
			request = c
		}
	}
	if request != "" {
		d.asked, d.request = now, request
	}
}

var (
	_ scanner.Commander   = (*Codec)(nil)
	_ scanner.Outstanding = (*Codec)(nil)
	_ scanner.Told        = (*Answer)(nil)
)
