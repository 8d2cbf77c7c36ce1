package wallettest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"
)

// aside answers the list of platform certificates.
func (d *wechat) aside(h *house, w http.ResponseWriter, r *http.Request, body []byte) bool {
	if r.URL.Path != "/v3/certificates" {
		return false
	}
	p := problems{}
	d.authorize(&p, r, body)
	p.check(r.Method == http.MethodGet && r.URL.RawQuery == "" && len(body) == 0, "%s %s", r.Method, r.URL.RequestURI())
	for _, broken := range p.list {
		h.w.violate(h.name, "%s", broken)
	}
	status, out := 400, map[string]any{"code": "PARAM_ERROR", "message": "参数错误"}
	if len(p.list) == 0 {
		status, out = 200, map[string]any{"data": d.certificates()}
	}
	status, header, answer := d.write(status, out, good)
	send(w, status, header, answer)
	return true
}

func (d *wechat) certificates() (list []any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.platforms {
		nonce := digits(12)
		list = append(list, map[string]any{
			"serial_no": c.serial, "effective_time": time.Now().Add(-24 * time.Hour).Format(time.RFC3339), "expire_time": time.Now().AddDate(1, 0, 0).Format(time.RFC3339),
			"encrypt_certificate": map[string]any{"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": "certificate",
				"ciphertext": base64.StdEncoding.EncodeToString(seal(d.v3Key, nonce, "certificate", c.certPEM))},
		})
	}
	return list
}

// seal is AES-256-GCM with the tag at the end.
func seal(key []byte, nonce, associated string, text []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm.Seal(nil, []byte(nonce), text, []byte(associated))
}

// AnnounceKey adds a new platform certificate to WeChat Pay's list, as is done a day before it
// signs; UseAnnouncedKey has answers signed with it from then on. It returns its serial number.
func (w *World) AnnounceKey() (serial string, err error) {
	d := w.houses[WeChatPay].dialect.(*wechat)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", fmt.Errorf("make a platform key: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	text, serial, err := platformCertificate(key, len(d.platforms)+1)
	if err != nil {
		return "", fmt.Errorf("make a platform certificate: %w", err)
	}
	d.platforms = append(d.platforms, platform{key, text, serial})
	return serial, nil
}

// UseAnnouncedKey has WeChat Pay sign with the newest certificate, and takes the others off
// the list.
func (w *World) UseAnnouncedKey() {
	d := w.houses[WeChatPay].dialect.(*wechat)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.platforms, d.signing = d.platforms[len(d.platforms)-1:], 0
}

// PlatformKey is the public half of what signs WeChat Pay's answers, for foreign clients.
func (w *World) PlatformKey(wallet string) *rsa.PublicKey {
	pairs, err := loadKeys()
	if err != nil {
		panic(fmt.Sprintf("the keys were loaded before: %v", err))
	}
	return &pairs[wallet].platform.PublicKey
}
