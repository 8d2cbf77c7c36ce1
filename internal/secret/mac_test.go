package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"
)

func TestMAC(t *testing.T) {
	for _, n := range []int{0, 1, 18, 63, 64, 65, 200} {
		key, data := []byte("key"), bytes.Repeat([]byte{'7'}, n)
		want := hmac.New(sha256.New, key)
		want.Write(data)
		if got := MAC(key, data); !bytes.Equal(got[:], want.Sum(nil)) {
			t.Errorf("MAC of %d bytes is %x", n, got)
		}
	}
}
