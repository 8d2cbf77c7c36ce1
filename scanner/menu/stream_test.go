package menu

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

// streams are what a scanner may send while a command is outstanding, with what comes of it.
func streams(t testing.TB) map[Dialect][]string {
	s := map[Dialect][]string{
		Honeywell: {"]Q1" + code + "\rPRECA2\x06,BK2995C81\x06!]C0" + code + "\r"},
		Newland:   {"]Q1" + code + "\r\x02\x010000#AIDENA1\x06;\x03]C0" + code + "\r"},
	}
	for _, v := range vectors(t) {
		if v.Reply != "" {
			s[Dialect(v.Profile)] = append(s[Dialect(v.Profile)], string(unhex(t, v.Reply)))
		}
	}
	return s
}

// TestSplitTruncateNoise: the same scans and replies, or fewer, never others.
func TestSplitTruncateNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	for d, ins := range streams(t) {
		for _, in := range ins {
			play := func(pause time.Duration, parts ...string) *bench {
				b := newBench(t, Config{Dialect: d}, nil)
				b.c.Outstanding(nil, b.now)
				for i, p := range parts {
					if i > 0 {
						b.silence(pause)
					}
					b.feed(p)
				}
				b.silence(time.Second)
				return b
			}
			want := play(0, in)
			if len(want.scans())+len(want.replies()) == 0 || want.got[0].Drop != "" {
				t.Fatalf("%q: %v", in, want.got)
			}
			for i := range len(in) {
				if diff := cmp.Diff(want.got, play(90*time.Millisecond, in[:i], in[i:]).got); diff != "" {
					t.Errorf("split at %d: %s", i, diff)
				}
				neverOthers(t, fmt.Sprintf("truncated to %d", i), play(0, in[:i]), want)
				neverOthers(t, fmt.Sprintf("paused at %d", i), play(300*time.Millisecond, in[:i], in[i:]), want)
			}
			for n := 1; n <= 64; n++ {
				for range rounds {
					noise := make([]byte, n)
					for i := range noise {
						// A bracket could begin a whole scan: by chance noise can be anything.
						if noise[i] = byte(rng.Uint32()); noise[i] == ']' {
							noise[i] = 0xFF
						}
					}
					b := play(0, string(noise)+in)
					for _, s := range b.scans() {
						if !slices.Contains(want.scans(), s) {
							t.Fatalf("%q after %x", s, noise)
						}
					}
				}
			}
		}
	}
}

func neverOthers(t *testing.T, what string, got, want *bench) {
	t.Helper()
	for _, s := range got.scans() {
		if !slices.Contains(want.scans(), s) {
			t.Fatalf("%s: another scan %q", what, s)
		}
	}
	for _, s := range got.replies() {
		if !slices.Contains(want.replies(), s) {
			t.Fatalf("%s: another reply %s", what, s)
		}
	}
}

// TestArmInTheMiddleOfAReply: what comes after the Reset is no scan, and the command whose
// reply was lost is sent again.
func TestArmInTheMiddleOfAReply(t *testing.T) {
	const reply = "PRECA2\x06,BK2995C81\x06!"
	for i := 1; i < len(reply); i++ {
		b := newBench(t, Config{Dialect: Honeywell}, nil)
		b.c.Restart()
		b.run()
		b.feed(reply[:i])
		b.c.Reset()
		if b.c.Pending() || bytes.Contains(b.c.raw[:cap(b.c.raw)], []byte("PRE")) {
			t.Error("not forgotten and wiped")
		}
		b.feed(reply[i:])
		b.silence(ReplyWithin + 200*time.Millisecond)
		if len(b.scans()) > 0 || len(b.sent) != 2 {
			t.Errorf("cut at %d: %v, sent %q", i, b.got, b.sent)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for d, reply := range map[Dialect]string{Honeywell: "PRECA2\x06,BK2995C81\x06!", Newland: "\x02\x010000#AIDENA1\x06;\x03"} {
		c, err := New(Config{Dialect: d})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		emit := func(r scanner.Result) { n += len(r.Text) + len(r.Reply) }
		in := []byte("]Q1" + code + "\r" + reply + "noise\r" + code[:4])
		if a := testing.AllocsPerRun(100, func() {
			c.Outstanding(nil, epoch)
			c.Feed(in, epoch, emit)
			c.Tick(epoch.Add(time.Second), emit)
			c.Do(scanner.Trigger)
			c.Tick(epoch.Add(3*time.Second), emit)
			c.Tick(epoch.Add(5*time.Second), emit)
			c.Reset()
		}); a != 0 {
			t.Errorf("%s: %v allocations", d, a)
		}
		if n == 0 {
			t.Errorf("%s: nothing came out", d)
		}
	}
}

// TestGarbageWithoutEnd costs no memory, with a reply outstanding or not.
func TestGarbageWithoutEnd(t *testing.T) {
	for _, junk := range []string{"x", "\x02\x010000#A", "]Q1", "A\x06,", "\r"} {
		for d := range models() {
			c, err := New(Config{Dialect: d})
			if err != nil {
				t.Fatal(err)
			}
			p := bytes.Repeat([]byte(junk), 4096/len(junk))
			raw, text := cap(c.raw), cap(c.p.reply.Text)
			now := epoch
			for range 64 {
				c.Outstanding(nil, now)
				c.Feed(p, now, func(r scanner.Result) {
					if len(r.Text) > 0 {
						t.Fatalf("%q delivered %q", junk, r.Text)
					}
				})
				now = now.Add(time.Millisecond)
			}
			if cap(c.raw) != raw || cap(c.p.reply.Text) != text {
				t.Errorf("%q: buffers grew to %d and %d", junk, cap(c.raw), cap(c.p.reply.Text))
			}
		}
	}
}

func FuzzSplit(f *testing.F) {
	for d, ins := range streams(f) {
		for _, in := range ins {
			f.Add([]byte(in), uint64(1), d == Newland)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, n bool) {
		d := Honeywell
		if n {
			d = Newland
		}
		whole, parts := newBench(t, Config{Dialect: d, MaxText: 128}, nil), newBench(t, Config{Dialect: d, MaxText: 128}, nil)
		whole.c.Outstanding(nil, epoch)
		parts.c.Outstanding(nil, epoch)
		whole.feed(string(in))
		rng := rand.New(rand.NewPCG(seed, 9))
		for rest := string(in); len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			parts.c.Tick(parts.now, parts.emit)
			parts.feed(rest[:n])
			rest = rest[n:]
		}
		whole.silence(5 * time.Second)
		parts.silence(5 * time.Second)
		if !reflect.DeepEqual(whole.got, parts.got) {
			t.Fatal(cmp.Diff(whole.got, parts.got))
		}
		if whole.c.Pending() || len(whole.sent) > 0 {
			t.Fatal("still pending, or answered")
		}
		for _, s := range whole.scans() {
			if !bytes.Contains(in, []byte(s)) || !strings.HasPrefix(s, "]") {
				t.Fatalf("delivered %q", s)
			}
		}
	})
}

// FuzzRoundTrip: a real scanner's answer to any command that can be encoded is a reply.
func FuzzRoundTrip(f *testing.F) {
	f.Add("PRECA2,BK2995C81", false)
	f.Add("TSUENA1,SET0D;QRYSYS", true)
	f.Add("CBR?", false)
	f.Fuzz(func(t *testing.T, text string, n bool) {
		d, m := Honeywell, device.NewHoneywell()
		if n {
			d, m = Newland, device.NewNewland()
		}
		command, err := Append(nil, d, Volatile, text)
		if err != nil {
			return
		}
		var r Reply
		answer := m.Command(command)
		if err := ParseReply(d, answer, &r); err != nil {
			// Settings without a name are nothing that a reply can be read from.
			for _, s := range strings.FieldsFunc(","+text+",", func(c rune) bool { return c == ';' }) {
				if strings.Contains(","+s+",", ",,") {
					return
				}
			}
			t.Fatalf("%q to %q: %v", answer, command, err)
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	for _, d := range []Dialect{Honeywell, Newland} {
		b.Run(string(d), func(b *testing.B) {
			c, err := New(Config{Dialect: d})
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
		})
	}
}
