package ssi

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/scanner"
)

func scanOf(text string) out { return out{Text: text, Symbology: scanner.QR, Reply: ack} }

func TestRetransmissions(t *testing.T) {
	first, again := decodeQR(0, code), decodeQR(Retransmitted, code)
	acked := out{Reply: ack}
	bad := out{Drop: scanner.DropChecksum, Reply: nak}
	long := strings.Repeat("0123456789", 70)
	for _, c := range []struct {
		name string
		in   []string // with 200 ms between
		want []out
	}{
		{"acknowledgement lost", []string{first + again + again}, []out{scanOf(code), acked, acked}},
		{"first copy damaged", []string{damage(first) + again}, []out{bad, scanOf(code)}},
		{"first copy damaged, a pause", []string{damage(first), again}, []out{bad, scanOf(code)}},
		{"two copies damaged", []string{damage(first) + damage(again) + again}, []out{bad, bad, scanOf(code)}},
		{"first copy not seen", []string{again}, []out{scanOf(code)}},
		{"another code in between", []string{first + decodeQR(0, "2") + again}, []out{scanOf(code), scanOf("2"), scanOf(code)}},
		{"the same code presented twice", []string{first + first}, []out{scanOf(code), scanOf(code)}},
		{"status bits that mean nothing", []string{decodeQR(0xE4, "1")}, []out{scanOf("1")}},
		{"an acknowledgement is not answered", []string{fromDevice(CmdACK, 0, 0x80, "")}, nil},
		{"nor is a refusal", []string{fromDevice(CmdNAK, 0, 0, "\x01")}, nil},
		{"a damaged acknowledgement is not refused", []string{"\x04\xd0\x00\x00\xff\x2d"}, []out{{Drop: scanner.DropChecksum}}},
		{"our own packets come back", []string{string(Append(nil, CmdACK, 0)) + string(Append(nil, StartDecode, 0)) + first}, []out{scanOf(code)}},
		{"wake-up bytes", []string{"\x00\x00" + first + "\x00" + decodeQR(0, "2")}, []out{scanOf(code), scanOf("2")}},
		{"no text", []string{fromDevice(DecodeData, 0, 0, qr)}, []out{{Drop: scanner.DropMalformed, Reply: ack}}},
		{"no type", []string{fromDevice(DecodeData, 0, 0, "")}, []out{{Drop: scanner.DropMalformed, Reply: ack}}},
		{"several codes in one", []string{fromDevice(DecodeData, 0, 0, "\x99123")}, []out{{Drop: scanner.DropMalformed, Reply: ack}}},
		{"nothing found", []string{fromDevice(DecodeData, 0, 0, "\xffNR")}, []out{{Event: Told{DecodeData, []byte{NoRead}}, Reply: ack}}},
		{"cordless, short", []string{decodeQR(0x20, "\x01\x00\x03abc")}, []out{scanOf("abc")}},
		{"corded, begins alike", []string{decodeQR(0, "\x01\x00\x03abc")}, []out{scanOf("\x01\x00\x03abc")}},
		{"cut off, then the next", []string{first[:9], first}, []out{{Drop: scanner.DropPartial}, scanOf(code)}},
		{"GS1 QR", []string{fromDevice(DecodeData, 0, 0, "\xc2"+code)}, []out{{Text: code, AIM: "]Q3", Symbology: scanner.QR, Reply: ack}}},
		{"with a supplement", []string{fromDevice(DecodeData, 0, 0, "\x8b690123456789212345")}, []out{{Text: "690123456789212345", Symbology: scanner.EAN13, Reply: ack}}},
		{"long, of Grow's modules", []string{longQR(0, code) + longQR(Retransmitted, code)}, []out{scanOf(code), acked}},
		{"long and damaged", []string{damage(longQR(0, long)) + longQR(Retransmitted, long)}, []out{bad, scanOf(long)}},
		{"long without end", []string{longQR(0, long)[:400]}, []out{{Drop: scanner.DropPartial}}},
		{"a type that is not known", []string{fromDevice(DecodeData, 0, 0, "\x25"+code)}, []out{{Text: code, Symbology: scanner.Other, Reply: ack}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{})
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

func TestMessagesOfSeveralPackets(t *testing.T) {
	more := func(text string) string { return decodeQR(More, text) }
	segment := func(n byte, status byte, text string) string {
		source := byte(0)
		if n == 0 {
			source = firstSegment
			text = "\xf3\x00\x00\x00\x0a" + qr + "\x01\x00\x07" + text
		}
		return fromDevice(MultipacketSegment, source, status, string([]byte{n})+text)
	}
	acked, more74 := out{Reply: ack}, out{Reply: next}
	partial := out{Drop: scanner.DropPartial, Reply: ack}
	for _, c := range []struct {
		name string
		in   []string // with 200 ms between
		want []out
	}{
		{"continued", []string{more("abc") + more("def") + decodeQR(0, "g")}, []out{acked, acked, scanOf("abcdefg")}},
		{"continued without the type", []string{more("abc") + fromDevice(DecodeData, 0, More, "def") + fromDevice(DecodeData, 0, 0, "g")}, []out{acked, acked, scanOf("abcdefg")}},
		{"a part twice", []string{more("abc") + decodeQR(More|Retransmitted, "abc") + decodeQR(0, "d")}, []out{acked, acked, scanOf("abcd")}},
		{"a part damaged", []string{more("abc") + damage(more("def")), decodeQR(More|Retransmitted, "def"), decodeQR(0, "g")}, []out{acked, {Drop: scanner.DropChecksum, Reply: nak}, acked, scanOf("abcdefg")}},
		{"a part damaged, or the one before it again", []string{more("abc") + damage(more("abc")), decodeQR(More|Retransmitted, "abc"), decodeQR(0, "g"), decodeQR(0, "h")}, []out{acked, {Drop: scanner.DropChecksum, Reply: nak}, partial, acked, scanOf("h")}},
		{"the end missing", []string{more("abc")}, []out{acked, {Drop: scanner.DropPartial}}},
		{"segments", []string{segment(0, 0, "abc") + segment(1, 0, "def") + segment(2, 0, "g")}, []out{more74, more74, scanOf("abcdefg")}},
		{"a segment twice", []string{segment(0, 0, "abc") + segment(1, 0, "def") + segment(1, 1, "def") + segment(2, 0, "g") + segment(2, 1, "g")}, []out{more74, more74, more74, scanOf("abcdefg"), acked}},
		{"a segment damaged", []string{segment(0, 0, "abc") + damage(segment(1, 0, "def")), segment(1, 1, "def") + segment(2, 0, "g")}, []out{more74, {Drop: scanner.DropChecksum, Reply: nak}, more74, scanOf("abcdefg")}},
		{"a segment missing", []string{segment(0, 0, "abc") + segment(2, 0, "g")}, []out{more74, partial}},
		{"the first segment missing", []string{segment(1, 0, "def") + segment(2, 0, "g")}, []out{partial, partial}},
		{"more than announced", []string{segment(0, 0, "abc") + segment(1, 0, "defgh")}, []out{more74, {Drop: scanner.DropMalformed, Reply: ack}}},
		{"a code between segments", []string{segment(0, 0, "abc") + decodeQR(0, "x") + segment(1, 0, "defg")}, []out{more74, partial, partial}},
		{"all in the first", []string{segment(0, 0, "abcdefg")}, []out{scanOf("abcdefg")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{})
			for _, in := range c.in {
				b.feed(in)
				b.silence(200 * time.Millisecond)
			}
			b.silence(10 * time.Second)
			if d := cmp.Diff(c.want, b.got); d != "" {
				t.Error(d)
			}
			if b.c.Pending() || len(bytes.Trim(b.c.join.text[:cap(b.c.join.text)], "\x00")) != 0 {
				t.Error("pending, or not wiped")
			}
		})
	}
}

func TestTooLong(t *testing.T) {
	b := newBench(t, Config{MaxText: 5})
	b.feed(decodeQR(0, "123456") + decodeQR(More, "123") + decodeQR(More, "456") + decodeQR(0, "7") + decodeQR(0, "12345"))
	malformed, acked := out{Drop: scanner.DropMalformed, Reply: ack}, out{Reply: ack}
	if d := cmp.Diff([]out{malformed, acked, malformed, acked, scanOf("12345")}, b.got); d != "" {
		t.Error(d)
	}
}

// TestNothingOldAfterArm: Reset is what Arm calls. What was read before is not delivered after
// it, however late it arrives.
func TestNothingOldAfterArm(t *testing.T) {
	live := func() *bench {
		b := newBench(t, Config{})
		b.c.talk.live, b.c.talk.at = true, len(b.c.talk.setup)
		return b
	}
	t.Run("the acknowledgement was lost", func(t *testing.T) {
		b := live()
		b.feed(decodeQR(0, code))
		b.c.Reset()
		b.feed(decodeQR(Retransmitted, code))
		b.c.Restart()
		b.c.talk.at = len(b.c.talk.setup)
		b.feed(decodeQR(Retransmitted, code))
		if len(b.scans()) != 1 {
			t.Errorf("%+v", b.got)
		}
	})
	t.Run("the first copy was lost before", func(t *testing.T) {
		b := live()
		b.feed(damage(decodeQR(0, code)))
		b.silence(time.Second)
		b.c.Reset()
		b.feed(decodeQR(Retransmitted, code))
		b.silence(time.Second)
		if len(b.scans()) != 0 {
			t.Errorf("%+v", b.got)
		}
		b.feed(damage(decodeQR(0, "2")))
		b.silence(time.Second)
		b.feed(decodeQR(Retransmitted, "2"))
		b.silence(time.Second)
		if len(b.scans()) != 1 {
			t.Errorf("%+v", b.got)
		}
	})
	t.Run("the rest of a packet", func(t *testing.T) {
		inner := decodeQR(0, "9999")
		f := decodeQR(0, "12"+inner)
		for i := 1; i < len(f); i++ {
			b := live()
			b.feed(f[:i])
			b.c.Reset()
			b.feed(f[i:])
			b.silence(time.Second)
			b.feed(decodeQR(0, code))
			b.silence(time.Second)
			if s := b.scans(); len(s) != 1 || s[0].Text != code {
				t.Fatalf("cut at %d: %+v", i, b.got)
			}
		}
	})
	t.Run("the rest of a message", func(t *testing.T) {
		b := live()
		b.feed(decodeQR(More, "abc"))
		b.c.Reset()
		b.feed(decodeQR(More, "def") + decodeQR(0, "g") + decodeQR(0, code))
		if s := b.scans(); len(s) != 1 || s[0].Text != code {
			t.Errorf("%+v", b.got)
		}
	})
	t.Run("it is told to flush its queue", func(t *testing.T) {
		b := live()
		b.c.Reset()
		b.silence(10 * time.Millisecond)
		if b.replies() != "04d20400ff26" {
			t.Errorf("sent %s", b.replies())
		}
	})
}

// TestNoScanBeforeTheSetUp: until the decoder is known to refuse programming codes.
func TestNoScanBeforeTheSetUp(t *testing.T) {
	b := newBench(t, Config{})
	b.c.Restart()
	b.silence(10 * time.Millisecond)
	b.feed(decodeQR(0, code))
	if len(b.scans()) != 0 || !strings.HasSuffix(b.replies(), ack) {
		t.Errorf("%+v", b.got)
	}
}

func TestAIM(t *testing.T) {
	b := newBench(t, Config{AIM: true})
	b.c.talk.live, b.c.talk.at = true, len(b.c.talk.setup)
	b.feed(decodeQR(0, "]Q3"+code))
	if d := cmp.Diff([]out{{Text: code, AIM: "]Q3", Symbology: scanner.QR, Reply: ack}}, b.take()); d != "" {
		t.Error(d)
	}
	b.feed(decodeQR(0, code))
	if got := b.take(); len(got) != 1 || got[0].Drop != scanner.DropMalformed || got[0].Fault == "" || got[0].Reply != ack {
		t.Errorf("without an identifier: %+v", got)
	}
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		in   string
		want map[string]any
	}{
		{fromDevice(ReplyRevision, 0, 0x80, "PAACRS00-001-R00"), map[string]any{"revision": "PAACRS00-001-R00"}},
		{fromDevice(Event, 0, 0, "\x03"), map[string]any{"event": 3}},
		{fromDevice(CapabilitiesReply, 0, 0, "\x01\x02"), map[string]any{"command": "CAPABILITIES_REPLY", "data": "0102"}},
		{fromDevice(0x42, 0, 0, "x"), map[string]any{"command": "opcode 42", "data": ""}},
		{fromDevice(ParamSend, 0, 0, "\xff\x01\x00\x9c\x07"), map[string]any{"params": Params{1: 0, 156: 7}}},
		{fromDevice(ParamSend, 0, 0, "\xff\xf3\xf8\x04\x01\x02ab\xf6\x10\x01\xff\xec\x00"), map[string]any{"params": Params{1025: "ab", 16: "ff", 0xEC: 0}}},
		{fromDevice(ParamSend, 0, 0, "\xff\xf4\x10"), map[string]any{"command": "PARAM_SEND", "data": "fff410"}},
		{fromDevice(ParamSend, 0, 0, ""), map[string]any{"command": "PARAM_SEND", "data": ""}},
	} {
		b := newBench(t, Config{})
		b.feed(c.in)
		if len(b.got) != 1 || b.got[0].Event == nil || b.got[0].Reply != ack {
			t.Fatalf("%x: %+v", c.in, b.got)
		}
		if d := cmp.Diff(c.want, b.got[0].Event.Fields()); d != "" {
			t.Errorf("%x: %s", c.in, d)
		}
	}
}

// TestGarbageWithoutEnd: a hundred megabytes, no memory beyond the buffers, and a good code
// once the line was silent.
func TestGarbageWithoutEnd(t *testing.T) {
	total := 50 << 20
	if testing.Short() {
		total = 5 << 20
	}
	b := newBench(t, Config{})
	drops := 0
	count := func(r scanner.Result) {
		if len(r.Text) > 0 {
			t.Fatal("garbage delivered")
		}
		drops++
	}
	junk := bytes.Repeat([]byte("\x06\xf3\x01\x00x"), 800)
	before := cap(b.c.buf)
	for n := 0; n < total; n += len(junk) {
		b.now = b.now.Add(time.Millisecond)
		b.c.Feed(junk, b.now, count)
	}
	if cap(b.c.buf) != before || drops != 1 {
		t.Errorf("buffer of %d bytes is %d, %d drops", before, cap(b.c.buf), drops)
	}
	b.silence(200 * time.Millisecond)
	b.feed(decodeQR(0, code))
	b.silence(200 * time.Millisecond)
	if len(b.scans()) != 1 {
		t.Errorf("%+v", b.got)
	}
}

func TestNoAllocation(t *testing.T) {
	b := newBench(t, Config{})
	n := 0
	emit := func(r scanner.Result) { n += len(r.Text) + len(r.Reply) }
	in := []byte(decodeQR(0, code) + decodeQR(Retransmitted, code) + decodeQR(More, code) + decodeQR(0, code) +
		damage(decodeQR(0, code)) + decodeQR(Retransmitted, code) + "\xff\xff\xff")
	if a := testing.AllocsPerRun(100, func() {
		b.now = b.now.Add(time.Minute)
		b.c.Feed(in, b.now, emit)
		b.now = b.now.Add(time.Second)
		b.c.Tick(b.now, emit)
		b.c.Reset()
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
	if n == 0 {
		t.Error("nothing decoded")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{MaxText: -1}, {MaxText: 1 << 30}, {ReplyWithin: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}

// FuzzFeed: however the bytes are split, the results are the same; nothing is delivered that
// was not sent, and memory is bounded.
func FuzzFeed(f *testing.F) {
	for _, v := range vectors(f, "in") {
		f.Add([]byte(v.bytes(f)), uint16(7), uint16(0))
	}
	for _, h := range hostile() {
		f.Add([]byte(h), uint16(9), uint16(50))
	}
	f.Add([]byte(longQR(0, code)+damage(longQR(0, code))+longQR(1, code)), uint16(3), uint16(99))
	f.Add([]byte(damage(decodeQR(0, code))+decodeQR(Retransmitted, code)), uint16(3), uint16(99))
	f.Add([]byte(fromDevice(ParamSend, 0, 0, "\xff\xf6\xf8\x01\x02\x05abcde\x01")), uint16(1), uint16(120))
	f.Fuzz(func(t *testing.T, in []byte, step, pause uint16) {
		if len(in) > 1000 {
			return
		}
		n := 1 + int(step)%61
		whole, parts, late := newBench(t, Config{MaxText: 512}), newBench(t, Config{MaxText: 512}), newBench(t, Config{MaxText: 512})
		whole.feed(string(in))
		whole.end()
		for rest := in; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			parts.feed(string(rest[:min(n, len(rest))]))
			parts.c.Tick(parts.now, parts.emit)
		}
		parts.end()
		if !reflect.DeepEqual(whole.got, parts.got) {
			t.Fatal(cmp.Diff(whole.got, parts.got))
		}
		late.c.Restart()
		for rest := in; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			late.feed(string(rest[:min(n, len(rest))]))
			late.now = late.now.Add(time.Duration(pause%1500) * time.Millisecond)
			late.c.Tick(late.now, late.emit)
			if step%7 == 0 {
				late.c.Reset()
			}
		}
		late.end()
		for _, b := range []*bench{whole, late} {
			if b.c.Pending() {
				t.Fatal("still pending")
			}
			for _, o := range b.scans() {
				if len(o.Text) > 512 || len(strings.Trim(o.Text, string(in))) > 0 && utf8.ValidString(o.Text+string(in)) {
					t.Fatalf("delivered what was not sent: %q", o.Text)
				}
			}
		}
	})
}

// end lets all time-outs pass.
func (b *bench) end() {
	for _, d := range []time.Duration{Gap, JoinWithin, DefaultReplyWithin} {
		b.now = b.now.Add(d)
		b.c.Tick(b.now, b.emit)
	}
}

func BenchmarkFeed(b *testing.B) {
	for name, in := range map[string]string{"scan": decodeQR(0, code), "long": decodeQR(0, strings.Repeat("7", 250))} {
		b.Run(name, func(b *testing.B) {
			p := []byte(in)
			c := newBench(b, Config{})
			n := 0
			emit := func(r scanner.Result) { n += len(r.Text) }
			b.ReportAllocs()
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				c.c.Feed(p, epoch, emit)
			}
			b.ReportMetric(float64(b.N)*float64(len(p))/b.Elapsed().Seconds()/11520, "x115200baud")
			if n == 0 {
				b.Fatal("nothing decoded")
			}
		})
	}
}

func BenchmarkNoise(b *testing.B) {
	p := bytes.Repeat([]byte("\x20\xf3\x00\x00"), 300)
	c := newBench(b, Config{})
	emit := func(scanner.Result) {}
	b.SetBytes(int64(len(p)))
	now := epoch
	for b.Loop() {
		c.c.Feed(p, now, emit)
		now = now.Add(Gap)
		c.c.Tick(now, emit)
		now = now.Add(TailWithin)
	}
	b.ReportMetric(float64(b.N)*float64(len(p))/b.Elapsed().Seconds()/11520, "x115200baud")
}
