package terminal

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/tilld/tilld/internal/secret"
)

// KeyStore holds the terminal's keys: a FileStore, or a Store behind which a TPM or a secure
// element stands and whose keys cannot be taken out.
type KeyStore interface {
	// Derive makes 32 bytes that depend on the terminal's root key and the label alone.
	// The root key itself is never given away. The caller wipes the result.
	Derive(label string) ([]byte, error)
	// Signer returns the private key of that name and what the other side calls it.
	// Extractable says that whoever reads this terminal's storage can copy the key.
	Signer(name string) (key crypto.Signer, id string, extractable bool, err error)
}

// SigningKey is where a FileStore finds one private key.
type SigningKey struct {
	ID   string // what the other side calls it
	File string // PKCS#8, PKCS#1 or SEC 1 in PEM, mode 0600
}

// KeyError says what is wrong with a file of keys. It never holds a part of one.
type KeyError struct {
	Op, File string
	Hint     string
	Err      error
}

func (e *KeyError) Error() string    { return fmt.Sprintf("%s %s: %v", e.Op, e.File, e.Err) }
func (e *KeyError) Unwrap() error    { return e.Err }
func (e *KeyError) HintText() string { return e.Hint }

// Errors that callers of this file tell apart.
var (
	ErrKeyMode   = errors.New("readable by others")
	ErrKeyInside = errors.New("lies inside the state directory")
	ErrKeyForm   = errors.New("is not a file of record keys")
)

// rootLen is the length of the root key in bytes.
const rootLen = 32

// FileStore keeps the root key in one file of mode 0600 outside the state directory, and
// signing keys in files of their own. All of them are extractable. It is safe for
// concurrent use once made.
type FileStore struct {
	root    *secret.Bytes
	signers *atomic.Pointer[map[string]SigningKey]
	made    bool
}

var _ KeyStore = (*FileStore)(nil)

// OpenFileStore reads the root key, or makes one when the file does not exist. The state
// directory must not hold it: a copy of the card would then carry the key beside the
// journal that it seals.
func OpenFileStore(file, stateDir string, signers map[string]SigningKey) (*FileStore, error) {
	if err := outside(file, stateDir); err != nil {
		return nil, err
	}
	root, err := ReadRootKey(file)
	made := false
	if errors.Is(err, fs.ErrNotExist) {
		if root, err = makeRootKey(file); err == nil {
			made = true
		}
	}
	if err != nil {
		return nil, err
	}
	s := &FileStore{root: root, signers: &atomic.Pointer[map[string]SigningKey]{}, made: made}
	s.SetSigners(signers)
	return s, nil
}

// SetSigners names the signing keys anew. Signers that were given out go on.
func (s *FileStore) SetSigners(signers map[string]SigningKey) { s.signers.Store(&signers) }

// Made reports whether this OpenFileStore created the root key.
func (s *FileStore) Made() bool { return s.made }

// Derive implements KeyStore with HKDF-SHA256.
func (s *FileStore) Derive(label string) ([]byte, error) {
	return deriveFrom(s.root, label)
}

func (s *FileStore) named() map[string]SigningKey {
	if m := s.signers.Load(); m != nil {
		return *m
	}
	return nil
}

// Signer implements KeyStore. The file is read at each call.
func (s *FileStore) Signer(name string) (crypto.Signer, string, bool, error) {
	k, ok := s.named()[name]
	if !ok {
		return nil, "", false, fmt.Errorf("find signing key %q: no such key", name)
	}
	key, err := ReadPrivateKey(k.File)
	if err != nil {
		return nil, "", false, err
	}
	return key, k.ID, true, nil
}

// outside refuses a file of keys in the state directory, also by way of a symbolic link.
func outside(file, stateDir string) error {
	real := func(p string) string {
		if r, err := filepath.EvalSymlinks(p); err == nil {
			return r
		}
		if r, err := filepath.EvalSymlinks(filepath.Dir(p)); err == nil {
			return filepath.Join(r, filepath.Base(p))
		}
		return filepath.Clean(p)
	}
	rel, err := filepath.Rel(real(stateDir), real(file))
	if err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
		return &KeyError{Op: "open record keys", File: file, Err: ErrKeyInside,
			Hint: "keep it elsewhere, such as /etc/tilld/keys.toml: a copy of the state directory must not carry its key"}
	}
	return nil
}

// ReadSecretFile reads a file that only its owner may read. The caller wipes the result.
func ReadSecretFile(op, file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &KeyError{Op: op, File: file, Err: cause(err), Hint: openHint(err)}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &KeyError{Op: op, File: file, Err: cause(err)}
	}
	if !info.Mode().IsRegular() {
		return nil, &KeyError{Op: op, File: file, Err: errors.New("not a regular file"), Hint: "name the file itself"}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &KeyError{Op: op, File: file, Hint: "chmod 600 " + file,
			Err: fmt.Errorf("mode %04o: %w", info.Mode().Perm(), ErrKeyMode)}
	}
	const most = 1 << 16
	if info.Size() > most {
		return nil, &KeyError{Op: op, File: file, Err: fmt.Errorf("%d bytes: too large for a key", info.Size())}
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if n < len(data) {
		secret.Zero(data)
		return nil, &KeyError{Op: op, File: file, Err: cause(err)}
	}
	return data, nil
}

// cause drops the operation and path that a KeyError says already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func openHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "check the path; it is taken from the folder of the configuration file"
	case errors.Is(err, fs.ErrPermission):
		return "the file must belong to the user that tilld runs as"
	}
	return "check the path"
}
