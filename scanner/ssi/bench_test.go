package ssi

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/scanner"
)

var epoch = time.Unix(1_800_000_000, 0)

// out is a Result that may be kept.
type out struct {
	Text, AIM string
	Symbology scanner.Symbology
	Drop      scanner.DropReason
	Reply     string // hexadecimal digits
	Event     scanner.Told
	Fault     string
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
	o := out{Text: string(r.Text), AIM: r.AIM, Symbology: r.Symbology, Drop: r.Drop, Reply: hex.EncodeToString(r.Reply), Event: r.Event}
	if r.Fault != nil {
		o.Fault = r.Fault.Error()
	}
	b.got = append(b.got, o)
}

func (b *bench) feed(s string) { b.c.Feed([]byte(s), b.now, b.emit) }

// silence lets time pass as a Reader does: with a Tick every 10 ms while a frame is pending,
// and when one is due.
func (b *bench) silence(d time.Duration) {
	end := b.now.Add(d)
	for {
		next := end
		if b.c.Pending() {
			next = b.now.Add(10 * time.Millisecond)
		}
		if due := b.c.Due(); !due.IsZero() && due.Before(next) {
			next = due
			if min := b.now.Add(time.Millisecond); next.Before(min) {
				next = min
			}
		}
		if !next.Before(end) {
			break
		}
		b.now = next
		b.c.Tick(b.now, b.emit)
	}
	b.now = end
	if b.c.Pending() {
		b.c.Tick(b.now, b.emit)
	}
}

// take returns what was emitted and forgets it.
func (b *bench) take() []out {
	got := b.got
	b.got = nil
	return got
}

// scans are the texts delivered.
func (b *bench) scans() (s []out) {
	for _, o := range b.got {
		if o.Text != "" {
			s = append(s, out{Text: o.Text, AIM: o.AIM, Symbology: o.Symbology})
		}
	}
	return s
}

// replies are all bytes sent.
func (b *bench) replies() string {
	var s strings.Builder
	for _, o := range b.got {
		s.WriteString(o.Reply)
	}
	return s.String()
}

func (b *bench) drops() (s []scanner.DropReason) {
	for _, o := range b.got {
		if o.Drop != "" {
			s = append(s, o.Drop)
		}
	}
	return s
}

type vector struct {
	Name, Dir, Hex, Given string
	ReplyHex              *string `json:"reply_hex"`
	Expect                struct {
		Scans  []struct{ Sym, AIM, Text string }
		Error  scanner.DropReason
		Params map[string]any
	}
}

func vectors(t testing.TB, dir string) (out []vector) {
	b, err := os.ReadFile("testdata/ssi.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Vectors {
		if v.Dir == dir {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		t.Fatal("no vectors")
	}
	return out
}

func (v vector) bytes(t testing.TB) string { return unhex(t, v.Hex) }

func (v vector) want() (want []out) {
	for _, s := range v.Expect.Scans {
		want = append(want, out{Text: s.Text, AIM: s.AIM, Symbology: scanner.Symbology(s.Sym)})
	}
	return want
}

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fromDevice makes a packet of a decoder.
func fromDevice(op Opcode, source, status byte, data string) string {
	f := append([]byte{byte(headLen + len(data)), byte(op), source, status}, data...)
	sum := -sumOf(f)
	return string(append(f, byte(sum>>8), byte(sum)))
}

const (
	code = "134567890123456789"
	ack  = "04d00400ff28"
	nak  = "05d1040001ff25"
	next = "0474040" + "0ff84" // MULTIPACKET_ACK
	qr   = "\x1c"
)

func decodeQR(status byte, text string) string { return fromDevice(DecodeData, 0, status, qr+text) }

// longQR is a code as Grow's modules send long ones.
func longQR(status byte, text string) string {
	n := longHead + 1 + len(text)
	f := append([]byte{0xFF, 0xF4, byte(n >> 8), byte(n), 0xF4, 0, status, 0xF1}, text...)
	sum := -sumOf(f)
	return string(append(f, byte(sum>>8), byte(sum)))
}

// damage flips a bit of the text.
func damage(f string) string {
	b := []byte(f)
	b[len(b)-4] ^= 0x10
	return string(b)
}
