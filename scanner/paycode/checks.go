package paycode

import "time"

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7E {
			return false
		}
	}
	return true
}

// digits knows ASCII digits only: other scripts' digits are no digits here.
func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// foldEqual compares with a lower-case ASCII text, in any case.
func foldEqual(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if lower(c) != s[i] {
			return false
		}
	}
	return true
}

// provinces has the area codes of GB/T 2260, first two digits.
var provinces = func() (set [100]bool) {
	for _, p := range []int{
		11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46,
		50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83,
	} {
		set[p] = true
	}
	return set
}()

// isCitizenID checks a GB 11643 citizen number: province, birth date from 1900 to today in
// China, MOD 11-2 check character.
func isCitizenID(b []byte, now time.Time) bool {
	const weights, table = "\x07\x09\x0a\x05\x08\x04\x02\x01\x06\x03\x07\x09\x0a\x05\x08\x04\x02", "10X98765432"
	if len(b) != 18 || !digits(b[:17]) || !provinces[number(b[:2])] {
		return false
	}
	sum := 0
	for i := range weights {
		sum += int(b[i]-'0') * int(weights[i])
	}
	check := b[17]
	if check == 'x' {
		check = 'X'
	}
	if check != table[sum%11] {
		return false
	}
	year, month, day := number(b[6:10]), number(b[10:12]), number(b[12:14])
	if year < 1900 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return false
	}
	// A board without power comes back in 1970: what was born by the time this was written
	// is born in any case.
	y, m, d := now.UTC().Add(8 * time.Hour).Date()
	return year*10000+month*100+day <= max(y*10000+int(m)*100+d, 20260101)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func number(b []byte) (n int) {
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}

// isGTIN checks the length and the check digit of GTIN-8, -12, -13 and -14.
func isGTIN(b []byte) bool {
	switch len(b) {
	case 8, 12, 13, 14:
	default:
		return false
	}
	sum := 0
	for i := range b {
		d := int(b[len(b)-1-i] - '0')
		if i%2 == 1 {
			d *= 3
		}
		sum += d
	}
	return sum%10 == 0
}

// isCardNumber checks length (ISO/IEC 7812: up to 19 digits; shorter than 12 is no card)
// and the Luhn digit.
func isCardNumber(b []byte) bool {
	if len(b) < 12 || len(b) > 19 {
		return false
	}
	sum := 0
	for i := range b {
		d := int(b[len(b)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
