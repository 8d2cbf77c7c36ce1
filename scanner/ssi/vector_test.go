package ssi

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVectors(t *testing.T) {
	for _, v := range vectors(t, "in") {
		t.Run(v.Name, func(t *testing.T) {
			in, want := v.bytes(t), v.want()
			b := newBench(t, Config{})
			b.feed(in)
			b.silence(5 * time.Second)
			if d := cmp.Diff(want, b.scans()); d != "" {
				t.Error(d)
			}
			if v.ReplyHex != nil && b.replies() != *v.ReplyHex {
				t.Errorf("replied %s, want %s", b.replies(), *v.ReplyHex)
			}
			drops := b.drops()
			if v.Expect.Error == "" && len(drops) > 0 || v.Expect.Error != "" && (len(drops) != 1 || drops[0] != v.Expect.Error) {
				t.Errorf("dropped %q, want %q", drops, v.Expect.Error)
			}
			for number, value := range v.Expect.Params {
				n, _ := strconv.Atoi(number)
				found := false
				for _, o := range b.got {
					p, ok := o.Event.(Params)
					found = found || ok && fmt.Sprint(p[uint16(n)]) == fmt.Sprint(value)
				}
				if !found {
					t.Errorf("no parameter %s = %v in %+v", number, value, b.got)
				}
			}
		})
	}
}

// TestVectorsCut: split at each byte the result is the same; truncated, with the rest after a
// pause or never, it is the same or none.
func TestVectorsCut(t *testing.T) {
	for _, v := range vectors(t, "in") {
		t.Run(v.Name, func(t *testing.T) {
			in, want := v.bytes(t), v.want()
			for i := range len(in) {
				split := newBench(t, Config{})
				split.feed(in[:i])
				split.silence(99 * time.Millisecond)
				split.feed(in[i:])
				split.silence(5 * time.Second)
				if d := cmp.Diff(want, split.scans()); d != "" {
					t.Errorf("split at %d: %s", i, d)
				}
				for _, pause := range []time.Duration{100 * time.Millisecond, 900 * time.Millisecond, time.Minute} {
					late := newBench(t, Config{})
					late.feed(in[:i])
					late.silence(pause)
					neverAnother(t, fmt.Sprintf("truncated to %d bytes", i), late.scans(), want)
					late.feed(in[i:])
					late.silence(5 * time.Second)
					neverAnother(t, fmt.Sprintf("paused at %d for %v", i, pause), late.scans(), want)
				}
			}
			bytewise := newBench(t, Config{})
			for i := range len(in) {
				bytewise.feed(in[i : i+1])
			}
			bytewise.silence(5 * time.Second)
			if d := cmp.Diff(want, bytewise.scans()); d != "" {
				t.Errorf("byte by byte: %s", d)
			}
		})
	}
}

// TestNoiseBefore: after 1 to 64 bytes of noise the result is the same or no scan, and
// seldom none.
func TestNoiseBefore(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	rounds := 40
	if testing.Short() {
		rounds = 4
	}
	kept, later, all := 0, 0, 0
	for _, v := range vectors(t, "in") {
		in, want := v.bytes(t), v.want()
		for n := 1; n <= 64; n++ {
			for range rounds {
				noise := make([]byte, n)
				for i := range noise {
					noise[i] = byte(rng.Uint32())
				}
				b := newBench(t, Config{})
				b.feed(string(noise))
				b.feed(in)
				b.silence(5 * time.Second)
				neverAnother(t, fmt.Sprintf("%s after %x", v.Name, noise), b.scans(), want)
				if all += len(want); len(b.scans()) > 0 {
					kept++
				}
				b = newBench(t, Config{})
				b.feed(string(noise))
				b.silence(150 * time.Millisecond)
				b.feed(in)
				b.silence(5 * time.Second)
				neverAnother(t, fmt.Sprintf("%s, a pause after %x", v.Name, noise), b.scans(), want)
				if len(b.scans()) > 0 {
					later++
				}
			}
		}
	}
	t.Logf("of %d scans %d survived noise, %d noise and a pause", all, kept, later)
	if kept*100 < all*95 || later*1000 < all*995 {
		t.Error("too few")
	}
}

func neverAnother(t *testing.T, what string, got, want []out) {
	t.Helper()
	if len(got) > len(want) {
		t.Fatalf("%s: %d scans, want at most %d", what, len(got), len(want))
	}
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

// mutate changes a stream as a bad line does: bits flip, bytes vanish, double or appear, the
// end is missing. At most one byte changes per packet of 30 bytes or so: a sum of 16 bits does
// not notice every pair of changes.
func mutate(rng *rand.Rand, in []byte) []byte {
	b := append([]byte(nil), in...)
	at := rng.IntN(len(b))
	switch rng.IntN(6) {
	case 0:
		b[at] ^= 1 << rng.IntN(8)
	case 1:
		b[at] = byte(rng.Uint32())
	case 2:
		b = append(b[:at], b[at+1:]...)
	case 3:
		b = append(b[:at+1], b[at:]...)
	case 4:
		b = append(append(append([]byte(nil), b[:at]...), byte(rng.Uint32())), b[at:]...)
	case 5:
		b = b[:at]
	}
	return b
}

// hostile are codes whose text holds a packet, so that it could be taken for one.
func hostile() []string {
	inner := decodeQR(0, "9999999999")
	return []string{
		decodeQR(0, inner),
		decodeQR(0, "1"+inner),
		decodeQR(0, "12345"+inner+"12345"),
		decodeQR(0, inner+inner+inner),
		decodeQR(0, decodeQR(Retransmitted, "8888")+inner),
		longQR(0, "12345"+inner+longQR(0, "777777")),
		decodeQR(0, longQR(0, "55555555")),
		decodeQR(0, "\x17\xf3\x00\x00"+inner+"\x00\x00"+inner),
	}
}

// TestMutatedStreams: never another scan, whatever single fault the line makes, also where the
// text of the code holds whole packets.
func TestMutatedStreams(t *testing.T) {
	type stream struct {
		in   string
		want []out
	}
	var streams []stream
	for _, v := range vectors(t, "in") {
		if v.Expect.Error != "" {
			continue // one more fault can undo the first
		}
		streams = append(streams, stream{v.bytes(t), v.want()})
	}
	for _, h := range hostile() {
		want := []out{{Text: string(open([]byte(h)).data[1:]), Symbology: "qr"}}
		streams = append(streams, stream{h, want})
	}
	streams = append(streams, stream{longQR(0, code), []out{{Text: code, Symbology: "qr"}}})
	rounds := 100_000
	if testing.Short() {
		rounds = 20_000
	}
	rng := rand.New(rand.NewPCG(1, 93))
	b := newBench(t, Config{})
	for range rounds {
		s := streams[rng.IntN(len(streams))]
		// Either the bytes suffer or the time does.
		in, pause := []byte(s.in), 250
		if rng.IntN(4) > 0 {
			in, pause = mutate(rng, in), 25
		}
		b.c.Restart()
		b.c.talk = talk{} // it only listens
		b.c.at = time.Time{}
		b.got = b.got[:0]
		for rest := in; len(rest) > 0; {
			n := len(rest)
			if rng.IntN(2) == 0 {
				n = 1 + rng.IntN(len(rest))
			}
			b.feed(string(rest[:n]))
			rest = rest[n:]
			if rng.IntN(4) == 0 {
				b.now = b.now.Add(time.Duration(rng.IntN(pause)) * time.Millisecond)
				b.c.Tick(b.now, b.emit)
			}
		}
		b.silence(5 * time.Second)
		neverAnother(t, fmt.Sprintf("%x from %x", in, s.in), b.scans(), s.want)
	}
}

// encoded are the packets of the vectors for the encoder.
func TestEncoders(t *testing.T) {
	got := map[string][]byte{
		"ssi/host-ack":                 Append(nil, CmdACK, 0),
		"ssi/host-nak-resend":          Append(nil, CmdNAK, 0, byte(Resend)),
		"ssi/start-decode":             Append(nil, StartDecode, 0),
		"ssi/stop-decode":              Append(nil, StopDecode, 0),
		"ssi/scan-enable":              Append(nil, ScanEnable, 0),
		"ssi/scan-disable":             Append(nil, ScanDisable, 0),
		"ssi/param-packeted-temporary": AppendParam(nil, false, NoBeep, paramPacketed, 1),
	}
	for _, v := range vectors(t, "out") {
		if h := hex.EncodeToString(got[v.Name]); h != v.Hex {
			t.Errorf("%s: %s, want %s", v.Name, h, v.Hex)
		}
	}
	// Numbers beyond 239 and words have prefixes.
	for n, want := range map[uint16]string{
		0xEC: "ec", 0xEF: "ef", 0xF0: "f800f0", 318: "f03e", 0x1EF: "f0ef", 0x1F0: "f801f0", 512: "f100", 768: "f200", 1024: "f80400", 0xFFFF: "f8ffff",
	} {
		if h := hex.EncodeToString(appendNumber(nil, n)); h != want {
			t.Errorf("parameter %d is %s, want %s", n, h, want)
		}
		if got, l := paramNumber(appendNumber(nil, n)); got != n || l != len(want)/2 {
			t.Errorf("parameter %d reads as %d", n, got)
		}
	}
	if h := hex.EncodeToString(AppendParam(nil, true, NoBeep, 318, 1279)); h != "0ac60408fff4f03e04fffb00" {
		t.Errorf("a permanent word is %s", h)
	}
}

// TestNoImageOpcodes: nothing here could make the decoder take or send a picture.
func TestNoImageOpcodes(t *testing.T) {
	for _, op := range []Opcode{0xB0, 0xB1, 0xB4, 0xF7, 0x16, 0x17, 0x18, 'e'} {
		if names[op] != "" {
			t.Errorf("opcode %02X is known as %s", byte(op), op)
		}
	}
	for _, c := range settings(Config{AIM: true, Triggered: true}) {
		if c.op == 0xF7 || c.op == 0xB1 {
			t.Errorf("set-up sends %s", c.op)
		}
	}
}
