package menu

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

var epoch = time.Unix(1_800_000_000, 0)

const code = "134567890123456789"

// out is a Result that may be kept.
type out struct {
	Text, AIM string
	Symbology scanner.Symbology
	Drop      scanner.DropReason
	Event     map[string]any
}

// bench feeds a codec at made-up times and sends what it replies to a scanner, if there is
// one, whose answers come a millisecond later.
type bench struct {
	t      testing.TB
	c      *Codec
	now    time.Time
	device *device.Menu
	got    []out
	sent   []string
	faults []error
	answer []byte
}

func newBench(t testing.TB, c Config, m *device.Menu) *bench {
	t.Helper()
	codec, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, c: codec, now: epoch, device: m}
}

func (b *bench) emit(r scanner.Result) {
	if len(r.Reply) > 0 {
		b.sent = append(b.sent, string(r.Reply))
		if b.device != nil {
			b.answer = append(b.answer, b.device.Command(r.Reply)...)
		}
	}
	if r.Fault != nil {
		b.faults = append(b.faults, r.Fault)
	}
	o := out{Text: string(r.Text), AIM: r.AIM, Symbology: r.Symbology, Drop: r.Drop}
	if r.Event != nil {
		o.Event = r.Event.Fields()
	}
	if o.Text != "" || o.Drop != "" || o.Event != nil {
		b.got = append(b.got, o)
	}
}

func (b *bench) feed(s string) {
	b.c.Feed([]byte(s), b.now, b.emit)
	b.run()
}

// run ticks as a Reader does, until nothing is due, and delivers what the scanner answers.
func (b *bench) run() {
	for range 100 {
		if len(b.answer) > 0 {
			answer := b.answer
			b.answer = nil
			b.now = b.now.Add(time.Millisecond)
			b.c.Feed(answer, b.now, b.emit)
			continue
		}
		if due := b.c.Due(); due.IsZero() || due.After(b.now) {
			return
		}
		b.c.Tick(b.now, b.emit)
	}
	b.t.Fatal("the codec is never done")
}

func (b *bench) silence(d time.Duration) {
	end := b.now.Add(d)
	for b.now.Before(end) {
		next := end
		if due := b.c.Due(); !due.IsZero() && due.Before(next) {
			next = due
		}
		if b.c.Pending() {
			next = b.now.Add(10 * time.Millisecond)
		}
		if !next.After(b.now) {
			next = b.now.Add(time.Millisecond)
		}
		b.now = next
		b.c.Tick(b.now, b.emit)
		b.run()
	}
}

func (b *bench) scans() (s []string) {
	for _, o := range b.got {
		if o.Text != "" {
			s = append(s, o.AIM+o.Text)
		}
	}
	return s
}

func (b *bench) replies() (s []string) {
	for _, o := range b.got {
		if o.Event != nil {
			s = append(s, fmt.Sprint(o.Event["menu_reply"], o.Event["status"]))
		}
	}
	return s
}

func scan(s string) out {
	return out{Text: s, AIM: "]Q1", Symbology: scanner.QR}
}

// present is what the scanner sends when it is shown a code.
func present(t testing.TB, m *device.Menu, symbology, text string) string {
	t.Helper()
	p := &pipe{make(chan struct{}), make(chan struct{}), make(chan string, 1)}
	done := make(chan error, 1)
	go func() { done <- m.Serve(t.Context(), p) }()
	<-p.reads
	if err := m.Scan(symbology, text); err != nil {
		t.Fatal(err)
	}
	s := <-p.out
	close(p.end)
	<-done
	return s
}

// pipe is a wire that takes one scan.
type pipe struct {
	reads, end chan struct{}
	out        chan string
}

func (p *pipe) Read([]byte) (int, error) {
	close(p.reads)
	<-p.end
	return 0, errors.New("end")
}

func (p *pipe) Write(b []byte) (int, error) { p.out <- string(b); return len(b), nil }

func models() map[Dialect]func() *device.Menu {
	return map[Dialect]func() *device.Menu{Honeywell: device.NewHoneywell, Newland: device.NewNewland, Mindeo: device.NewHoneywell}
}

// TestSetUp: a scanner from the factory sends identifiers and CR afterwards, and its flash was
// left alone unless there is nothing else.
func TestSetUp(t *testing.T) {
	for d, model := range models() {
		t.Run(string(d), func(t *testing.T) {
			m := model()
			b := newBench(t, Config{Dialect: d, Triggered: true}, m)
			b.c.Restart()
			b.run()
			if !b.c.talk.Done() || !b.c.Due().IsZero() || len(b.faults) > 0 {
				t.Fatalf("not done: %v, sent %q, heard %v", b.faults, b.sent, b.replies())
			}
			if f := m.Faults(); len(f) > 0 {
				t.Errorf("the scanner complains: %q", f)
			}
			if n := m.Counts().FlashWrites; (n == 0) != (d != Mindeo) {
				t.Errorf("%d flash writes", n)
			}
			if !b.c.Do(scanner.Trigger) {
				t.Fatal("no trigger")
			}
			b.run()
			b.feed(present(t, m, "qr", code))
			b.silence(time.Second)
			if d := cmp.Diff([]string{"]Q1" + code}, b.scans()); d != "" {
				t.Error(d)
			}
			if d == Newland && m.ScanSetting("AIDENA0") {
				t.Error("a customer can set it")
			}
			// What is set already is left alone.
			before := m.Counts().FlashWrites
			b.c.Restart()
			b.run()
			if n := m.Counts().FlashWrites; n != before || !b.c.talk.Done() {
				t.Errorf("%d flash writes at the second start", n-before)
			}
		})
	}
}

// TestSetUpBytes pins what goes over the wire.
func TestSetUpBytes(t *testing.T) {
	for d, want := range map[Dialect][]string{
		Honeywell: {"\x16M\rPRECA2,BK2995C81!", "\x16M\rSUFCA2,BK2990D!", "\x16M\rBEPLVL1!"},
		Newland:   {"~\x010000#AIDENA1;\x03", "~\x010000#TSUENA1,SET0D;\x03", "~\x010000#SETUPE0;\x03", "~\x010000#BEPLVL1;\x03"},
	} {
		b := newBench(t, Config{Dialect: d, Settings: []string{"BEPLVL1"}}, models()[d]())
		b.c.Restart()
		b.run()
		if d := cmp.Diff(want, b.sent); d != "" {
			t.Error(d)
		}
	}
}

func TestCues(t *testing.T) {
	b := newBench(t, Config{Dialect: Honeywell}, device.NewHoneywell())
	for cue, ok := range map[scanner.Cue]bool{scanner.BeepBad: false, scanner.LEDOn: false, scanner.AimOn: false} {
		if b.c.Do(cue) != ok {
			t.Errorf("%s", cue)
		}
	}
	b.c.Do(scanner.Trigger)
	b.c.Do(scanner.Untrigger) // the later one stands
	b.c.Do(scanner.BeepGood)
	b.run()
	if d := cmp.Diff([]string{"\x16U\r", "\x16\x07\r"}, b.sent); d != "" {
		t.Error(d)
	}
	// A cue waits for a frame to end.
	b.feed("]Q1" + code)
	b.c.Do(scanner.BeepGood)
	if !b.c.Due().IsZero() {
		t.Error("due in the middle of a frame")
	}
	b.feed("\r")
	if len(b.sent) != 3 || len(b.scans()) != 1 {
		t.Errorf("sent %q, scans %q", b.sent, b.scans())
	}
	n := newBench(t, Config{Dialect: Newland}, device.NewNewland())
	n.c.Do(scanner.Trigger)
	n.c.Do(scanner.BeepBad)
	n.run()
	if d := cmp.Diff([]string{"SCNTRG1[ack]", "BEEPON800F500T20V[ack]"}, n.replies()); d != "" {
		t.Error(d)
	}
	deaf := newBench(t, Config{Dialect: Newland}, nil)
	deaf.c.Do(scanner.Trigger)
	deaf.silence(time.Minute)
	if len(deaf.sent) != 1 || len(deaf.faults) != 0 {
		t.Errorf("a cue was sent %d times: %v", len(deaf.sent), deaf.faults)
	}
}

// TestSilentScanner: it is asked three times, then it is a fault; a setting that nothing
// hangs on is not.
func TestSilentScanner(t *testing.T) {
	b := newBench(t, Config{Dialect: Honeywell}, nil)
	b.c.Restart()
	b.silence(Tries*ReplyWithin + time.Millisecond)
	var e *drivers.Error
	if len(b.faults) != 1 || !errors.As(b.faults[0], &e) || e.Hint == "" {
		t.Fatalf("%v after %q", b.faults, b.sent)
	}
	if len(b.sent) != Tries+1 || b.sent[0] != b.sent[2] {
		t.Errorf("sent %q", b.sent)
	}
}

func TestRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		reply  string
		faults int
	}{
		"AIM unknown":    {Config{Dialect: Honeywell}, "PRECA2\x06,BK2995C81\x05!", 1},
		"AIM bad":        {Config{Dialect: Honeywell}, "PRECA2\x06,BK2995C81\x15!", 1},
		"AIM taken":      {Config{Dialect: Honeywell}, "PRECA2\x06,BK2995C81\x06!", 0},
		"in small caps":  {Config{Dialect: Honeywell}, "preca2\x06,bk2995c81\x06!", 0},
		"another's":      {Config{Dialect: Honeywell}, "SUFCA2\x05!", 0},
		"Newland's AIM":  {Config{Dialect: Newland}, "\x02\x010000#AIDENA1\x05;\x03", 1},
		"Newland's echo": {Config{Dialect: Newland}, "\x02\x010000#AIDENA1\x06;\x03", 0},
	} {
		b := newBench(t, c.config, nil)
		b.c.Restart()
		b.run()
		b.feed(c.reply)
		if len(b.faults) != c.faults || len(b.scans()) > 0 {
			t.Errorf("%s: %v, %v", name, b.faults, b.got)
		}
	}
	// A refusal of what nothing hangs on is an event.
	b := newBench(t, Config{Dialect: Newland, Settings: []string{"XYZABC1"}}, device.NewNewland())
	b.c.Restart()
	b.run()
	if r := b.replies(); len(b.faults) > 0 || r[len(r)-1] != "XYZABC1[enq]" {
		t.Errorf("%v, %v", b.faults, r)
	}
}

// TestLateReply: the reply to the first try counts for the second, and the one to the second,
// later still, counts for nothing.
func TestLateReply(t *testing.T) {
	b := newBench(t, Config{Dialect: Honeywell, Settings: []string{"SUFBK3990D"}}, nil)
	b.c.Restart()
	b.silence(ReplyWithin + 200*time.Millisecond)
	b.feed("PRECA2\x06,BK2995C81\x06!")
	b.feed("PRECA2\x06,BK2995C81\x06!")
	b.feed("]Q1" + code + "\r")
	b.feed("SUFCA2\x06,BK2990D\x06!")
	b.feed("SUFCA2\x06,BK2990D\x06!") // the same tag as the next, another sub-tag
	b.feed("SUFBK3990D\x05!")
	if d := cmp.Diff([]string{"PRECA2,BK2995C81[ack ack]", "SUFCA2,BK2990D[ack ack]", "SUFBK3990D[enq]"}, b.replies()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"]Q1" + code}, b.scans()); d != "" || !b.c.talk.Done() || len(b.faults) > 0 || len(b.sent) != 4 {
		t.Errorf("%s; sent %q, %v", d, b.sent, b.faults)
	}
}

// TestSettingsLost: a dip of the supply or a customer's programming code undoes the set-up.
// The next scan is dropped, not guessed at, and the scanner is set up anew.
func TestSettingsLost(t *testing.T) {
	for name, lose := range map[string]func(*device.Menu){
		"supply":           (*device.Menu).PowerCycle,
		"programming code": func(m *device.Menu) { m.ScanSetting("PRECA2") },
	} {
		t.Run(name, func(t *testing.T) {
			m := device.NewHoneywell()
			b := newBench(t, Config{Dialect: Honeywell}, m)
			b.c.Restart()
			b.run()
			b.silence(time.Minute)
			lose(m)
			b.feed(present(t, m, "qr", code))
			b.run()
			if len(b.scans()) > 0 {
				t.Errorf("delivered %q", b.scans())
			}
			b.feed(present(t, m, "qr", code))
			if d := cmp.Diff([]string{"]Q1" + code}, b.scans()); d != "" {
				t.Error(d)
			}
			// Noise does not set it up again and again.
			before := len(b.sent)
			for range 100 {
				b.feed("noise\r")
			}
			if n := len(b.sent) - before; n > 2 {
				t.Errorf("%d commands in no time", n)
			}
		})
	}
}

func TestReplies(t *testing.T) {
	long := strings.Repeat("A", maxReply) + "\x06!"
	reply := func(text string, status ...string) out {
		return out{Event: map[string]any{"menu_reply": text, "status": status}}
	}
	malformed, partial := out{Drop: scanner.DropMalformed}, out{Drop: scanner.DropPartial}
	for _, c := range []struct {
		name string
		d    Dialect
		in   []string // with 200 ms of silence between
		want []out
	}{
		{"whole", Honeywell, []string{"CBRENA1\x06,SSX0\x05;TRGMOD9\x15."}, []out{reply("CBRENA1,SSX0;TRGMOD9", "ack", "enq", "nak")}},
		{"scan before and after", Honeywell, []string{"]Q1" + code + "\rCBRENA1\x06!]Q1" + code + "\r"}, []out{scan(code), reply("CBRENA1", "ack"), scan(code)}},
		{"scan that looks like a reply", Honeywell, []string{"]Q1CBRENA1\r"}, []out{scan("CBRENA1")}},
		{"cut off", Honeywell, []string{"CBRENA1\x06,SS", "]Q1" + code + "\r"}, []out{partial, scan(code)}},
		{"cut off, a scan at once", Honeywell, []string{"CBRENA1\x06,SS]Q1" + code + "\r", "]Q1" + code + "\r"}, []out{malformed, scan(code)}},
		{"status without a setting", Honeywell, []string{"\x06!\r"}, []out{malformed}},
		{"two status bytes", Honeywell, []string{"CBRENA1\x06\x06!\r"}, []out{malformed}},
		{"status, then text", Honeywell, []string{"CBRENA1\x06X\r"}, []out{malformed}},
		{"longer than any", Honeywell, []string{long + "\r"}, []out{malformed}},
		{"only one reply to one command", Honeywell, []string{"CBRENA1\x06!CBRENA1\x06!", "\r]Q1" + code + "\r"}, []out{reply("CBRENA1", "ack"), scan(code)}},
		{"Newland", Newland, []string{"\x02\x010000@C11ENA1\x06,MIN12\x06;TSUENA1\x06;\x03"}, []out{reply("C11ENA1,MIN12;TSUENA1", "ack", "ack", "ack")}},
		{"Newland, text with line ends", Newland, []string{"\x02\x010000#QRYSYSModel: FM\r\nSN; 1\x06;\x03"}, []out{reply("QRYSYSModel: FM\r\nSN; 1", "ack")}},
		{"Newland, cut off", Newland, []string{"\x02\x010000#QRY", "]Q1" + code + "\r"}, []out{partial, scan(code)}},
		{"Newland, other head", Newland, []string{"\x02\x010001#AIDENA1\x06;\x03\r"}, []out{malformed}},
		{"Newland, no status", Newland, []string{"\x02\x010000#AIDENA1;\x03\r"}, []out{malformed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{Dialect: c.d}, nil)
			b.c.Outstanding(nil, b.now)
			for _, in := range c.in {
				b.feed(in)
				b.silence(200 * time.Millisecond)
			}
			if d := cmp.Diff(c.want, b.got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestRepliesAreAwaited: without a command the same bytes are no reply, and no scan.
func TestRepliesAreAwaited(t *testing.T) {
	for d, in := range map[Dialect]string{Honeywell: "CBRENA1\x06!", Newland: "\x02\x010000#AIDENA1\x06;\x03"} {
		b := newBench(t, Config{Dialect: d}, nil)
		b.feed(in)
		b.silence(time.Second)
		if d := cmp.Diff([]out{{Drop: scanner.DropPartial}}, b.got); d != "" {
			t.Error(d)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{
		{}, {Dialect: "acme"}, {Dialect: Honeywell, Settings: []string{"PRE.CA2"}}, {Dialect: Honeywell, Settings: []string{"AB"}},
		{Dialect: Honeywell, Settings: []string{"IMGSNP"}}, {Dialect: Honeywell, Settings: []string{"BEPLVL1;imgshp"}},
		{Dialect: Honeywell, Settings: []string{":4820:IMGSHP"}}, {Dialect: Newland, Settings: []string{"IMGGET0T0R0F"}},
		{Dialect: Newland, Settings: []string{"AIDENA1\x03"}}, {Dialect: Honeywell, Settings: []string{strings.Repeat("A", MaxText+1)}},
		{Dialect: Mindeo, Settings: []string{"BEPLVL1"}}, {Dialect: Honeywell, MaxText: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
	if _, err := Append(nil, Mindeo, Volatile, "BEPLVL1"); err == nil {
		t.Error("a Mindeo scanner has no volatile settings")
	}
	if b, err := Append(nil, Mindeo, Volatile, "PREBK2?"); err != nil || string(b) != "\x16M\rPREBK2?!" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestParseReply(t *testing.T) {
	r := Reply{}
	for _, bad := range []string{"", "REVINF", "REVINF\x06", "REVINF\x06.x", "\x06.", "REVINF."} {
		if err := ParseReply(Honeywell, []byte(bad), &r); !errors.Is(err, ErrNoReply) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := ParseReply(Honeywell, []byte("REVINF\x06."), &r); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"menu_reply": "REVINF", "status": []string{"ack"}}; !maps.EqualFunc(want, r.Fields(), func(a, b any) bool { return cmp.Equal(a, b) }) {
		t.Errorf("%v", r.Fields())
	}
	if (&Reply{}).OK() || (&Reply{}).Answers("REVINF") || (&Reply{Status: []Status{ACK, 9}}).OK() {
		t.Error("an empty reply is no consent")
	}
}
