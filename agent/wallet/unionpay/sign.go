package unionpay

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/wallet"
)

// pair is one field of a message. Values are bytes, so that a code can be wiped.
type pair struct {
	k string
	v []byte
}

// appendSigned appends the text a signature begins from: non-empty pairs but signature,
// sorted by name. pairs must be sorted.
func appendSigned(dst []byte, pairs []pair) []byte {
	first := true
	for _, p := range pairs {
		if p.k == "signature" || len(p.v) == 0 {
			continue
		}
		if !first {
			dst = append(dst, '&')
		}
		first = false
		dst = append(append(append(dst, p.k...), '='), p.v...)
	}
	return dst
}

// digest is what RSA signs: the lower-case hex text of the SHA-256 of the signed text.
func digest(signed []byte) []byte {
	sum := sha256.Sum256(signed)
	return hex.AppendEncode(make([]byte, 0, 64), sum[:])
}

func sortPairs(pairs []pair) {
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.k, b.k) })
}

// maxPairs bounds the fields of an answer.
const maxPairs = 100

// parse splits an answer into pairs: at & outside of braces, then at the first =.
func parse(body []byte) ([]pair, error) {
	var pairs []pair
	depth, from := 0, 0
	add := func(field []byte) error {
		if len(field) == 0 {
			return nil
		}
		k, v, ok := strings.Cut(string(field), "=")
		if !ok || k == "" {
			return errors.New("the answer is not a list of k=v pairs")
		}
		if len(pairs) == maxPairs {
			return errors.New("the answer has too many fields")
		}
		pairs = append(pairs, pair{k, []byte(v)})
		return nil
	}
	for i, c := range body {
		switch {
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == '&' && depth <= 0:
			if err := add(body[from:i]); err != nil {
				return nil, err
			}
			from = i + 1
		}
	}
	if err := add(body[from:]); err != nil {
		return nil, err
	}
	sortPairs(pairs)
	for i := 1; i < len(pairs); i++ {
		if pairs[i].k == pairs[i-1].k {
			return nil, errors.New("the answer repeats a field")
		}
	}
	return pairs, nil
}

// open parses and verifies an answer. The gateway's classic answers are not escaped, form
// answers are; the reading whose signature holds is the right one.
func open(keys []wallet.WalletKey, body []byte) (map[string]string, error) {
	pairs, err := parse([]byte(strings.TrimSpace(string(body))))
	if err != nil {
		return nil, err
	}
	plain, err := verified(keys, pairs)
	if err == nil {
		return plain, nil
	}
	for i, p := range pairs {
		v, unescapeErr := url.QueryUnescape(string(p.v))
		if unescapeErr != nil {
			return nil, err
		}
		pairs[i].v = []byte(v)
	}
	return verified(keys, pairs)
}

func verified(keys []wallet.WalletKey, pairs []pair) (map[string]string, error) {
	fields := make(map[string]string, len(pairs))
	for _, p := range pairs {
		fields[p.k] = string(p.v)
	}
	if fields["signature"] == "" {
		return nil, errors.New("the answer is not signed")
	}
	if err := wallet.Verify(keys, fields["certId"], digest(appendSigned(nil, pairs)), fields["signature"]); err != nil {
		return nil, err
	}
	return fields, nil
}
