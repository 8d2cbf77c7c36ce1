package queue

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/tilld/tilld/internal/disk"
	"github.com/tilld/tilld/internal/secret"
)

// keyring holds what was derived from the root. The key of each day is random and lies,
// wrapped, in a file of its own: destroying that file is what makes a day unreadable.
type keyring struct {
	dir     string // of the wrapped keys
	check   string
	witness []byte
	code    []byte
	wrap    cipher.AEAD
	summary cipher.AEAD
}

func newKeyring(k Keys, dir string) (*keyring, error) {
	var derived [5][]byte
	for i, label := range []string{labelCheck, labelWitness, labelDay, labelSummary, labelCode} {
		b, err := k.Derive(label)
		if err == nil && len(b) != 32 {
			err = fmt.Errorf("the key provider gave %d bytes instead of 32", len(b))
		}
		if err != nil {
			return nil, fmt.Errorf("open queue: derive key: %w", err)
		}
		derived[i] = b
	}
	r := &keyring{dir: dir, witness: derived[1], code: derived[4]}
	m := hmac.New(sha256.New, derived[0])
	m.Write([]byte("tilld queue"))
	r.check = hex.EncodeToString(m.Sum(nil)[:16])
	var err1, err2 error
	r.wrap, err1 = chacha20poly1305.NewX(derived[2])
	r.summary, err2 = chacha20poly1305.NewX(derived[3])
	return r, errors.Join(err1, err2)
}

var keyMagic = []byte("TDK1")

// keyCopies lie a page apart: a page that goes bad takes one.
const (
	keyCopies = 2
	keyLen    = 4 + chacha20poly1305.NonceSizeX + chacha20poly1305.KeySize + chacha20poly1305.Overhead
)

func (r *keyring) path(day uint32) string { return filepath.Join(r.dir, fmt.Sprintf("%06d", day)) }

func keyAD(day uint32) []byte { return binary.BigEndian.AppendUint32([]byte("day"), day) }

// create makes a day's key and makes it durable.
func (r *keyring) create(day uint32) (cipher.AEAD, error) {
	key := make([]byte, chacha20poly1305.KeySize)
	rand.Read(key)
	defer secret.Zero(key)
	b := make([]byte, keyCopies*slotSize)
	for i := range keyCopies {
		slot := append(b[i*slotSize:i*slotSize], keyMagic...)
		slot = slot[:4+chacha20poly1305.NonceSizeX]
		rand.Read(slot[4:])
		r.wrap.Seal(slot, slot[4:], key, keyAD(day))
	}
	if err := disk.WriteFile(r.path(day), b); err != nil {
		return nil, fmt.Errorf("make the key of day %06d: %w", day, err)
	}
	return chacha20poly1305.NewX(key)
}

// open reads a day's key from whichever copy is whole.
func (r *keyring) open(day uint32) (cipher.AEAD, error) {
	b, err := os.ReadFile(r.path(day))
	if err != nil {
		return nil, fmt.Errorf("read the key of day %06d: %w", day, err)
	}
	for i := range keyCopies {
		at := i * slotSize
		if len(b) < at+keyLen {
			break
		}
		nonce := b[at+4 : at+4+chacha20poly1305.NonceSizeX]
		key, err := r.wrap.Open(nil, nonce, b[at+4+len(nonce):at+keyLen], keyAD(day))
		if err == nil {
			defer secret.Zero(key)
			return chacha20poly1305.NewX(key)
		}
	}
	return nil, fmt.Errorf("read the key of day %06d: no copy of it opens", day)
}

// destroy makes a day unreadable. It is done when the key is gone already.
func (r *keyring) destroy(day uint32) error {
	err := disk.Shred(r.path(day))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// CodeMAC is the HMAC-SHA256 of a payment code under a key that outlives midnight and
// restarts.
func (q *Queue) CodeMAC(code []byte) []byte {
	sum := secret.MAC(q.keys.code, code)
	return sum[:]
}
