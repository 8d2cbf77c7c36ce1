package lakala

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

// appendSigned appends what a signature covers, of a request and of an answer.
func appendSigned(dst []byte, appID, serial, timestamp, nonce string, body []byte) []byte {
	for _, part := range [...]string{appID, serial, timestamp, nonce} {
		dst = append(dst, part...)
		dst = append(dst, '\n')
	}
	dst = append(dst, body...)
	return append(dst, '\n')
}

// verify checks an answer's signature, whom it is for, and its age.
func verify(keys []wallet.WalletKey, appID string, header http.Header, body []byte, now time.Time) error {
	app, serial := header.Get("Lklapi-Appid"), header.Get("Lklapi-Serial")
	timestamp, nonce, signature := header.Get("Lklapi-Timestamp"), header.Get("Lklapi-Nonce"), header.Get("Lklapi-Signature")
	if app == "" || serial == "" || timestamp == "" || nonce == "" || signature == "" {
		return errors.New("the answer is not signed")
	}
	if app != appID {
		return errors.New("the answer is signed for another integrator")
	}
	message := appendSigned(make([]byte, 0, 256+len(body)), app, serial, timestamp, nonce, body)
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
