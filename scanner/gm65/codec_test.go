package gm65

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/scanner"
)

var want = []out{{Text: code, AIM: "]Q1", Symbology: scanner.QR}}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t, "in") {
		t.Run(v.Name, func(t *testing.T) {
			in := unhex(t, v.Hex)
			event := fmt.Sprint(map[string]any{"reply": v.Expect.Reply, "data": v.Expect.Data})
			run := func(parts ...string) *bench {
				b := newBench(t, Config{})
				if v.Given == "command-outstanding" {
					b.c.Outstanding(nil, b.now)
				}
				for _, p := range parts {
					b.feed(p)
				}
				b.silence(5 * time.Second)
				return b
			}
			b := run(in)
			if got := b.events(); len(got) != 1 || got[0] != event || len(b.scans()) > 0 || len(b.drops()) > 0 {
				t.Errorf("got %+v, want %s", b.got, event)
			}
			for i := range len(in) {
				if got := run(in[:i], in[i:]).events(); len(got) != 1 || got[0] != event {
					t.Errorf("split at %d: %v", i, got)
				}
				if got := run(in[:i]); len(got.events()) > 0 || len(got.scans()) > 0 {
					t.Errorf("truncated to %d: %+v", i, got.got)
				}
			}
		})
	}
}

func TestEncoders(t *testing.T) {
	got := map[string][]byte{
		"gm65/trigger":       Append(nil, Write, ZoneTrigger, 1),
		"gm65/read-baud":     Append(nil, Read, ZoneBaud, 2),
		"gm65/save-to-flash": AppendSave(nil),
	}
	for _, v := range vectors(t, "out") {
		if h := hex.EncodeToString(got[v.Name]); h != v.Hex {
			t.Errorf("%s: %s, want %s", v.Name, h, v.Hex)
		}
	}
	if h := hex.EncodeToString(AppendHeartbeat(nil)); h != "7e000a01000000301a" {
		t.Errorf("heartbeat is %s", h)
	}
	for baud, value := range map[int]uint16{9600: 0x139 - 1, 115200: 0x1A, 57600: 0x34, 19200: 0x9C} {
		if Divisor(baud) != value || Baud(value) != baud || Baud(value+1) != baud {
			t.Errorf("%d baud is %04X, which is %d baud", baud, Divisor(baud), Baud(value))
		}
	}
	r := Reply{Code: OK, Data: []byte{0x39, 0x01}, Type: Read, Zone: ZoneBaud}
	if f := r.Fields(); f["baud"] != 9600 || f["data"] != "3901" {
		t.Errorf("%v", f)
	}
}

// TestRepliesAndScans: the same bytes are a reply or none, as the place and the time say.
func TestRepliesAndScans(t *testing.T) {
	event := []string{"map[data:00 reply:ok]"}
	inside := out{Text: "1\x1d2", AIM: "]Q1", Symbology: scanner.QR}
	for _, c := range []struct {
		name   string
		due    bool
		in     []string
		scans  []out
		events []string
		drops  []scanner.DropReason
	}{
		{"a scan while a reply is due", true, []string{scan}, want, nil, nil},
		{"a scan, then the reply", true, []string{scan + ok}, want, event, nil},
		{"the reply, then a scan", true, []string{ok + scan}, want, event, nil},
		{"a reply cut in two by the reads", true, []string{ok[:3], ok[3:] + scan}, want, event, nil},
		{"no reply is due", false, []string{ok}, nil, nil, []scanner.DropReason{scanner.DropPartial}},
		{"a reply inside a scan", true, []string{"]Q1134" + ok + "5678\r"}, nil, nil, []scanner.DropReason{scanner.DropMalformed}},
		{"what looks like a reply inside a scan", false, []string{"]Q1134" + ok + "5678\r"}, []out{{Text: "134" + ok + "5678", AIM: "]Q1", Symbology: scanner.QR}}, nil, nil},
		{"what looks like a damaged reply inside a scan", false, []string{"]Q1134" + ok[:6] + "\x325678\r"}, nil, nil, []scanner.DropReason{scanner.DropMalformed}},
		{"a scan with GS", true, []string{"]Q11\x1d2\r"}, []out{inside}, nil, nil},
		{"a bad CRC", true, []string{ok[:6] + "\x32"}, nil, nil, []scanner.DropReason{scanner.DropChecksum}},
		{"half a reply", true, []string{ok[:5]}, nil, nil, []scanner.DropReason{scanner.DropPartial}},
		{"a second reply", true, []string{ok + ok}, nil, event, []scanner.DropReason{scanner.DropPartial}},
		{"something else", true, []string{"\x02\x01\x00" + scan}, nil, nil, []scanner.DropReason{scanner.DropMalformed}},
		{"the beginning of a scan in place of a CRC", true, []string{"\x02\x00\x00\x01]Q1]C0999\r"}, nil, nil, []scanner.DropReason{scanner.DropChecksum}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{})
			if c.due {
				b.c.Outstanding(trigger(), b.now)
			}
			for _, in := range c.in {
				b.feed(in)
				b.silence(20 * time.Millisecond)
			}
			b.silence(5 * time.Second)
			if d := cmp.Diff(c.scans, b.scans()); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.events, b.events()); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.drops, b.drops()); d != "" {
				t.Error(d)
			}
		})
	}
}

// trigger is the command to read now.
func trigger() []byte { return Append(nil, Write, ZoneTrigger, 1) }

func TestAnAskedSizeIsKeptTo(t *testing.T) {
	b := newBench(t, Config{})
	b.c.Outstanding(Append(nil, Read, ZoneBaud, 2), b.now)
	b.feed(ok) // of a write
	b.silence(time.Second)
	b.feed(unhex(t, "020000023901c14c"))
	if got := b.events(); len(got) != 1 || got[0] != "map[baud:9600 data:3901 reply:ok]" {
		t.Errorf("%+v", b.got)
	}
}

// TestNoise: whatever comes before it or happens to it, a scan is the same or none, and never
// the bytes of a reply.
func TestNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 100_000
	if testing.Short() {
		rounds = 10_000
	}
	for range rounds {
		in := []byte(scan + ok + scan)
		switch at := rng.IntN(len(in)); rng.IntN(5) {
		case 0:
			in[at] ^= 1 << rng.IntN(7)
			if c := in[at]; c >= 0x20 && c < 0x7F {
				in[at] = 0x80 // one character for another cannot be told from text
			}
		case 1:
			in = append(in[:at:at], append([]byte{0xFF}, in[at:]...)...)
		case 2:
			in = in[:at]
		case 3, 4:
			noise := make([]byte, 1+rng.IntN(64))
			for i := range noise {
				noise[i] = byte(rng.Uint32())
			}
			noise[rng.IntN(len(noise))] = 0xFF // or it may be an identifier by chance
			in = append(noise, in...)
		}
		b := newBench(t, Config{})
		b.c.Outstanding(nil, b.now)
		for rest := in; len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			b.feed(string(rest[:n]))
			rest = rest[n:]
		}
		b.silence(2 * time.Second)
		for _, s := range b.scans() {
			if s != want[0] && !(len(in) > 47 && s.Text == code) {
				t.Fatalf("%x: another scan %+v", in, s)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{Model: "gm9"}, {Mode: "fast"}, {MaxText: -1}, {ReplyWithin: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}
