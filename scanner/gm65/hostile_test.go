package gm65

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

// TestGarbageWithoutEnd: no memory beyond the buffers, whether a reply is due or not, and a good
// code after it.
func TestGarbageWithoutEnd(t *testing.T) {
	total := 50 << 20
	if testing.Short() {
		total = 5 << 20
	}
	for name, due := range map[string]bool{"silent": false, "a reply is due": true} {
		b := newBench(t, Config{})
		drops := 0
		count := func(r scanner.Result) {
			if len(r.Text) > 0 {
				t.Fatal("garbage delivered")
			}
			drops++
		}
		junk := []byte(strings.Repeat("\x02\x00\x00\x01xyzw", 500))
		for n := 0; n < total; n += len(junk) {
			if due {
				b.c.Outstanding(nil, b.now)
			}
			b.now = b.now.Add(time.Millisecond)
			b.c.Feed(junk, b.now, count)
		}
		if cap(b.c.raw) != maxReply || drops > total/1000 {
			t.Errorf("%s: buffer of %d bytes, %d drops", name, cap(b.c.raw), drops)
		}
		b.silence(2 * time.Second)
		b.take()
		b.feed(scan)
		if len(b.scans()) != 1 {
			t.Errorf("%s: %+v", name, b.got)
		}
	}
}

func TestNothingOfAScanStays(t *testing.T) {
	b := newBench(t, Config{})
	b.c.Outstanding(nil, b.now)
	b.feed(ok[:5])
	if !b.c.Pending() {
		t.Error("not pending")
	}
	b.c.Reset()
	if b.c.Pending() || len(bytes.Trim(b.c.raw[:cap(b.c.raw)], "\x00")) != 0 {
		t.Error("not forgotten and wiped")
	}
	b.feed(scan)
	if len(b.scans()) != 1 {
		t.Errorf("%+v", b.got)
	}
}

func TestNoAllocation(t *testing.T) {
	b := newBench(t, Config{})
	n := 0
	emit := func(r scanner.Result) { n += len(r.Text) + len(r.Reply) }
	in := []byte(ok + scan + "\xff\x00\r" + scan + "]Q1half")
	command := trigger()
	if a := testing.AllocsPerRun(100, func() {
		b.now = b.now.Add(time.Minute)
		b.c.Outstanding(command, b.now)
		b.c.Do(scanner.Trigger)
		b.c.Feed(in, b.now, emit)
		b.now = b.now.Add(5 * time.Second)
		b.c.Tick(b.now, emit)
		b.c.Feed(in, b.now, emit)
		b.c.Reset()
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
	if n == 0 {
		t.Error("nothing decoded")
	}
}

// FuzzFeed: however the bytes are split, the results are the same; nothing is delivered that
// was not sent between two terminators.
func FuzzFeed(f *testing.F) {
	for _, v := range vectors(f, "in") {
		f.Add([]byte(unhex(f, v.Hex)), uint16(3), uint16(0), true)
	}
	f.Add([]byte(scan+ok+scan), uint16(5), uint16(120), true)
	f.Add([]byte("\x02\x00\x00\x01]Q1]C0999\r"), uint16(1), uint16(5), true)
	f.Add([]byte("]Q1134"+ok+"\r"+scan), uint16(60), uint16(0), false)
	f.Add([]byte("\x02\x00\x00\x00"+strings.Repeat("x", 300)+"\r"+scan), uint16(9), uint16(0), true)
	f.Fuzz(func(t *testing.T, in []byte, step, pause uint16, due bool) {
		if len(in) > 1000 {
			return
		}
		n := 1 + int(step)%61
		c := Config{MaxText: 128}
		whole, parts, late := newBench(t, c), newBench(t, c), newBench(t, c)
		if due {
			whole.c.Outstanding(nil, whole.now)
			parts.c.Outstanding(nil, parts.now)
		}
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
		late.c.Do(scanner.AimOn)
		for rest := in; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			late.feed(string(rest[:min(n, len(rest))]))
			late.now = late.now.Add(time.Duration(pause%15000) * time.Millisecond)
			late.c.Tick(late.now, late.emit)
		}
		late.end()
		for _, b := range []*bench{whole, late} {
			if b.c.Pending() {
				t.Fatal("still pending")
			}
			for _, o := range b.scans() {
				if !bytes.Contains(in, []byte(o.AIM+o.Text)) || len(o.Text) > 128 || !utf8.ValidString(o.Text) || strings.ContainsAny(o.Text, "\r\n") || strings.ContainsAny(o.Text, "\x00\x02") && !b.c.believe([]byte(o.Text)) {
					t.Fatalf("delivered %+v", o)
				}
			}
		}
	})
}

// end lets all time-outs pass.
func (b *bench) end() {
	for _, d := range []time.Duration{100 * time.Millisecond, Tries * DefaultReplyWithin, 2 * time.Second} {
		b.now = b.now.Add(d)
		b.c.Tick(b.now, b.emit)
	}
}

func BenchmarkFeed(b *testing.B) {
	c := newBench(b, Config{})
	n := 0
	emit := func(r scanner.Result) { n += len(r.Text) }
	in := []byte(scan)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		c.c.Feed(in, epoch, emit)
	}
	b.ReportMetric(float64(b.N)*float64(len(in))/b.Elapsed().Seconds()/11520, "x115200baud")
	if n == 0 {
		b.Fatal("nothing decoded")
	}
}
