package wechatpayv2

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/internal/secret"
)

// field is one element of a request or an answer.
type field struct {
	name  string
	value []byte
}

// appendSigned appends what a signature covers: every field that is not empty but sign itself,
// by name, and the key.
func appendSigned(dst []byte, fields []field, key []byte) []byte {
	sorted := slices.Clone(fields)
	slices.SortFunc(sorted, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for _, f := range sorted {
		if f.name == "sign" || len(f.value) == 0 {
			continue
		}
		dst = append(dst, f.name...)
		dst = append(dst, '=')
		dst = append(dst, f.value...)
		dst = append(dst, '&')
	}
	dst = append(dst, "key="...)
	return append(dst, key...)
}

// signature is the sign of a text that appendSigned made, in capital hex. MD5 is not safe
// against who may choose texts; it is offered because some contracts have nothing else.
func signature(kind string, text, key []byte) []byte {
	var out []byte
	if kind == MD5 {
		sum := md5.Sum(text)
		out = hex.AppendEncode(nil, sum[:])
	} else {
		sum := secret.MAC(key, text)
		out = hex.AppendEncode(nil, sum[:])
	}
	for i, c := range out {
		if c >= 'a' {
			out[i] = c - 'a' + 'A'
		}
	}
	return out
}

// sign is the signature of fields.
func sign(kind string, fields []field, key []byte) []byte {
	size := 64 + len(key)
	for _, f := range fields {
		size += len(f.name) + len(f.value) + 2
	}
	text := appendSigned(make([]byte, 0, size), fields, key)
	defer secret.Zero(text[:cap(text)])
	return signature(kind, text, key)
}

// verify checks the sign of an answer, whose hex may be in either case.
func verify(kind string, fields []field, key []byte) error {
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == "sign" })
	if i < 0 || len(fields[i].value) == 0 {
		return errors.New("the answer is not signed")
	}
	if !hmac.Equal([]byte(strings.ToUpper(string(fields[i].value))), sign(kind, fields, key)) {
		return wallet.ErrSignature
	}
	return nil
}
