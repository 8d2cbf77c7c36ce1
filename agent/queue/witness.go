package queue

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/tilld/tilld/internal/disk"
)

// slotSize is a page: a device that tears writes inside a page tears one slot, and the
// other one is the state before.
const slotSize = 4096

var witnessMagic = []byte("TDW1")

// witness is the file of two sealed slots, written in turn. It is allocated and filled
// when it is made, so that a write changes data blocks alone and cannot run out of space.
type witness struct {
	f    *os.File
	aead cipher.AEAD
	// buf is one slot: magic, nonce, sealed plaintext of fixed length.
	buf [slotSize]byte
}

// openWitness opens or makes the file. It returns the newest state that opens (nil if
// none) and how many slots hold something that does not open.
func openWitness(path string, key []byte) (*witness, *state, int, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, nil, 0, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err = disk.WriteFile(path, make([]byte, 2*slotSize)); err == nil {
			f, err = os.OpenFile(path, os.O_RDWR, 0)
		}
	}
	if err != nil {
		return nil, nil, 0, err
	}
	w := &witness{f: f, aead: aead}
	content := make([]byte, 2*slotSize)
	n, _ := f.ReadAt(content, 0)
	if n < len(content) { // cut: make the missing part real again, without touching the rest
		if _, err := f.WriteAt(make([]byte, len(content)-n), int64(n)); err != nil {
			f.Close()
			return nil, nil, 0, err
		}
	}
	var best *state
	damaged := 0
	for i := range 2 {
		slot := content[i*slotSize : (i+1)*slotSize]
		s, err := w.unseal(slot, i)
		switch {
		case err == nil && (best == nil || s.Generation > best.Generation):
			best = s
		case err != nil && !bytes.Equal(slot, make([]byte, slotSize)):
			damaged++
		}
	}
	return w, best, damaged, nil
}

func (w *witness) unseal(slot []byte, i int) (*state, error) {
	if !bytes.HasPrefix(slot, witnessMagic) {
		return nil, errState
	}
	nonce := slot[4 : 4+chacha20poly1305.NonceSizeX]
	plain, err := w.aead.Open(nil, nonce, slot[4+len(nonce):], append(witnessMagic[:4:4], byte(i)))
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(plain))
	if n > len(plain)-2 {
		return nil, errState
	}
	s, err := parseState(plain[2 : 2+n])
	if err == nil && int(s.Generation&1) != i {
		err = errState
	}
	return s, err
}

// write makes s durable in the slot whose turn it is. The caller has raised Generation.
// Not safe for concurrent use.
func (w *witness) write(s *state) error {
	i := int(s.Generation & 1)
	const room = slotSize - 4 - chacha20poly1305.NonceSizeX - chacha20poly1305.Overhead
	plain := make([]byte, 2, room)
	plain = s.appendTo(plain)
	if len(plain) > room {
		return fmt.Errorf("write witness: %d bytes of state do not fit a slot", len(plain))
	}
	binary.BigEndian.PutUint16(plain, uint16(len(plain)-2))
	plain = plain[:room]

	b := append(w.buf[:0], witnessMagic...)
	b = b[:4+chacha20poly1305.NonceSizeX]
	rand.Read(b[4:])
	b = w.aead.Seal(b, b[4:], plain, append(witnessMagic[:4:4], byte(i)))
	if _, err := w.f.WriteAt(b, int64(i)*slotSize); err != nil {
		return fmt.Errorf("write witness: %w", err)
	}
	if err := disk.Datasync(w.f); err != nil {
		return fmt.Errorf("write witness: %w", err)
	}
	return nil
}

func (w *witness) close() error { return w.f.Close() }
