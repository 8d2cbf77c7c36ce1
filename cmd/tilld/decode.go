package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/internal/dump"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
	"github.com/tilld/tilld/scanner/wedge"
)

type decodeCmd struct {
	File    string `arg:"" optional:"" help:"A dump of what a device sent; - or nothing reads standard input."`
	Profile string `help:"The device's protocol; --list names them." placeholder:"NAME"`
	Show    bool   `help:"Show the texts of codes. A payment code is money for about a minute."`
	List    bool   `help:"List the profiles instead."`
	Lines   bool   `help:"Answer lines of JSON from standard input instead." name:"jsonl"`
}

func (decodeCmd) Help() string {
	return `Reads what a scanner or module sent and says what tilld would do with it: what it would
deliver, answer, drop, and why. A dump is the bytes themselves, or lines of a time in seconds
(or none), a direction and hexadecimal digits; lines that begin with # are comments:

  0.000 < 5d51313133343536373839300d
  0.412 > 04d00400ff28
  1.000 gone

"<" is what the device sent, ">" what was sent to it. Codes are not shown unless --show is
given. Exit 1 when something was dropped.

With --jsonl every line of standard input is an object with profile, hex and perhaps given
(silence-100ms, silence-600ms, command-outstanding, menu-outstanding); every answer is one
line: scans, reply_hex, and error, payment and what the device told where they apply. These
lines do show texts.

Examples:
  tilld decode --list
  tilld decode --profile ssi scanner.dump
  cat /dev/ttyACM0 | tilld decode --profile serial-aim
  tilld decode --profile hidpos --show --json scanner.dump
  tilld decode --jsonl < vectors.jsonl`
}

func (c decodeCmd) Run(e *env) error {
	switch {
	case c.List:
		return e.listProfiles()
	case c.Lines:
		return e.decodeLines()
	case c.Profile == "":
		return &failure{what: "decode", err: errors.New("no profile is named"), hint: "tilld decode --list names them", code: exitUsage}
	}
	row, err := profileNamed(c.Profile)
	if err != nil {
		return &failure{what: "decode", err: err, hint: "tilld decode --list says what each is", code: exitUsage}
	}
	in, name, err := e.dumpFile(c.File)
	if err != nil {
		return fail("decode", c.File, rootPath(err))
	}
	defer in.Close()
	lines, err := dump.Read(in)
	if err != nil {
		return fail("decode", name, err).withHint(`lines are "TIME < HEX"; anything else is taken as bytes that the device sent`)
	}
	codes, err := e.codes("decode", "")
	if err != nil {
		return err
	}
	table, err := codes.of("")
	if err != nil {
		return fail("decode", name, err)
	}
	d := decoding{e: e, table: table, show: c.Show}
	if err := d.play(row, lines); err != nil {
		return fail("decode", name, err)
	}
	return d.done(len(lines))
}

func (e *env) listProfiles() error {
	if e.json {
		names := map[string]string{}
		for _, p := range decodeProfiles() {
			names[p.name] = p.text
		}
		e.encode(names)
		return nil
	}
	for _, p := range decodeProfiles() {
		e.printf("%-14s %s\n", p.name, p.text)
	}
	return nil
}

func (e *env) dumpFile(name string) (io.ReadCloser, string, error) {
	if name == "" || name == "-" {
		return io.NopCloser(e.stdin), "standard input", nil
	}
	f, err := os.Open(name)
	return f, name, err
}

// decoding says what comes of a dump.
type decoding struct {
	e     *env
	table *paycode.Table
	show  bool
	start time.Time

	scans, drops, replies int
}

// decodeEvent is one line of decode --json.
type decodeEvent struct {
	At        float64        `json:"at"` // seconds since the beginning
	Event     string         `json:"event"`
	Bytes     int            `json:"bytes,omitempty"`
	Hex       string         `json:"hex,omitempty"`
	Symbology string         `json:"sym,omitempty"`
	AIM       string         `json:"aim,omitempty"`
	Length    int            `json:"length,omitempty"`
	Text      string         `json:"text,omitempty"`
	Decision  string         `json:"decision,omitempty"`
	Schemes   []string       `json:"schemes,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Told      map[string]any `json:"told,omitempty"`
}

func (d *decoding) play(row profileRow, lines []dump.Line) error {
	codec, err := row.make()
	if err != nil {
		return err
	}
	d.start = time.Unix(1_000_000_000, 0)
	p := player{make: row.make, codec: codec, now: d.start, emit: d.take}
	if len(lines) > 0 {
		d.start = d.start.Add(-lines[0].At)
	}
	for _, l := range lines {
		p.until(d.start.Add(l.At))
		d.say(p.now, decodeEvent{Event: string(l.Kind), Bytes: len(l.Data)})
		switch l.Kind {
		case dump.In:
			p.received(l.Data)
		case dump.Out:
			p.sent(l.Data)
		case dump.Gone:
			p.gone()
		}
		secret.Zero(l.Data)
	}
	p.until(p.now.Add(time.Second)) // the silence after the last byte
	return nil
}

// take says what tilld would do.
func (d *decoding) take(at time.Time, r scanner.Result) {
	if len(r.Reply) > 0 {
		d.replies++
		d.say(at, decodeEvent{Event: "answers", Hex: hex.EncodeToString(r.Reply)})
	}
	// What a keyboard has typed so far holds the code.
	if _, typed := r.Event.(*wedge.Typed); r.Event != nil && (!typed || d.show) {
		d.say(at, decodeEvent{Event: "told", Told: r.Event.Fields()})
	}
	if r.Fault != nil {
		d.say(at, decodeEvent{Event: "opens anew", Reason: r.Fault.Error()})
	}
	switch {
	case r.Drop != "":
		d.drops++
		d.say(at, decodeEvent{Event: "drops", Reason: string(r.Drop)})
	case len(r.Text) > 0:
		d.scans++
		d.say(at, d.scan(r))
	}
}

func (d *decoding) scan(r scanner.Result) decodeEvent {
	s := scanner.Scan{AIM: r.AIM, Symbology: r.Symbology}
	res := d.table.Classify(r.Text, s.Identifier(), time.Now())
	ev := decodeEvent{Event: "scan", Symbology: string(r.Symbology), AIM: r.AIM, Length: len(r.Text),
		Decision: string(res.Decision), Reason: string(res.Reason)}
	for _, c := range res.Candidates() {
		ev.Schemes = append(ev.Schemes, string(c))
	}
	if d.show {
		ev.Text = string(r.Text)
	}
	return ev
}

func (d *decoding) say(at time.Time, ev decodeEvent) {
	ev.At = float64(at.Sub(d.start).Milliseconds()) / 1000
	if d.e.json {
		enc := json.NewEncoder(d.e.stdout)
		enc.SetEscapeHTML(false)
		enc.Encode(ev)
		return
	}
	words := []string{ev.Event}
	switch ev.Event {
	case string(dump.In), string(dump.Out):
		words = append(words, count(ev.Bytes, "byte"))
	case "answers":
		words = append(words, ev.Hex)
	case "drops":
		words = append(words, dropTexts[ev.Reason])
	case "opens anew":
		words = append(words, "the device: "+ev.Reason)
	case "told":
		b, _ := json.Marshal(ev.Told) // plain values
		words = append(words, string(b))
	case "scan":
		words = append(words, ev.scanText())
	}
	d.e.printf("%9.3f  %s\n", ev.At, strings.Join(words, " "))
}

// dropTexts say why something was dropped.
var dropTexts = map[string]string{
	string(scanner.DropPartial):   "partial: it ended before its terminator, length or last part",
	string(scanner.DropMalformed): "malformed: not what this protocol sends",
	string(scanner.DropChecksum):  "checksum: damaged on the way",
}

// scanText says what a scan is and what the till would do with it while a payment is armed.
func (ev decodeEvent) scanText() string {
	var parts []string
	for _, p := range []string{ev.Symbology, ev.AIM} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	parts = append(parts, count(ev.Length, "byte"))
	if ev.Text != "" {
		parts = append(parts, strconv.Quote(ev.Text))
	}
	text := strings.Join(parts, " ") + ": " + ev.Decision
	switch {
	case len(ev.Schemes) > 0:
		text += " as " + strings.Join(ev.Schemes, ", ")
	case ev.Reason != "":
		text += ", " + ev.Reason
	}
	return text
}

// done sums up.
func (d *decoding) done(lines int) error {
	if !d.e.json {
		d.e.printf("%s: %s, %s dropped, %s\n", count(lines, "line"), count(d.scans, "scan"), strconv.Itoa(d.drops), count(d.replies, "answer"))
	}
	if d.drops > 0 {
		return errSaid
	}
	return nil
}
