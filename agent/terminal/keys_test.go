package terminal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
)

func TestRootKeyMadeOnceAndStable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "etc", "keys.toml")
	state := filepath.Join(dir, "state")
	first, err := OpenFileStore(file, state, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Made() {
		t.Error("Made is false on the first start")
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	second, err := OpenFileStore(file, state, nil)
	if err != nil {
		t.Fatal(err)
	}
	if second.Made() {
		t.Error("Made is true on the second start")
	}
	a, _ := first.Derive("journal")
	b, _ := second.Derive("journal")
	c, _ := second.Derive("codes")
	if len(a) != 32 || !bytes.Equal(a, b) || bytes.Equal(a, c) {
		t.Errorf("derived keys: same label equal %v, other label equal %v", bytes.Equal(a, b), bytes.Equal(a, c))
	}
	if _, err := first.Derive(""); err == nil {
		t.Error("an empty label derives a key")
	}
	if s := fmt.Sprintf("%v %+v %#v", *first, first, first); strings.Contains(s, fmt.Sprint(first.root.Reveal())) {
		t.Error("the store prints its root key")
	}
	left, _ := filepath.Glob(filepath.Join(dir, "etc", ".keys-*"))
	if len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestRootKeyTwoFirstStarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.toml")
	var wg sync.WaitGroup
	keys := make([][]byte, 8)
	for i := range keys {
		wg.Go(func() {
			s, err := OpenFileStore(file, "/nowhere", nil)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i], _ = s.Derive("journal")
		})
	}
	wg.Wait()
	for i := range keys {
		if !bytes.Equal(keys[i], keys[0]) {
			t.Fatalf("start %d has another key", i)
		}
	}
}

func TestRootKeyRefused(t *testing.T) {
	const good = `record = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"` + "\n"
	for _, tc := range []struct {
		name, text string
		mode       fs.FileMode
		want       error
	}{
		{"good", "# a comment\n\n" + good, 0o600, nil},
		{"read only", good, 0o400, nil},
		{"world readable", good, 0o644, ErrKeyMode},
		{"group readable", good, 0o640, ErrKeyMode},
		{"empty", "", 0o600, ErrKeyForm},
		{"cut short", good[:40], 0o600, ErrKeyForm},
		{"not hex", strings.Replace(good, "00", "zz", 1), 0o600, ErrKeyForm},
		{"twice", good + good, 0o600, ErrKeyForm},
		{"unknown key", "other = 1\n" + good, 0o600, ErrKeyForm},
		{"all zeros", `record = "` + strings.Repeat("0", 64) + `"`, 0o600, ErrKeyForm},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "keys.toml")
			if err := os.WriteFile(file, []byte(tc.text), tc.mode); err != nil {
				t.Fatal(err)
			}
			_, err := OpenFileStore(file, "/nowhere", nil)
			if !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if err != nil && (strings.Contains(err.Error(), "0011") || strings.Contains(err.Error(), "zz")) {
				t.Errorf("the error shows the key: %v", err)
			}
			var ke *KeyError
			if err != nil && (!errors.As(err, &ke) || ke.Hint == "") {
				t.Errorf("no hint with %v", err)
			}
		})
	}
}

func TestRootKeyInsideStateDirectory(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(state, link); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{filepath.Join(state, "keys.toml"), filepath.Join(state, "a", "..", "keys.toml"), filepath.Join(link, "keys.toml")} {
		if _, err := OpenFileStore(file, state, nil); !errors.Is(err, ErrKeyInside) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := OpenFileStore(filepath.Join(dir, "state-keys.toml"), state, nil); err != nil {
		t.Errorf("a neighbour of the state directory is refused: %v", err)
	}
}

func TestRootKeyFolderNotWritable(t *testing.T) {
	dir := t.TempDir()
	blocker := filepath.Join(dir, "file")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenFileStore(filepath.Join(blocker, "keys.toml"), "/nowhere", nil)
	var ke *KeyError
	if !errors.As(err, &ke) || ke.Hint == "" {
		t.Fatalf("error %v", err)
	}
}

func pemOf(t *testing.T, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestPrivateKeyForms(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p8, err8 := x509.MarshalPKCS8PrivateKey(rsaKey)
	weak8, errWeak := x509.MarshalPKCS8PrivateKey(weak)
	ec, errEC := x509.MarshalECPrivateKey(ecKey)
	public, errPub := x509.MarshalPKIXPublicKey(rsaKey.Public())
	for _, tc := range []struct {
		name string
		text []byte
		want string // part of the error, empty for none
	}{
		{"PKCS#8", pemOf(t, "PRIVATE KEY", p8, err8), ""},
		{"PKCS#1", pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), ""},
		{"SEC 1 after parameters", append(pemOf(t, "EC PARAMETERS", []byte{1}, nil), pemOf(t, "EC PRIVATE KEY", ec, errEC)...), ""},
		{"weak", pemOf(t, "PRIVATE KEY", weak8, errWeak), "1024 bits"},
		{"encrypted", pemOf(t, "ENCRYPTED PRIVATE KEY", p8, nil), "passphrase"},
		{"public", pemOf(t, "PUBLIC KEY", public, errPub), "no private key"},
		{"damaged", pemOf(t, "PRIVATE KEY", p8[:100], nil), "does not hold"},
		{"text", []byte("hello"), "no private key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "k.pem")
			if err := os.WriteFile(file, tc.text, 0o600); err != nil {
				t.Fatal(err)
			}
			s := &FileStore{signers: &atomic.Pointer[map[string]SigningKey]{}}
			s.SetSigners(map[string]SigningKey{"w": {ID: "id-1", File: file}})
			key, id, extractable, err := s.Signer("w")
			if tc.want == "" {
				if err != nil || key == nil || id != "id-1" || !extractable {
					t.Fatalf("%v, %q, %v, %v", key, id, extractable, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
		})
	}
	if _, _, _, err := (&FileStore{signers: &atomic.Pointer[map[string]SigningKey]{}}).Signer("none"); err == nil {
		t.Error("an unknown name has a key")
	}
}

func TestPublicItems(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	one := pemOf(t, "PUBLIC KEY", public, err)
	items, err := ParsePublicItems(append(one, one...))
	if err != nil || len(items) != 2 || items[0].Cert != nil {
		t.Fatalf("%v, %v", items, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if _, err := ParsePublicItems(pemOf(t, "PRIVATE KEY", private, err)); err == nil || !strings.Contains(err.Error(), "private key stands") {
		t.Errorf("a private key passes for a public one: %v", err)
	}
	if _, err := ParsePublicItems([]byte("x")); err == nil {
		t.Error("no key at all passes")
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(rootHead + strings.Repeat("ab", 32) + "\"\n"))
	f.Add([]byte("record = \"\""))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, err := parseRootKey(text); err == nil && key.Len() != rootLen {
			t.Errorf("a root key of %d bytes", key.Len())
		}
		if key, err := ParsePrivateKey(text); err == nil && CheckKey(key.Public()) != nil {
			t.Error("a weak key passed")
		}
		ParsePublicItems(text)
	})
}

func TestBoard(t *testing.T) {
	for _, tc := range []struct {
		name string
		root fstest.MapFS
		want string
	}{
		{"device tree", fstest.MapFS{
			"proc/device-tree/serial-number": {Data: []byte("10000000abcd\x00")},
			"etc/machine-id":                 {Data: []byte("0123\n")}}, "dt:10000000abcd"},
		{"placeholder of a PC", fstest.MapFS{
			"sys/class/dmi/id/product_uuid":   {Data: []byte("00000000-0000-0000-0000-000000000000\n")},
			"sys/class/dmi/id/product_serial": {Data: []byte("To Be Filled By O.E.M.\n")},
			"sys/class/dmi/id/board_serial":   {Data: []byte("PF3X\n")}}, "dmi:PF3X"},
		{"installation", fstest.MapFS{"etc/machine-id": {Data: []byte("0123\n")}}, "machine:0123"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := BoardSerial(tc.root); err != nil || got != tc.want {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
	if _, err := BoardSerial(fstest.MapFS{}); err == nil {
		t.Error("a board without a serial number has one")
	}
	if id, err := BootID(fstest.MapFS{bootFile: {Data: []byte("b0-07\n")}}); err != nil || id != "b0-07" {
		t.Errorf("boot id %q, %v", id, err)
	}
	if _, err := BootID(fstest.MapFS{}); err == nil {
		t.Error("a boot without an id has one")
	}
}
