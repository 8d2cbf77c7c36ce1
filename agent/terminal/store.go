package terminal

import (
	"context"
	"crypto"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tilld/tilld/internal/secret"
)

// Counter only goes up, and outlives the card that the journal lies on: who keeps its count
// beside the journal notices when an older copy of the card is put back. A TPM or a secure
// element has one.
type Counter interface {
	// Count reads it.
	Count(ctx context.Context) (uint64, error)
	// Increment counts up and returns the new count. After an error it may have counted or
	// not. Its memory wears: it is made for some hundred thousand increments.
	Increment(ctx context.Context) (uint64, error)
}

// Deriver makes keys of a root that it does not give away; see KeyStore.Derive.
type Deriver interface {
	Derive(label string) ([]byte, error)
}

// Root is a root key in memory. The owner of the secret wipes it.
func Root(key *secret.Bytes) Deriver { return root{key} }

type root struct{ key *secret.Bytes }

func (r root) Derive(label string) ([]byte, error) { return deriveFrom(r.key, label) }

// deriveFrom is HKDF-SHA256 of a root key.
func deriveFrom(key *secret.Bytes, label string) ([]byte, error) {
	if label == "" {
		return nil, errors.New("derive a record key: empty label")
	}
	return hkdf.Key(sha256.New, key.Reveal(), nil, "tilld record key 1 "+label, rootLen)
}

// Parts are what a Store is put together from.
type Parts struct {
	Root Deriver
	// Open opens the private key of a SigningKey; nil reads PEM files, which are extractable.
	Open func(SigningKey) (key crypto.Signer, extractable bool, err error)
	// Own are private keys that the device holds under a name of its own; none of them is
	// extractable.
	Own map[string]crypto.Signer
	// Counter may be nil.
	Counter Counter
	// Signers are the names that Signer knows besides Own.
	Signers map[string]SigningKey
	Made    bool // the root was made just now
}

// Store is a KeyStore whose root does not lie readable on the card. It is safe for
// concurrent use.
type Store struct {
	parts   Parts
	signers atomic.Pointer[map[string]SigningKey]
}

var _ KeyStore = (*Store)(nil)

// NewStore makes a Store.
func NewStore(p Parts) *Store {
	if p.Open == nil {
		p.Open = func(k SigningKey) (crypto.Signer, bool, error) {
			key, err := ReadPrivateKey(k.File)
			return key, true, err
		}
	}
	s := &Store{parts: p}
	s.SetSigners(p.Signers)
	return s
}

// SetSigners names the signing keys anew. Signers that were given out go on.
func (s *Store) SetSigners(signers map[string]SigningKey) { s.signers.Store(&signers) }

// Made reports whether the root was made when the store was opened.
func (s *Store) Made() bool { return s.parts.Made }

// Counter is the store's counter, nil when it has none.
func (s *Store) Counter() Counter { return s.parts.Counter }

// Derive implements KeyStore.
func (s *Store) Derive(label string) ([]byte, error) { return s.parts.Root.Derive(label) }

// Signer implements KeyStore. A file is read at each call.
func (s *Store) Signer(name string) (crypto.Signer, string, bool, error) {
	if k, ok := (*s.signers.Load())[name]; ok {
		key, extractable, err := s.parts.Open(k)
		if err != nil {
			return nil, "", false, err
		}
		return key, k.ID, extractable, nil
	}
	if key, ok := s.parts.Own[name]; ok {
		return key, "", false, nil
	}
	return nil, "", false, fmt.Errorf("find signing key %q: no such key", name)
}

// NewRootKey makes a random root key. The caller wipes it.
func NewRootKey() *secret.Bytes { return randomKey() }

// OutsideState refuses a file that lies in the state directory, also by way of a link.
func OutsideState(file, stateDir string) error { return outside(file, stateDir) }

// WriteKeyFile writes a new file of mode 0600 durably, and its folder if there is none. A
// half-written file never carries the name, and a file that is there is not replaced: that is
// fs.ErrExist.
func WriteKeyFile(op, file string, text []byte) error {
	fail := func(err error) error {
		return &KeyError{Op: op, File: file, Err: cause(err),
			Hint: "the folder must exist and be writable on the first start; or copy a keys file there"}
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	tmp, err := os.CreateTemp(dir, ".keys-*") // mode 0600
	if err != nil {
		return fail(err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		// Link does not replace: two first starts at once end with one key.
		err = os.Link(tmp.Name(), file)
	}
	if errors.Is(err, os.ErrExist) {
		return &KeyError{Op: op, File: file, Err: os.ErrExist, Hint: "move the old file away first, and keep it"}
	}
	if err != nil {
		return fail(err)
	}
	if d, err := os.Open(dir); err == nil {
		err = d.Sync()
		d.Close()
		if err != nil {
			return fail(err)
		}
	}
	return nil
}
