package biometric

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/bits"
	"strings"
	"testing"
)

func TestProtectedRoundTrip(t *testing.T) {
	for _, c := range []struct {
		probe   bool
		samples int
		size    int
	}{{false, 1, 288}, {false, 3, 800}, {true, 25, 6432}} {
		p := protected(t, header(c.probe), c.samples)
		b, err := p.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != c.size || p.Size() != c.size {
			t.Errorf("%d samples are %d bytes, %d said, want %d", c.samples, len(b), p.Size(), c.size)
		}
		got, err := ParseProtected(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := got.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("something else came back, %v", err)
		}
		if b[HeaderSize] != byte(p.Sample(0)[0]) {
			t.Error("the first bit is not the least significant one")
		}
	}
}

func TestProtectedStrict(t *testing.T) {
	ref, err := protected(t, header(false), 3).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	probe, err := protected(t, header(true), 25).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":                  nil,
		"a header alone":           ref[:HeaderSize],
		"half a sample":            ref[:HeaderSize+128],
		"four samples":             append(bytes.Clone(ref), ref[HeaderSize:HeaderSize+256]...),
		"one byte more":            append(bytes.Clone(ref), 0),
		"a probe of 24 shifts":     probe[:len(probe)-256],
		"a probe of 26 shifts":     append(bytes.Clone(probe), probe[HeaderSize:HeaderSize+256]...),
		"a probe longer than 8 KB": probeOf(t, 49),
	} {
		if _, err := ParseProtected(b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// probeOf is a probe of the standard profile that reaches 3 cells, by hand: it is too long.
func probeOf(t *testing.T, shifts int) []byte {
	h := header(true)
	h.Shifts = 3
	b, err := h.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, make([]byte, shifts*256)...)
}

func TestProtectedShowsNothing(t *testing.T) {
	p := protected(t, header(false), 1)
	p.words[0] = 0x6161616161616161
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "template", p, "value", *p)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "template", p, "value", *p)
	j, err := json.Marshal(struct{ P *Protected }{p})
	if err != nil {
		t.Fatal(err)
	}
	out := log.String() + string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, p) + fmt.Sprintf(verb, *p) + fmt.Sprintf(verb, struct{ P *Protected }{p})
	}
	for _, shown := range []string{"6161", "aaaa", "7016996765293437281"} {
		if strings.Contains(out, shown) {
			t.Fatalf("shown: %s", out)
		}
	}
}

func TestProtectedReuse(t *testing.T) {
	p := protected(t, header(true), 25)
	first := &p.words[0]
	if err := p.Reset(header(false), 3); err != nil {
		t.Fatal(err)
	}
	if &p.words[0] != first {
		t.Error("memory was taken anew")
	}
	for _, w := range p.words[:cap(p.words)] {
		if w != 0 {
			t.Fatal("the samples before were not wiped")
		}
	}
	p.Wipe()
	p.Wipe()
	if p.Samples() != 0 || p.Size() != HeaderSize {
		t.Error("a wiped template has samples")
	}
	if _, err := p.AppendBinary(nil); err == nil {
		t.Error("a wiped template was encoded")
	}
}

func TestMatch(t *testing.T) {
	ref, probe := protected(t, header(false), 3), protected(t, header(true), 25)
	for i := range probe.words {
		probe.words[i] = ^probe.words[i]
	}
	copy(probe.Sample(24), ref.Sample(2))
	probe.Sample(24)[31] ^= 0b111
	c, err := Match(ref, probe)
	if err != nil {
		t.Fatal(err)
	}
	if c.Distance != 3./2048 || c.WrongHand {
		t.Errorf("got %+v", c)
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = Match(ref, probe) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMatchHands(t *testing.T) {
	for _, c := range []struct {
		ref, probe Hand
		wrong      bool
	}{
		{LeftHand, LeftHand, false}, {LeftHand, RightHand, true}, {RightHand, LeftHand, true},
		{UnknownHand, LeftHand, false}, {RightHand, UnknownHand, false}, {UnknownHand, UnknownHand, false},
	} {
		ref, probe := protected(t, header(false), 1), protected(t, header(true), 25)
		ref.h.Hand, probe.h.Hand = c.ref, c.probe
		got, err := Match(ref, probe)
		if err != nil || got.WrongHand != c.wrong {
			t.Errorf("%d and %d: %+v, %v", c.ref, c.probe, got, err)
		}
		if got.Distance != 0 {
			t.Errorf("the hand kept a distance of %v from being told", got.Distance)
		}
	}
}

func TestMatchRefuses(t *testing.T) {
	ref, probe := protected(t, header(false), 3), protected(t, header(true), 25)
	for name, spoil := range map[string]func(h *Header){
		"epoch":          func(h *Header) { h.Epoch++ },
		"characteristic": func(h *Header) { h.Characteristic = PalmPrint },
		"algorithm":      func(h *Header) { h.Algorithm = 2 },
		"bits":           func(h *Header) { h.Bits = 1024 },
	} {
		other := protected(t, header(true), 25)
		spoil(&other.h)
		if c, err := Match(ref, other); err == nil {
			t.Errorf("%s: compared, %+v", name, c)
		}
	}
	for name, pair := range map[string][2]*Protected{
		"swapped":        {probe, ref},
		"two references": {ref, ref},
		"two probes":     {probe, probe},
		"wiped":          {NewProtected(nil), probe},
	} {
		if c, err := Match(pair[0], pair[1]); err == nil {
			t.Errorf("%s: compared, %+v", name, c)
		}
	}
}

func TestHamming(t *testing.T) {
	for n := range 9 {
		a, b, want := make([]uint64, n), make([]uint64, n), 0
		for i := range n {
			a[i], b[i] = uint64(i)*0x9e3779b97f4a7c15, uint64(i*i)*0xbf58476d1ce4e5b9
			want += bits.OnesCount64(a[i] ^ b[i])
		}
		if got := Hamming(a, b); got != want {
			t.Errorf("%d words: %d, want %d", n, got, want)
		}
	}
}

func FuzzProtected(f *testing.F) {
	for _, p := range []*Protected{protected(f, header(true), 25), protected(f, header(false), 1), protected(f, header(false), 3)} {
		b, err := p.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= HeaderSize {
			b = bytes.Clone(b)
			binary.BigEndian.PutUint32(b[28:], crc32.ChecksumIEEE(b[:28]))
		}
		p, err := ParseProtected(b)
		if err != nil {
			return
		}
		again, err := p.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("another template came back, %v", err)
		}
		other := protected(t, header(true), 25)
		if c, err := Match(p, other); err == nil && (c.Distance < 0 || c.Distance > 1) {
			t.Fatalf("distance %v", c.Distance)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	ref, probe := protected(b, header(false), 3), protected(b, header(true), 25)
	ref.Sample(0)[0]++
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Match(ref, probe); err != nil {
			b.Fatal(err)
		}
	}
}
