package alipayplus

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/tilld/tilld/agent/wallet"
)

// appendSigned appends what a signature covers, of a request and of its answer alike:
// "POST <path>", a line end, and "<Client-Id>.<time>.<body>".
func appendSigned(dst []byte, path, client, at string, body []byte) []byte {
	dst = append(dst, "POST "...)
	dst = append(dst, path...)
	dst = append(dst, '\n')
	dst = append(dst, client...)
	dst = append(dst, '.')
	dst = append(dst, at...)
	dst = append(dst, '.')
	return append(dst, body...)
}

// open verifies an answer to a request for path.
func open(keys []wallet.WalletKey, path, client string, header http.Header, body []byte) error {
	if named := header.Get("Client-Id"); named != "" && named != client {
		return errors.New("the answer is for another client")
	}
	version, signature, err := parseSignature(header.Get("Signature"))
	if err != nil {
		return err
	}
	at := header.Get("Response-Time")
	if at == "" {
		return errors.New("the answer has no Response-Time")
	}
	text := appendSigned(make([]byte, 0, len(body)+256), path, client, at, body)
	return wallet.Verify(keys, version, text, signature)
}

// parseSignature reads "algorithm=RSA256, keyVersion=1, signature=<escaped base64>". The
// first two may be absent; other parts are passed over.
func parseSignature(text string) (version, signature string, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "algorithm":
			if value != "RSA256" {
				return "", "", errors.New("the answer is signed with an unknown algorithm")
			}
		case "keyVersion":
			version = value
		case "signature":
			// Unlike in a form, a plus sign is itself.
			if signature, err = url.PathUnescape(value); err != nil {
				return "", "", errors.New("the answer's signature is not escaped as it should be")
			}
		}
	}
	if signature == "" {
		return "", "", errors.New("the answer is not signed")
	}
	return version, signature, nil
}
