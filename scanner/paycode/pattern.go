package paycode

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// maxDigits is the longest numeric code a pattern can describe.
const maxDigits = 32

// anyDigit has a bit for each of the ten digits.
const anyDigit = 1<<10 - 1

// pattern is a compiled form of Rule.Patterns: which digits may stand at each position.
type pattern struct {
	rule     *Rule
	mask     [maxDigits]uint16
	min, max int // length
}

// compile reads a pattern: digits stand for themselves, "[0-57-9]" for one of a set, "#"
// for any digit, "#{16}" for sixteen, and "#{14-22}", at the end only, for a range.
func compile(text string) (pattern, error) {
	var p pattern
	bad := func(why string) (pattern, error) {
		return pattern{}, fmt.Errorf("pattern %q: %s", text, why)
	}
	put := func(mask uint16, n int) bool {
		for range n {
			if p.max == maxDigits {
				return false
			}
			p.mask[p.max] = mask
			p.max++
		}
		return true
	}
	s, extra := text, 0
	for s != "" {
		if extra > 0 {
			return bad("a range of lengths must stand at the end")
		}
		mask, rest, err := oneOf(s)
		if err != nil {
			return bad(err.Error())
		}
		lo, hi, rest, err := repeat(rest)
		if err != nil {
			return bad(err.Error())
		}
		if !put(mask, hi) {
			return bad(fmt.Sprintf("longer than %d digits", maxDigits))
		}
		extra, s = hi-lo, rest
	}
	p.min = p.max - extra
	if p.max == 0 || p.min == 0 {
		return bad("matches an empty code")
	}
	return p, nil
}

// oneOf reads what may stand at one position.
func oneOf(s string) (mask uint16, rest string, err error) {
	switch c := s[0]; {
	case c >= '0' && c <= '9':
		return 1 << (c - '0'), s[1:], nil
	case c == '#':
		return anyDigit, s[1:], nil
	case c == '[':
		set, rest, ok := strings.Cut(s[1:], "]")
		if !ok || set == "" {
			return 0, "", fmt.Errorf("a set is not closed or empty")
		}
		for i := 0; i < len(set); i++ {
			lo, hi := set[i], set[i]
			if i+2 < len(set) && set[i+1] == '-' {
				hi = set[i+2]
				i += 2
			}
			if lo < '0' || hi > '9' || lo > hi {
				return 0, "", fmt.Errorf("a set holds digits and ranges of them only")
			}
			for d := lo; d <= hi; d++ {
				mask |= 1 << (d - '0')
			}
		}
		return mask, rest, nil
	}
	return 0, "", fmt.Errorf("%q is not a digit, a set or #", s[:1])
}

// repeat reads an optional "{n}" or "{n-m}".
func repeat(s string) (lo, hi int, rest string, err error) {
	if !strings.HasPrefix(s, "{") {
		return 1, 1, s, nil
	}
	body, rest, ok := strings.Cut(s[1:], "}")
	a, b, ranged := strings.Cut(body, "-")
	if !ranged {
		b = a
	}
	lo, err1 := strconv.Atoi(a)
	hi, err2 := strconv.Atoi(b)
	if !ok || err1 != nil || err2 != nil || lo < 0 || hi < lo || hi < 1 {
		return 0, 0, "", fmt.Errorf("a repeat must be {n} or {n-m}")
	}
	return lo, min(hi, maxDigits+1), rest, nil
}

func (p *pattern) fits(code []byte) bool {
	for i, c := range code {
		d := c - '0'
		if d > 9 || p.mask[i]&(1<<d) == 0 {
			return false
		}
	}
	return true
}

// overlaps reports whether some code fits both patterns.
func (p *pattern) overlaps(q *pattern) bool {
	lo, hi := max(p.min, q.min), min(p.max, q.max)
	if lo > hi {
		return false
	}
	for i := range lo {
		if p.mask[i]&q.mask[i] == 0 {
			return false
		}
	}
	return true
}

// lowest is the lowest code that fits both patterns, which must overlap.
func (p *pattern) lowest(q *pattern) string {
	code := make([]byte, max(p.min, q.min))
	for i := range code {
		code[i] = '0' + byte(bits.TrailingZeros16(p.mask[i]&q.mask[i]))
	}
	return string(code)
}
