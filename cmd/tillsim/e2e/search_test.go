package e2e

import (
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
	of, how string
	bytes   []byte
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
		add := func(how string, b []byte) {
			if len(b) < 8 {
				return
			}
			h.first[binary.LittleEndian.Uint16(b)] = true
			key := binary.LittleEndian.Uint64(b)
			h.patterns[key] = append(h.patterns[key], pattern{n.name, how, b})
			h.longest = max(h.longest, len(b))
		}
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
	at      int64
	context string
}

func (h hit) String() string {
	return fmt.Sprintf("%s (%s) at %#x near %q", h.of, h.how, h.at, h.context)
}

// search reads r to its end.
func (h *haystack) search(r io.Reader) ([]hit, error) {
	var hits []hit
	buf := make([]byte, 0, 1<<20)
	at := int64(0)
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := err != nil
		keep := min(len(buf), h.longest-1)
		if last {
			keep = 0
		}
		hits = append(hits, h.scan(buf, len(buf)-keep, at)...)
		at += int64(len(buf) - keep)
		buf = append(buf[:0], buf[len(buf)-keep:]...)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return hits, nil
		}
		if err != nil {
			return hits, err
		}
	}
}

// scan finds the patterns that begin before end.
func (h *haystack) scan(b []byte, end int, at int64) (hits []hit) {
	for i := 0; i < end && i+8 <= len(b); i++ {
		if !h.first[uint16(b[i])|uint16(b[i+1])<<8] {
			continue
		}
		for _, p := range h.patterns[binary.LittleEndian.Uint64(b[i:])] {
			if len(b)-i >= len(p.bytes) && string(b[i:i+len(p.bytes)]) == string(p.bytes) {
				hits = append(hits, hit{p, at + int64(i), string(b[max(0, i-96):min(len(b), i+len(p.bytes)+96)])})
			}
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
