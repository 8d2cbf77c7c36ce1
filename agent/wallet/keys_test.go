package wallet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/internal/vectors"
)

func block(t *testing.T, kind string, headers map[string]string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: der})
}

func TestParseKeys(t *testing.T) {
	key := vectors.Load(t, "testdata/signatures.json").Key
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	for name, file := range map[string][]byte{
		"PKCS#8": block(t, "PRIVATE KEY", nil, pkcs8, err),
		"PKCS#1": block(t, "RSA PRIVATE KEY", nil, x509.MarshalPKCS1PrivateKey(key), nil),
	} {
		signer, err := wallet.ParseSigner(file)
		if err != nil || !key.PublicKey.Equal(signer.Public()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	public := block(t, "PUBLIC KEY", map[string]string{"Key-ID": "PUB_KEY_ID_1"}, spki, err)
	keys, err := wallet.ParseWalletKeys(append(public, public...))
	if err != nil || len(keys) != 2 || keys[0].ID != "PUB_KEY_ID_1" {
		t.Errorf("public key: %v %v", keys, err)
	}
}

func TestBadKeysAreRefusedWithoutQuotingThem(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	ecFile := block(t, "PRIVATE KEY", nil, ecDER, err)
	ecPublic, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	short, shortErr := rsa.GenerateKey(rand.Reader, 1024)
	for name, file := range map[string][]byte{
		"empty": nil, "text": []byte("MIIEvQIBADANBgkqhkiG9w0BAQ"), "elliptic": ecFile,
		"broken": block(t, "PRIVATE KEY", nil, []byte("secret"), nil),
		"public": block(t, "PUBLIC KEY", nil, ecPublic, err),
	} {
		if _, err := wallet.ParseSigner(file); err == nil || strings.Contains(err.Error(), "MIIE") {
			t.Errorf("%s: signer %v", name, err)
		}
		if _, err := wallet.ParseWalletKeys(file); err == nil {
			t.Errorf("%s: taken for a wallet key", name)
		}
	}
	if shortErr == nil {
		file := block(t, "RSA PRIVATE KEY", nil, x509.MarshalPKCS1PrivateKey(short), nil)
		if _, err := wallet.ParseSigner(file); err == nil {
			t.Error("a key of 1024 bits is accepted")
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if keys, err := wallet.ParseWalletKeys(file); err == nil && len(keys) == 0 {
			t.Error("no key and no error")
		}
		if signer, err := wallet.ParseSigner(file); err == nil && signer == nil {
			t.Error("no signer and no error")
		}
	})
}
