package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// needle is a secret that must not be found.
type needle struct {
	name  string
	value []byte
}

// pattern is one spelling of a needle, cut to what is the same wherever it stands.
type pattern struct {
	of    needle
	how   string
	bytes []byte
	// whole is where the needle begins, seen from a piece of it: a piece of what stands there
	// whole is not counted again.
	piece bool
	whole int
}

// haystack searches a stream once for any number of patterns.
type haystack struct {
	patterns map[uint64][]pattern // by their first eight bytes
	first    [1 << 16]bool        // by their first two
	longest  int
}

// spell prepares every spelling of the needles: raw, reversed, hex of both cases, packed
// digits, and base64 at its three alignments.
func spell(needles []needle) *haystack {
	h := &haystack{patterns: map[uint64][]pattern{}}
	for _, n := range needles {
		add := func(how string, b []byte) { h.add(pattern{of: n, how: how, bytes: b}) }
		add("raw", n.value)
		back := slices.Clone(n.value)
		slices.Reverse(back)
		add("reversed", back)
		add("hex", []byte(hex.EncodeToString(n.value)))
		if upper := strings.ToUpper(hex.EncodeToString(n.value)); upper != hex.EncodeToString(n.value) {
			add("HEX", []byte(upper))
		}
		for shift := range 3 {
			add(fmt.Sprintf("base64+%d", shift), base64Core(n.value, shift, base64.RawStdEncoding))
			if url := base64Core(n.value, shift, base64.RawURLEncoding); strings.ContainsAny(string(url), "-_") {
				add(fmt.Sprintf("base64url+%d", shift), url)
			}
		}
		if packed, err := hex.DecodeString(string(n.value)); err == nil {
			add("packed", packed)
		}
	}
	return h
}

// pieces are the beginning and the end of a needle that something tore apart.
const pieces = 12

// spellPieces is spell, and finds the beginning and the end of each needle as well.
func spellPieces(needles []needle) *haystack {
	h := spell(needles)
	for _, n := range needles {
		if end := len(n.value) - pieces; end > 0 {
			h.add(pattern{of: n, how: "beginning", bytes: n.value[:pieces], piece: true})
			h.add(pattern{of: n, how: "end", bytes: n.value[end:], piece: true, whole: end})
		}
	}
	return h
}

func (h *haystack) add(p pattern) {
	if len(p.bytes) < 8 {
		return
	}
	h.first[binary.LittleEndian.Uint16(p.bytes)] = true
	key := binary.LittleEndian.Uint64(p.bytes)
	h.patterns[key] = append(h.patterns[key], p)
	h.longest = max(h.longest, len(p.bytes))
}

// base64Core is what base64 makes of b when shift bytes stand before it: the characters that
// depend on b alone.
func base64Core(b []byte, shift int, enc *base64.Encoding) []byte {
	text := enc.EncodeToString(append(make([]byte, shift), b...))
	head := []int{0, 2, 3}[shift]
	tail := len(text)
	if (shift+len(b))%3 != 0 {
		tail--
	}
	return []byte(text[head:tail])
}

// hit is one finding.
type hit struct {
	pattern
	at     int64
	around []byte // what stands there, with up to surroundings bytes on both sides
	in     int    // where the hit begins in around
}

const surroundings = 512

func (h hit) String() string {
	return fmt.Sprintf("%s (%s) at %#x in %q", h.of.name, h.how, h.at, h.around[max(0, h.in-96):min(len(h.around), h.in+len(h.bytes)+96)])
}

// search reads r to its end.
func (h *haystack) search(r io.Reader) ([]hit, error) {
	var hits []hit
	buf := make([]byte, 0, 1<<20)
	at, begin := int64(0), 0
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := err != nil
		keep := min(len(buf), h.longest-1+surroundings)
		if last {
			keep = 0
		}
		hits = append(hits, h.scan(buf, begin, len(buf)-keep, at)...)
		// What was searched stays as the surroundings of what follows.
		from := max(0, len(buf)-keep-surroundings)
		begin = len(buf) - keep - from
		at += int64(from)
		buf = append(buf[:0], buf[from:]...)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return hits, nil
		}
		if err != nil {
			return hits, err
		}
	}
}

// scan finds the patterns that begin at begin or later, and before end; b begins at at.
func (h *haystack) scan(b []byte, begin, end int, at int64) (hits []hit) {
	for i := begin; i < end && i+8 <= len(b); i++ {
		if !h.first[uint16(b[i])|uint16(b[i+1])<<8] {
			continue
		}
		for _, p := range h.patterns[binary.LittleEndian.Uint64(b[i:])] {
			if !bytes.HasPrefix(b[i:], p.bytes) || p.piece && i >= p.whole && bytes.HasPrefix(b[i-p.whole:], p.of.value) {
				continue
			}
			from := max(0, i-surroundings)
			hits = append(hits, hit{p, at + int64(i), bytes.Clone(b[from:min(len(b), i+len(p.bytes)+surroundings)]), i - from})
		}
	}
	return hits
}

// TestSearchFindsEverySpelling: a search that finds nothing proves something only if it
// would find what is there, wherever it stands.
func TestSearchFindsEverySpelling(t *testing.T) {
	for _, value := range []string{"134567890123456789", "Kanarienvogel>?>?~~~"} {
		h := spell([]needle{{"canary", []byte(value)}})
		for name, plant := range spellings(t, value) {
			// The last place crosses the edge between two reads.
			for _, before := range []int{0, 1, 1<<20 - 5} {
				hits, err := h.search(strings.NewReader(strings.Repeat("\x00", before) + plant + "\x00\x00"))
				if err != nil || len(hits) == 0 || !strings.HasPrefix(name, hits[0].how) {
					t.Errorf("%s of %s behind %d bytes: found %v, %v", name, value, before, hits, err)
				}
			}
		}
		cut := value[:len(value)-1] + "\x00" + value[len(value)-1:]
		if hits, err := h.search(strings.NewReader(cut)); err != nil || len(hits) != 0 {
			t.Errorf("found %v, %v where nothing is", hits, err)
		}
	}
}

// spellings are the plants of a canary, made without the code that searches.
func spellings(t testing.TB, value string) map[string]string {
	t.Helper()
	reversed := []byte(value)
	slices.Reverse(reversed)
	plants := map[string]string{"raw": value, "reversed": string(reversed), "hex": hex.EncodeToString([]byte(value))}
	if upper := fmt.Sprintf("%X", value); upper != plants["hex"] {
		plants["HEX"] = upper
	}
	if packed, err := hex.DecodeString(value); err == nil {
		plants["packed"] = string(packed)
	}
	for shift := range 3 {
		for after := range 3 {
			text := []byte(strings.Repeat("x", shift) + value + strings.Repeat("y", after))
			name := fmt.Sprintf("%d and %d", shift, after)
			plants["base64+"+name] = base64.StdEncoding.EncodeToString(text)
			if url := base64.URLEncoding.EncodeToString(text); url != plants["base64+"+name] {
				plants["base64url+"+name] = url
			}
		}
	}
	return plants
}
