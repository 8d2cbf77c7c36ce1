// Package wedge decodes scanners that pretend to be keyboards, from the key events of the
// kernel (evdev). It is the fallback: a wedge tells neither symbology nor length, its text
// depends on a layout, and what is no text of that layout is lost. HID POS or a serial line
// is better; failing that, the scanner's ALT mode, which depends on no layout.
//
// Nothing shorter or other than what was scanned may come out. Therefore a scan is dropped
// as a whole, up to its terminator or one second of silence, when
//
//   - a key is pressed that has no character, or none that all makers agree on,
//   - the kernel says that it lost events (SYN_DROPPED), or they show it: a key goes up that
//     was not down, or down that was not up, a modifier is held over Enter, a report without
//     events ends, time runs backwards,
//   - two keys are down at once, as that says nothing about their order; see Config.Rollover,
//   - 100 ms pass without a key.
//
// So one event lost, doubled or moved gives the same scan or none. What cannot be told is the
// loss of a whole key press: down, up and their reports. The kernel never loses that
// silently.
//
// A line break in a code is Enter to a wedge: it ends the scan there. Codes that may hold one
// need another interface.
//
// Sources: linux/input-event-codes.h, Documentation/input/event-codes.rst.
package wedge

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

const (
	// PartialAfter is the silence after which a scan without its terminator is dropped.
	PartialAfter = 100 * time.Millisecond
	// TailWithin is how long after a dropped scan keys are taken for the rest of it.
	TailWithin = time.Second
	// DefaultMaxText is the longest text in bytes: a QR code holds 7089 digits.
	DefaultMaxText = 7089
	// maxTyped bounds Typed.Events.
	maxTyped = 4096
)

// Config is one scanner. The zero value is a US layout, ended by Enter.
type Config struct {
	Layout Layout // empty = US
	// Record is the size of an event in bytes, Record32 or Record64; 0 = of this build.
	Record int
	Tab    bool // the scanner ends a code with Tab; Enter ends it too
	AIM    bool // the scanner types AIM identifiers; a scan without is malformed
	// Rollover: the scanner presses keys before it lets go of those before, as some fast
	// modes do. That events keep their order is then the kernel's promise alone.
	Rollover bool
	MaxText  int // bytes; 0 = DefaultMaxText
	// Watch emits a *Typed for what was typed of an unfinished scan at the end of each Feed:
	// for tools that look at a keyboard. It holds the text.
	Watch bool
}

// Typed is what was typed of an unfinished scan.
type Typed struct {
	Events [][3]int // type, code, value of each key event
	Chars  string
}

// Fields are "events" and "char".
func (t *Typed) Fields() map[string]any {
	f := map[string]any{"events": t.Events}
	if t.Chars != "" {
		f["char"] = t.Chars
	}
	return f
}

// Codec implements scanner.Codec and scanner.Restarter. Its memory is bounded by
// Config.MaxText.
type Codec struct {
	c   Config
	m   *keymap
	buf []byte // the text so far

	down  keySet
	held  int // keys down that type something
	caps  bool
	dead  rune // waits for the next key; 0: none
	alt   [4]byte
	altN  int   // digits typed while Alt is down
	stamp int64 // time of the last event, in microseconds

	events  int  // of the report under way
	pressed bool // a key that types something went down in it
	shifted bool // a modifier went down in it
	lost    bool // up to the next SYN_REPORT nothing counts
	ended   bool // the terminator went down in it

	skip    bool // dropping up to the terminator
	skipFor time.Duration
	told    bool // that something is dropped
	last    time.Time

	typed [][3]int
	emit  func(scanner.Result)
}

// New checks c and makes a codec.
func New(c Config) (*Codec, error) {
	if c.Layout == "" {
		c.Layout = US
	}
	if c.Record == 0 {
		c.Record = 8 + 2*strconv.IntSize/8
	}
	if c.MaxText == 0 {
		c.MaxText = DefaultMaxText
	}
	p, ok := layouts[c.Layout]
	switch {
	case !ok:
		return nil, fmt.Errorf("keyboard wedge: unknown layout %q, want one of %s", c.Layout, Layouts())
	case c.Record != Record32 && c.Record != Record64:
		return nil, fmt.Errorf("keyboard wedge: events of %d bytes, want %d or %d", c.Record, Record32, Record64)
	case c.MaxText < 1 || c.MaxText > 1<<20:
		return nil, fmt.Errorf("keyboard wedge: longest text of %d bytes, want 1 to 1048576", c.MaxText)
	}
	limit := c.MaxText + utf8.UTFMax
	if c.AIM {
		limit += 3
	}
	return &Codec{c: c, m: newKeymap(p), buf: make([]byte, 0, limit), events: 1}, nil
}

// Feed decodes whole events, one or several.
func (d *Codec) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	d.emit = emit
	defer func() { d.emit = nil }()
	d.silence(d.gap(p, now))
	for ; len(p) >= d.c.Record; p = p[d.c.Record:] {
		d.take(parse(p[:d.c.Record]), now)
	}
	if len(p) > 0 {
		d.violate(scanner.DropMalformed, true)
	}
	d.finish()
	if d.c.Watch && len(d.typed) > 0 {
		d.emit(scanner.Result{Event: &Typed{Events: slices.Clone(d.typed), Chars: string(d.buf)}})
	}
}

// Tick ends a scan by silence.
func (d *Codec) Tick(now time.Time, emit func(scanner.Result)) {
	d.emit = emit
	defer func() { d.emit = nil }()
	d.silence(now.Sub(d.last))
}

// gap is how long the keyboard was silent before p: by the kernel's stamps if there are any,
// as the program may have stood still.
func (d *Codec) gap(p []byte, now time.Time) time.Duration {
	gap := now.Sub(d.last)
	if len(p) < d.c.Record || d.stamp == 0 {
		return gap
	}
	if wire := micro(parse(p[:d.c.Record]).at - d.stamp); wire >= 0 {
		gap = min(gap, wire)
	}
	return gap
}

func micro(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

func (d *Codec) silence(gap time.Duration) {
	if d.Pending() && gap >= PartialAfter {
		d.violate(scanner.DropPartial, true)
	}
	if d.skip && gap >= d.skipFor {
		d.skip = false
	}
	if gap >= TailWithin {
		// A key that is really held repeats; one whose release was lost must not stay down.
		d.down, d.held = keySet{}, 0
	}
}

func (d *Codec) take(r record, now time.Time) {
	if r.at < d.stamp && (d.Pending() || d.held > 0) {
		d.violate(scanner.DropPartial, false)
	}
	if d.Pending() && d.stamp > 0 && micro(r.at-d.stamp) >= PartialAfter {
		d.violate(scanner.DropPartial, true)
	}
	d.stamp = r.at
	switch {
	case r.typ == evSyn && r.code == synDropped:
		d.last = now
		d.violate(scanner.DropPartial, true)
		d.forgetKeys()
		d.lost = true
	case r.typ == evSyn && r.code == synReport:
		if d.events == 0 && !d.lost {
			d.violate(scanner.DropPartial, false)
		}
		if d.shifted && !d.pressed && d.held > 0 && !d.c.Rollover {
			// A modifier is pressed for the key after it: this one overtook its own.
			d.violate(scanner.DropPartial, true)
		}
		d.finish()
		d.events, d.pressed, d.shifted, d.lost = 0, false, false, false
	case d.lost || r.typ == evSyn:
	case r.typ == evKey:
		d.events++
		d.last = now
		d.key(r)
	default:
		d.events++
	}
}

// violate drops the scan under way and what follows of it. Where none is under way, a sign
// of something lost is not told (sure is false) before a key of the scan that it may belong
// to is pressed; within one pause it is then dropped.
func (d *Codec) violate(why scanner.DropReason, sure bool) {
	begun := d.Pending()
	d.wipe()
	switch {
	case d.skip && (d.told || !sure):
	case begun || sure:
		d.skip, d.told, d.skipFor = true, true, TailWithin
		d.emit(scanner.Result{Drop: why})
	default:
		d.skip, d.told, d.skipFor = true, false, PartialAfter
	}
}

// Pending reports whether a scan has begun and not ended.
func (d *Codec) Pending() bool { return len(d.buf) > 0 || d.dead != 0 || d.altN > 0 }

// Reset forgets and wipes a scan in progress; what still comes of it is dropped. Which keys
// are down is forgotten too: their release may have been flushed.
func (d *Codec) Reset() {
	if d.Pending() {
		d.skip, d.told, d.skipFor = true, true, TailWithin
	}
	d.wipe()
	d.forgetKeys()
}

// Restart forgets everything: the device was opened anew, with no key down.
func (d *Codec) Restart() {
	d.wipe()
	d.forgetKeys()
	d.skip, d.caps, d.stamp = false, false, 0
}

func (d *Codec) forgetKeys() {
	d.down, d.held = keySet{}, 0
	d.events, d.pressed, d.shifted, d.lost = 1, false, false, false
}

func (d *Codec) wipe() {
	secret.Zero(d.buf)
	d.buf, d.dead, d.alt, d.altN, d.ended = d.buf[:0], 0, [4]byte{}, 0, false
	clear(d.typed)
	d.typed = d.typed[:0]
}

var (
	_ scanner.Codec     = (*Codec)(nil)
	_ scanner.Restarter = (*Codec)(nil)
	_ scanner.Told      = (*Typed)(nil)
)
