// Package vectors reads the signature vectors that the tests of all wallets share.
package vectors

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
)

// Set is the file: one RSA key (RFC 9500, testRSA2048) and the vectors made with it.
type Set struct {
	Key     *rsa.PrivateKey `json:"-"`
	Vectors []Vector        `json:"vectors"`
}

// Vector is one of them; which fields are set depends on Input.Kind.
type Vector struct {
	Name  string `json:"name"`
	Input struct {
		Kind        string            `json:"kind"`
		PKCS8       string            `json:"pkcs8_base64"`
		Params      map[string]string `json:"params"`
		Method      string            `json:"method"`
		URL         string            `json:"url"`
		Timestamp   string            `json:"timestamp"`
		Nonce       string            `json:"nonce"`
		Body        string            `json:"body"`
		Headers     map[string]string `json:"headers"`
		KnownSerial string            `json:"known_serial"`
		Now         json.Number       `json:"now"`
		Raw         string            `json:"raw"`
		SignType    string            `json:"sign_type"`
		Key         string            `json:"key"`
		AAD         string            `json:"aad"`
		Ciphertext  string            `json:"ciphertext"`
	} `json:"input"`
	Expect struct {
		OK        bool   `json:"ok"`
		String    string `json:"string"`
		Sign      string `json:"sign"`
		Signature string `json:"signature"`
		SHA256    string `json:"sha256_hex"`
		Plaintext string `json:"plaintext"`
	} `json:"expect"`
}

// Load reads the file at path.
func Load(t testing.TB, path string) Set {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var set Set
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	for _, v := range set.Vectors {
		if v.Input.Kind != "rsa-key" {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(v.Input.PKCS8)
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			t.Fatal(err)
		}
		set.Key = key.(*rsa.PrivateKey)
	}
	if set.Key == nil {
		t.Fatal("no key among the vectors")
	}
	return set
}
