// Package line decodes what scanners send on a plain serial line: text and a terminator,
// with an AIM identifier before it if the scanner is set to send one.
//
// Nothing shorter or longer than what was scanned may come out. Therefore:
//
//   - A frame that ends by silence where a terminator is declared is dropped, and so is what
//     follows up to the next terminator: it is the rest of it. With AIM identifiers on, that
//     lasts for a second, because a rest is known by its lack of one. Without them a single
//     byte of noise costs the next scan.
//   - A frame with a control character (other than GS, which GS1 codes hold, and with AIM
//     identifiers on those that separate fields by ISO/IEC 15434) or with bytes that are no
//     UTF-8 is noise, not text, and is dropped. See Config.Believe.
//   - With AIM identifiers on, a frame that does not begin with one is dropped: the tail of
//     a code, or noise before one, cannot pass for a code. Without them printable noise
//     cannot be told from text. Switch them on.
//   - With terminator none the scan ends by silence, so a scanner that stalls delivers the
//     part before. Use it only where the scanner cannot send a terminator.
package line

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

// Terminator is how the scanner ends a code.
type Terminator string

const (
	CR   Terminator = "cr"
	LF   Terminator = "lf"
	CRLF Terminator = "crlf" // CR, LF or both
	TAB  Terminator = "tab"
	None Terminator = "none" // silence
)

// CodeIDs names a vendor's one-letter identifiers.
type CodeIDs string

const (
	NoCodeIDs CodeIDs = ""
	Honeywell CodeIDs = "honeywell"
)

// Times of a line of 9600 baud or faster, where a byte takes about a millisecond.
const (
	// IdleGap is the silence that ends a code where there is no terminator.
	IdleGap = 30 * time.Millisecond
	// PartialAfter is the silence after which an unfinished code is dropped.
	PartialAfter = 100 * time.Millisecond
	// TailWithin is how long after a dropped code bytes are taken for the rest of it, where
	// AIM identifiers are on.
	TailWithin = time.Second
)

// DefaultMaxText is the longest text in bytes: a QR code holds 7089 digits.
const DefaultMaxText = 7089

// Config is the framing of one scanner. The zero value is CR, LF or both, nothing before
// the text.
type Config struct {
	Terminator Terminator // empty = CRLF
	AIM        bool       // the scanner sends AIM identifiers
	CodeIDs    CodeIDs    // the scanner sends a vendor's identifiers; not together with AIM
	Prefix     string     // sent before all else; a code without it is malformed
	MaxText    int        // bytes; 0 = DefaultMaxText
	// Believe is asked about a text with control characters, which is noise otherwise.
	// It keeps nothing of it. Only with AIM; nil: never.
	Believe func(text []byte) bool
}

// Codec implements scanner.Codec. Its memory is bounded by Config.MaxText.
type Codec struct {
	c     Config
	ends  [256]bool
	buf   []byte // the frame so far; len 0 between frames
	limit int
	skip  bool      // dropping up to the next terminator
	last  time.Time // of the last byte
}

// New checks c and makes a codec.
func New(c Config) (*Codec, error) {
	if c.Terminator == "" {
		c.Terminator = CRLF
	}
	if c.MaxText == 0 {
		c.MaxText = DefaultMaxText
	}
	d := &Codec{c: c}
	switch c.Terminator {
	case CR:
		d.ends['\r'] = true
	case LF:
		d.ends['\n'] = true
	case CRLF:
		d.ends['\r'], d.ends['\n'] = true, true
	case TAB:
		d.ends['\t'] = true
	case None:
	default:
		return nil, fmt.Errorf("serial line: unknown terminator %q, want cr, lf, crlf, tab or none", c.Terminator)
	}
	switch {
	case c.CodeIDs != NoCodeIDs && c.CodeIDs != Honeywell:
		return nil, fmt.Errorf("serial line: unknown code identifiers %q, want honeywell", c.CodeIDs)
	case c.CodeIDs != NoCodeIDs && c.AIM:
		return nil, errors.New("serial line: AIM identifiers and a vendor's code identifiers cannot both be on")
	case c.Believe != nil && !c.AIM:
		return nil, errors.New("serial line: without AIM identifiers control characters are noise")
	case c.MaxText < 1 || c.MaxText > 1<<20:
		return nil, fmt.Errorf("serial line: longest text of %d bytes, want 1 to 1048576", c.MaxText)
	case len(c.Prefix) > 64:
		return nil, errors.New("serial line: prefix longer than 64 bytes")
	}
	for i := range len(c.Prefix) {
		if d.ends[c.Prefix[i]] {
			return nil, errors.New("serial line: the prefix holds the terminator")
		}
	}
	d.limit = c.MaxText + len(c.Prefix)
	if c.AIM {
		d.limit += 3
	}
	if c.CodeIDs != NoCodeIDs {
		d.limit++
	}
	d.buf = make([]byte, 0, d.limit)
	return d, nil
}

// Feed decodes bytes that arrived at now. Where a gap since the last byte should have ended
// the frame and Tick was not called in between, the program stood still: whether the gap
// was on the wire cannot be told, and the frame is dropped with what follows.
func (d *Codec) Feed(p []byte, now time.Time, emit func(scanner.Result)) {
	if len(p) == 0 {
		return
	}
	switch gap := now.Sub(d.last); {
	case d.skip:
		d.skip = !d.resync(gap)
	case len(d.buf) > 0 && gap >= d.silence():
		d.drop(scanner.DropPartial, emit)
		d.skip = true
	}
	d.last = now
	for len(p) > 0 {
		n := d.untilEnd(p)
		d.add(p[:n], emit)
		if n == len(p) {
			return
		}
		d.finish(emit)
		p = p[n+1:]
	}
}

// Tick ends a frame by silence.
func (d *Codec) Tick(now time.Time, emit func(scanner.Result)) {
	if len(d.buf) == 0 || now.Sub(d.last) < d.silence() {
		return
	}
	if d.c.Terminator == None {
		d.finish(emit)
		return
	}
	d.drop(scanner.DropPartial, emit)
	d.skip = true
}

// resync reports whether silence alone ends what is dropped.
func (d *Codec) resync(gap time.Duration) bool {
	return d.c.Terminator == None && gap >= IdleGap || d.c.AIM && gap >= TailWithin
}

// Pending reports whether a frame has begun and not ended.
func (d *Codec) Pending() bool { return len(d.buf) > 0 }

// Reset forgets and wipes a frame in progress. Where nothing else tells the rest of it from
// a code, what follows is dropped up to the next terminator.
func (d *Codec) Reset() {
	d.skip = (d.skip || len(d.buf) > 0) && !d.c.AIM && d.c.Terminator != None
	d.wipe()
}

// Restart forgets everything: the device was opened anew.
func (d *Codec) Restart() {
	d.wipe()
	d.skip = false
}

func (d *Codec) silence() time.Duration {
	if d.c.Terminator == None {
		return IdleGap
	}
	return PartialAfter
}

// untilEnd is the number of bytes before the next terminator.
func (d *Codec) untilEnd(p []byte) int {
	for i, c := range p {
		if d.ends[c] {
			return i
		}
	}
	return len(p)
}

func (d *Codec) add(p []byte, emit func(scanner.Result)) {
	if d.skip {
		return
	}
	if len(d.buf)+len(p) > d.limit {
		d.drop(scanner.DropMalformed, emit)
		d.skip = true
		return
	}
	d.buf = append(d.buf, p...)
}

// finish ends a frame at its terminator, or at the silence that stands for one. An empty
// frame is the other half of CR LF.
func (d *Codec) finish(emit func(scanner.Result)) {
	switch {
	case d.skip:
		d.skip = false
	case len(d.buf) > 0:
		r := d.decode()
		emit(r)
		d.wipe()
	}
}

func (d *Codec) decode() scanner.Result {
	malformed := scanner.Result{Drop: scanner.DropMalformed}
	text, ok := d.buf, true
	if len(d.c.Prefix) > 0 {
		if len(text) < len(d.c.Prefix) || string(text[:len(d.c.Prefix)]) != d.c.Prefix {
			return malformed
		}
		text = text[len(d.c.Prefix):]
	}
	r := scanner.Result{Symbology: scanner.Unknown}
	switch {
	case d.c.AIM:
		if r.AIM, text, ok = scanner.CutAIM(text); !ok {
			return malformed
		}
		r.Symbology = scanner.AIMSymbology(r.AIM)
	case d.c.CodeIDs == Honeywell:
		if len(text) > 0 {
			r.Symbology = d.c.CodeIDs.Symbology(text[0])
		}
		if r.Symbology == scanner.Unknown {
			return malformed
		}
		text = text[1:]
	}
	if len(text) == 0 || len(text) > d.c.MaxText || !d.isText(text) {
		return malformed
	}
	r.Text = text
	return r
}

// isText refuses noise: control characters and what is no UTF-8.
func (d *Codec) isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if (c < 0x20 || c == 0x7F) && !d.separates(c) {
			return d.c.Believe != nil && d.c.Believe(b)
		}
	}
	return true
}

// separates reports whether a control character separates fields of a code.
func (d *Codec) separates(c byte) bool {
	const eot, fs, gs = 0x04, 0x1C, 0x1D
	return c == gs || d.c.AIM && (c == eot || c >= fs && c < 0x20)
}

func (d *Codec) drop(why scanner.DropReason, emit func(scanner.Result)) {
	d.wipe()
	emit(scanner.Result{Drop: why})
}

func (d *Codec) wipe() {
	secret.Zero(d.buf)
	d.buf = d.buf[:0]
}

// Symbology is what an identifier of the vendor's stands for; scanner.Unknown if for nothing.
func (ids CodeIDs) Symbology(id byte) scanner.Symbology {
	if ids != Honeywell {
		return scanner.Unknown
	}
	switch id {
	case 's':
		return scanner.QR
	case 'j':
		return scanner.Code128
	case 'w':
		return scanner.DataMatrix
	case 'd':
		return scanner.EAN13
	case 'D':
		return scanner.EAN8
	case 'c':
		return scanner.UPCA
	case 'E':
		return scanner.UPCE
	case 'r':
		return scanner.PDF417
	case 'z':
		return scanner.Aztec
	case 'b':
		return scanner.Code39
	case 'H':
		return scanner.HanXin
	case 'I':
		return scanner.GS1128
	}
	return scanner.Unknown
}
