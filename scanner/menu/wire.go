// Package menu speaks the menu dialects: text settings that a host sends to a scanner over
// the wire that also carries the scans. Honeywell's (Youjie has the same, Mindeo a clone) and
// Newland's.
//
// A Codec sets the scanner up after each opening (AIM identifiers, terminator CR), tells its
// replies from scans, and triggers and beeps. Framing of the scans is package line's, with AIM
// identifiers on: a reply never begins like a scan. The encoders, the reply parser and the
// Dialogue are exported, because USB HID POS carries the same commands in its reports.
//
// Sources: the manuals of Honeywell N86 and N431x and of Youjie CS19A ("Serial Programming
// Commands"), and of Newland HR42, HR52 and FM530 ("Use of Programming Command"). The tags
// were found in use with real devices: AIDENA, TSUENA, SCNMOD and SCNTRG, BEEPON of Newland.
package menu

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tilld/tilld/scanner"
)

// Dialect is a maker's form of the menu commands.
type Dialect string

const (
	Honeywell Dialect = "honeywell" // and Youjie
	Mindeo    Dialect = "mindeo"    // Honeywell's form, without volatile settings
	Newland   Dialect = "newland"
)

// Storage is where a setting goes. The zero value is the careful one.
type Storage byte

const (
	Volatile  Storage = iota // lost at power-off
	Permanent                // flash, which wears: not at each start
)

// MaxText is the longest text of a command in bytes; Newland's devices take no more.
const MaxText = 200

const (
	honeywellHead = "\x16M\r"
	newlandHead   = "~\x010000"
	newlandEnd    = ";\x03"
)

// Append appends a command to dst. text is one or more settings or queries without the
// terminator: "PRECA2,BK2995C81", "CBR?". The storage of a query does not matter. Mindeo
// knows only Permanent. It refuses text that would end the command early, and the tags that
// make a scanner send pictures: none leaves it through this program.
func Append(dst []byte, d Dialect, s Storage, text string) ([]byte, error) {
	if err := check(d, s, text); err != nil {
		return dst, fmt.Errorf("menu command %.20q: %w", text, err)
	}
	if d == Newland {
		dst = append(dst, newlandHead...)
		dst = append(dst, pick(s, '#', '@'))
		dst = append(dst, text...)
		return append(dst, newlandEnd...), nil
	}
	dst = append(dst, honeywellHead...)
	dst = append(dst, text...)
	return append(dst, pick(s, '!', '.')), nil
}

func pick(s Storage, volatile, permanent byte) byte {
	if s == Permanent {
		return permanent
	}
	return volatile
}

func check(d Dialect, s Storage, text string) error {
	switch {
	case d != Honeywell && d != Mindeo && d != Newland:
		return fmt.Errorf("unknown dialect %q, want honeywell, mindeo or newland", d)
	case s > Permanent, d == Mindeo && s == Volatile && !isQuery(text):
		return errors.New("the scanner has no such storage")
	case len(text) < 4 || len(text) > MaxText:
		return fmt.Errorf("%d bytes, want 4 to %d", len(text), MaxText)
	}
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c > 0x7E || d != Newland && (c == '.' || c == '!') {
			return fmt.Errorf("byte %#02x does not belong into a setting", c)
		}
	}
	for setting := range strings.SplitSeq(text, ";") {
		if err := checkTag(setting); err != nil {
			return err
		}
	}
	return nil
}

// checkTag looks at the three letters that a group of settings begins with.
func checkTag(setting string) error {
	tag := setting
	if rest, addressed := strings.CutPrefix(setting, ":"); addressed {
		_, tag, _ = strings.Cut(rest, ":") // :name: of one scanner behind a cordless base
	}
	if len(tag) < 4 {
		return errors.New("a setting needs a tag of three letters and a sub-tag or query")
	}
	if strings.EqualFold(tag[:3], "IMG") {
		return errors.New("it asks for pictures")
	}
	return nil
}

// queryMarks stand in place of a value: Honeywell's ? ^ * and Newland's * & ^ for current,
// default, range.
const queryMarks = "?^*&"

func isQuery(text string) bool {
	return strings.ContainsAny(text[max(0, len(text)-1):], queryMarks)
}

// AppendCue appends what a cue is on the wire, and reports whether the dialect has it. bare
// says that no reply will come. Trigger and Untrigger work once the scanner is in triggered
// mode (Settings). Honeywell's beep is one tone, so there is none for "not paid".
func AppendCue(dst []byte, d Dialect, c scanner.Cue) (out []byte, bare, ok bool) {
	if d == Newland {
		text := newlandCues(c)
		if text == "" {
			return dst, false, false
		}
		out, err := Append(dst, d, Volatile, text)
		return out, false, err == nil
	}
	switch c {
	case scanner.Trigger:
		return append(dst, "\x16T\r"...), true, true
	case scanner.Untrigger:
		return append(dst, "\x16U\r"...), true, true
	case scanner.BeepGood:
		return append(dst, "\x16\x07\r"...), true, true
	}
	return dst, false, false
}

// newlandCues: the tones are frequency in Hz, duration in ms and volume.
func newlandCues(c scanner.Cue) string {
	switch c {
	case scanner.Trigger:
		return "SCNTRG1"
	case scanner.Untrigger:
		return "SCNTRG0"
	case scanner.BeepGood:
		return "BEEPON2730F80T20V"
	case scanner.BeepBad:
		return "BEEPON800F500T20V"
	}
	return ""
}
