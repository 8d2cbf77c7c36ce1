package terminal

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/tilld/tilld/internal/secret"
)

// The file of the root key is TOML with one key, so that a person who opens it knows what
// it is and what becomes of it:
//
//	# tilld record key. ...
//	record = "64 hex digits"
const rootHead = `# tilld record key: it seals the journal in the state directory. Without it the journal
# cannot be read; with it, it can. Keep a copy off this terminal, and mode 0600.
record = "`

const readRoot = "read record keys"

// ReadRootKey reads the file that OpenFileStore makes.
func ReadRootKey(file string) (*secret.Bytes, error) {
	data, err := ReadSecretFile(readRoot, file)
	if err != nil {
		return nil, err
	}
	defer secret.Zero(data)
	key, err := parseRootKey(data)
	if err != nil {
		return nil, &KeyError{Op: readRoot, File: file, Err: err,
			Hint: "put the copy back; if there is none, the journal it sealed is lost to this terminal"}
	}
	return key, nil
}

// parseRootKey reads the one line that is no comment. It is strict: a key that was cut
// short or edited must not seal a journal.
func parseRootKey(data []byte) (*secret.Bytes, error) {
	var key *secret.Bytes
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte("="))
		value = bytes.TrimSpace(value)
		if !ok || string(bytes.TrimSpace(name)) != "record" || key != nil ||
			len(value) != 2*rootLen+2 || value[0] != '"' || value[len(value)-1] != '"' {
			key.Wipe()
			return nil, ErrKeyForm
		}
		b := make([]byte, rootLen)
		key = secret.New(b)
		if _, err := hex.Decode(b, value[1:len(value)-1]); err != nil {
			key.Wipe()
			return nil, ErrKeyForm // the cause would quote the key
		}
	}
	if key == nil {
		return nil, ErrKeyForm
	}
	if bytes.Equal(key.Reveal(), make([]byte, rootLen)) {
		return nil, fmt.Errorf("%w: the key is all zeros", ErrKeyForm)
	}
	return key, nil
}

func randomKey() *secret.Bytes {
	key := secret.New(make([]byte, rootLen))
	rand.Read(key.Reveal()) // never fails: crypto/rand ends the program instead
	return key
}

// makeRootKey writes a new random key durably. A power cut in between leaves none, and the
// next start makes another.
func makeRootKey(file string) (*secret.Bytes, error) {
	key := randomKey()
	text := append([]byte(rootHead), hex.AppendEncode(nil, key.Reveal())...)
	text = append(text, "\"\n"...)
	defer secret.Zero(text)
	err := WriteKeyFile("make record keys", file, text)
	if err == nil {
		return key, nil
	}
	key.Wipe()
	if errors.Is(err, os.ErrExist) {
		return ReadRootKey(file)
	}
	return nil, err
}
