package hidpos

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/menu"
)

// FuzzFeed feeds reports of any content, 64 bytes each, with a pause before each: the
// report's own last reserved byte times 4 ms.
func FuzzFeed(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Dir == "in" {
			f.Add(unhex(f, v.Hex))
		}
	}
	f.Add(slices.Concat(reports("]Q1", strings.Repeat("1", 200))...))
	f.Add(slices.Concat(device.NewHIDPOS(device.HIDPOSOptions{Shifted: true}).Reports("]C0", "134567")...))
	f.Add([]byte("\x02"))
	c, err := New(Config{Dialect: menu.Honeywell})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 64*(MaxText/56+8) {
			return
		}
		c.Restart()
		now, fed := epoch, 0
		emit := func(r scanner.Result) {
			switch {
			case len(r.Text) > fed:
				t.Errorf("%d bytes of %d", len(r.Text), fed)
			case len(r.Text) > 0 && (r.Drop != "" || r.Event != nil):
				t.Error("a dropped scan")
			case r.AIM == "]X0" || strings.HasPrefix(r.AIM, "]Z"):
				t.Errorf("%s", r.AIM)
			}
		}
		for _, p := range chunks(in) {
			if len(p) == 64 {
				now = now.Add(time.Duration(p[62]) * 4 * time.Millisecond)
			}
			fed += len(p)
			c.Feed(p, now, emit)
			c.Tick(now, emit)
		}
		now = now.Add(Gap)
		c.Tick(now, emit)
		if c.Pending() || len(bytes.Trim(c.buf[:min(cap(c.buf), len(in))], "\x00")) > 0 {
			t.Error("pending after silence, or not wiped")
		}
	})
}

func chunks(in []byte) [][]byte { return slices.Collect(slices.Chunk(in, 64)) }

// FuzzDescriptor: whatever a descriptor says, reports are read without leaving them.
func FuzzDescriptor(f *testing.F) {
	for _, d := range []string{oneByOne, ranged, newlandLike, keyboard, disguised, string(device.NewHIDPOS(device.HIDPOSOptions{}).Descriptor())} {
		f.Add([]byte(d), []byte("\x02\x06]Q1134567"))
	}
	c, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, descriptor, report []byte) {
		l, err := ParseDescriptor(descriptor)
		if err != nil {
			return
		}
		if !IsScanner(descriptor) {
			t.Error("no scanner")
		}
		if err := c.SetLayout(l); err != nil {
			t.Fatal(err)
		}
		r := make([]byte, l.Size)
		copy(r, report)
		for _, fill := range []byte{0, ']', 0xFF} {
			for i := len(report); i < len(r); i++ {
				r[i] = fill
			}
			c.Feed(r, epoch, func(res scanner.Result) {
				if len(res.Text) > MaxText {
					t.Error("too long")
				}
			})
		}
		c.Restart()
	})
}

// presented is what people hold up: codes of one report, as payment codes are, and longer ones.
func presented(rng *rand.Rand, longest int) (aim, text string) {
	digits := make([]byte, 1+rng.IntN(longest))
	for i := range digits {
		digits[i] = byte('0' + rng.IntN(10))
	}
	return []string{"]Q1", "]C0", "]E0", "]d1"}[rng.IntN(4)], string(digits)
}

// TestShuffledReports loses, doubles and reorders reports of codes that fit into one report,
// as payment codes do: nothing comes out but what was presented.
func TestShuffledReports(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := newBench(t, Config{})
		var in [][]byte
		known := map[out]bool{}
		for range 1 + rng.IntN(8) {
			aim, text := presented(rng, 56)
			known[scan(aim, text)] = true
			in = append(in, reports(aim, text)...)
		}
		for range rng.IntN(4) {
			i, j := rng.IntN(len(in)), rng.IntN(len(in))
			switch rng.IntN(3) {
			case 0:
				in = slices.Delete(slices.Clone(in), i, i+1)
			case 1:
				in = slices.Insert(slices.Clone(in), j, in[i])
			case 2:
				in[i], in[j] = in[j], in[i]
			}
			if len(in) == 0 {
				break
			}
		}
		b.feed(in...)
		b.silence(TailWithin)
		for _, o := range b.got {
			if !known[o] {
				t.Fatalf("%+v was not presented", o)
			}
		}
	}
}

// TestLostReports loses what the kernel can lose: the reports from some moment to the next
// pause, in which what waits is read. Codes of any length; nothing else comes out.
func TestLostReports(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	lost := 0
	for range 500 {
		b := newBench(t, Config{})
		known := map[out]bool{}
		for range 1 + rng.IntN(5) {
			aim, text := presented(rng, 400)
			known[scan(aim, text)] = true
			in := reports(aim, text)
			keep := len(in)
			if rng.IntN(2) == 0 {
				keep = rng.IntN(len(in) + 1)
			}
			lost += len(in) - keep
			b.feed(in[:keep]...)
			b.silence(TailWithin)
		}
		for _, o := range b.got {
			if o.Drop == "" && !known[o] {
				t.Fatalf("%+v was not presented", o)
			}
		}
	}
	if lost == 0 {
		t.Error("nothing was lost")
	}
}
