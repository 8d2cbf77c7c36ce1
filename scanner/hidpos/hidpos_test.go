package hidpos

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
	"github.com/tilld/tilld/scanner/menu"
)

var epoch = time.Unix(1_800_000_000, 0)

// out is a scan or a drop that may be kept.
type out struct {
	Text, AIM string
	Symbology scanner.Symbology
	Drop      scanner.DropReason
}

func scan(aim, text string) out {
	return out{Text: text, AIM: aim, Symbology: scanner.AIMSymbology(aim)}
}

func dropped(why scanner.DropReason) out { return out{Drop: why} }

// bench feeds a codec at made-up times.
type bench struct {
	t      testing.TB
	c      *Codec
	now    time.Time
	got    []out
	events []map[string]any
	sent   [][]byte
	faults []error
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
	switch {
	case r.Fault != nil:
		b.faults = append(b.faults, r.Fault)
	case r.Event != nil:
		b.events = append(b.events, r.Event.Fields())
	case len(r.Reply) > 0:
		b.sent = append(b.sent, append([]byte(nil), r.Reply...))
	default:
		b.got = append(b.got, out{string(r.Text), r.AIM, r.Symbology, r.Drop})
	}
}

func (b *bench) feed(reports ...[]byte) {
	for _, r := range reports {
		b.now = b.now.Add(time.Millisecond)
		b.c.Feed(r, b.now, b.emit)
	}
}

// silence lets time pass as a Reader does.
func (b *bench) silence(d time.Duration) {
	end := b.now.Add(d)
	for b.now.Before(end) {
		b.now = b.now.Add(10 * time.Millisecond)
		due := b.c.Due()
		if b.c.Pending() || !due.IsZero() && !due.After(b.now) {
			b.c.Tick(b.now, b.emit)
		}
	}
}

func (b *bench) want(want ...out) {
	b.t.Helper()
	if d := cmp.Diff(want, b.got); d != "" {
		b.t.Error(d)
	}
}

// reports are those of the published layout, made by the model of a scanner.
func reports(aim, text string) [][]byte {
	return device.NewHIDPOS(device.HIDPOSOptions{}).Reports(aim, text)
}

type vector struct {
	Name, Dir, Hex, Given string
	Expect                struct {
		Scans     []struct{ Sym, AIM, Text string }
		Error     scanner.DropReason
		MenuReply string `json:"menu_reply"`
		Status    []string
		Command   string
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
	return f.Vectors
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	ran := 0
	for _, v := range vectors(t) {
		if v.Dir != "in" {
			continue
		}
		ran++
		t.Run(v.Name, func(t *testing.T) {
			b := newBench(t, Config{Dialect: menu.Honeywell})
			if v.Given == "menu-outstanding" {
				b.c.Outstanding(nil, b.now)
			}
			b.feed(unhex(t, v.Hex))
			b.silence(600 * time.Millisecond)
			var want []out
			if v.Expect.Error != "" {
				want = append(want, dropped(v.Expect.Error))
			}
			for _, s := range v.Expect.Scans {
				want = append(want, out{Text: s.Text, AIM: s.AIM, Symbology: scanner.Symbology(s.Sym)})
			}
			b.want(want...)
			if v.Expect.MenuReply == "" {
				return
			}
			if len(b.events) != 1 || b.events[0]["menu_reply"] != v.Expect.MenuReply ||
				!reflect.DeepEqual(b.events[0]["status"], v.Expect.Status) {
				t.Errorf("events %v", b.events)
			}
		})
	}
	if ran == 0 {
		t.Fatal("no vectors")
	}
}

func TestEncodeVectors(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Dir != "out" || v.Expect.Command != "trigger" {
			continue
		}
		b := newBench(t, Config{Dialect: menu.Honeywell})
		if !b.c.Do(scanner.Trigger) {
			t.Fatal("no trigger")
		}
		b.silence(10 * time.Millisecond)
		if len(b.sent) != 1 || hex.EncodeToString(b.sent[0]) != v.Hex {
			t.Errorf("sent %x, want %s", b.sent, v.Hex)
		}
	}
}

func TestDevices(t *testing.T) {
	long := strings.Repeat("0123456789", 30)
	told, err := ParseDescriptor(device.NewHIDPOS(device.HIDPOSOptions{}).Descriptor())
	if err != nil {
		t.Fatal(err)
	}
	shifted := device.NewHIDPOS(device.HIDPOSOptions{Shifted: true})
	newland := func(text string) [][]byte {
		r := make([]byte, 64)
		r[0], r[1], r[62] = 2, byte(len(text)), 's'
		copy(r[2:], text)
		return [][]byte{r}
	}
	bare := func(vendor byte, text string) [][]byte {
		r := reports("\x00\x00\x00", text)
		r[0][61] = vendor
		return r
	}
	for _, c := range []struct {
		name string
		c    Config
		in   [][]byte
		want []out
	}{
		{"published, several reports", Config{}, reports("]Q1", long), []out{scan("]Q1", long)}},
		{"by descriptor", Config{Layout: told}, reports("]Q1", long), []out{scan("]Q1", long)}},
		{"exactly one report", Config{}, reports("]C0", long[:56]), []out{scan("]C0", long[:56])}},
		{"exactly two reports", Config{}, reports("]C0", long[:112]), []out{scan("]C0", long[:112])}},
		{"identifier one byte later", Config{}, shifted.Reports("]Q1", long), []out{scan("]Q1", long)}},
		{"identifier one byte later, by descriptor", Config{Layout: told}, shifted.Reports("]C0", "134567"), []out{scan("]C0", "134567")}},
		{"goods code", Config{}, reports("]E0", "4006381333931"), []out{scan("]E0", "4006381333931")}},
		{"suffix CR LF", Config{}, reports("]Q1", "1345\r\n"), []out{scan("]Q1", "1345")}},
		{"suffix only", Config{}, reports("]Q1", "\r"), []out{dropped(scanner.DropMalformed)}},
		{"bytes of any value", Config{}, reports("]Q1", "a\x00b\xff"), []out{scan("]Q1", "a\x00b\xff")}},
		{"nothing in it", Config{}, reports("]Q1", ""), nil},
		{"no identifier, assumed layout", Config{}, bare('s', "134567"), []out{dropped(scanner.DropMalformed)}},
		{"no identifier, told layout", Config{Layout: told}, bare('s', "134567"), []out{{Text: "134567"}}},
		{"no identifier, maker's letter", Config{Layout: told, CodeIDs: line.Honeywell}, bare('s', "134567"), []out{{Text: "134567", Symbology: scanner.QR}}},
		{"no identifier, control character", Config{Layout: told}, bare('s', "13\x0067"), []out{dropped(scanner.DropMalformed)}},
		{"a bad identifier", Config{}, reports("]\x01\x02", "134567"), []out{dropped(scanner.DropMalformed)}},
		{"newland", Config{Layout: publishedNewland()}, newland("134567"), []out{{Text: "134567"}}},
		{"newland's reply", Config{Layout: publishedNewland()}, newland("\x02\x010000#SCNMOD0\x06;\x03"), nil},
		{"another report", Config{}, [][]byte{append([]byte{7}, make([]byte, 63)...)}, nil},
		{"a scanner's own words", Config{}, reports("]X0", "Product Name: Voyager\r\n"), nil},
		{"unasked words", Config{}, reports("]Z6", "not a reply"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.c)
			b.feed(c.in...)
			b.silence(2 * time.Second)
			b.want(c.want...)
			// The same reports in one piece.
			b = newBench(t, c.c)
			var all []byte
			for _, r := range c.in {
				all = append(all, r...)
			}
			b.feed(all)
			b.want(c.want...)
		})
	}
}

// TestContinued: no part of a continued code comes out, whatever happens in the middle of it,
// and the next code does.
func TestContinued(t *testing.T) {
	long := reports("]Q1", strings.Repeat("0123456789", 14)) // three reports
	next := reports("]Q1", "134567890123456789")
	bad := append([]byte(nil), long[1]...)
	bad[1] = 57
	huge := reports("]Q1", strings.Repeat("x", MaxText+1))
	malformed, partial := dropped(scanner.DropMalformed), dropped(scanner.DropPartial)
	code := scan("]Q1", "134567890123456789")
	for _, c := range []struct {
		name string
		do   func(b *bench)
		want []out
	}{
		{"whole", func(b *bench) { b.feed(long...) }, []out{scan("]Q1", strings.Repeat("0123456789", 14)), code}},
		{"the rest never comes", func(b *bench) { b.feed(long[0]) }, []out{partial, code}},
		{"the rest comes late", func(b *bench) { b.feed(long[0]); b.silence(600 * time.Millisecond); b.feed(long[1:]...) }, []out{partial, code}},
		{"the rest comes late and nobody ticked", func(b *bench) { b.feed(long[0]); b.now = b.now.Add(Gap); b.feed(long[1:]...) }, []out{partial, code}},
		{"another code in between", func(b *bench) { b.feed(long[0]); b.feed(reports("]C0", "55")...) },
			[]out{partial, scan("]C0", "55"), code}},
		{"too long a report", func(b *bench) { b.feed(long[0], bad, long[2]) }, []out{malformed, code}},
		{"too long a report at first", func(b *bench) { b.feed(bad, long[1], long[2]) }, []out{malformed, code}},
		{"cut off report", func(b *bench) { b.feed(long[0], long[1][:62], long[2]) }, []out{malformed, code}},
		{"above the limit", func(b *bench) { b.feed(huge...) }, []out{malformed, code}},
		{"reset in the middle", func(b *bench) { b.feed(long[0]); b.c.Reset(); b.feed(long[1:]...) }, []out{code}},
		{"restart in the middle", func(b *bench) { b.feed(long[0]); b.c.Restart() }, []out{code}},
		{"the scanner speaks in between", func(b *bench) { b.feed(long[0]); b.feed(reports("]X0", "words")...) }, []out{partial, code}},
		{"a slow scanner", func(b *bench) {
			for _, r := range long {
				b.feed(r)
				b.silence(490 * time.Millisecond)
			}
		}, []out{scan("]Q1", strings.Repeat("0123456789", 14)), code}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{})
			c.do(b)
			b.silence(TailWithin)
			if b.c.Pending() {
				t.Error("pending")
			}
			b.feed(next...)
			b.want(c.want...)
		})
	}
}

// TestMalformedHeadOfUnknownKind: the identifier of a report that is no report of ours cannot
// be told, so that of what follows does not matter.
func TestMalformedHeadOfUnknownKind(t *testing.T) {
	head := append([]byte(nil), reports("]Q1", strings.Repeat("7", 100))[0]...)
	copy(head[2:], "???")
	b := newBench(t, Config{})
	b.feed(head)
	b.feed(reports("]Q1", "77")...)
	b.want(dropped(scanner.DropMalformed))
	b.feed(reports("]Q1", "134567")...)
	b.want(dropped(scanner.DropMalformed), scan("]Q1", "134567"))
}

func TestBadConfigs(t *testing.T) {
	for i, c := range []Config{
		{CodeIDs: "zebra"},
		{Triggered: true},
		{Settings: []string{"BEPLVL1"}},
		{Dialect: "klingon"},
		{Dialect: menu.Honeywell, Settings: []string{"IMGSHP"}},
		{Dialect: menu.Honeywell, Settings: []string{"BEPLVL1."}},
		{Dialect: menu.Honeywell, Settings: []string{"DFMBK3" + strings.Repeat("0", 60)}},
		{Dialect: menu.Mindeo, Settings: []string{"BEPLVL1"}},
		{Layout: Layout{Size: 64, Data: 60, Max: 56, Length: None, AIM: None, Symbology: None, Continued: None}},
		{Layout: Layout{Size: 1 << 20}},
		{Layout: Layout{Size: 64, Data: 2, Max: 56, Length: -2, AIM: None, Symbology: None, Continued: None}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%d: %+v is taken", i, c)
		}
	}
}

func TestAllocations(t *testing.T) {
	c, err := New(Config{Dialect: menu.Honeywell})
	if err != nil {
		t.Fatal(err)
	}
	one, two := reports("]Q1", "134567890123456789")[0], reports("]Q1", strings.Repeat("9", 100))
	scans, now := 0, epoch
	emit := func(r scanner.Result) { scans += len(r.Text) }
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		c.Feed(one, now, emit)
		c.Feed(two[0], now, emit)
		c.Feed(two[1], now, emit)
		c.Tick(now, emit)
		c.Do(scanner.BeepGood)
		c.Tick(now, emit)
	}); n != 0 || scans == 0 {
		t.Errorf("%v allocations, %d bytes", n, scans)
	}
}

func BenchmarkFeed(b *testing.B) {
	for _, n := range []int{18, 56, 560} {
		b.Run(fmt.Sprintf("%d bytes", n), func(b *testing.B) {
			c, err := New(Config{})
			if err != nil {
				b.Fatal(err)
			}
			var in []byte
			for _, r := range reports("]Q1", strings.Repeat("7", n)) {
				in = append(in, r...)
			}
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				c.Feed(in, epoch, func(scanner.Result) {})
			}
		})
	}
}
