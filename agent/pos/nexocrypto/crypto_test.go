package nexocrypto

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/tilld/tilld/internal/secret"
)

type vector struct {
	Name  string
	Input struct {
		Kind       string
		Passphrase string
		Salt       string
		Iterations int
		Length     int
		Key        struct {
			Passphrase    string
			KeyIdentifier string `json:"key_identifier"`
			KeyVersion    int64  `json:"key_version"`
		}
		Nonce     string
		Plaintext string
		Message   struct {
			SaleToPOIRequest struct {
				NexoBlob        string
				SecurityTrailer Trailer
			}
		}
	}
	Expect struct {
		OK        bool
		Reason    string
		Plaintext string
		HmacKey   string `json:"hmac_key"`
		CipherKey string `json:"cipher_key"`
		IV        string
		Key       string
		NexoBlob  string `json:"nexo_blob"`
		Hmac      string
	}
}

func vectors(t testing.TB, kinds ...string) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/nexo.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Vectors []json.RawMessage }
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var out []vector
	for _, one := range all.Vectors {
		var head struct{ Input struct{ Kind string } }
		if err := json.Unmarshal(one, &head); err != nil {
			t.Fatal(err)
		}
		for _, kind := range kinds {
			if head.Input.Kind == kind {
				var v vector
				if err := json.Unmarshal(one, &v); err != nil {
					t.Fatal(err)
				}
				out = append(out, v)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no vectors of kind %v", kinds)
	}
	return out
}

func key(t testing.TB, v vector) *Key {
	t.Helper()
	k, err := Derive(v.Input.Key.KeyIdentifier, v.Input.Key.KeyVersion, secret.Copy([]byte(v.Input.Key.Passphrase)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestDerive(t *testing.T) {
	for _, v := range vectors(t, "derive") {
		t.Run(v.Name, func(t *testing.T) {
			if v.Input.Salt != salt || v.Input.Iterations != iterations || v.Input.Length != keyLen {
				t.Fatalf("the vector's parameters are not the code's: %+v", v.Input)
			}
			got, err := derive([]byte(v.Input.Passphrase))
			if err != nil {
				t.Fatal(err)
			}
			if want := v.Expect.HmacKey + v.Expect.CipherKey + v.Expect.IV; hex.EncodeToString(got) != want {
				t.Errorf("got %x, want %s", got, want)
			}
		})
	}
	for _, v := range vectors(t, "pbkdf2-sha1") {
		t.Run(v.Name, func(t *testing.T) {
			got, err := pbkdf2.Key(sha1.New, v.Input.Passphrase, []byte(v.Input.Salt), v.Input.Iterations, v.Input.Length)
			if err != nil || hex.EncodeToString(got) != v.Expect.Key {
				t.Errorf("got %x, %v, want %s", got, err, v.Expect.Key)
			}
		})
	}
}

func TestDeriveRefuses(t *testing.T) {
	pass := secret.Copy([]byte("x"))
	for name, f := range map[string]func() (*Key, error){
		"empty identifier": func() (*Key, error) { return Derive("", 1, pass) },
		"negative version": func() (*Key, error) { return Derive("k", -1, pass) },
		"empty passphrase": func() (*Key, error) { return Derive("k", 1, nil) },
	} {
		if k, err := f(); err == nil || k != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSeal(t *testing.T) {
	for _, v := range vectors(t, "seal") {
		t.Run(v.Name, func(t *testing.T) {
			nonce, err := hex.DecodeString(v.Input.Nonce)
			if err != nil {
				t.Fatal(err)
			}
			blob, trailer := key(t, v).seal([]byte(v.Input.Plaintext), [ivLen]byte(nonce))
			want := Trailer{
				AdyenCryptoVersion: 1, Hmac: v.Expect.Hmac, KeyIdentifier: v.Input.Key.KeyIdentifier,
				KeyVersion: v.Input.Key.KeyVersion, Nonce: base64.StdEncoding.EncodeToString(nonce),
			}
			if blob != v.Expect.NexoBlob || trailer != want {
				t.Errorf("got %s %+v, want %s %+v", blob, trailer, v.Expect.NexoBlob, want)
			}
		})
	}
}

func TestSealTakesAFreshNonce(t *testing.T) {
	k := key(t, vectors(t, "seal")[0])
	b1, t1 := k.Seal([]byte("{}"))
	b2, t2 := k.Seal([]byte("{}"))
	if b1 == b2 || t1.Nonce == t2.Nonce {
		t.Error("two messages under one nonce")
	}
}

// TestOpen runs the cases that are about cryptography; those about the two headers belong
// to the package that reads headers.
func TestOpen(t *testing.T) {
	for _, v := range vectors(t, "open") {
		if v.Expect.Reason == "header-mismatch" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			m := v.Input.Message.SaleToPOIRequest
			got, k, err := Ring{key(t, v)}.Open(m.NexoBlob, m.SecurityTrailer)
			if !v.Expect.OK {
				if got != nil || err != ErrCrypto {
					t.Fatalf("got %q, %v, want the one error", got, err)
				}
				return
			}
			if err != nil || string(got) != v.Expect.Plaintext || k == nil {
				t.Fatalf("got %q, %v, want %q", got, err, v.Expect.Plaintext)
			}
		})
	}
}

func TestRingPicksTheNamedKey(t *testing.T) {
	older, err := Derive("shop", 1, secret.Copy([]byte("last year")))
	if err != nil {
		t.Fatal(err)
	}
	newer, err := Derive("shop", 2, secret.Copy([]byte("this year")))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*Key{older, newer} {
		blob, trailer := k.Seal([]byte("hello"))
		got, with, err := Ring{older, newer}.Open(blob, trailer)
		if err != nil || with != k || string(got) != "hello" {
			t.Errorf("version %d: got %q with %+v, %v", k.Version, got, with, err)
		}
		if _, _, err := (Ring{}).Open(blob, trailer); !errors.Is(err, ErrCrypto) {
			t.Errorf("an empty ring: %v", err)
		}
	}
}

func TestUnpad(t *testing.T) {
	block := func(tail ...byte) []byte { return append(bytes.Repeat([]byte{7}, 32-len(tail)), tail...) }
	for _, c := range []struct {
		name string
		in   []byte
		n    int
		ok   int
	}{
		{"one", block(1), 31, 1},
		{"three", block(3, 3, 3), 29, 1},
		{"whole block", block(bytes.Repeat([]byte{16}, 16)...), 16, 1},
		{"zero", block(0), 32, 0},
		{"seventeen", block(bytes.Repeat([]byte{17}, 17)...), 32, 0},
		{"not all alike", block(2, 3, 3), 32, 0},
	} {
		if n, ok := unpad(c.in); n != c.n || ok != c.ok {
			t.Errorf("%s: got %d, %d, want %d, %d", c.name, n, ok, c.n, c.ok)
		}
	}
}

// FuzzOpen: whatever is sent, Open either returns what was sealed or the one error.
func FuzzOpen(f *testing.F) {
	k, err := Derive("k", 1, secret.Copy([]byte("fuzz")))
	if err != nil {
		f.Fatal(err)
	}
	plain := []byte(`{"SaleToPOIRequest":{}}`)
	blob, trailer := k.Seal(plain)
	f.Add(blob, trailer.Nonce, trailer.Hmac)
	f.Add("", "", "")
	f.Add(blob[:24], trailer.Nonce, trailer.Hmac)
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA==", trailer.Hmac)
	f.Fuzz(func(t *testing.T, blob, nonce, mac string) {
		got, err := k.Open(blob, Trailer{CryptoVersion, mac, "k", 1, nonce})
		if err != nil {
			if err != ErrCrypto || got != nil {
				t.Fatalf("got %q, %v", got, err)
			}
			return
		}
		if !bytes.Equal(got, plain) {
			t.Fatalf("opened something never sealed: %q", got)
		}
	})
}
