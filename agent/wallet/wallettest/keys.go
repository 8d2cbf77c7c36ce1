package wallettest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

//go:embed keys/*.pem
var keyFiles embed.FS

// pairOf are the keys of one wallet: ours for requests, the wallet's for answers.
type pairOf struct {
	merchant, platform *rsa.PrivateKey
	merchantPEM        []byte
}

var loadKeys = sync.OnceValues(func() (map[string]pairOf, error) {
	pairs := map[string]pairOf{}
	for _, p := range parts() {
		merchant, text, err := loadKey(p.keys + "-merchant")
		if err != nil {
			return nil, err
		}
		platform, _, err := loadKey(p.keys + "-platform")
		if err != nil {
			return nil, err
		}
		pairs[p.name] = pairOf{merchant, platform, text}
	}
	return pairs, nil
})

func loadKey(name string) (*rsa.PrivateKey, []byte, error) {
	text, err := keyFiles.ReadFile("keys/" + name + ".pem")
	if err != nil {
		return nil, nil, fmt.Errorf("load test key: %w", err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("load test key %s: %w", name, err)
	}
	return key.(*rsa.PrivateKey), text, nil
}

// sign is RSASSA-PKCS1-v1_5 with SHA-256, in base64.
func sign(key *rsa.PrivateKey, message string) string {
	sum := sha256.Sum256([]byte(message))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a 2048-bit key always can
	}
	return base64.StdEncoding.EncodeToString(sig)
}

func verify(key *rsa.PublicKey, message, signature string) bool {
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	sum := sha256.Sum256([]byte(message))
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) == nil
}

// authority is the test CA and the servers' leaf.
type authority struct {
	certPEM []byte
	pool    *x509.CertPool
	leaf    tls.Certificate
}

func newAuthority(hosts []string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "tilld wallettest authority"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if ca, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "wallettest"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, h)
		}
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &leafKey.PublicKey, key)
	if err != nil {
		return nil, err
	}
	a := &authority{
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pool:    x509.NewCertPool(),
		leaf:    tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey},
	}
	a.pool.AddCert(ca)
	return a, nil
}

// platformCertificate wraps the n-th platform key into a self-signed certificate: WeChat Pay's
// answers name the serial number.
func platformCertificate(key *rsa.PrivateKey, n int) (certPEM []byte, serial string, err error) {
	number := new(big.Int).SetBytes([]byte{0x71, 0x32, 0xD7, 0x2A, 0x03, 0xE9, 0x3C, 0xDD, 0xF8, 0xC0, 0x3B, 0xBD, 0x1F, 0x37, 0xEE, 0xDF, 0, 0, 0, byte(n)})
	cert := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: "wallettest platform"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return nil, "", err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), fmt.Sprintf("%X", number), nil
}

func publicPEM(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
