package alipay

import (
	"encoding/json"
	"errors"

	"github.com/tilld/tilld/agent/wallet"
)

// open verifies an answer to method and returns the raw bytes of its inner object. The
// wrapper must name the method that was called: a signed answer to another question is none.
func open(keys []wallet.WalletKey, method string, body []byte) ([]byte, error) {
	var outer map[string]json.RawMessage
	if err := json.Unmarshal(body, &outer); err != nil {
		return nil, errors.New("the answer is not a JSON object")
	}
	inner := outer[wrapper(method)]
	if len(inner) == 0 || inner[0] != '{' {
		return nil, errors.New("the answer has no " + wrapper(method))
	}
	var sign string
	if json.Unmarshal(outer["sign"], &sign) != nil || sign == "" {
		return nil, errors.New("the answer is not signed")
	}
	if err := wallet.Verify(keys, "", inner, sign); err != nil {
		return nil, err
	}
	return inner, nil
}

// wrapper is the member of an answer that holds the result: alipay_trade_pay_response.
func wrapper(method string) string {
	b := []byte(method)
	for i, c := range b {
		if c == '.' {
			b[i] = '_'
		}
	}
	return string(append(b, "_response"...))
}
