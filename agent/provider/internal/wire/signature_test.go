package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRFC9421 verifies the signature of RFC 9421, appendix B.2.4, over the base that stands
// there.
func TestRFC9421(t *testing.T) {
	const key = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
`
	block, _ := pem.Decode([]byte(key))
	public, err := ParseKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	message := base([][2]string{
		{`"@status"`, "200"}, {`"content-type"`, "application/json"},
		{`"content-digest"`, "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"},
		{`"content-length"`, "23"},
	}, `("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"`)
	signature, err := base64.StdEncoding.DecodeString("wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==")
	if err != nil {
		t.Fatal(err)
	}
	if !verifyRaw(public, []byte(message), signature) {
		t.Error("the RFC's own signature does not verify")
	}
	signature[0] ^= 1
	if verifyRaw(public, []byte(message), signature) {
		t.Error("another signature verifies")
	}
}

// TestDigest is the example of RFC 9530, appendix D.
func TestDigest(t *testing.T) {
	if got := Digest([]byte("{\"hello\": \"world\"}\n")); got != "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:" {
		t.Error(got)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var asked = Request{"POST", "Palm.Example:443", PathIdentify, []byte(`{"a":1}`)}

func signedRequest(t testing.TB, key *ecdsa.PrivateKey) http.Header {
	t.Helper()
	h := http.Header{}
	if err := SignRequest(h, asked, key, "T-1", time.Unix(1700000000, 0), make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSignedRequest(t *testing.T) {
	key := newKey(t)
	h := signedRequest(t, key)
	same := asked
	same.Authority = "palm.example"
	s, err := ParseRequest(h, same)
	if err != nil || !s.Verify(&key.PublicKey) || s.Terminal != "T-1" || s.Created.Unix() != 1700000000 || len(s.Nonce) != 22 {
		t.Fatalf("%+v, %v", s, err)
	}
	if s.Verify(&newKey(t).PublicKey) {
		t.Error("another key verifies")
	}
	for name, r := range map[string]Request{
		"method":    {"PUT", asked.Authority, asked.Path, asked.Body},
		"authority": {"POST", "palm.example:444", asked.Path, asked.Body},
		"path":      {"POST", asked.Authority, PathEnrol, asked.Body},
		"body":      {"POST", asked.Authority, asked.Path, []byte(`{"a":2}`)},
	} {
		if s, err := ParseRequest(h, r); err == nil && s.Verify(&key.PublicKey) {
			t.Errorf("another %s verifies", name)
		}
	}
	for name, change := range map[string]func(h http.Header){
		"no digest":      func(h http.Header) { h.Del(headerDigest) },
		"a digest more":  func(h http.Header) { h.Add(headerDigest, Digest(nil)) },
		"no input":       func(h http.Header) { h.Del(headerInput) },
		"two signatures": func(h http.Header) { h.Add(headerSignature, h.Get(headerSignature)) },
		"later": func(h http.Header) {
			h.Set(headerInput, strings.Replace(h.Get(headerInput), "1700000000", "1700000001", 1))
		},
		"another terminal": func(h http.Header) { h.Set(headerInput, strings.Replace(h.Get(headerInput), "T-1", "T-2", 1)) },
		"another nonce": func(h http.Header) {
			h.Set(headerInput, strings.Replace(h.Get(headerInput), `nonce="A`, `nonce="B`, 1))
		},
		"fewer components": func(h http.Header) {
			h.Set(headerInput, strings.Replace(h.Get(headerInput), ` "content-digest"`, "", 1))
		},
		"another tag": func(h http.Header) {
			h.Set(headerInput, strings.Replace(h.Get(headerInput), "provider-v1", "provider-v2", 1))
		},
		"another algorithm": func(h http.Header) {
			h.Set(headerInput, strings.Replace(h.Get(headerInput), "p256-sha256", "p384-sha384", 1))
		},
	} {
		h := signedRequest(t, key)
		change(h)
		if s, err := ParseRequest(h, asked); err == nil && s.Verify(&key.PublicKey) {
			t.Errorf("%s verifies", name)
		}
	}
}

func TestSignedAnswer(t *testing.T) {
	terminal, provider := newKey(t), newKey(t)
	sent := signedRequest(t, terminal)
	body := []byte(`{"outcome":"matched"}`)
	find := func(id string) *ecdsa.PublicKey {
		if id == "answer-1" {
			return &provider.PublicKey
		}
		return nil
	}
	sign := func(id string) http.Header {
		h := http.Header{}
		if err := SignAnswer(h, 200, body, asked, sent, provider, id, time.Unix(1700000001, 0)); err != nil {
			t.Fatal(err)
		}
		return h
	}
	if err := VerifyAnswer(sign("answer-1"), 200, body, asked, sent, find); err != nil {
		t.Fatal(err)
	}
	if err := VerifyAnswer(sign("answer-2"), 200, body, asked, sent, find); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("an unknown key: %v", err)
	}
	h := sign("answer-1")
	if VerifyAnswer(h, 200, body, asked, signedRequest(t, terminal), find) == nil {
		t.Error("it answers the same question asked again")
	}
	if VerifyAnswer(h, 201, body, asked, sent, find) == nil {
		t.Error("another status verifies")
	}
	if VerifyAnswer(h, 200, []byte(`{"outcome":"expired"}`), asked, sent, find) == nil {
		t.Error("another body verifies")
	}
	other := asked
	other.Path = PathEnrol
	if VerifyAnswer(h, 200, body, other, sent, find) == nil {
		t.Error("it answers another path")
	}
	if VerifyAnswer(http.Header{}, 200, body, asked, sent, find) == nil {
		t.Error("no signature verifies")
	}
	if VerifyAnswer(sent, 200, asked.Body, asked, sent, func(string) *ecdsa.PublicKey { return &terminal.PublicKey }) == nil {
		t.Error("the request's own signature passes for the answer's")
	}
}

func TestSignedList(t *testing.T) {
	one, two, stranger := newKey(t), newKey(t), newKey(t)
	list := []byte(`{"a":1}`)
	signatures, err := SignList(list, one, two)
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys{List: list, Signatures: signatures}
	for _, roots := range [][]*ecdsa.PublicKey{{&one.PublicKey}, {&two.PublicKey}, {&stranger.PublicKey, &two.PublicKey}} {
		if err := VerifyList(keys, roots); err != nil {
			t.Error(err)
		}
	}
	if VerifyList(keys, []*ecdsa.PublicKey{&stranger.PublicKey}) == nil || VerifyList(keys, nil) == nil {
		t.Error("a list that no pinned key signed is good")
	}
	keys.List = []byte(`{"a":2}`)
	if VerifyList(keys, []*ecdsa.PublicKey{&one.PublicKey}) == nil {
		t.Error("another list verifies")
	}
	keys = Keys{List: list, Signatures: append(append(signatures[:1:1], signatures...), signatures...)}
	if VerifyList(keys, []*ecdsa.PublicKey{&one.PublicKey}) == nil {
		t.Error("five signatures are looked at")
	}
	raw, err := signASN1(one, list) // without the context
	if err != nil {
		t.Fatal(err)
	}
	if VerifyList(Keys{List: list, Signatures: []ListSignature{{signatures[0].Key, raw}}}, []*ecdsa.PublicKey{&one.PublicKey}) == nil {
		t.Error("a signature over the bare list is good")
	}
}

func TestSealedTransform(t *testing.T) {
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	k := bytes.Repeat([]byte{7}, KeyLen)
	s, err := SealTransform(private.PublicKey(), "palm.example", "T-1", 3, k)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Enc) != 1120 || len(s.Ciphertext) != KeyLen+16 {
		t.Errorf("%d and %d bytes", len(s.Enc), len(s.Ciphertext))
	}
	if got, err := OpenTransform(private, "palm.example", "T-1", s); err != nil || !bytes.Equal(got, k) {
		t.Fatalf("%x, %v", got, err)
	}
	later := s
	later.Epoch = 4
	flipped := s
	flipped.Ciphertext = bytes.Clone(s.Ciphertext)
	flipped.Ciphertext[0] ^= 1
	other, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another terminal": func() ([]byte, error) { return OpenTransform(private, "palm.example", "T-2", s) },
		"another provider": func() ([]byte, error) { return OpenTransform(private, "palm.example2", "T-1", s) },
		"another epoch":    func() ([]byte, error) { return OpenTransform(private, "palm.example", "T-1", later) },
		"another key":      func() ([]byte, error) { return OpenTransform(other, "palm.example", "T-1", s) },
		"a flipped bit":    func() ([]byte, error) { return OpenTransform(private, "palm.example", "T-1", flipped) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("it opens for %s", name)
		}
	}
	if short, err := SealTransform(private.PublicKey(), "p", "T-1", 3, k[:31]); err != nil {
		t.Fatal(err)
	} else if _, err := OpenTransform(private, "p", "T-1", short); err == nil {
		t.Error("a short key opens")
	}
	if bytes.Equal(KeyDigest("p", 1, k), KeyDigest("p", 2, k)) || bytes.Equal(KeyDigest("p", 1, k), KeyDigest("q", 1, k)) {
		t.Error("the commitment does not hold provider and epoch")
	}
}

// FuzzParseRequest reads any headers. What is read without a key is no signature yet.
func FuzzParseRequest(f *testing.F) {
	key := newKey(f)
	good := signedRequest(f, key)
	f.Add(good.Get(headerDigest), good.Get(headerInput), good.Get(headerSignature))
	f.Add("", "", "")
	f.Add(Digest(asked.Body), `till=();created=0`, "till=::")
	stranger := newKey(f)
	f.Fuzz(func(t *testing.T, digest, input, signature string) {
		h := http.Header{headerDigest: {digest}, headerInput: {input}, headerSignature: {signature}}
		s, err := ParseRequest(h, asked)
		if err == nil && (s.Verify(&stranger.PublicKey) || !IsName(s.Terminal) || len(s.Nonce) < 22) {
			t.Errorf("%q", input)
		}
	})
}

// FuzzVerifyAnswer gives any headers as an answer's.
func FuzzVerifyAnswer(f *testing.F) {
	terminal, provider := newKey(f), newKey(f)
	sent := signedRequest(f, terminal)
	h := http.Header{}
	if err := SignAnswer(h, 200, []byte("{}"), asked, sent, provider, "a", time.Unix(1700000001, 0)); err != nil {
		f.Fatal(err)
	}
	f.Add(h.Get(headerDigest), h.Get(headerInput), h.Get(headerSignature))
	f.Add("", "provider=", "provider=::")
	stranger := newKey(f)
	f.Fuzz(func(t *testing.T, digest, input, signature string) {
		h := http.Header{headerDigest: {digest}, headerInput: {input}, headerSignature: {signature}}
		if VerifyAnswer(h, 200, []byte("{}"), asked, sent, func(string) *ecdsa.PublicKey { return &stranger.PublicKey }) == nil {
			t.Errorf("%q", input)
		}
	})
}
