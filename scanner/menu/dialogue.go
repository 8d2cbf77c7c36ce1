package menu

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/scanner"
)

const (
	// ReplyWithin is how long a scanner may take to answer a command.
	ReplyWithin = time.Second
	// Tries is how often a command is sent before the scanner counts as dead.
	Tries = 3
	// lateReply is how long after a command was sent its reply may still be under way.
	lateReply = 5 * time.Second
)

// Setting is one command of a set-up.
type Setting struct {
	Text     string // volatile: "PRECA2,BK2995C81"
	Required bool   // a refusal is a fault of the device
	// Query and Want let a scanner without volatile storage be left alone when it is set
	// already: its reply to Query is Want. Empty: it is not asked, and not set.
	Query, Want string
}

// Settings is the set-up of a dialect: AIM identifiers before each scan, CR after it, no
// settings by bar code where there is a command for that (Honeywell has published none), and
// if triggered, no reading until it is triggered.
func Settings(d Dialect, triggered bool) []Setting {
	if d == Newland {
		s := []Setting{
			{Text: "AIDENA1", Required: true},
			{Text: "TSUENA1,SET0D", Required: true},
			{Text: "SETUPE0"},
		}
		if triggered {
			s = append(s, Setting{Text: "SCNMOD0", Required: true})
		}
		return s
	}
	s := []Setting{
		// 99 all symbologies, 5C81 the AIM identifier.
		{Text: "PRECA2,BK2995C81", Required: true, Query: "PREBK2?", Want: "PREBK2995C81"},
		{Text: "SUFCA2,BK2990D", Required: true, Query: "SUFBK2?", Want: "SUFBK2990D"},
	}
	if triggered {
		s = append(s, Setting{Text: "TRGMOD0", Required: true, Query: "TRGMOD?", Want: "TRGMOD0"})
	}
	return s
}

// Dialogue sends commands one after the other and waits for each reply. It is pure: it has no
// clock but the times it is told. It keeps one set-up and two cues.
type Dialogue struct {
	d     Dialect
	setup []Setting
	next  int // of setup

	scan, beep scanner.Cue // waiting to be sent; empty: none

	buf     []byte // what was sent last
	text    string // of the command whose reply is due
	cue     bool   // it is a cue: nothing hangs on its reply
	asked   bool   // it is the query of setup[next]
	write   bool   // setup[next] is to be written although it was asked for
	foreign bool   // somebody else sent it
	due     time.Time
	tries   int
	last    time.Time // when something was sent last
	// wrote has a bit for each setting that was written to flash. None is written twice: a
	// clone that answers otherwise than expected would be worn out.
	wrote uint64
}

// NewDialogue makes a dialogue that has nothing to say.
func NewDialogue(d Dialect) *Dialogue {
	return &Dialogue{d: d, buf: make([]byte, 0, MaxText+16)}
}

// Start begins a set-up from its first setting; it ends what was under way.
func (t *Dialogue) Start(setup []Setting) {
	*t = Dialogue{d: t.d, setup: setup, buf: t.buf[:0], wrote: t.wrote}
}

// Done reports whether the set-up is over and nothing is outstanding.
func (t *Dialogue) Done() bool { return t.next == len(t.setup) && !t.waits() }

// Do queues a cue and reports whether the dialect has it. A later cue takes the place of an
// earlier one of its kind that was not sent yet.
func (t *Dialogue) Do(c scanner.Cue) bool {
	var room [64]byte
	if _, _, ok := AppendCue(room[:0], t.d, c); !ok {
		return false
	}
	if c == scanner.Trigger || c == scanner.Untrigger {
		t.scan = c
	} else {
		t.beep = c
	}
	return true
}

// Expect notes a command that somebody else sent, whatever it was.
func (t *Dialogue) Expect(now time.Time) {
	t.text, t.foreign, t.due, t.last = "", true, now.Add(ReplyWithin), now
}

// broken notes that a reply ended in the middle. An own command is sent again in time; of
// another's nothing is known that could tell the rest of the reply from one.
func (t *Dialogue) broken() {
	if t.foreign {
		t.foreign, t.due = false, time.Time{}
	}
}

// Listening reports whether a reply may come: one is due, or may be late.
func (t *Dialogue) Listening(now time.Time) bool {
	return t.waits() || !t.last.IsZero() && now.Sub(t.last) < lateReply
}

func (t *Dialogue) waits() bool { return !t.due.IsZero() }

// Due is when Next or Tick has something to do; zero: never.
func (t *Dialogue) Due() time.Time {
	switch {
	case t.waits():
		return t.due
	case t.next < len(t.setup) || t.scan != "" || t.beep != "":
		return time.Unix(0, 0)
	}
	return time.Time{}
}

// Next is what is to be sent now, valid until the next call; empty while a reply is due.
func (t *Dialogue) Next(now time.Time) []byte {
	if t.waits() {
		return nil
	}
	t.buf = t.buf[:0]
	switch {
	case t.next < len(t.setup):
		t.sendSetting(now)
	case t.scan != "":
		t.sendCue(t.scan, now)
		t.scan = ""
	case t.beep != "":
		t.sendCue(t.beep, now)
		t.beep = ""
	}
	return t.buf
}

func (t *Dialogue) sendSetting(now time.Time) {
	s, storage := t.setup[t.next], Volatile
	t.text, t.cue, t.asked = s.Text, false, false
	if t.d == Mindeo {
		storage = Permanent
		if !t.write {
			if s.Query == "" {
				t.advance()
				return
			}
			t.text, t.asked = s.Query, true
		}
	}
	var err error
	if t.buf, err = Append(t.buf, t.d, storage, t.text); err != nil {
		t.advance() // New refused such settings
		return
	}
	t.tries++
	t.due, t.last = now.Add(ReplyWithin), now
}

func (t *Dialogue) sendCue(c scanner.Cue, now time.Time) {
	var bare bool
	t.buf, bare, _ = AppendCue(t.buf, t.d, c)
	if bare {
		return
	}
	t.text, t.cue, t.asked = newlandCues(c), true, false
	t.due, t.last = now.Add(ReplyWithin), now
}

// advance goes on to the next setting.
func (t *Dialogue) advance() { t.next, t.tries, t.write = t.next+1, 0, false }

// Heard takes a reply and reports whether it is the one that was due. The error is a fault of
// the device: it refused what it must do.
func (t *Dialogue) Heard(r *Reply) (due bool, fault error) {
	if !t.waits() || !t.foreign && !r.Answers(t.text) {
		return false, nil
	}
	t.due = time.Time{}
	switch {
	case t.foreign:
		t.foreign = false
	case t.cue:
	case t.asked && !(r.OK() && strings.EqualFold(string(r.Text), t.setup[t.next].Want)):
		return true, t.writeOnce()
	default:
		s := t.setup[t.next]
		t.advance()
		if s.Required && !r.OK() {
			return true, t.fault(fmt.Errorf("%q was refused: %s", s.Text, r.Status),
				"the scanner does not know this dialect: choose another profile")
		}
	}
	return true, nil
}

// writeOnce has a setting written that is not as wanted, unless that was tried before.
func (t *Dialogue) writeOnce() (fault error) {
	bit := uint64(1) << t.next
	if t.wrote&bit == 0 {
		t.wrote |= bit
		t.write, t.tries = true, 0
		return nil
	}
	s := t.setup[t.next]
	t.advance()
	if !s.Required {
		return nil
	}
	return t.fault(fmt.Errorf("%q was written and is not kept", s.Text), "set it up with its manual, or choose protocol line")
}

// Tick gives up on an overdue reply: the command is sent again by Next, or the device is dead.
func (t *Dialogue) Tick(now time.Time) (fault error) {
	if !t.waits() || now.Before(t.due) {
		return nil
	}
	t.due = time.Time{}
	if t.foreign || t.cue {
		t.foreign, t.cue = false, false
		return nil
	}
	if t.tries < Tries {
		return nil
	}
	s := t.setup[t.next]
	t.advance()
	if !s.Required {
		return nil
	}
	return t.fault(fmt.Errorf("%q: %w", s.Text, errSilent),
		"check the cable's other direction and the baud rate, or choose a profile without commands")
}

var errSilent = errors.New("no reply")

func (t *Dialogue) fault(err error, hint string) error {
	return &drivers.Error{Op: "set up", Subject: string(t.d) + " scanner", Hint: hint, Err: err}
}
