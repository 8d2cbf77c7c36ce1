package bill

import (
	"strconv"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// quote shows a text of the file, at most 40 characters of it.
func quote(s string) string {
	r := []rune(s)
	if len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return strconv.Quote(s)
}

// Words keeps the few texts that come again and again in a bill, so that each is made once.
// The zero value is ready.
type Words struct{ known map[string]string }

// Of is the cell as a string.
func (w *Words) Of(cell []byte) string {
	if s, ok := w.known[string(cell)]; ok {
		return s
	}
	s := string(cell)
	if w.known == nil {
		w.known = map[string]string{}
	}
	if len(w.known) < 256 {
		w.known[s] = s
	}
	return s
}

// Time reads "2026-11-21 10:00:00", a time in Shanghai. Some bills have two spaces.
func Time(cell []byte) (time.Time, bool) {
	for len(cell) == 20 && cell[10] == ' ' && cell[11] == ' ' {
		cell = append(append(make([]byte, 0, 19), cell[:10]...), cell[11:]...)
	}
	if len(cell) != 19 || cell[4] != '-' || cell[7] != '-' || cell[10] != ' ' || cell[13] != ':' || cell[16] != ':' {
		return time.Time{}, false
	}
	n := func(from, to int) int {
		v := 0
		for _, c := range cell[from:to] {
			if c < '0' || c > '9' {
				return -1
			}
			v = v*10 + int(c-'0')
		}
		return v
	}
	y, mo, d, h, mi, s := n(0, 4), n(5, 7), n(8, 10), n(11, 13), n(14, 16), n(17, 19)
	if y < 1 || mo < 1 || mo > 12 || d < 1 || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 60 {
		return time.Time{}, false
	}
	t := time.Date(y, time.Month(mo), d, h, mi, s, 0, shanghai)
	return t, t.Day() == d || s == 60
}
