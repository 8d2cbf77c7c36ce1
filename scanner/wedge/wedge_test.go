package wedge

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

var epoch = time.Unix(1_800_000_000, 0)

// out is a scan or a drop that may be kept.
type out struct {
	Text, AIM string
	Symbology scanner.Symbology
	Drop      scanner.DropReason
}

func scan(text string) out               { return out{Text: text} }
func dropped(why scanner.DropReason) out { return out{Drop: why} }

// bench feeds a codec at made-up times.
type bench struct {
	t      testing.TB
	c      *Codec
	now    time.Time
	got    []out
	events []map[string]any
}

func newBench(t testing.TB, c Config) *bench {
	t.Helper()
	codec, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, c: codec, now: epoch}
}

func (b *bench) emit(r scanner.Result) {
	if r.Event != nil {
		b.events = append(b.events, r.Event.Fields())
		return
	}
	b.got = append(b.got, out{string(r.Text), r.AIM, r.Symbology, r.Drop})
}

func (b *bench) feed(in []byte) { b.c.Feed(in, b.now, b.emit) }

func (b *bench) want(want ...out) {
	b.t.Helper()
	if d := cmp.Diff(want, b.got); d != "" {
		b.t.Error(d)
	}
}

// keys feeds key events, each report a millisecond after the one before.
func (b *bench) keys(events ...device.KeyEvent) {
	for i := 0; i < len(events); {
		n := i + 1
		for n < len(events) && events[n-1] != (device.KeyEvent{}) {
			n++
		}
		b.feed(device.EncodeEvents(events[i:n], b.c.c.Record, b.now.Sub(epoch)))
		b.now = b.now.Add(time.Millisecond)
		i = n
	}
}

// silence lets time pass as a Reader does.
func (b *bench) silence(d time.Duration) {
	end := b.now.Add(d)
	for b.c.Pending() && b.now.Before(end) {
		b.now = b.now.Add(10 * time.Millisecond)
		b.c.Tick(b.now, b.emit)
	}
	b.now = end
}

func typed(t testing.TB, typist device.Typist, text string) []device.KeyEvent {
	t.Helper()
	e, err := typist.Type(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// change is a key going down (1), up (0) or repeating (2), with the end of its report.
func change(code uint16, values ...int32) (e []device.KeyEvent) {
	for _, v := range values {
		e = append(e, device.KeyEvent{Type: evKey, Code: code, Value: v}, device.KeyEvent{})
	}
	return e
}

type vector struct {
	Name, Profile, Hex string
	Expect             struct {
		Scans  []struct{ Sym, Text string }
		Error  scanner.DropReason
		Events [][3]int
		Char   string
	}
}

func vectors(t testing.TB) []vector {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	return f.Vectors
}

func (v vector) codec() Config {
	if v.Profile == "evdev-arm" {
		return Config{Record: Record32, Watch: true}
	}
	return Config{Record: Record64, Watch: true}
}

func (v vector) bytes(t testing.TB) []byte {
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			b := newBench(t, v.codec())
			in := v.bytes(t)
			b.feed(in)
			var want []out
			for _, s := range v.Expect.Scans {
				if s.Sym != "unknown" {
					t.Errorf("symbology %q", s.Sym)
				}
				want = append(want, scan(s.Text))
			}
			b.want(want...)
			if len(v.Expect.Events) > 0 && (len(b.events) != 1 || !reflect.DeepEqual(b.events[0]["events"], v.Expect.Events) || b.events[0]["char"] != v.Expect.Char) {
				t.Errorf("events %v", b.events)
			}
			if len(v.Expect.Events) == 0 && len(b.events) > 0 {
				t.Errorf("events %v", b.events)
			}
			mutations(t, v.codec(), in, want)
		})
	}
}

// mutations drops, doubles and swaps each record: the same scans, or fewer, never others.
func mutations(t *testing.T, c Config, in []byte, want []out) {
	t.Helper()
	records := slices.Collect(slices.Chunk(in, c.Record))
	try := func(what string, r [][]byte) {
		b := newBench(t, c)
		b.feed(slices.Concat(r...))
		b.silence(time.Second)
		for _, o := range b.got {
			if o.Drop == "" && !slices.Contains(want, o) {
				t.Errorf("%s: %+v", what, o)
			}
		}
	}
	for i := range records {
		try(fmt.Sprintf("record %d lost", i), slices.Delete(slices.Clone(records), i, i+1))
		try(fmt.Sprintf("record %d doubled", i), slices.Insert(slices.Clone(records), i, records[i]))
		if i > 0 {
			r := slices.Clone(records)
			r[i-1], r[i] = r[i], r[i-1]
			try(fmt.Sprintf("records %d and %d swapped", i-1, i), r)
		}
		try(fmt.Sprintf("cut off before %d", i), records[:i])
	}
}

// TestLayouts types every character of each layout, and all of it again with Caps Lock.
func TestLayouts(t *testing.T) {
	for _, layout := range []Layout{US, UK, DE, FR, JP} {
		for _, caps := range []bool{false, true} {
			typist := device.Typist{Layout: string(layout), CapsLock: caps}
			chars, err := typist.Chars()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range chars {
				b := newBench(t, Config{Layout: layout})
				if caps {
					b.keys(change(keyCapsLock, 1, 0)...)
				}
				b.keys(typed(t, typist, string(c))...)
				letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
				if caps && !letter && c != ' ' && b.c.m.capsUnclear {
					b.want(dropped(scanner.DropMalformed))
				} else {
					b.want(scan(string(c)))
				}
			}
		}
	}
	if len(Layouts()) != len(layouts) {
		t.Error("Layouts")
	}
}

// TestCodeInEveryLayout: what payment codes consist of is in each layout, on one key only.
func TestCodeInEveryLayout(t *testing.T) {
	for layout, p := range layouts {
		m := newKeymap(p)
		at := map[rune]int{}
		for code := range m.keys {
			if keypadRow(uint16(code)) {
				continue
			}
			for level, c := range m.keys[code].char {
				if c != 0 && !m.keys[code].dead[level] {
					at[c]++
				}
			}
		}
		for _, c := range "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:/?&=.%-+_;#" {
			if at[c] != 1 {
				t.Errorf("%s: %q is on %d keys", layout, c, at[c])
			}
		}
	}
}

func TestDeadKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []device.KeyEvent
		want out
	}{
		{"dead and space", slices.Concat(change(41, 1, 0), change(keySpace, 1, 0)), scan("^")},
		{"dead and letter", slices.Concat(change(41, 1, 0), change(30, 1, 0)), dropped(scanner.DropMalformed)},
		{"dead at the end", change(41, 1, 0), dropped(scanner.DropMalformed)},
		{"dead twice", slices.Concat(change(41, 1, 0), change(41, 1, 0)), dropped(scanner.DropMalformed)},
	} {
		b := newBench(t, Config{Layout: DE})
		b.keys(slices.Concat(c.keys, change(keyEnter, 1, 0))...)
		if len(b.got) != 1 || b.got[0] != c.want {
			t.Errorf("%s: %+v", c.name, b.got)
		}
	}
}

func TestALT(t *testing.T) {
	alt := func(digits string) []device.KeyEvent {
		e := change(keyLeftAlt, 1)
		for _, d := range digits {
			e = append(e, change(keypad[d-'0'], 1, 0)...)
		}
		return append(e, change(keyLeftAlt, 0)...)
	}
	malformed, partial := dropped(scanner.DropMalformed), dropped(scanner.DropPartial)
	for _, c := range []struct {
		name string
		keys []device.KeyEvent
		want out
	}{
		{"A", alt("065"), scan("A")},
		{"whole code", typed(t, device.Typist{ALT: true}, "HTTPS://qr.example/?a=134567890"), scan("HTTPS://qr.example/?a=134567890")},
		{"latin", typed(t, device.Typist{ALT: true}, "café"), scan("café")},
		{"euro of Windows-1252", alt("0128"), scan("€")},
		{"four digits of ASCII", alt("0065"), scan("A")},
		{"bytes of UTF-8", slices.Concat(alt("195"), alt("169")), scan("é")},
		{"half a character of UTF-8", alt("195"), malformed},
		{"group separator", slices.Concat(alt("065"), alt("029"), alt("066")), scan("A\x1dB")},
		{"mixed with plain keys", slices.Concat(alt("065"), change(keypad[7], 1, 0), change(2, 1, 0)), scan("A71")},
		{"two digits", alt("65"), partial},
		{"no digits", alt(""), partial},
		{"four digits without zero", alt("1065"), malformed},
		{"five digits", alt("00065"), malformed},
		{"above a byte", alt("256"), malformed},
		{"not in Windows-1252", alt("0129"), malformed},
		{"carriage return", alt("013"), malformed},
		{"delete", alt("127"), malformed},
		{"not a digit", slices.Concat(change(keyLeftAlt, 1), change(30, 1, 0), change(keyLeftAlt, 0)), malformed},
		{"still down at the end", slices.Concat(change(30, 1, 0), change(keyLeftAlt, 1)), partial},
	} {
		b := newBench(t, Config{Layout: FR})
		if c.name == "mixed with plain keys" {
			b = newBench(t, Config{})
		}
		b.keys(c.keys...)
		b.keys(change(keyEnter, 1, 0)...)
		if len(b.got) != 1 || b.got[0] != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, b.got, c.want)
		}
	}
}

// TestDrops: nothing of a scan with something wrong in it comes out, and the next scan does.
func TestDrops(t *testing.T) {
	us := device.Typist{}
	one := typed(t, us, "134567")
	half, rest := one[:8], one[8:]
	lostEvents := []device.KeyEvent{{Code: synDropped}, {Type: evKey, Code: 2, Value: 1}, {}}
	malformed, partial := dropped(scanner.DropMalformed), dropped(scanner.DropPartial)
	for _, c := range []struct {
		name string
		c    Config
		do   func(b *bench)
		want []out
	}{
		{"whole", Config{}, func(b *bench) { b.keys(one...) }, []out{scan("134567")}},
		{"key before its Shift", Config{}, func(b *bench) {
			b.keys(change(16, 1)...)
			b.keys(change(keyLeftShift, 1)...)
			b.keys(change(16, 0)...)
			b.keys(change(keyLeftShift, 0)...)
			b.keys(rest...)
		}, []out{partial}},
		{"Shift and the next key in one report", Config{}, func(b *bench) {
			b.keys(change(30, 1)...)
			b.keys(device.KeyEvent{Type: evKey, Code: keyLeftShift, Value: 1}, device.KeyEvent{Type: evKey, Code: 30},
				device.KeyEvent{Type: evKey, Code: 48, Value: 1}, device.KeyEvent{})
			b.keys(change(48, 0)...)
			b.keys(change(keyLeftShift, 0)...)
			b.keys(change(keyEnter, 1, 0)...)
		}, []out{scan("aB")}},
		{"unmapped key", Config{}, func(b *bench) { b.keys(half...); b.keys(change(59, 1, 0)...); b.keys(rest...) }, []out{malformed}},
		{"unmapped key at first", Config{}, func(b *bench) { b.keys(change(59, 1, 0)...); b.keys(one...) }, []out{malformed}},
		{"key beyond all keys", Config{}, func(b *bench) { b.keys(half...); b.keys(change(0x300, 1)...); b.keys(rest...) }, []out{malformed}},
		{"unknown value", Config{}, func(b *bench) { b.keys(half...); b.keys(change(3, 7)...); b.keys(rest...) }, []out{malformed}},
		{"control", Config{}, func(b *bench) { b.keys(half...); b.keys(change(keyLeftCtrl, 1)...); b.keys(rest...) }, []out{malformed}},
		{"control at the end", Config{}, func(b *bench) {
			b.keys(half...)
			b.keys(change(keyRightCtrl, 1)...)
			b.keys(change(keyEnter, 1, 0)...)
			b.keys(change(keyRightCtrl, 0)...)
		}, []out{malformed}},
		{"AltGr of a layout without", Config{}, func(b *bench) {
			b.keys(half...)
			b.keys(change(keyRightAlt, 1)...)
			b.keys(change(16, 1, 0)...)
			b.keys(change(keyRightAlt, 0)...)
			b.keys(rest...)
		}, []out{malformed}},
		{"events lost", Config{}, func(b *bench) { b.keys(half...); b.keys(lostEvents...); b.keys(rest...) }, []out{partial}},
		{"events lost at first", Config{}, func(b *bench) { b.keys(lostEvents...); b.keys(one...) }, []out{partial}},
		{"silence", Config{}, func(b *bench) { b.keys(half...); b.silence(PartialAfter) }, []out{partial}},
		{"silence, then the rest", Config{}, func(b *bench) { b.keys(half...); b.silence(PartialAfter); b.keys(rest...) }, []out{partial}},
		{"silence that nobody noticed", Config{}, func(b *bench) { b.keys(half...); b.now = b.now.Add(PartialAfter); b.keys(rest...) }, []out{partial}},
		{"reset in the middle", Config{}, func(b *bench) { b.keys(half...); b.c.Reset(); b.keys(rest...) }, nil},
		{"reset with a key down", Config{}, func(b *bench) { b.keys(one[:len(one)-2]...); b.c.Reset(); b.keys(one[len(one)-2:]...) }, []out{scan("134567")}},
		{"the program stood still", Config{}, func(b *bench) {
			b.keys(half...)
			in := device.EncodeEvents(rest, b.c.c.Record, b.now.Sub(epoch))
			b.now = b.now.Add(time.Second)
			b.feed(in)
		}, []out{scan("134567")}},
		{"the program stood still over the end of a scan", Config{}, func(b *bench) {
			in := device.EncodeEvents(half, b.c.c.Record, time.Hour)
			in = append(in, device.EncodeEvents(one, b.c.c.Record, time.Hour+time.Second)...)
			b.feed(in)
		}, []out{partial}},
		{"restart", Config{}, func(b *bench) { b.keys(half...); b.c.Restart() }, nil},
		{"two keys at once", Config{}, func(b *bench) { b.keys(half...); b.keys(change(4, 1)...); b.keys(rest...) }, []out{partial}},
		{"a key held over Enter", Config{}, func(b *bench) {
			b.keys(half...)
			b.keys(change(4, 1)...)
			b.keys(change(keyEnter, 1, 0)...)
			b.keys(change(4, 0)...)
		}, []out{partial}},
		{"Shift over Enter", Config{}, func(b *bench) {
			b.keys(half...)
			b.keys(change(keyLeftShift, 1)...)
			b.keys(change(keyEnter, 1, 0)...)
			b.keys(change(keyLeftShift, 0)...)
		}, []out{partial}},
		{"Shift after the key of a report", Config{}, func(b *bench) {
			b.keys(half...)
			b.keys(device.KeyEvent{Type: evKey, Code: 30, Value: 1}, device.KeyEvent{Type: evKey, Code: keyLeftShift, Value: 1}, device.KeyEvent{})
			b.keys(device.KeyEvent{Type: evKey, Code: 30}, device.KeyEvent{Type: evKey, Code: keyLeftShift}, device.KeyEvent{})
			b.keys(change(keyEnter, 1, 0)...)
		}, []out{partial}},
		{"time runs backwards", Config{}, func(b *bench) { b.keys(half...); b.now = b.now.Add(-5 * time.Millisecond); b.keys(rest...) }, []out{partial}},
		{"half an event", Config{}, func(b *bench) { b.keys(half...); b.feed(make([]byte, 7)); b.keys(rest...) }, []out{malformed}},
		{"too long", Config{MaxText: 5}, func(b *bench) { b.keys(one...) }, []out{malformed}},
		{"far too long", Config{MaxText: 1}, func(b *bench) { b.keys(one...) }, []out{malformed}},
		{"Tab within", Config{}, func(b *bench) { b.keys(half...); b.keys(change(keyTab, 1, 0)...); b.keys(rest...) }, []out{malformed}},
		{"Tab ends", Config{Tab: true}, func(b *bench) { b.keys(typed(b.t, device.Typist{Tab: true}, "134567")...) }, []out{scan("134567")}},
		{"keypad", Config{}, func(b *bench) { b.keys(slices.Concat(change(79, 1, 0), change(82, 1, 0), change(keyKPEnter, 1, 0))...) }, []out{scan("10")}},
		{"keypad with Caps Lock", Config{Layout: FR}, func(b *bench) {
			b.keys(change(keyCapsLock, 1, 0)...)
			b.keys(slices.Concat(change(79, 1, 0), change(82, 1, 0), change(keyKPEnter, 1, 0))...)
			b.keys(change(keyCapsLock, 1, 0)...)
		}, []out{scan("10")}},
		{"Enter alone", Config{}, func(b *bench) { b.keys(change(keyEnter, 1, 0, 1, 2, 2, 0)...) }, nil},
		{"scan codes between the keys", Config{}, func(b *bench) {
			for _, e := range one {
				if e.Type == evKey {
					b.keys(device.KeyEvent{Type: 4, Code: 4, Value: 458782}, e)
				} else {
					b.keys(e)
				}
			}
		}, []out{scan("134567")}},
		{"rollover", Config{Rollover: true}, func(b *bench) {
			b.keys(change(2, 1)...)
			b.keys(change(3, 1)...)
			b.keys(device.KeyEvent{Type: evKey, Code: 4, Value: 1}, device.KeyEvent{Type: evKey, Code: 5, Value: 1}, device.KeyEvent{})
			b.keys(change(keyEnter, 1, 0)...)
			b.keys(slices.Concat(change(2, 0), change(3, 0), change(4, 0), change(5, 0))...)
		}, []out{scan("1234")}},
		{"one report to the next without a pause", Config{}, func(b *bench) {
			b.keys(device.KeyEvent{Type: evKey, Code: keyLeftShift, Value: 1}, device.KeyEvent{Type: evKey, Code: 30, Value: 1}, device.KeyEvent{})
			b.keys(device.KeyEvent{Type: evKey, Code: keyLeftShift}, device.KeyEvent{Type: evKey, Code: 30}, device.KeyEvent{Type: evKey, Code: 48, Value: 1}, device.KeyEvent{})
			b.keys(device.KeyEvent{Type: evKey, Code: 48}, device.KeyEvent{Type: evKey, Code: keyEnter, Value: 1}, device.KeyEvent{})
			b.keys(change(keyEnter, 0)...)
		}, []out{scan("Ab")}},
		{"AIM identifier", Config{AIM: true}, func(b *bench) { b.keys(typed(b.t, us, "]Q1134567")...) }, []out{{Text: "134567", AIM: "]Q1", Symbology: scanner.QR}}},
		{"no AIM identifier", Config{AIM: true}, func(b *bench) { b.keys(one...) }, []out{malformed}},
		{"nothing but an AIM identifier", Config{AIM: true}, func(b *bench) { b.keys(typed(b.t, us, "]Q1")...) }, []out{malformed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, record := range []int{Record32, Record64} {
				c.c.Record = record
				b := newBench(t, c.c)
				c.do(b)
				b.silence(TailWithin)
				b.want(c.want...)
				next := device.Typist{Layout: string(c.c.Layout), Tab: c.c.Tab}
				text := "9"
				if c.c.AIM {
					text = "]C09"
				}
				b.got = nil
				b.keys(typed(t, next, text)...)
				if len(b.got) != 1 || b.got[0].Text != "9" {
					t.Errorf("the next scan: %+v", b.got)
				}
			}
		})
	}
}

// TestLostRelease: a release that was lost costs the scan it belongs to and no later one.
func TestLostRelease(t *testing.T) {
	for _, code := range []uint16{2, keyLeftShift, keyEnter, keyLeftAlt} {
		b := newBench(t, Config{})
		b.keys(change(3, 1, 0)...)
		b.keys(change(code, 1)...)
		b.keys(change(keyEnter, 1, 0)...)
		b.silence(TailWithin)
		b.got = nil
		for range 2 {
			b.keys(typed(t, device.Typist{}, "21")...)
		}
		b.want(scan("21"), scan("21"))
	}
}

func TestBadConfigs(t *testing.T) {
	for _, c := range []Config{{Layout: "dvorak"}, {Record: 20}, {MaxText: -1}, {MaxText: 2 << 20}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	var long syscall.Timeval
	if want := int(unsafe.Sizeof(long)) + 8; c.c.Record != want {
		t.Errorf("events of %d bytes, want %d", c.c.Record, want)
	}
}

func TestAllocations(t *testing.T) {
	c, err := New(Config{Record: Record64})
	if err != nil {
		t.Fatal(err)
	}
	in := device.EncodeEvents(typed(t, device.Typist{}, "HTTPS://qr.example/134567890123456789"), Record64, 0)
	alt := device.EncodeEvents(typed(t, device.Typist{ALT: true}, "134567890123456789"), Record64, 0)
	scans := 0
	emit := func(r scanner.Result) { scans += len(r.Text) }
	if n := testing.AllocsPerRun(200, func() {
		c.Feed(in, epoch, emit)
		c.Feed(alt, epoch, emit)
		c.Tick(epoch, emit)
	}); n != 0 || scans == 0 {
		t.Errorf("%v allocations, %d bytes", n, scans)
	}
}

func BenchmarkFeed(b *testing.B) {
	for name, typist := range map[string]device.Typist{"plain": {}, "alt": {ALT: true}} {
		b.Run(name, func(b *testing.B) {
			c, err := New(Config{Record: Record64})
			if err != nil {
				b.Fatal(err)
			}
			in := device.EncodeEvents(typed(b, typist, "134567890123456789"), Record64, 0)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				c.Feed(in, epoch, func(scanner.Result) {})
			}
		})
	}
}
