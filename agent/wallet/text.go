package wallet

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how many characters of a wallet's words are kept.
const maxText = 120

// CleanText makes a wallet's words fit for journals, logs and screens: one line, at most
// 120 characters, and every run of eight or more digits replaced, because some wallets quote
// the payment code or a card number in their messages.
func CleanText(s string) string {
	var b strings.Builder
	n := 0
	run := 0 // digits at the end of b
	flush := func() {
		if run >= 8 {
			kept := b.String()
			b.Reset()
			b.WriteString(kept[:len(kept)-run])
			b.WriteString("…")
		}
		run = 0
	}
	for len(s) > 0 && n < maxText {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		n++
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
			run++
			continue
		case r == utf8.RuneError && size == 1, !unicode.IsPrint(r):
			r = ' '
		}
		flush()
		b.WriteRune(r)
	}
	// A run that goes on beyond the limit is as long as it is there.
	for len(s) > 0 && run > 0 && s[0] >= '0' && s[0] <= '9' {
		b.WriteByte(s[0])
		s = s[1:]
		run++
	}
	flush()
	return strings.TrimSpace(b.String())
}

// CleanCode keeps a wallet's result code if it looks like one: letters, digits and "._-",
// at most 64. Anything else becomes "?".
func CleanCode(s string) string {
	if len(s) > 64 {
		return "?"
	}
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '.', c == '_', c == '-':
		default:
			return "?"
		}
	}
	return s
}

// CleanID keeps a wallet's transaction number or time: printable ASCII without spaces at
// either end, at most 64 characters. Anything else is dropped.
func CleanID(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 64 {
		return ""
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return ""
		}
	}
	return s
}
