package biometric

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"
)

func TestHeaderRoundTrip(t *testing.T) {
	for _, probe := range []bool{true, false} {
		for _, pad := range []Decision{Undetermined, BonaFide, Attack} {
			h := header(probe)
			h.PAD = pad
			b, err := h.AppendBinary([]byte("before"))
			if err != nil {
				t.Fatal(err)
			}
			if len(b) != 6+HeaderSize {
				t.Fatalf("%d bytes", len(b))
			}
			got, err := ParseHeader(b[6:])
			if err != nil || got != h {
				t.Errorf("got %+v, %v, want %+v", got, err, h)
			}
		}
	}
}

func TestHeaderCoarse(t *testing.T) {
	exact := time.Date(2026, 5, 6, 23, 59, 59, 999e6, time.FixedZone("CST", 8*3600))
	for quality, want := range map[int]int{-5: 0, 0: 0, 24: 0, 25: 25, 99: 75, 100: 100, 1000: 100} {
		h := Header{Quality: quality, At: exact, Probe: true}.Coarse()
		if h.Quality != want || !h.At.Equal(time.Date(2026, 5, 6, 15, 59, 0, 0, time.UTC)) {
			t.Errorf("quality %d: %+v", quality, h)
		}
	}
	if h := (Header{At: exact}).Coarse(); !h.At.Equal(time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("a reference's time is %v", h.At)
	}
	if h := (Header{At: time.UnixMilli(-1), Probe: true}).Coarse(); h.At.UnixMilli() != -60000 {
		t.Errorf("before 1970: %v", h.At)
	}
}

// TestHeaderStrict spoils each field and repairs the CRC: each is refused for itself.
func TestHeaderStrict(t *testing.T) {
	good, err := header(true).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at   int
		with []byte
	}{
		"magic":                 {3, []byte{1}},
		"version":               {4, []byte{2}},
		"characteristic 0":      {5, []byte{0}},
		"characteristic 4":      {5, []byte{4}},
		"hand":                  {6, []byte{3}},
		"algorithm":             {7, []byte{2}},
		"length":                {8, []byte{4, 1}},
		"length of nothing":     {8, []byte{0, 0}},
		"draws":                 {10, []byte{7}},
		"shifts":                {11, []byte{4}},
		"epoch":                 {12, []byte{0, 0, 0, 0}},
		"quality":               {16, []byte{76}},
		"quality beyond":        {16, []byte{125}},
		"PAD":                   {17, []byte{3}},
		"flags":                 {18, []byte{0, 3}},
		"a reference of shifts": {18, []byte{0, 0}},
		"time not coarse":       {27, []byte{good[27] + 1}},
		"time 0":                {20, make([]byte, 8)},
		"time of no end":        {20, []byte{0x80}},
	} {
		b := bytes.Clone(good)
		copy(b[c.at:], c.with)
		binary.BigEndian.PutUint32(b[28:], crc32.ChecksumIEEE(b[:28]))
		if h, err := ParseHeader(b); err == nil {
			t.Errorf("%s: taken as %+v", name, h)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x40
		if _, err := ParseHeader(b); err == nil {
			t.Errorf("byte %d changed: taken", i)
		}
		if _, err := ParseHeader(good[:i]); err == nil {
			t.Errorf("%d bytes: taken", i)
		}
	}
	if _, err := (Header{}).AppendBinary(nil); err == nil {
		t.Error("an empty header was encoded")
	}
}

func FuzzHeader(f *testing.F) {
	for _, probe := range []bool{true, false} {
		b, err := header(probe).AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= HeaderSize { // a fuzzer finds no CRC by itself
			b = bytes.Clone(b)
			binary.BigEndian.PutUint32(b[28:], crc32.ChecksumIEEE(b[:28]))
		}
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		again, err := h.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, b[:HeaderSize]) {
			t.Fatalf("%x became %x, %v", b[:HeaderSize], again, err)
		}
	})
}
