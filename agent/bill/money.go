package bill

import "bytes"

// Minor reads a decimal number of major units as bills write them ("12.80", "0", "-0.5",
// "7.79000") and returns minor units. At most 15 digits stand before the point; digits beyond
// the currency's decimals must be zero.
func Minor(cell []byte, exponent int) (minor int64, ok bool) {
	cell, negative := bytes.CutPrefix(cell, []byte("-"))
	whole, decimals, point := bytes.Cut(cell, []byte("."))
	if len(whole) == 0 || len(whole) > 15 || len(decimals) > 12 || point && len(decimals) == 0 {
		return 0, false
	}
	for _, c := range whole {
		if c < '0' || c > '9' {
			return 0, false
		}
		minor = minor*10 + int64(c-'0')
	}
	for i := range max(exponent, len(decimals)) {
		c := byte('0')
		if i < len(decimals) {
			c = decimals[i]
		}
		switch {
		case c < '0' || c > '9', i >= exponent && c != '0':
			return 0, false
		case i < exponent:
			minor = minor*10 + int64(c-'0')
		}
	}
	if negative {
		minor = -minor
	}
	return minor, true
}
