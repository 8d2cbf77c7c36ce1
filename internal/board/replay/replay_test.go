package replay

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// write is one entry of a log that a test makes: content fills its sectors.
type write struct {
	at, count int
	flags     uint64
	content   byte
}

func logOf(writes ...write) []byte {
	b := make([]byte, Sector)
	binary.LittleEndian.PutUint64(b, logMagic)
	binary.LittleEndian.PutUint64(b[8:], logVersion)
	binary.LittleEndian.PutUint64(b[entriesAt:], uint64(len(writes)))
	binary.LittleEndian.PutUint32(b[24:], Sector)
	for _, w := range writes {
		head := make([]byte, Sector)
		binary.LittleEndian.PutUint64(head, uint64(w.at))
		binary.LittleEndian.PutUint64(head[8:], uint64(w.count))
		binary.LittleEndian.PutUint64(head[16:], w.flags)
		b = append(b, head...)
		if w.flags&flagDiscard == 0 {
			b = append(b, bytes.Repeat([]byte{w.content}, w.count*Sector)...)
		}
	}
	return b
}

func TestRead(t *testing.T) {
	log := bytes.NewReader(logOf(write{8, 2, 0, 'a'}, write{0, 64, flagDiscard, 0}, write{0, 0, flagFlush, 0}, write{9, 1, flagFUA, 'b'}))
	if n, err := Entries(log); n != 4 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	list, err := Read(log, 4)
	if err != nil {
		t.Fatal(err)
	}
	if list[0].Flush() || !list[2].Flush() || !list[3].fua() || !list[1].empty() || list[3].End() != log.Size() {
		t.Errorf("%+v", list)
	}
	if _, err := Read(log, 5); err == nil {
		t.Error("more entries than the log has were read")
	}
	if _, err := Read(bytes.NewReader(make([]byte, 1024)), 1); err == nil {
		t.Error("what is no log was read")
	}
}

// What was flushed is there, what the device did on its own account is there, and of the rest
// anything may be, but nothing that was never written.
func TestCut(t *testing.T) {
	before := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(before, make([]byte, 16<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	log := bytes.NewReader(logOf(write{0, 2, 0, 'a'}, write{0, 0, flagFlush, 0}, write{0, 2, 0, 'b'}, write{4, 1, flagFUA, 'c'}, write{8, 4, 0, 'd'}))
	entries, err := Read(log, 5)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDisk(before, log, entries)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for seed := range uint64(200) {
		if err := d.Cut(5, 2, rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 16<<10)
		if _, err := d.image.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		sectors := make([]byte, 12)
		for i := range sectors {
			sectors[i] = b[i*Sector]
		}
		if (sectors[0] != 'a' && sectors[0] != 'b') || (sectors[1] != 'a' && sectors[1] != 'b') || sectors[4] != 'c' || sectors[2] != 0 {
			t.Fatalf("%q", sectors)
		}
		seen[string(sectors)] = true
	}
	for _, want := range []string{"aa\x00\x00c\x00\x00\x00\x00\x00\x00\x00", "bb\x00\x00c\x00\x00\x00dddd", "ba\x00\x00c\x00\x00\x00\x00\x00\x00\x00", "aa\x00\x00c\x00\x00\x00dd\x00\x00"} {
		if !seen[want] {
			t.Errorf("%q never came of 200 cuts", want)
		}
	}
}
