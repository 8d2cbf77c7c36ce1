package wechatpay

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/wallet"
)

const (
	certificatesPath = "/v3/certificates"
	keyLen           = 32 // of the APIv3 key
	nonceLen         = 12
)

// certificatesReply is the list of the platform's certificates.
type certificatesReply struct {
	Data []struct {
		Serial  string `json:"serial_no"`
		Encrypt struct {
			Algorithm  string `json:"algorithm"`
			Nonce      string `json:"nonce"`
			Associated string `json:"associated_data"`
			Ciphertext string `json:"ciphertext"`
		} `json:"encrypt_certificate"`
	} `json:"data"`
}

// Certificates asks for the platform's certificates that are good now, or will be soon. It
// needs the APIv3 key, the ring's Secret. WeChat Pay adds a new certificate to the list a day
// before it signs with it, and advises to ask at least every 12 hours.
//
// The answer counts when one of the keys that are trusted already signed it, or one of the
// certificates in it: only who knows the APIv3 key can have sealed that (AES-256-GCM).
func (c *Client) Certificates(ctx context.Context) ([]wallet.WalletKey, error) {
	keys, err := c.certificates(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the platform certificates of %s: %w", c.cfg.Ref.Name, err)
	}
	return keys, nil
}

func (c *Client) certificates(ctx context.Context) ([]wallet.WalletKey, error) {
	ours := c.cfg.Ring.Keys()
	if ours.Secret == nil {
		return nil, errors.New("no APIv3 key")
	}
	request, err := c.request("GET", certificatesPath, nil)
	if err != nil {
		return nil, err
	}
	reply := c.link.Do(ctx, "GET", request)
	switch {
	case reply.Cause != "":
		return nil, errors.New(reply.Cause)
	case reply.Status != 200:
		return nil, fmt.Errorf("status %d", reply.Status)
	}
	keys, err := readCertificates(ours.Secret.Reveal(), reply.Body)
	if err != nil {
		return nil, err
	}
	trusted := slices.Concat(ours.Wallet, keys)
	if err := verify(trusted, reply.Header, reply.Body, c.cfg.Time()); err != nil {
		return nil, err
	}
	return keys, nil
}

// readCertificates opens every certificate of the list. One that does not open, or is not what
// the list calls it, makes the whole list worth nothing.
func readCertificates(key, body []byte) ([]wallet.WalletKey, error) {
	var in certificatesReply
	if err := json.Unmarshal(body, &in); err != nil || len(in.Data) == 0 || len(in.Data) > 32 {
		return nil, errors.New("the answer is not a list of certificates")
	}
	var keys []wallet.WalletKey
	for i, d := range in.Data {
		if d.Encrypt.Algorithm != "AEAD_AES_256_GCM" {
			return nil, fmt.Errorf("certificate %d is sealed with %.32q", i, d.Encrypt.Algorithm)
		}
		text, err := open(key, d.Encrypt.Nonce, d.Encrypt.Associated, d.Encrypt.Ciphertext)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		list, err := wallet.ParseWalletKeys(text)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		if len(list) != 1 || list[0].ID == "" || !strings.EqualFold(list[0].ID, d.Serial) {
			return nil, fmt.Errorf("certificate %d is not the one with serial number %.64q", i, d.Serial)
		}
		keys = append(keys, list[0])
	}
	return keys, nil
}

// open decrypts what WeChat Pay sealed with the APIv3 key: AES-256-GCM, the tag at the end, in
// base64.
func open(key []byte, nonce, associated, ciphertext string) ([]byte, error) {
	errSeal := errors.New("it was not sealed with this APIv3 key")
	sealed, err := base64.StdEncoding.DecodeString(ciphertext)
	if err != nil || len(nonce) != nonceLen || len(key) != keyLen {
		return nil, errSeal
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errSeal
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, errSeal
	}
	text, err := gcm.Open(nil, []byte(nonce), sealed, []byte(associated))
	if err != nil {
		return nil, errSeal
	}
	return text, nil
}
