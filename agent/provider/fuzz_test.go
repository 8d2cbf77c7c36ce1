package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

var fuzzTime = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// fuzzClient is a client whose root key the fuzzer signs with.
func fuzzClient(f *testing.F) (*Client, *ecdsa.PrivateKey) {
	f.Helper()
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		f.Fatal(err)
	}
	c, err := New(Options{Endpoint: "https://palm.example", Name: "palm.example", Terminal: "T-1",
		RootKeys: []*ecdsa.PublicKey{&root.PublicKey}, Signer: root, HPKE: private, Clock: func() time.Time { return fuzzTime }})
	if err != nil {
		f.Fatal(err)
	}
	return c, root
}

// fuzzList is a good key list, and its transform keys.
func fuzzList(f *testing.F, c *Client, root *ecdsa.PrivateKey) (list []byte, sealed []wire.SealedTransform) {
	f.Helper()
	public, _, err := biometric.NewSealKey("s")
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&root.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	k := make([]byte, wire.KeyLen)
	until := fuzzTime.Add(time.Hour)
	list, err = wire.Encode(wire.KeyList{Provider: "palm.example", Serial: 1, Issued: fuzzTime, Expires: until,
		SealKeys:   []wire.SealKey{{ID: "s", Public: public.Public, NotBefore: fuzzTime, NotAfter: until}},
		AnswerKeys: []wire.AnswerKey{{ID: "a", Public: der, NotBefore: fuzzTime, NotAfter: until}},
		Epochs:     []wire.Epoch{{Epoch: 1, Profile: "standard", KeyDigest: wire.KeyDigest("palm.example", 1, k)}},
		Policy:     wire.Policy{Identification: wire.Identification{N: 10, FPIRUpper95: 1e-6}, KeyLevels: []string{"file"}}})
	if err != nil {
		f.Fatal(err)
	}
	t, err := wire.SealTransform(c.o.HPKE.PublicKey(), "palm.example", "T-1", 1, k)
	if err != nil {
		f.Fatal(err)
	}
	return list, []wire.SealedTransform{t}
}

// FuzzKeyList reads any list as if it were signed. What is taken is of this provider and of
// this time.
func FuzzKeyList(f *testing.F) {
	c, root := fuzzClient(f)
	list, _ := fuzzList(f, c, root)
	f.Add(list)
	f.Add([]byte(strings.Replace(string(list), `"serial":1`, `"serial":-1`, 1)))
	f.Add([]byte(strings.Replace(string(list), `"epoch":1`, `"epoch":2`, 1)))
	f.Add([]byte(strings.Replace(string(list), `2026-11-23T05`, `2026-11-23T03`, 1)))
	f.Fuzz(func(t *testing.T, list []byte) {
		k, l, err := c.readList(list, fuzzTime)
		if err != nil {
			return
		}
		if l.Provider != "palm.example" || !k.fresh(fuzzTime) || k.serial == 0 || k.serial > 1<<63 ||
			k.expires.Sub(k.issued) > DefaultMaxAge || k.policy.Identification.N < 0 || k.policy.Identification.FPIRUpper95 < 0 {
			t.Errorf("%+v", k)
		}
		for _, s := range k.seal {
			if _, err := wire.ParseSealKey(s.Public); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzKeys reads any body as the answer with the keys; nobody but the root key's owner makes
// one that is taken.
func FuzzKeys(f *testing.F) {
	c, root := fuzzClient(f)
	list, sealed := fuzzList(f, c, root)
	signatures, err := wire.SignList(list, root)
	if err != nil {
		f.Fatal(err)
	}
	good, err := wire.Encode(wire.Keys{List: list, Signatures: signatures, Transforms: sealed})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := c.read(good, fuzzTime); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"list":"e30=","signatures":[],"transforms":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		k, err := c.read(body, fuzzTime)
		if err == nil && string(body) != string(good) {
			var keys wire.Keys
			if wire.Decode(body, &keys) != nil || string(keys.List) != string(list) {
				t.Error("another list is taken")
			}
		}
		k.wipe()
	})
}

// FuzzIdentified reads any body as an answer. A match is whole, and nothing else carries a
// credential.
func FuzzIdentified(f *testing.F) {
	f.Add([]byte(`{"outcome":"matched","name":"W*","credential":"130061098828009406","life_ms":60000}`))
	f.Add([]byte(`{"outcome":"locked-out","retry_ms":900000}`))
	f.Add([]byte(`{"outcome":"enrolled","name":"W*","replaced":true}`))
	f.Add([]byte(`{"code":"busy","detail":"","retry_ms":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var told wire.Identified
		if wire.Decode(body, &told) == nil {
			a, err := answerOf(told, fuzzTime)
			matched := a.Outcome == Matched
			if err != nil && a.Outcome != "" || matched != (a.Credential != nil) || matched && (!showable(a.Name) || !a.Expires.After(fuzzTime)) || a.Retry < 0 {
				t.Errorf("%+v, %v", a, err)
			}
			a.Credential.Wipe()
		}
		var enrolled wire.Enrolled
		if wire.Decode(body, &enrolled) == nil {
			if e, err := enrolmentOf(enrolled); err == nil && (e.Outcome == Enrolled) != (e.Name != "") {
				t.Errorf("%+v", e)
			}
		}
		for _, status := range []int{400, 401, 403, 422, 429, 500, 503} {
			if e := problem("ask", status, body); e.Kind != Denied && e.Kind != Unreachable && e.Kind != Protocol || e.Hint == "" || e.Retry < 0 {
				t.Errorf("%+v", e)
			}
		}
	})
}

// FuzzChallenge reads any body as a challenge. One that is taken can be answered.
func FuzzChallenge(f *testing.F) {
	c, root := fuzzClient(f)
	list, sealed := fuzzList(f, c, root)
	signatures, err := wire.SignList(list, root)
	if err != nil {
		f.Fatal(err)
	}
	body, err := wire.Encode(wire.Keys{List: list, Signatures: signatures, Transforms: sealed})
	if err != nil {
		f.Fatal(err)
	}
	k, err := c.read(body, fuzzTime)
	if err != nil {
		f.Fatal(err)
	}
	c.put(k)
	c.link.transport.DialContext = nil
	c.link.host = "127.0.0.1:1" // a list that is asked for meanwhile does not come
	a := Ask{Purpose: biometric.Pay, Modality: biometric.Palm, Merchant: "M", Terminal: "T-1", Payment: "P", Minor: 1, Currency: "CNY"}
	f.Add([]byte(`{"nonce":"AAAAAAAAAAAAAAAAAAAAAA==","life_ms":1000,"epoch":1,"profile":"standard","seal_key":"s","salt":"AAAAAAAAAAAAAAAAAAAAAA==","samples":1,"gallery":10}`), "")
	f.Add([]byte(`{"nonce":"AAAAAAAAAAAAAAAAAAAAAA==","life_ms":1000,"epoch":1,"profile":"standard","seal_key":"s","salt":"AAAAAAAAAAAAAAAAAAAAAA==","samples":1,"gallery":1}`), "123")
	f.Fuzz(func(t *testing.T, body []byte, claim string) {
		var answer wire.Challenge
		if wire.Decode(body, &answer) != nil {
			return
		}
		a := a
		a.Claim = secret.Copy([]byte(claim))
		ch, err := c.challenge(t.Context(), a, answer, fuzzTime)
		if err != nil {
			return
		}
		if err := ch.Check(); err != nil || ch.Expires.Sub(fuzzTime) > wire.MaxLife || !ch.Expires.After(fuzzTime) {
			t.Errorf("%v, %v", err, ch.Expires)
		}
		if ofMany([]byte(claim)) && answer.Gallery > 10 {
			t.Errorf("one of %d", answer.Gallery)
		}
		ch.Transform.Key.Wipe()
	})
}
