package rsid

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/scanner"
)

var epoch = time.Unix(1_800_000_000, 0)

type bench struct {
	c   *Codec
	now time.Time
	got []map[string]any
}

func newBench() *bench { return &bench{c: New(), now: epoch} }

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

func TestVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/rsid.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Vectors []struct {
			Name, Hex string
			Expect    struct {
				Msg, Status string
				Sequence    uint32
				UserID      string `json:"user_id"`
			}
		}
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Vectors {
		want, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		got, err := AppendFA(nil, Msg(v.Expect.Msg[0]), v.Expect.Sequence, v.Expect.UserID, v.Expect.Status[0]-'0')
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %x, %v", v.Name, got, err)
		}
		b := newBench()
		b.feed(want)
		if d := cmp.Diff([]map[string]any{{"msg": v.Expect.Msg, "sequence": float64(v.Expect.Sequence), "user_id": v.Expect.UserID, "status": v.Expect.Status}}, b.got); d != "" {
			t.Error(d)
		}
	}
}

// packet makes one as a module does, whatever the message.
func packet(m Msg, sequence uint32, body []byte) []byte {
	p := []byte{'@', 'F', 3, byte(m)}
	p = append(p, make([]byte, 16)...)
	size := (4 + len(body) + 31) / 32 * 32
	p = binary.LittleEndian.AppendUint16(p, uint16(size))
	p = binary.LittleEndian.AppendUint32(p, sequence)
	p = append(p, body...)
	p = append(p, make([]byte, size-4-len(body)+32)...)
	return seal(p)
}

func seal(p []byte) []byte { return binary.LittleEndian.AppendUint16(p, crc(p)) }

func fa(m Msg, user string, status byte) []byte {
	p, err := AppendFA(nil, m, 7, user, status)
	if err != nil {
		panic(err)
	}
	return p
}

func prints() []byte {
	b := make([]byte, PrintsSize)
	b[0] = 9
	copy(b[12:], "canary")
	return b
}

func TestMessages(t *testing.T) {
	secure := fa(Result, "", 0)
	secure[4] = 1
	secure = seal(secure[:len(secure)-2])
	old := fa(Result, "", 0)
	old[2] = 2
	bad := fa(Result, "", 0)
	bad[30] ^= 1
	noStatus := packet(Result, 1, make([]byte, 40))
	for _, c := range []struct {
		name string
		in   []byte
		want []map[string]any
	}{
		{"result", fa(Result, "tilld", 0), []map[string]any{{"msg": "R", "sequence": 7.0, "user_id": "tilld", "status": "0"}}},
		{"spoof", fa(Result, "", 16), []map[string]any{{"msg": "R", "sequence": 7.0, "user_id": "", "status": "@"}}},
		{"kind of spoof", fa(Result, "", 127), []map[string]any{{"msg": "R", "sequence": 7.0, "user_id": "", "status": "\u00af"}}},
		{"hint", fa(Hint, "", 4), []map[string]any{{"msg": "H", "sequence": 7.0, "user_id": "", "status": "4"}}},
		{"reply", fa(Reply, "", 17), []map[string]any{{"msg": "Y", "sequence": 7.0, "user_id": "", "status": "A"}}},
		{"faceprints", packet(Faceprints, 2, prints()), []map[string]any{{"msg": "f", "sequence": 2.0, "length": 1042.0, "version": 9.0}}},
		{"face box", packet(FaceBox, 2, []byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}), []map[string]any{{"msg": "g", "sequence": 2.0, "x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0}}},
		{"session", packet(StartSession, 0, nil), []map[string]any{{"msg": "o", "sequence": 0.0, "length": 28.0}}},
		{"secure mode", secure, []map[string]any{{"msg": "R", "encrypted": true, "length": 64.0}}},
		{"two at once", append(fa(Hint, "", 1), fa(Result, "", 1)...), []map[string]any{{"msg": "H", "sequence": 7.0, "user_id": "", "status": "1"}, {"msg": "R", "sequence": 7.0, "user_id": "", "status": "1"}}},
		{"after text", append([]byte(FaceAPI+"user@@"), fa(Result, "", 0)[1:]...), []map[string]any{{"msg": "R", "sequence": 7.0, "user_id": "", "status": "0"}}},
		{"bad CRC", bad, []map[string]any{{"error": "checksum"}}},
		{"other version", old, []map[string]any{{"error": "malformed"}}},
		{"no status", noStatus, []map[string]any{{"error": "malformed"}}},
		{"picture, then a result", append(packet('e', 1, append(fa(Result, "", 0), 1, 2, 3)), fa(Hint, "", 0)...), []map[string]any{{"error": "malformed"}, {"msg": "H", "sequence": 7.0, "user_id": "", "status": "0"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench()
			b.feed(c.in)
			if d := cmp.Diff(c.want, b.got); d != "" {
				t.Error(d)
			}
			for i := range c.in {
				parts := newBench()
				parts.feed(c.in[:i])
				parts.now = parts.now.Add(ByteGap - time.Millisecond)
				parts.feed(c.in[i:])
				if d := cmp.Diff(c.want, parts.got); d != "" {
					t.Fatalf("split at %d: %s", i, d)
				}
				cut := newBench()
				cut.feed(c.in[:i])
				cut.silence(ByteGap)
				for _, got := range cut.got {
					if got["error"] == nil && !slices.ContainsFunc(c.want, func(w map[string]any) bool { return cmp.Equal(w, got) }) {
						t.Fatalf("truncated to %d: %v", i, got)
					}
				}
				if cut.c.Pending() {
					t.Fatalf("truncated to %d: still pending", i)
				}
			}
		})
	}
}

func TestNoiseBefore(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	in, want := fa(Result, "tilld", 0), map[string]any{"msg": "R", "sequence": 7.0, "user_id": "tilld", "status": "0"}
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	for n := 1; n <= 64; n++ {
		for range rounds {
			noise := make([]byte, n)
			for i := range noise {
				noise[i] = byte(rng.Uint32())
			}
			b := newBench()
			b.feed(noise)
			b.feed(in)
			for _, got := range b.got {
				if got["error"] == nil && !cmp.Equal(got, want) {
					t.Fatalf("after %x: %v", noise, got)
				}
			}
			b.silence(ByteGap)
			b.feed(in)
			if !cmp.Equal(b.got[len(b.got)-1], want) {
				t.Fatalf("a pause after %x: %v", noise, b.got)
			}
		}
	}
}

// TestNoPictures tries every letter: none of the messages with pictures can be encoded.
func TestNoPictures(t *testing.T) {
	for m := range 256 {
		_, err := Append(nil, Msg(m), 0, nil)
		if known := strings.IndexByte(letters, byte(m)) >= 0; (err == nil) != known {
			t.Errorf("%q: %v", byte(m), err)
		}
	}
	for _, m := range []byte(pictures) {
		if Msg(m).Known() {
			t.Errorf("%q is in the table", m)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, f := range map[string]func() ([]byte, error){
		"long user":       func() ([]byte, error) { return AppendFA(nil, Authenticate, 0, strings.Repeat("u", 31), 0) },
		"zero in user":    func() ([]byte, error) { return AppendFA(nil, Authenticate, 0, "a\x00b", 0) },
		"status":          func() ([]byte, error) { return AppendFA(nil, Authenticate, 0, "", 200) },
		"data as FA":      func() ([]byte, error) { return AppendFA(nil, StartSession, 0, "", 0) },
		"too much data":   func() ([]byte, error) { return Append(nil, StartSession, 0, make([]byte, MaxPayload)) },
		"unknown message": func() ([]byte, error) { return AppendFA(nil, 'Z', 0, "", 0) },
	} {
		if b, err := f(); err == nil || len(b) > 0 {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestPrintsAreNotShown: whatever prints a packet shows none of its body.
func TestPrintsAreNotShown(t *testing.T) {
	c := New()
	c.Feed(packet(Faceprints, 1, prints()), epoch, func(r scanner.Result) {
		p := r.Event.(*Packet)
		if !bytes.Contains(p.Body(), []byte("canary")) {
			t.Error("no body")
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			s := fmt.Sprintf(verb, p) + fmt.Sprintf(verb, *p) + fmt.Sprint(p.Fields())
			if strings.Contains(s, "canary") || strings.Contains(s, "63616e") || strings.Contains(s, "99 97") {
				t.Errorf("%s shows %s", verb, s)
			}
		}
	})
	if bytes.Contains(c.buf[:cap(c.buf)], []byte("canary")) {
		t.Error("not wiped")
	}
}

func TestResetSkipsTheRest(t *testing.T) {
	b := newBench()
	outer := packet(Faceprints, 1, fa(Result, "", 0))
	b.feed(outer[:head+4])
	b.c.Reset()
	b.feed(outer[head+4:])
	b.feed(fa(Hint, "", 0))
	if len(b.got) != 1 || b.got[0]["msg"] != "H" {
		t.Errorf("%v", b.got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(fa(Result, "tilld", 0), uint64(1))
	f.Add(packet(Faceprints, 1, prints()), uint64(2))
	f.Add(packet('e', 1, []byte("picture")), uint64(3))
	f.Add([]byte(FaceAPI+"@@F"), uint64(4))
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		whole, parts := newBench(), newBench()
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

// FuzzRoundTrip: what is encoded is decoded as it was.
func FuzzRoundTrip(f *testing.F) {
	f.Add("tilld", byte(0), uint32(1))
	f.Fuzz(func(t *testing.T, user string, status byte, sequence uint32) {
		p, err := AppendFA(nil, Result, sequence, user, status)
		if err != nil {
			return
		}
		c := New()
		n := 0
		c.Feed(p, epoch, func(r scanner.Result) {
			pkt, ok := r.Event.(*Packet)
			if !ok {
				return // a user id that is no text
			}
			u, s, ok := pkt.FA()
			if !ok || u != user || s != status || pkt.Sequence() != sequence {
				t.Fatalf("%q %d", u, s)
			}
			n++
		})
		if n == 0 && strings.ToValidUTF8(user, "") == user {
			t.Fatal("nothing")
		}
	})
}

func TestNoAllocation(t *testing.T) {
	c, n := New(), 0
	in := append(fa(Result, "tilld", 0), packet('e', 1, make([]byte, 200))...)
	emit := func(r scanner.Result) {
		if r.Event != nil {
			n++
		}
	}
	if a := testing.AllocsPerRun(100, func() { c.Feed(in, epoch, emit) }); a != 0 || n == 0 {
		t.Errorf("%v allocations, %d packets", a, n)
	}
}

// TestGarbageWithoutEnd costs no memory.
func TestGarbageWithoutEnd(t *testing.T) {
	for _, junk := range []string{"@", "@F", "@F\x03R", "@F\x03" + strings.Repeat("A", 17) + "\xFF\x1F", "x"} {
		c := New()
		before := cap(c.buf)
		p := []byte(strings.Repeat(junk, 4096/len(junk)))
		for range 32 {
			c.Feed(p, epoch, func(r scanner.Result) {
				if r.Event != nil {
					t.Fatalf("%x is a packet", junk)
				}
			})
		}
		if cap(c.buf) != before {
			t.Errorf("%x: the buffer grew to %d", junk, cap(c.buf))
		}
	}
}
