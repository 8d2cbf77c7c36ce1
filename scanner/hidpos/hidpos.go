// Package hidpos decodes the reports of USB bar code scanners of usage page 8C (HID Point of
// Sale): length, AIM identifier, no keyboard layout. A code that is longer than a report is
// continued in the next.
//
// Nothing shorter than what was scanned may come out. Therefore a continued code is dropped
// when a report with another AIM identifier comes in the middle of it, when 500 ms pass
// without its next report, and above MaxText; what follows of a dropped code is not taken
// for one. One loss cannot be told from the wire: where the first report of a code is lost
// and a later one is not, the later one looks like a code of its own. USB repeats what a
// cable garbles; the kernel loses reports only while 63 wait unread, and package hidraw then
// drops all that waits.
//
// Text that the scanner marks as its own words (]X0, ]Z6: replies to menu commands) is never
// a scan.
//
// Sources: USB-IF HID Point of Sale Usage Tables 1.02; manuals of Access-IS LSR118 and ATR110,
// Newland FM430, Unitech MS842N; for the commands and their replies, what owners of Honeywell
// scanners found out and published.
package hidpos

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
	"github.com/tilld/tilld/scanner/menu"
)

const (
	// Gap is the silence in a continued code after which it is dropped.
	Gap = 500 * time.Millisecond
	// TailWithin is how long after the last report of a dropped code one with the same
	// identifier is taken for the rest of it.
	TailWithin = Gap + time.Second
	// MaxText is the longest scan in bytes; a QR code holds 7089 digits.
	MaxText = 8 << 10
	// maxInfo bounds the text before a reply, in bytes; what is more is forgotten.
	maxInfo = 2 << 10
)

// Config is one scanner.
type Config struct {
	Layout Layout // the zero value is Published
	// CodeIDs tells the meaning of the maker's symbology byte, which counts where the device
	// sends no AIM identifier.
	CodeIDs line.CodeIDs
	// Dialect is that of the commands; empty: the scanner is told nothing.
	Dialect menu.Dialect
	// Triggered: the scanner reads from the cue Trigger to Untrigger or the first code. Only
	// with a Dialect.
	Triggered bool
	// Settings are sent after each opening, volatile: "BEPLVL1". A refusal shows as an event.
	Settings []string
}

// Foreign is the event of a report of another kind, which is passed over.
type Foreign struct{}

// Fields is "ignored".
func (Foreign) Fields() map[string]any { return map[string]any{"ignored": true} }

// Codec implements scanner.Commander and scanner.Outstanding. Before Restart it only listens.
type Codec struct {
	l       Layout
	ids     line.CodeIDs
	dialect menu.Dialect
	talk    *menu.Dialogue // nil: no dialect
	setup   []menu.Setting
	out     []byte // the output report under way

	buf  []byte // the code so far
	open bool   // its last report said that more follows
	skip bool   // what follows of a dropped code is passed over
	any  bool   // while skip: whatever its identifier, as that of the code is not known
	aim  [3]byte
	sym  byte
	last time.Time // of the last report

	reply Reply
}

// New checks c and makes a codec.
func New(c Config) (*Codec, error) {
	if c.CodeIDs != line.NoCodeIDs && c.CodeIDs != line.Honeywell {
		return nil, fmt.Errorf("HID POS: unknown code identifiers %q, want honeywell", c.CodeIDs)
	}
	d := &Codec{ids: c.CodeIDs, dialect: c.Dialect, buf: make([]byte, 0, MaxText)}
	if err := d.SetLayout(c.Layout); err != nil {
		return nil, err
	}
	d.reply = Reply{Reply: menu.Reply{Text: make([]byte, 0, 256), Status: make([]menu.Status, 0, 16)}, Info: make([]byte, 0, maxInfo)}
	if c.Dialect == "" {
		if c.Triggered || len(c.Settings) > 0 {
			return nil, errors.New("HID POS: settings and trigger need a dialect: honeywell, mindeo or newland")
		}
		return d, nil
	}
	var err error
	if d.setup, err = settings(c); err != nil {
		return nil, err
	}
	d.talk = menu.NewDialogue(c.Dialect)
	return d, nil
}

// SetLayout takes another layout, such as that of the device which was just opened; the zero
// value is Published. Call it between Restarts only, from the goroutine that owns the codec.
func (d *Codec) SetLayout(l Layout) error {
	if l == (Layout{}) {
		l = Published()
	}
	if err := l.check(); err != nil {
		return err
	}
	d.forget()
	d.skip = false
	d.l = l
	if cap(d.out) < l.OutSize {
		d.out = make([]byte, 0, l.OutSize)
	}
	return nil
}

// Feed decodes whole reports, one or several. A short one is malformed: whether more would
// have followed cannot be told.
func (d *Codec) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	d.silence(now, emit)
	for len(p) > 0 {
		n := min(len(p), d.l.Size)
		switch {
		case d.l.ID != 0 && p[0] != d.l.ID:
			emit(scanner.Result{Event: Foreign{}})
		case n < d.l.Size:
			d.malformed(piece{continued: true}, now, emit)
		default:
			d.report(p[:n], now, emit)
		}
		p = p[n:]
	}
	d.work(now, emit)
}

// Tick ends codes by silence, and sends what is to be sent.
func (d *Codec) Tick(now time.Time, emit func(scanner.Result)) {
	d.silence(now, emit)
	if d.talk != nil {
		if err := d.talk.Tick(now); err != nil {
			emit(scanner.Result{Fault: err})
		}
	}
	d.work(now, emit)
}

func (d *Codec) silence(now time.Time, emit func(scanner.Result)) {
	gap := now.Sub(d.last)
	if d.open && gap >= Gap {
		d.drop(scanner.DropPartial, emit)
		d.skip, d.any = true, false
	}
	if d.skip && gap >= TailWithin {
		d.skip = false
	}
}

func (d *Codec) report(r []byte, now time.Time, emit func(scanner.Result)) {
	p, ok := d.l.read(r)
	if !ok {
		d.malformed(p, now, emit)
		return
	}
	d.last = now
	if d.skip && (d.any || p.aim == d.aim) {
		d.skip = p.continued
		return
	}
	d.skip = false
	if d.open && p.aim != d.aim {
		d.drop(scanner.DropPartial, emit)
	}
	d.aim, d.sym = p.aim, p.symbology
	if len(d.buf)+len(p.data) > MaxText {
		d.drop(scanner.DropMalformed, emit)
		d.skip, d.any = p.continued, false
		return
	}
	d.buf = append(d.buf, p.data...)
	if d.open = p.continued; !d.open {
		d.finish(now, emit)
	}
}

// malformed drops a report, the code it may belong to, and what follows of that.
func (d *Codec) malformed(p piece, now time.Time, emit func(scanner.Result)) {
	told := d.skip && !d.open
	d.last = now
	d.skip, d.any, d.aim = p.continued, p.aim == [3]byte{}, p.aim
	d.forget()
	if !told {
		emit(scanner.Result{Drop: scanner.DropMalformed})
	}
}

// finish ends a code.
func (d *Codec) finish(now time.Time, emit func(scanner.Result)) {
	defer d.forget()
	text := d.buf
	switch {
	case d.aim == [3]byte{']', 'X', '0'}:
		d.reply.Info = append(d.reply.Info, text[:min(len(text), maxInfo-len(d.reply.Info))]...)
		return
	case d.aim[1] == 'Z':
		d.heard(text, menu.Honeywell, now, emit)
		return
	}
	d.forgetInfo()
	switch {
	case len(text) == 0:
		return
	case d.aim == [3]byte{}:
		if text[0] == 0x02 { // Newland's replies have no mark of their own
			d.heard(text, menu.Newland, now, emit)
			return
		}
		d.bare(text, emit)
		return
	}
	aim, _, ok := scanner.CutAIM(d.aim[:])
	if text = trimEnd(text); !ok || len(text) == 0 {
		emit(scanner.Result{Drop: scanner.DropMalformed})
		return
	}
	emit(scanner.Result{Text: text, AIM: aim, Symbology: scanner.AIMSymbology(aim)})
}

// bare delivers a scan without an AIM identifier. As nothing marks the scanner's own words
// then, what is no plain text is not believed.
func (d *Codec) bare(text []byte, emit func(scanner.Result)) {
	const gs = 0x1D
	text = trimEnd(text)
	for _, c := range text {
		if c < 0x20 && c != gs || c == 0x7F {
			emit(scanner.Result{Drop: scanner.DropMalformed})
			return
		}
	}
	if len(text) == 0 || !utf8.Valid(text) {
		emit(scanner.Result{Drop: scanner.DropMalformed})
		return
	}
	emit(scanner.Result{Text: text, Symbology: d.ids.Symbology(d.sym)})
}

// trimEnd takes off the suffix that scanners are set to for serial lines and keyboards: CR,
// LF or both.
func trimEnd(text []byte) []byte {
	n := len(text)
	if n > 0 && text[n-1] == '\n' {
		n--
	}
	if n > 0 && text[n-1] == '\r' {
		n--
	}
	return text[:n]
}

// Pending reports whether a code has begun and not ended.
func (d *Codec) Pending() bool { return d.open }

// Reset forgets and wipes a code in progress; what still comes of it is passed over.
func (d *Codec) Reset() {
	if d.open {
		d.skip, d.any = true, false
	}
	d.forget()
	d.forgetInfo()
}

// Restart forgets everything and begins the set-up.
func (d *Codec) Restart() {
	d.forget()
	d.forgetInfo()
	d.skip, d.aim = false, [3]byte{}
	if d.talk != nil {
		d.talk.Start(d.setup)
	}
}

func (d *Codec) drop(why scanner.DropReason, emit func(scanner.Result)) {
	d.forget()
	emit(scanner.Result{Drop: why})
}

func (d *Codec) forget() {
	secret.Zero(d.buf)
	d.buf, d.open = d.buf[:0], false
}

var (
	_ scanner.Commander   = (*Codec)(nil)
	_ scanner.Outstanding = (*Codec)(nil)
)
