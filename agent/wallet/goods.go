package wallet

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tilld/tilld/agent/terminal"
)

// Goods is what the customer reads in the wallet of what was paid for: the store's name, on one
// line, at most most bytes of UTF-8.
func Goods(t terminal.Info, most int) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(t.StoreName, ""))
	if name == "" {
		return "收款"
	}
	for len(name) > most {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// LastBytes is the end of an ASCII text, n bytes at most: of a long serial number that tells
// terminals apart.
func LastBytes(s string, n int) string {
	if len(s) > n {
		return s[len(s)-n:]
	}
	return s
}
