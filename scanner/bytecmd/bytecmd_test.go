package bytecmd

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

var epoch = time.Unix(1_800_000_000, 0)

const code = "134567890123456789"

// out is a Result that may be kept.
type out struct {
	Text, AIM string
	Drop      scanner.DropReason
	Event     map[string]any
}

// bench feeds a codec at made-up times; what it replies goes to a scanner, if there is one.
type bench struct {
	t      testing.TB
	c      *Codec
	now    time.Time
	device *device.Datalogic
	got    []out
	sent   []string
	answer []byte
}

func newBench(t testing.TB, c Config) *bench {
	t.Helper()
	codec, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, c: codec, now: epoch}
	if c.Dialect == Datalogic {
		b.device = device.NewDatalogic(func() time.Time { return b.now })
	}
	return b
}

func (b *bench) emit(r scanner.Result) {
	if len(r.Reply) > 0 {
		b.sent = append(b.sent, string(r.Reply))
		if b.device != nil {
			b.answer = append(b.answer, b.device.Command(r.Reply)...)
		}
	}
	o := out{Text: string(r.Text), AIM: r.AIM, Drop: r.Drop}
	if r.Event != nil {
		o.Event = r.Event.Fields()
	}
	if o.Text != "" || o.Drop != "" || o.Event != nil {
		b.got = append(b.got, o)
	}
}

func (b *bench) feed(s string) { b.c.Feed([]byte(s), b.now, b.emit) }

// pass lets time pass as a Reader does.
func (b *bench) pass(d time.Duration) {
	end := b.now.Add(d)
	for {
		if due := b.c.Due(); !due.IsZero() && !due.After(b.now) || b.c.Pending() {
			b.c.Tick(b.now, b.emit)
		}
		if len(b.answer) > 0 {
			answer := b.answer
			b.answer = nil
			b.c.Feed(answer, b.now, b.emit)
			continue
		}
		if !b.now.Before(end) {
			return
		}
		next := end
		if b.c.Pending() {
			next = b.now.Add(10 * time.Millisecond)
		}
		if due := b.c.Due(); !due.IsZero() && due.Before(next) {
			next = due
		}
		if !next.After(b.now) {
			next = b.now.Add(time.Millisecond)
		}
		b.now = next
	}
}

var aim = line.Config{AIM: true}

func TestWire(t *testing.T) {
	for d, want := range map[Dialect]map[Command]string{
		Datalogic: {Enable: "E", Disable: "D", Reboot: "R", NotOnFile: "F", Beep: "\x01", Pull: "T", Release: "X",
			Identify: "i", Health: "h", Status: "s", BeepError: ""},
		Opticon:   {Pull: "\x1bZ\r", Release: "\x1bY\r", Beep: "\x1bB\r", BeepError: "\x1bE\r", Enable: "", Reboot: ""},
		CipherLab: {Enable: "E", Disable: "D", Pull: "E", Release: "D", Beep: "#@////\r", NotOnFile: "", Identify: ""},
		"acme":    {Enable: ""},
	} {
		for c, wire := range want {
			got, ok := Append(nil, d, c)
			if string(got) != wire || ok != (wire != "") {
				t.Errorf("%s %s: %q, %v", d, c, got, ok)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		d             Dialect
		setting, want string // empty: refused
	}{
		{CipherLab, "109952", "#@109952\r"},
		{CipherLab, "109999", ""}, // saves to flash
		{CipherLab, "10995", ""},
		{CipherLab, "1099A2", ""},
		{CipherLab, "10995\r", ""},
		{Opticon, "BCC", "\x1b[BCC\r"},
		{Opticon, "S0", "\x1bS0\r"},
		{Opticon, "Z2", ""}, // saves to flash
		{Opticon, "M41B", "\x1bM41B\r"},
		{Opticon, "]ABCD", "\x1b]ABCD\r"},
		{Opticon, "[BCM", "\x1b[BCM\r"},
		{Opticon, "S0Z2", ""},
		{Opticon, "S0\rZ", ""},
		{Opticon, "a", ""},
		{Opticon, "", ""},
		{Datalogic, "E", ""},
		{"acme", "E", ""},
	} {
		got, err := AppendSetting(nil, c.d, c.setting)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s %q: %q, %v", c.d, c.setting, got, err)
		}
	}
	for _, c := range []Config{{}, {Dialect: "acme"}, {Dialect: CipherLab, Settings: []string{"109999"}}, {Dialect: Opticon, Line: line.Config{Terminator: "esc"}}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}

func TestSetUp(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Config
		want string
	}{
		{"Datalogic", Config{Dialect: Datalogic, Line: aim}, "E"},
		{"Datalogic, triggered", Config{Dialect: Datalogic, Line: aim, Triggered: true}, "EX"},
		{"Opticon", Config{Dialect: Opticon, Line: aim, Settings: []string{"BCC", "S0"}}, "\x1b[BCC\r\x1bS0\r"},
		{"Opticon, triggered", Config{Dialect: Opticon, Line: aim, Triggered: true}, "\x1bY\r"},
		{"CipherLab", Config{Dialect: CipherLab, Line: aim, Settings: []string{"109952"}}, "E#@109952\r"},
		{"CipherLab, triggered", Config{Dialect: CipherLab, Line: aim, Triggered: true}, "ED"},
	} {
		b := newBench(t, c.c)
		b.pass(time.Second)
		if len(b.sent) > 0 || !b.c.Due().IsZero() {
			t.Errorf("%s: sent %q before it was opened", c.name, b.sent)
		}
		for range 2 {
			b.sent = nil
			b.c.Restart()
			b.pass(time.Second)
			if got := strings.Join(b.sent, ""); got != c.want || !b.c.Due().IsZero() {
				t.Errorf("%s: sent %q, want %q", c.name, got, c.want)
			}
		}
	}
}

// TestNotOnFile: the bad tone disables the scanner, and it is enabled again when the tone is
// over, at once when it is to read, and after a plug was pulled in between.
func TestNotOnFile(t *testing.T) {
	b := newBench(t, Config{Dialect: Datalogic, Line: aim})
	b.c.Restart()
	b.pass(time.Second)
	b.c.Do(scanner.BeepBad)
	b.pass(enableAfter / 2)
	if b.device.Enabled() || b.device.Counts().BadTones != 1 {
		t.Fatal("no bad tone")
	}
	b.pass(enableAfter)
	if !b.device.Enabled() {
		t.Error("not enabled again")
	}
	b.c.Do(scanner.BeepBad)
	b.pass(0)
	b.c.Do(scanner.Trigger)
	b.pass(0)
	if !b.device.Enabled() || b.device.Counts().Pulls != 1 {
		t.Error("disabled while it is to read")
	}
	b.c.Do(scanner.BeepBad)
	b.pass(0)
	b.c.Restart()
	b.pass(0)
	if !b.device.Enabled() {
		t.Error("left disabled by an earlier opening")
	}
	b.pass(time.Minute)
	b.c.Send(Disable)
	b.pass(0)
	b.c.Do(scanner.BeepBad)
	b.pass(time.Minute)
	if b.device.Enabled() {
		t.Error("enabled although it was disabled on purpose")
	}
	b.c.Send(Enable)
	b.pass(0)
	if !b.device.Enabled() || len(b.device.Faults()) > 0 {
		t.Errorf("%q", b.device.Faults())
	}
}

// TestReboot: nothing is said to a scanner that does not listen, and what was asked for
// meanwhile is said after that.
func TestReboot(t *testing.T) {
	b := newBench(t, Config{Dialect: Datalogic, Line: aim})
	b.c.Restart()
	b.pass(time.Second)
	b.c.Send(Reboot)
	b.pass(0)
	b.sent = nil
	b.c.Do(scanner.BeepBad)
	b.c.Do(scanner.BeepGood)
	b.c.Do(scanner.Trigger)
	b.pass(AfterReboot - time.Millisecond)
	if len(b.sent) > 0 || b.c.Due() != epoch.Add(time.Second).Add(AfterReboot) {
		t.Errorf("sent %q, due %v", b.sent, b.c.Due())
	}
	b.pass(time.Second)
	if d := cmp.Diff([]string{"ET\x01"}, b.sent); d != "" || len(b.device.Faults()) > 0 {
		t.Error(d, b.device.Faults())
	}
}

func TestAnswers(t *testing.T) {
	b := newBench(t, Config{Dialect: Datalogic, Line: aim})
	for _, c := range []Command{Identify, Health, Status} {
		b.c.Send(c)
		b.pass(10 * time.Millisecond)
	}
	if d := cmp.Diff([]out{
		{Event: map[string]any{"to": "identification", "reply": "PowerScan PD9630\r\nS/N 1234"}},
		{Event: map[string]any{"to": "health", "reply": "HEALTH OK"}},
		{Event: map[string]any{"to": "status", "reply": "SCANS 12"}},
	}, b.got); d != "" {
		t.Error(d)
	}
	scan, malformed, partial := out{Text: code, AIM: "]Q1"}, out{Drop: scanner.DropMalformed}, out{Drop: scanner.DropPartial}
	answer := out{Event: map[string]any{"to": "health", "reply": "OK"}}
	for _, c := range []struct {
		name string
		line line.Config
		in   []string // with 200 ms of silence between
		want []out
	}{
		{"scan before and after", aim, []string{"]Q1" + code + "\r\x01\x02OK\x03\x04]Q1" + code + "\r"}, []out{scan, answer, scan}},
		{"cut off", aim, []string{"\x01\x02O", "]Q1" + code + "\r"}, []out{partial, scan}},
		{"no STX", aim, []string{"\x01O", "]Q1" + code + "\r"}, []out{malformed, scan}},
		{"no ETX", aim, []string{"\x01\x02OK\x04", "]Q1" + code + "\r"}, []out{malformed, scan}},
		{"without end", aim, []string{"\x01\x02" + strings.Repeat("A", maxAnswer), "\r]Q1" + code + "\r"}, []out{malformed, partial, scan}},
		{"unframed", line.Config{}, []string{"HEALTH OK\r\n" + code + "\r\n"}, []out{{Event: map[string]any{"to": "health", "reply": ""}}, {Text: code}}},
		{"a scan instead of an answer", line.Config{}, []string{code + "\r\n"}, []out{{Event: map[string]any{"to": "health", "reply": ""}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{Dialect: Datalogic, Line: c.line})
			b.device = nil
			b.c.Send(Health)
			b.pass(0)
			for _, in := range c.in {
				b.feed(in)
				b.pass(200 * time.Millisecond)
			}
			if d := cmp.Diff(c.want, b.got); d != "" {
				t.Error(d)
			}
		})
	}
	seen := newBench(t, Config{Dialect: Datalogic, Line: aim})
	seen.c.Outstanding([]byte("h"), seen.now)
	seen.feed("\x01\x02OK\x03\x04")
	seen.c.Outstanding([]byte("E"), seen.now)
	seen.feed("\x01\x02OK\x03\x04\r")
	if d := cmp.Diff([]out{answer, malformed}, seen.got); d != "" {
		t.Error(d)
	}
	// Without a request the same bytes are no answer, and no scan.
	late := newBench(t, Config{Dialect: Datalogic, Line: aim})
	late.feed("\x01\x02OK\x03\x04\r")
	if d := cmp.Diff([]out{malformed}, late.got); d != "" {
		t.Error(d)
	}
}

func TestCues(t *testing.T) {
	for d, want := range map[Dialect]string{Datalogic: "X\x01", Opticon: "\x1bY\r\x1bB\r", CipherLab: "D#@////\r"} {
		b := newBench(t, Config{Dialect: d, Line: aim})
		for cue, ok := range map[scanner.Cue]bool{scanner.LEDOn: false, scanner.AimOff: false, "dance": false, scanner.BeepBad: d != CipherLab} {
			if b.c.Do(cue) != ok {
				t.Errorf("%s %s", d, cue)
			}
		}
		b.feed("]Q1" + code)
		b.c.Do(scanner.BeepGood)
		b.c.Do(scanner.Trigger)
		b.c.Do(scanner.Untrigger) // the later one stands
		if len(b.sent) > 0 || !b.c.Due().IsZero() {
			t.Errorf("%s: %q in the middle of a frame", d, b.sent)
		}
		b.feed("\r")
		if d := cmp.Diff([]string{want}, b.sent); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]out{{Text: code, AIM: "]Q1"}}, b.got); d != "" {
			t.Error(d)
		}
	}
}

const stream = "]Q1" + code + "\r\x01\x02HEALTH\r\nOK\x03\x04]C0" + code + "\r"

// TestSplitTruncateNoise: the same scans and answers, or fewer, never others.
func TestSplitTruncateNoise(t *testing.T) {
	play := func(pause time.Duration, parts ...string) []string {
		b := newBench(t, Config{Dialect: Datalogic, Line: aim})
		b.device = nil
		b.c.Send(Health)
		b.pass(0)
		for i, p := range parts {
			if i > 0 {
				b.pass(pause)
			}
			b.feed(p)
		}
		b.pass(2 * time.Second)
		var got []string
		for _, o := range b.got {
			if o.Drop == "" {
				got = append(got, fmt.Sprint(o))
			}
		}
		return got
	}
	want := play(0, stream)
	if len(want) != 3 {
		t.Fatal(want)
	}
	never := func(what string, got []string) {
		t.Helper()
		for _, g := range got {
			if g != want[0] && g != want[1] && g != want[2] {
				t.Fatalf("%s: %s", what, g)
			}
		}
	}
	for i := range len(stream) {
		if d := cmp.Diff(want, play(90*time.Millisecond, stream[:i], stream[i:])); d != "" {
			t.Errorf("split at %d: %s", i, d)
		}
		never(fmt.Sprintf("truncated to %d", i), play(0, stream[:i]))
		never(fmt.Sprintf("paused at %d", i), play(300*time.Millisecond, stream[:i], stream[i:]))
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for n := 1; n <= 64; n++ {
		for range 20 {
			noise := make([]byte, n)
			for i := range noise {
				// A bracket or SOH could begin a whole frame: by chance noise can be anything.
				if noise[i] = byte(rng.Uint32()); noise[i] == ']' || noise[i] == soh {
					noise[i] = 0xFF
				}
			}
			never(fmt.Sprintf("after %x", noise), play(0, string(noise)+stream))
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, d := range []Dialect{Datalogic, Opticon, CipherLab} {
		c, err := New(Config{Dialect: d, Line: aim})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		emit := func(r scanner.Result) { n += len(r.Text) + len(r.Reply) }
		in := []byte(stream + code[:4])
		if a := testing.AllocsPerRun(100, func() {
			c.Send(Health)
			c.Do(scanner.BeepBad)
			c.Tick(epoch, emit)
			c.Feed(in, epoch, emit)
			c.Tick(epoch.Add(time.Second), emit)
			c.Do(scanner.Trigger)
			c.Tick(epoch.Add(3*time.Second), emit)
			c.Reset()
		}); a != 0 {
			t.Errorf("%s: %v allocations", d, a)
		}
		if n == 0 {
			t.Errorf("%s: nothing came out", d)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte(stream), uint64(1), true)
	f.Add([]byte("HEALTH OK\r\n"+code+"\r\n"), uint64(2), false)
	f.Add([]byte("\x01\x02\x03\x04\x01\x04"), uint64(3), true)
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, aim bool) {
		c := Config{Dialect: Datalogic, Line: line.Config{AIM: aim, MaxText: 128}}
		whole, parts := newBench(t, c), newBench(t, c)
		for _, b := range []*bench{whole, parts} {
			b.device = nil
			b.c.Send(Identify)
			b.pass(0)
		}
		whole.feed(string(in))
		rng := rand.New(rand.NewPCG(seed, 9))
		for rest := string(in); len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			parts.c.Tick(parts.now, parts.emit)
			parts.feed(rest[:n])
			rest = rest[n:]
		}
		whole.pass(5 * time.Second)
		parts.pass(5 * time.Second)
		if !reflect.DeepEqual(whole.got, parts.got) {
			t.Fatal(cmp.Diff(whole.got, parts.got))
		}
		if whole.c.Pending() || !whole.c.Due().IsZero() {
			t.Fatal("still pending, or due")
		}
		for _, o := range whole.got {
			if o.Text != "" && (!bytes.Contains(in, []byte(o.AIM+o.Text)) || aim != (o.AIM != "")) {
				t.Fatalf("delivered %+v", o)
			}
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	c, err := New(Config{Dialect: Datalogic, Line: aim})
	if err != nil {
		b.Fatal(err)
	}
	in := []byte("]Q1" + code + "\r")
	n := 0
	emit := func(r scanner.Result) { n += len(r.Text) }
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		c.Feed(in, epoch, emit)
	}
	if n == 0 {
		b.Fatal("nothing decoded")
	}
}
