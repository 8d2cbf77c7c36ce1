package line

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/scanner"
)

var _ scanner.Codec = (*Codec)(nil)

var epoch = time.Unix(1_800_000_000, 0)

// out is a Result that may be kept.
type out struct {
	Text, AIM string
	Symbology scanner.Symbology
	Drop      scanner.DropReason
}

// bench feeds a codec at made-up times.
type bench struct {
	c   *Codec
	now time.Time
	got []out
}

func newBench(t testing.TB, c Config) *bench {
	t.Helper()
	codec, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{c: codec, now: epoch}
}

func (b *bench) emit(r scanner.Result) {
	b.got = append(b.got, out{string(r.Text), r.AIM, r.Symbology, r.Drop})
}

func (b *bench) feed(s string) { b.c.Feed([]byte(s), b.now, b.emit) }

// silence lets time pass as a Reader does: with a Tick every 10 ms while a frame is pending.
func (b *bench) silence(d time.Duration) {
	end := b.now.Add(d)
	for b.c.Pending() && b.now.Before(end) {
		b.now = b.now.Add(10 * time.Millisecond)
		b.c.Tick(b.now, b.emit)
	}
	b.now = end
}

func (b *bench) scans() (s []out) {
	for _, o := range b.got {
		if o.Drop == "" {
			s = append(s, o)
		}
	}
	return s
}

type vector struct {
	Name, Profile, Dir, Hex, Given string
	Expect                         struct {
		Scans []struct{ Sym, AIM, Text string }
		Error scanner.DropReason
	}
}

var profiles = map[string]Config{
	"serial-aim":   {Terminator: CRLF, AIM: true},
	"serial-plain": {Terminator: CRLF},
}

func vectors(t testing.TB) (out []vector) {
	b, err := os.ReadFile("testdata/scanners.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Vectors {
		if _, ours := profiles[v.Profile]; ours && v.Dir == "in" {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		t.Fatal("no vectors")
	}
	return out
}

func (v vector) bytes(t testing.TB) string {
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (v vector) want() (want []out) {
	for _, s := range v.Expect.Scans {
		want = append(want, out{Text: s.Text, AIM: s.AIM, Symbology: scanner.Symbology(s.Sym)})
	}
	return want
}

// after is the silence that a vector declares; one that declares none is followed by as
// much all the same, which must change nothing.
const after = 100 * time.Millisecond

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			in, want := v.bytes(t), v.want()
			b := newBench(t, profiles[v.Profile])
			b.feed(in)
			b.silence(after)
			if d := cmp.Diff(want, b.scans()); d != "" {
				t.Error(d)
			}
			drop := scanner.DropReason("")
			for _, o := range b.got {
				if o.Drop != "" {
					drop = o.Drop
				}
			}
			if drop != v.Expect.Error {
				t.Errorf("dropped %q, want %q", drop, v.Expect.Error)
			}
			for i := range len(in) {
				b := newBench(t, profiles[v.Profile])
				b.feed(in[:i])
				b.now = b.now.Add(99 * time.Millisecond)
				b.feed(in[i:])
				b.silence(after)
				if d := cmp.Diff(want, b.scans()); d != "" {
					t.Errorf("split at %d: %s", i, d)
				}
				same := newBench(t, profiles[v.Profile])
				same.feed(in[:i])
				same.silence(5 * time.Second)
				checkNeverAnother(t, fmt.Sprintf("truncated to %d bytes", i), same.scans(), want)
				// The rest after a pause, and a whole code after that.
				for _, pause := range []time.Duration{200 * time.Millisecond, time.Minute} {
					late := newBench(t, profiles[v.Profile])
					late.feed(in[:i])
					late.silence(pause)
					late.feed(in[i:])
					late.silence(5 * time.Second)
					checkNeverAnother(t, fmt.Sprintf("paused at %d for %v", i, pause), late.scans(), want)
				}
			}
		})
	}
}

// TestNoiseBefore: after 1 to 64 bytes of line noise the result is the same or no scan. The
// noise is what a wrong baud rate or a loose plug gives: random bytes, terminators among
// them. Without AIM identifiers printable noise cannot be told from text (see the package
// comment), so that profile gets noise with at least one byte that no text has.
func TestNoiseBefore(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, v := range vectors(t) {
		in, want := v.bytes(t), v.want()
		rounds := 200
		if testing.Short() {
			rounds = 20
		}
		for n := 1; n <= 64; n++ {
			for range rounds {
				noise := make([]byte, n)
				for i := range noise {
					noise[i] = byte(rng.Uint32())
				}
				if v.Profile == "serial-plain" {
					// No terminator inside: it would set an ordinary short text free.
					for i := range noise {
						noise[i] |= 0x80
					}
					noise[0] = 0xFF
				}
				b := newBench(t, profiles[v.Profile])
				b.feed(string(noise))
				b.feed(in)
				b.silence(after)
				checkNeverAnother(t, fmt.Sprintf("%s after %x", v.Name, noise), b.scans(), want)
				// With a pause in between, the code itself is whole; without identifiers it may
				// be lost, and the one after it is whole.
				b = newBench(t, profiles[v.Profile])
				b.feed(string(noise))
				b.silence(2 * time.Second)
				if v.Profile == "serial-plain" {
					b.feed("\r")
				}
				b.feed(in)
				b.silence(after)
				if d := cmp.Diff(want, b.scans()); d != "" {
					t.Fatalf("%s, a pause after %x: %s", v.Name, noise, d)
				}
			}
		}
	}
}

func checkNeverAnother(t *testing.T, what string, got, want []out) {
	t.Helper()
	for _, g := range got {
		ok := false
		for _, w := range want {
			ok = ok || g == w
		}
		if !ok {
			t.Fatalf("%s: another scan %+v", what, g)
		}
	}
}

const code = "134567890123456789"

func TestFraming(t *testing.T) {
	scan := func(s ...string) (o []out) {
		for _, x := range s {
			o = append(o, out{Text: x})
		}
		return o
	}
	malformed, partial := out{Drop: scanner.DropMalformed}, out{Drop: scanner.DropPartial}
	long := strings.Repeat("9", DefaultMaxText)
	for _, c := range []struct {
		name string
		c    Config
		in   []string // with 200 ms of silence between
		want []out
	}{
		{"CR", Config{Terminator: CR}, []string{code + "\r"}, scan(code)},
		{"CR, but the scanner sends CR LF", Config{Terminator: CR}, []string{"1\r\n2\r"}, append(scan("1"), malformed)},
		{"LF", Config{Terminator: LF}, []string{code + "\n"}, scan(code)},
		{"any of three", Config{}, []string{"1\r2\n3\r\n4\n\r5\r\r6\r\n"}, scan("1", "2", "3", "4", "5", "6")},
		{"other half in the next read", Config{}, []string{"1\r", "\n2\r\n"}, scan("1", "2")},
		{"TAB", Config{Terminator: TAB}, []string{code + "\t" + code + "\t"}, scan(code, code)},
		{"none", Config{Terminator: None}, []string{code, code}, scan(code, code)},
		{"partial, its tail, then a whole code", Config{}, []string{"13456", "7890\r" + code + "\r"}, append([]out{partial}, scan(code)...)},
		{"prefix", Config{Prefix: "PAY:"}, []string{"PAY:" + code + "\r"}, scan(code)},
		{"prefix missing", Config{Prefix: "PAY:"}, []string{code + "\r", "PAY\r", "PAY:\r"}, []out{malformed, malformed, malformed}},
		{"longest text", Config{}, []string{long + "\r"}, scan(long)},
		{"over-long, then a code", Config{}, []string{long + "9\r" + code + "\r"}, append([]out{malformed}, scan(code)...)},
		{"over-long by far, then a code", Config{}, []string{strings.Repeat(long, 5) + "\r" + code + "\r"}, append([]out{malformed}, scan(code)...)},
		{"AIM missing", Config{AIM: true}, []string{code + "\r"}, []out{malformed}},
		{"AIM alone", Config{AIM: true}, []string{"]Q1\r"}, []out{malformed}},
		{"AIM with a bad modifier", Config{AIM: true}, []string{"]Q" + "*" + code + "\r"}, []out{malformed}},
		{"AIM after a prefix", Config{AIM: true, Prefix: "$"}, []string{"$]C0" + code + "\r"}, []out{{Text: code, AIM: "]C0", Symbology: scanner.Code128}}},
		{"AIM of GS1-128 with GS inside", Config{AIM: true}, []string{"]C10112\x1d10A\r"}, []out{{Text: "0112\x1d10A", AIM: "]C1", Symbology: scanner.GS1128}}},
		{"brackets in the text", Config{AIM: true}, []string{"]Q1]Q1x\r"}, []out{{Text: "]Q1x", AIM: "]Q1", Symbology: scanner.QR}}},
		{"vendor's identifier", Config{CodeIDs: Honeywell}, []string{"s" + code + "\r", "d6901234567892\r"}, []out{{Text: code, Symbology: scanner.QR}, {Text: "6901234567892", Symbology: scanner.EAN13}}},
		{"vendor's identifier missing", Config{CodeIDs: Honeywell}, []string{code + "\r"}, []out{malformed}},
		{"control character", Config{}, []string{"1345\x00678\r"}, []out{malformed}},
		{"control character after an identifier", Config{AIM: true}, []string{"]Q11345\x00678\r"}, []out{malformed}},
		{"control character that a code holds", Config{AIM: true, Believe: func(text []byte) bool { return string(text) == "\x02\x00678" }}, []string{"]Q1\x02\x00678\r"}, []out{{Text: "\x02\x00678", AIM: "]Q1", Symbology: scanner.QR}}},
		{"separators", Config{AIM: true}, []string{"]d1[)>\x1e06\x1d1P1\x1e\x04\r"}, []out{{Text: "[)>\x1e06\x1d1P1\x1e\x04", AIM: "]d1", Symbology: scanner.DataMatrix}}},
		{"separators without an identifier", Config{}, []string{"[)>\x1e06\x04\r"}, []out{malformed}},
		{"not UTF-8", Config{}, []string{"1345\xff678\r"}, []out{malformed}},
		{"UTF-8", Config{}, []string{"最佳运输\r"}, scan("最佳运输")},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.c)
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

// TestATailIsNeverACode: the program or the scanner stood still in the middle of a code. The
// rest, which has the terminator, must not pass for a code, whenever it comes.
func TestATailIsNeverACode(t *testing.T) {
	b := newBench(t, Config{})
	b.feed(code[:5])
	b.now = b.now.Add(5 * time.Second) // no Tick: we were not running
	b.feed(code[5:] + "\r" + code + "\r")
	if d := cmp.Diff([]out{{Drop: scanner.DropPartial}, {Text: code}}, b.got); d != "" {
		t.Error(d)
	}
	n := newBench(t, Config{Terminator: None})
	n.feed(code[:5])
	n.now = n.now.Add(5 * time.Second)
	n.feed(code[5:])
	n.silence(time.Second)
	n.feed(code)
	n.silence(time.Second)
	if d := cmp.Diff([]out{{Drop: scanner.DropPartial}, {Text: code}}, n.got); d != "" {
		t.Error(d)
	}
}

func TestResetForgetsAndWipes(t *testing.T) {
	b := newBench(t, Config{AIM: true})
	b.feed("]Q1" + code)
	if !b.c.Pending() {
		t.Error("not pending")
	}
	b.c.Reset()
	if b.c.Pending() || len(bytes.Trim(b.c.buf[:cap(b.c.buf)], "\x00")) != 0 {
		t.Error("not forgotten and wiped")
	}
	plain := newBench(t, Config{})
	plain.feed(code[:7])
	plain.c.Reset()
	plain.feed(code[7:] + "\r")
	if len(plain.got) != 0 || plain.c.Pending() {
		t.Errorf("the rest of a forgotten frame: %v", plain.got)
	}
	plain.feed(code[:7])
	plain.c.Restart()
	plain.feed(code + "\r")
	if len(plain.scans()) != 1 {
		t.Errorf("after a restart: %v", plain.got)
	}
	b.feed("]Q1" + code + "\r")
	if len(b.scans()) != 1 || len(bytes.Trim(b.c.buf[:cap(b.c.buf)], "\x00")) != 0 {
		t.Error("a delivered code is still in the buffer")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{
		{Terminator: "esc"}, {CodeIDs: "acme"}, {AIM: true, CodeIDs: Honeywell}, {MaxText: -1},
		{MaxText: 1 << 30}, {Prefix: "a\rb"}, {Prefix: strings.Repeat("x", 65)},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}

// TestGarbageWithoutEnd: a hundred megabytes, no memory beyond the buffer, and a good code
// after the next terminator is read.
func TestGarbageWithoutEnd(t *testing.T) {
	total := 100 << 20
	if testing.Short() {
		total = 10 << 20
	}
	b := newBench(t, Config{AIM: true})
	drops := 0
	count := func(r scanner.Result) {
		if r.Drop == "" {
			t.Fatal("garbage delivered")
		}
		drops++
	}
	junk := bytes.Repeat([]byte("x"), 4096)
	before := cap(b.c.buf)
	for n := 0; n < total; n += len(junk) {
		b.now = b.now.Add(time.Millisecond)
		b.c.Feed(junk, b.now, count)
	}
	if cap(b.c.buf) != before || drops != 1 {
		t.Errorf("buffer of %d bytes grew to %d, %d drops", before, cap(b.c.buf), drops)
	}
	b.feed("\r]Q1" + code + "\r")
	if len(b.scans()) != 1 {
		t.Errorf("%v", b.got)
	}
}

func TestNoAllocation(t *testing.T) {
	for name, c := range map[string]Config{"aim": {AIM: true}, "plain": {}, "vendor": {CodeIDs: Honeywell}} {
		b := newBench(t, c)
		n := 0
		emit := func(r scanner.Result) { n += len(r.Text) + len(r.AIM) }
		in := []byte("]Q1" + code + "\rs" + code + "\r\xff\x00\r" + code[:4])
		if a := testing.AllocsPerRun(100, func() {
			b.c.Feed(in, b.now, emit)
			b.c.Tick(b.now.Add(time.Second), emit)
			b.c.Reset()
		}); a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
		if n == 0 {
			t.Errorf("%s: nothing decoded", name)
		}
	}
}

// FuzzSplit: however the bytes are split, the results are the same; nothing is delivered
// that is not a piece of the input between two terminators.
func FuzzSplit(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.bytes(f)), uint64(1), v.Profile == "serial-aim", "")
	}
	f.Add([]byte("PAY:]Q1"+code+"\r\nPAY:1\r"), uint64(2), true, "PAY:")
	f.Add(bytes.Repeat([]byte("9"), 300), uint64(3), false, "")
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, aim bool, prefix string) {
		for _, term := range []Terminator{CR, LF, CRLF, TAB, None} {
			c := Config{Terminator: term, AIM: aim, Prefix: prefix, MaxText: 128}
			if _, err := New(c); err != nil {
				return
			}
			whole, parts := newBench(t, c), newBench(t, c)
			whole.feed(string(in))
			rng := rand.New(rand.NewPCG(seed, 9))
			for rest := in; len(rest) > 0; {
				n := 1 + rng.IntN(len(rest))
				parts.c.Tick(parts.now, parts.emit)
				parts.feed(string(rest[:n]))
				rest = rest[n:]
			}
			whole.silence(5 * time.Second)
			parts.silence(5 * time.Second)
			if d := cmp.Diff(whole.got, parts.got); d != "" {
				t.Fatalf("%s: %s", term, d)
			}
			if whole.c.Pending() {
				t.Fatalf("%s: still pending after five seconds", term)
			}
			for _, o := range whole.scans() {
				if len(o.Text) == 0 || len(o.Text) > 128 || !bytes.Contains(in, []byte(prefix+o.AIM+o.Text)) {
					t.Fatalf("%s: delivered what was not sent", term)
				}
				if strings.ContainsAny(o.Text, "\r\n\t\x00") || aim != (o.AIM != "") {
					t.Fatalf("%s: %+v", term, o)
				}
			}
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	in := []byte("]Q1" + code + "\r")
	c := newBench(b, Config{AIM: true})
	n := 0
	emit := func(r scanner.Result) { n += len(r.Text) }
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		c.c.Feed(in, epoch, emit)
	}
	if n == 0 {
		b.Fatal("nothing decoded")
	}
}
