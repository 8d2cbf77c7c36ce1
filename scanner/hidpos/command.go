package hidpos

import (
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/menu"
)

// Reply is what a scanner answered to a menu command. One that a codec emits is valid during
// the emit call only.
type Reply struct {
	menu.Reply
	Info []byte // the lines before the reply, such as the answer to REVINF
}

// settings is the set-up of a scanner whose AIM identifier and end of text have their own
// place: of what package menu sets on a serial line only the trigger mode is left, and that
// settings cannot be made by bar code.
func settings(c Config) ([]menu.Setting, error) {
	switch c.Dialect {
	case menu.Honeywell, menu.Mindeo, menu.Newland:
	default:
		return nil, fmt.Errorf("HID POS: unknown dialect %q, want honeywell, mindeo or newland", c.Dialect)
	}
	var setup []menu.Setting
	for _, s := range menu.Settings(c.Dialect, c.Triggered) {
		switch s.Text {
		case "TRGMOD0", "SCNMOD0", "SETUPE0":
			setup = append(setup, s)
		}
	}
	for _, text := range c.Settings {
		setup = append(setup, menu.Setting{Text: text})
	}
	storage := menu.Volatile
	if c.Dialect == menu.Mindeo {
		storage = menu.Permanent
		if len(c.Settings) > 0 {
			return nil, errors.New("HID POS: a mindeo scanner keeps all settings in flash: set it up once, by bar code")
		}
	}
	for _, s := range setup {
		b, err := menu.Append(nil, c.Dialect, storage, s.Text)
		if err != nil {
			return nil, fmt.Errorf("HID POS: setting %.20q: %w", s.Text, err)
		}
		if room := Published().OutSize - 2; len(b) > room {
			return nil, fmt.Errorf("HID POS: setting %.20q: %d bytes do not fit into a report of %d", s.Text, len(b), room)
		}
	}
	return setup, nil
}

// heard takes a reply to a menu command. Words of the scanner that are none are passed over.
func (d *Codec) heard(text []byte, as menu.Dialect, now time.Time, emit func(scanner.Result)) {
	defer d.forgetInfo()
	if d.dialect != "" && as == menu.Honeywell {
		as = d.dialect
	}
	if menu.ParseReply(as, text, &d.reply.Reply) != nil {
		return
	}
	emit(scanner.Result{Event: &d.reply})
	if d.talk == nil {
		return
	}
	if _, err := d.talk.Heard(&d.reply.Reply); err != nil {
		emit(scanner.Result{Fault: err})
	}
	d.work(now, emit)
}

// work sends the next command between two codes.
func (d *Codec) work(now time.Time, emit func(scanner.Result)) {
	if d.talk == nil || d.open || d.l.OutSize == 0 {
		return
	}
	b := d.talk.Next(now)
	if len(b) == 0 {
		return
	}
	if len(b) > d.l.OutSize-2 || len(b) > 255 {
		emit(scanner.Result{Fault: &drivers.Error{Op: "send a command to", Subject: "HID POS scanner",
			Hint: "leave out settings or take the commands off the profile",
			Err:  fmt.Errorf("%d bytes do not fit into an output report of %d", len(b), d.l.OutSize)}})
		return
	}
	emit(scanner.Result{Reply: d.wrap(b)})
}

// wrap puts a command into an output report.
func (d *Codec) wrap(command []byte) []byte {
	d.out = d.out[:d.l.OutSize]
	clear(d.out)
	d.out[0], d.out[1] = d.l.OutID, byte(len(command))
	copy(d.out[2:], command)
	return d.out
}

// Do queues a cue.
func (d *Codec) Do(c scanner.Cue) bool {
	return d.talk != nil && d.l.OutSize > 0 && d.talk.Do(c)
}

// Due is when Tick is to be called. What waits to be sent waits for the end of a code, and
// that is looked for with a Tick anyway.
func (d *Codec) Due() time.Time {
	if d.talk == nil || d.open || d.l.OutSize == 0 {
		return time.Time{}
	}
	return d.talk.Due()
}

// Outstanding notes a command that somebody else sent.
func (d *Codec) Outstanding(_ []byte, now time.Time) {
	if d.talk != nil {
		d.talk.Expect(now)
	}
}

// forgetInfo wipes the scanner's own words: what it marks so may be a code of a rare kind.
func (d *Codec) forgetInfo() {
	secret.Zero(d.reply.Info)
	d.reply.Info = d.reply.Info[:0]
}

var _ scanner.Told = (*Reply)(nil)
