package wechatpay

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tilld/tilld/agent/wallet"
)

// maxSkew is how far an answer's timestamp may be from our clock, both ways.
const maxSkew = 5 * time.Minute

// appendSigned appends what a request's signature covers.
func appendSigned(dst []byte, method, target, timestamp, nonce string, body []byte) []byte {
	for _, part := range [...]string{method, target, timestamp, nonce} {
		dst = append(dst, part...)
		dst = append(dst, '\n')
	}
	dst = append(dst, body...)
	return append(dst, '\n')
}

// verify checks an answer's signature and age.
func verify(keys []wallet.WalletKey, header http.Header, body []byte, now time.Time) error {
	timestamp, nonce := header.Get("Wechatpay-Timestamp"), header.Get("Wechatpay-Nonce")
	serial, signature := header.Get("Wechatpay-Serial"), header.Get("Wechatpay-Signature")
	if timestamp == "" || nonce == "" || serial == "" || signature == "" {
		return errors.New("the answer is not signed")
	}
	message := make([]byte, 0, len(timestamp)+len(nonce)+len(body)+3)
	message = append(append(message, timestamp...), '\n')
	message = append(append(message, nonce...), '\n')
	message = append(append(message, body...), '\n')
	if err := wallet.Verify(keys, serial, message, signature); err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errors.New("the answer's timestamp is not a number")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > maxSkew || age < -maxSkew {
		return fmt.Errorf("the answer's timestamp is %s from our clock", age.Round(time.Second))
	}
	return nil
}
