package efaa

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/scanner"
)

var epoch = time.Unix(1_800_000_000, 0)

type vector struct {
	Name, Profile, Dir, Hex string
	Expect                  map[string]any
}

func vectors(t testing.TB, dir string) (out []vector) {
	b, err := os.ReadFile("testdata/efaa.json")
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

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bench feeds a codec and keeps what it emits as the fields of the vectors.
type bench struct {
	c   *Codec
	now time.Time
	got []map[string]any
}

func newBench(t testing.TB, d Dialect) *bench {
	t.Helper()
	c, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{c: c, now: epoch}
}

func (b *bench) emit(r scanner.Result) {
	switch {
	case r.Drop != "":
		b.got = append(b.got, map[string]any{"error": string(r.Drop)})
	case r.Event != nil:
		b.got = append(b.got, plain(r.Event.Fields()))
	}
}

func (b *bench) feed(p []byte) { b.c.Feed(p, b.now, b.emit) }

func (b *bench) silence(d time.Duration) {
	b.now = b.now.Add(d)
	b.c.Tick(b.now, b.emit)
}

// plain is what JSON makes of fields.
func plain(f map[string]any) (out map[string]any) {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

func TestDecodeVectors(t *testing.T) {
	for _, v := range vectors(t, "in") {
		t.Run(v.Name, func(t *testing.T) {
			in, want := unhex(t, v.Hex), []map[string]any{v.Expect}
			b := newBench(t, Dialect(v.Profile))
			b.feed(in)
			if d := cmp.Diff(want, b.got); d != "" {
				t.Error(d)
			}
			for i := range in {
				b := newBench(t, Dialect(v.Profile))
				b.feed(in[:i])
				b.now = b.now.Add(ByteGap - time.Millisecond)
				b.feed(in[i:])
				if d := cmp.Diff(want, b.got); d != "" {
					t.Errorf("split at %d: %s", i, d)
				}
				cut := newBench(t, Dialect(v.Profile))
				cut.feed(in[:i])
				cut.silence(ByteGap)
				var partial []map[string]any
				if i >= 2 {
					partial = []map[string]any{{"error": "partial"}}
				}
				if d := cmp.Diff(partial, cut.got); d != "" || cut.c.Pending() {
					t.Errorf("truncated to %d: %s", i, d)
				}
				cut.feed(in)
				if d := cmp.Diff(append(partial, want...), cut.got); d != "" {
					t.Errorf("truncated to %d, then whole: %s", i, d)
				}
			}
		})
	}
}

// TestNoiseBefore: the result is the same, or the frame is lost; nothing else comes out.
func TestNoiseBefore(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	for _, v := range vectors(t, "in") {
		in := unhex(t, v.Hex)
		for n := 1; n <= 64; n++ {
			for range rounds {
				noise := make([]byte, n)
				for i := range noise {
					noise[i] = byte(rng.Uint32())
				}
				b := newBench(t, Dialect(v.Profile))
				b.feed(noise)
				b.feed(in)
				b.silence(ByteGap)
				for _, got := range b.got {
					if got["error"] == nil && !cmp.Equal(got, v.Expect) {
						t.Fatalf("%s after %x: %v", v.Name, noise, got)
					}
				}
				b = newBench(t, Dialect(v.Profile))
				b.feed(noise)
				b.silence(ByteGap)
				b.feed(in)
				if len(b.got) == 0 || !cmp.Equal(b.got[len(b.got)-1], v.Expect) {
					t.Fatalf("%s, a pause after %x: %v", v.Name, noise, b.got)
				}
			}
		}
	}
}

func TestEncodeVectors(t *testing.T) {
	for _, v := range vectors(t, "out") {
		var got []byte
		var err error
		switch v.Expect["command"] {
		case "verify":
			got, err = AppendVerify(nil, v.Expect["power_down"] == 1.0, int(v.Expect["timeout_s"].(float64)))
		case "display":
			got, err = AppendSwitch(nil, Display, v.Expect["on"].(bool))
		default:
			got, err = Append(nil, Dialect(v.Profile), Op(v.Expect["command"].(string)), nil)
		}
		if err != nil || !slices.Equal(got, unhex(t, v.Hex)) {
			t.Errorf("%s: %x, %v; want %s", v.Name, got, err, v.Hex)
		}
	}
}

// frame makes what a module sends.
func frame(d Dialect, msg byte, data ...byte) []byte {
	f := []byte{0xEF, 0xAA, msg}
	if d == Sum {
		f = append(f, byte(len(data)>>24), byte(len(data)>>16))
	}
	f = append(f, byte(len(data)>>8), byte(len(data)))
	f = append(f, data...)
	return append(f, d.check(f[2:]))
}

func TestMessages(t *testing.T) {
	reply := func(to, result byte, body ...byte) []byte { return append([]byte{to, result}, body...) }
	for _, c := range []struct {
		name string
		d    Dialect
		msg  byte
		data []byte
		want map[string]any
	}{
		{"every failure", XOR, 0, reply(0x12, 1), map[string]any{"msg": "reply", "to": "verify", "result": "rejected"}},
		{"unknown result", XOR, 0, reply(0x12, 0x13), map[string]any{"msg": "reply", "to": "verify", "result": "13"}},
		{"unknown command", XOR, 0, reply(0x77, 0), map[string]any{"msg": "reply", "to": "77", "result": "ok"}},
		{"status", XOR, 0, reply(0x11, 0, 1), map[string]any{"msg": "reply", "to": "status", "result": "ok", "status": "busy"}},
		{"enrolled", XOR, 0, reply(0x1D, 0, 1, 2, 1), map[string]any{"msg": "reply", "to": "enrol_single", "result": "ok", "user_id": 258.0, "direction": 1.0}},
		{"ids", XOR, 0, reply(0x24, 0, 2, 0, 1, 0, 2, 0, 9), map[string]any{"msg": "reply", "to": "user_ids", "result": "ok", "user_ids": []any{1.0, 2.0}}},
		{"ids cut off", XOR, 0, reply(0x24, 0, 9, 0, 1, 0), map[string]any{"msg": "reply", "to": "user_ids", "result": "ok", "user_ids": []any{1.0}}},
		{"version", XOR, 0, append(reply(0x30, 0), "FM225 1.0\x00\x00"...), map[string]any{"msg": "reply", "to": "version", "result": "ok", "version": "FM225 1.0"}},
		{"serial that is no text", XOR, 0, reply(0x93, 0, 0xFF, 0xFE), map[string]any{"msg": "reply", "to": "serial", "result": "ok", "serial": "fffe"}},
		{"feature", XOR, 0, reply(0xFA, 0, 1, 2, 3), map[string]any{"msg": "reply", "to": "feature", "result": "ok", "length": 3.0}},
		{"export", XOR, 0, reply(0x7C, 0, 0, 1, 0, 0, 4, 0, 9, 9), map[string]any{"msg": "reply", "to": "export", "result": "ok", "user_id": 1.0, "size": 1024.0}},
		{"short user", XOR, 0, reply(0x12, 0, 0, 1), map[string]any{"msg": "reply", "to": "verify", "result": "ok"}},
		{"face state", XOR, 1, []byte{1, 1, 0, 0xFF, 0xFF, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0}, map[string]any{"msg": "note", "note": "face_state",
			"state": 1.0, "left": -1.0, "top": 2.0, "right": 3.0, "bottom": 4.0, "yaw": 5.0, "pitch": 6.0, "roll": 7.0}},
		{"unknown note", XOR, 1, []byte{0x09}, map[string]any{"msg": "note", "note": "09"}},
		{"tx510 count", Sum, 0, reply(0xC4, 0, 0, 3), map[string]any{"msg": "reply", "to": "count", "result": "ok", "count": 3.0}},
		{"tx510 feature", Sum, 0, reply(0xC6, 0, 7, 7), map[string]any{"msg": "reply", "to": "feature", "result": "ok", "length": 2.0}},
		{"empty", XOR, 0, nil, map[string]any{"error": "malformed"}},
		{"reply without result", XOR, 0, []byte{0x12}, map[string]any{"error": "malformed"}},
		{"no such message", XOR, 9, []byte{1, 2, 3}, map[string]any{"error": "malformed"}},
		{"picture", XOR, 2, []byte{1, 2, 3}, map[string]any{"error": "malformed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.d)
			b.feed(frame(c.d, c.msg, c.data...))
			if d := cmp.Diff([]map[string]any{c.want}, b.got); d != "" || b.c.Pending() {
				t.Error(d)
			}
		})
	}
}

func TestResync(t *testing.T) {
	ready := []byte{0xEF, 0xAA, 1, 0, 1, 0, 0}
	note := map[string]any{"msg": "note", "note": "ready"}
	malformed, checksum := map[string]any{"error": "malformed"}, map[string]any{"error": "checksum"}
	for _, c := range []struct {
		name   string
		before []byte
		want   []map[string]any
	}{
		{"doubled EF", []byte{0xEF}, []map[string]any{note}},
		{"many EF", []byte{0xEF, 0xEF, 0xEF}, []map[string]any{note}},
		{"EF and other", []byte{0xEF, 0x01, 0xAA}, []map[string]any{note}},
		{"a frame inside a bad frame", []byte{0xEF, 0xAA, 0, 0, 8, 0xEF, 0xAA, 0, 0, 2, 0x12, 0, 0x10, 0x77}, []map[string]any{checksum, note}},
		{"impossible size", []byte{0xEF, 0xAA, 0, 0xFF, 0xFF}, []map[string]any{malformed, note}},
		{"a picture is skipped to its end", frame(XOR, 2, append([]byte{0xEF, 0xAA}, ready...)...), []map[string]any{malformed, note}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, XOR)
			b.feed(append(c.before, ready...))
			if d := cmp.Diff(c.want, b.got); d != "" {
				t.Error(d)
			}
		})
	}
	huge := newBench(t, Sum)
	huge.feed([]byte{0xEF, 0xAA, 0, 0xFF, 0xFF, 0xFF, 0xFF})
	huge.feed(frame(Sum, 0, 0x12, 1))
	if len(huge.got) != 2 || huge.got[1]["result"] != "failed" {
		t.Errorf("%v", huge.got)
	}
	mid := newBench(t, XOR)
	fake := frame(XOR, 0, 0x12, 0)
	mid.feed(frame(XOR, 0, append([]byte{0x22, 0}, fake...)...)[:8])
	mid.c.Reset()
	mid.feed(append(fake[1:], 0))
	mid.feed(ready)
	if d := cmp.Diff([]map[string]any{note}, mid.got); d != "" {
		t.Errorf("after a Reset: %s", d)
	}
	if !strings.Contains(fmt.Sprintf("%v", mid.c.buf[:16]), "0 0 0 0") {
		t.Error("not wiped")
	}
}

// TestNoPictures tries every command byte: none of those that send pictures can be encoded.
func TestNoPictures(t *testing.T) {
	for _, d := range []Dialect{XOR, Sum} {
		codes := map[byte]Op{}
		for _, o := range d.opcodes() {
			if other, twice := codes[o.code]; twice {
				t.Errorf("%s: %02x is %s and %s", d, o.code, o.op, other)
			}
			codes[o.code] = o.op
			f, err := Append(nil, d, o.op, nil)
			if err != nil || f[2] != o.code {
				t.Errorf("%s %s: %x, %v", d, o.op, f, err)
			}
			if o.code >= 0x16 && o.code <= 0x18 {
				t.Errorf("%s: %s sends pictures", d, o.op)
			}
		}
		for code := range 256 {
			op := d.op(byte(code))
			if _, in := codes[byte(code)]; in {
				continue
			}
			if f, err := Append(nil, d, op, nil); err == nil {
				t.Errorf("%s: encoded %x", d, f)
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, err := range map[string]error{
		"verify for 0 s":   second(AppendVerify(nil, false, 0)),
		"verify for 256 s": second(AppendVerify(nil, false, 256)),
		"verify of TX510":  second(Append(nil, Sum, Verify, nil)),
		"too much data":    second(Append(nil, XOR, Import, make([]byte, MaxData+1))),
		"long name":        second(AppendEnrol(nil, false, strings.Repeat("n", NameSize), 5)),
		"other dialect":    second(Append(nil, "x", Status, nil)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := New("x"); err == nil {
		t.Error("a codec of no dialect")
	}
}

func second(_ []byte, err error) error { return err }

func TestExchange(t *testing.T) {
	msg := func(f []byte) *Message { return &Message{XOR, f[2], f[5 : len(f)-1]} }
	verified, status := msg(frame(XOR, 0, 0x12, 0x0D)), msg(frame(XOR, 0, 0x11, 0, 0))
	ready := msg(frame(XOR, 1, 0))
	var e Exchange
	if over, _ := e.Heard(verified); over {
		t.Error("a late reply counts")
	}
	if over, err := e.Heard(ready); over || err != nil {
		t.Error("nothing was outstanding")
	}
	if err := e.Begin(Verify, epoch, 12*time.Second); err != nil || e.Due() != epoch.Add(12*time.Second) {
		t.Error(err)
	}
	if err := e.Begin(Status, epoch, time.Second); !errors.Is(err, drivers.ErrBusy) {
		t.Error(err)
	}
	if over, _ := e.Heard(status); over {
		t.Error("a late reply to another command counts")
	}
	if over, err := e.Heard(verified); !over || err != nil || !e.Due().IsZero() {
		t.Error("its reply does not count")
	}
	e.Begin(Verify, epoch, time.Second)
	if over, err := e.Heard(ready); !over || !errors.Is(err, ErrRestarted) {
		t.Error("READY does not cancel")
	}
	e.Begin(Verify, epoch, time.Second)
	if e.Tick(epoch) != nil {
		t.Error("given up too early")
	}
	if err := e.Begin(Reset, epoch, time.Second); err != nil {
		t.Error(err)
	}
	if err := e.Tick(epoch.Add(time.Second)); !errors.Is(err, drivers.ErrTimeout) || e.Tick(epoch.Add(time.Hour)) != nil {
		t.Error(err)
	}
}

// TestFeaturesAreNotShown: whatever prints a message shows none of its data.
func TestFeaturesAreNotShown(t *testing.T) {
	c, err := New(XOR)
	if err != nil {
		t.Fatal(err)
	}
	c.Feed(frame(XOR, 0, append([]byte{0xFA, 0}, "canary"...)...), epoch, func(r scanner.Result) {
		m := r.Event.(*Message)
		if string(m.Body()) != "canary" {
			t.Error("no body")
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			s := fmt.Sprintf(verb, m) + fmt.Sprintf(verb, *m) + fmt.Sprint(m.Fields())
			if strings.Contains(s, "canary") || strings.Contains(s, "63616e") || strings.Contains(s, "99 97") {
				t.Errorf("%s shows %s", verb, s)
			}
		}
	})
	if strings.Contains(string(c.buf[:cap(c.buf)]), "canary") {
		t.Error("not wiped")
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f, "in") {
		f.Add(unhex(f, v.Hex), uint64(1), v.Profile == string(Sum))
	}
	f.Add(append([]byte{0xEF}, frame(XOR, 2, 1, 2, 3)...), uint64(2), false)
	f.Add([]byte{0xEF, 0xAA, 0, 0xFF, 0xFF, 0xFF, 0xFF}, uint64(3), true)
	f.Fuzz(func(t *testing.T, in []byte, seed uint64, sum bool) {
		d := XOR
		if sum {
			d = Sum
		}
		whole, parts := newBench(t, d), newBench(t, d)
		whole.feed(in)
		rng := rand.New(rand.NewPCG(seed, 1))
		for rest := in; len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			parts.feed(rest[:n])
			rest = rest[n:]
		}
		whole.silence(ByteGap)
		parts.silence(ByteGap)
		if !reflect.DeepEqual(whole.got, parts.got) {
			t.Fatal(cmp.Diff(whole.got, parts.got))
		}
		if whole.c.Pending() {
			t.Fatal("still pending")
		}
	})
}

// FuzzRoundTrip: what is encoded as a module would is decoded as it was.
func FuzzRoundTrip(f *testing.F) {
	f.Add(byte(0x12), byte(0), []byte{0, 1}, false)
	f.Add(byte(0xFA), byte(0), []byte{0xEF, 0xAA, 0xEF}, true)
	f.Fuzz(func(t *testing.T, to, result byte, body []byte, sum bool) {
		d := XOR
		if sum {
			d = Sum
		}
		if len(body)+2 > MaxData {
			return
		}
		c, _ := New(d)
		n := 0
		c.Feed(frame(d, 0, append([]byte{to, result}, body...)...), epoch, func(r scanner.Result) {
			m, ok := r.Event.(*Message)
			if !ok || string(m.Body()) != string(body) {
				t.Fatalf("%+v", r)
			}
			op, res, _ := m.Reply()
			if op != d.op(to) || res != Result(result) {
				t.Fatalf("%s %d", op, res)
			}
			n++
		})
		if n != 1 {
			t.Fatalf("%d messages", n)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	c, err := New(XOR)
	if err != nil {
		t.Fatal(err)
	}
	in := append(frame(XOR, 0, 0x12, 0x0C), frame(XOR, 2, make([]byte, 200)...)...)
	n := 0
	emit := func(r scanner.Result) {
		if r.Event != nil {
			n++
		}
	}
	if a := testing.AllocsPerRun(100, func() { c.Feed(in, epoch, emit) }); a != 0 || n == 0 {
		t.Errorf("%v allocations, %d messages", a, n)
	}
}

// TestGarbageWithoutEnd costs no memory.
func TestGarbageWithoutEnd(t *testing.T) {
	for _, d := range []Dialect{XOR, Sum} {
		for _, junk := range []string{"\xEF", "\xEF\xAA", "\xEF\xAA\x00\xFF\xFF", "\xEF\xAA\x00\x3F\xFF", "x"} {
			b := newBench(t, d)
			before := cap(b.c.buf)
			p := []byte(strings.Repeat(junk, 4096/len(junk)))
			for range 32 {
				b.c.Feed(p, epoch, func(r scanner.Result) {
					if r.Event != nil {
						t.Fatalf("%x is a message", junk)
					}
				})
			}
			if cap(b.c.buf) != before {
				t.Errorf("%x: the buffer grew to %d", junk, cap(b.c.buf))
			}
		}
	}
}
