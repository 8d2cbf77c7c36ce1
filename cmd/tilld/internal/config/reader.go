package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// reader takes typed values out of one table and notes what is wrong with them. Every
// value it is asked for counts as known; what nobody asked for is an unknown key.
type reader struct {
	path  string // "terminal", "contract[2]"; empty for the file itself
	table *node
	known []string
	out   *Problems
}

func (r *reader) sub(key string, t *node) *reader {
	return &reader{path: r.key(key), table: t, out: r.out}
}

func (r *reader) key(key string) string {
	if r.path == "" {
		return key
	}
	return r.path + "." + key
}

// find returns the value of a key, nil when it is absent.
func (r *reader) find(key string) *node {
	r.known = append(r.known, key)
	n := r.table.table[key]
	if n != nil {
		n.seen = true
	}
	return n
}

// line is where a key stands, or its table when it is absent.
func (r *reader) line(key string) int {
	if n := r.table.table[key]; n != nil {
		return n.line
	}
	return r.table.line
}

func (r *reader) mistake(key, hint, format string, args ...any) {
	r.report(Mistake, key, hint, format, args...)
}

func (r *reader) report(l Level, key, hint, format string, args ...any) {
	*r.out = append(*r.out, Problem{Line: r.line(key), Key: r.key(key), Level: l, Text: fmt.Sprintf(format, args...), Hint: hint})
}

func (r *reader) want(key string, n *node, k kind) bool {
	if n.kind == k {
		return true
	}
	r.mistake(key, fmt.Sprintf("write %s", example(key, k)), "is %s, must be %s", n.kind, k)
	return false
}

func example(key string, k kind) string {
	switch k {
	case kString:
		return key + ` = "..."`
	case kInt:
		return key + " = 1"
	case kBool:
		return key + " = true"
	case kArray:
		return key + ` = ["..."]`
	}
	return "[" + key + "]"
}

func (r *reader) missing(key, hint string) {
	r.mistake(key, hint, "is missing")
}

// str reads a string. A needed one may be neither absent nor empty.
func (r *reader) str(key string, needed bool, hint string) string {
	n := r.find(key)
	if n == nil {
		if needed {
			r.missing(key, hint)
		}
		return ""
	}
	if !r.want(key, n, kString) {
		return ""
	}
	if needed && strings.TrimSpace(n.text) == "" {
		r.mistake(key, hint, "is empty")
	}
	return n.text
}

// oneOf reads a string out of a closed list; absent means the first.
func (r *reader) oneOf(key string, allowed ...string) string {
	n := r.find(key)
	if n == nil {
		return allowed[0]
	}
	if !r.want(key, n, kString) {
		return allowed[0]
	}
	if !slices.Contains(allowed, n.text) {
		r.mistake(key, "write one of: "+quoted(allowed), "%q is not known", clip(n.text))
		return allowed[0]
	}
	return n.text
}

func (r *reader) boolean(key string, otherwise bool) bool {
	n := r.find(key)
	if n == nil || !r.want(key, n, kBool) {
		return otherwise
	}
	return n.text == "true"
}

// number reads a whole number between lo and hi.
func (r *reader) number(key string, lo, hi, otherwise int64) int64 {
	n := r.find(key)
	if n == nil || !r.want(key, n, kInt) {
		return otherwise
	}
	v, err := integer(n.text)
	if err != nil || v < lo || v > hi {
		r.mistake(key, fmt.Sprintf("write a number from %d to %d", lo, hi), "%s is out of range", clip(n.text))
		return otherwise
	}
	return v
}

// duration reads a Go duration between lo and hi.
func (r *reader) duration(key string, lo, hi, otherwise time.Duration) time.Duration {
	n := r.find(key)
	if n == nil || !r.want(key, n, kString) {
		return otherwise
	}
	d, err := time.ParseDuration(n.text)
	if err != nil || d < lo || d > hi {
		r.mistake(key, fmt.Sprintf("write a time from %q to %q", short(lo), short(hi)), "%q is not a time in range", clip(n.text))
		return otherwise
	}
	return d
}

func short(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "" {
		return "0s"
	}
	return s
}

// strs reads an array of non-empty strings.
func (r *reader) strs(key string, needed bool, hint string) []string {
	n := r.find(key)
	if n == nil {
		if needed {
			r.missing(key, hint)
		}
		return nil
	}
	if !r.want(key, n, kArray) {
		return nil
	}
	var out []string
	for i, v := range n.list {
		switch {
		case v.kind != kString:
			r.mistake(key, "write "+example(key, kArray), "item %d is %s, must be %s", i+1, v.kind, kString)
		case strings.TrimSpace(v.text) == "":
			r.mistake(key, hint, "item %d is empty", i+1)
		case slices.Contains(out, v.text):
			r.mistake(key, "delete one of them", "%q stands twice", clip(v.text))
		default:
			out = append(out, v.text)
		}
	}
	if needed && len(n.list) == 0 {
		r.mistake(key, hint, "is empty")
	}
	return out
}

// section reads a table; an absent one reads as empty, so that what is needed in it is
// reported key by key.
func (r *reader) section(key string) (s *reader, present bool) {
	n := r.find(key)
	if n != nil && r.want(key, n, kTable) {
		return r.sub(key, n), true
	}
	return r.sub(key, newTable(r.line(key))), false
}

// sections reads an array of tables.
func (r *reader) sections(key string) []*reader {
	n := r.find(key)
	if n == nil {
		return nil
	}
	if n.kind != kArray {
		r.mistake(key, fmt.Sprintf("begin each with [[%s]]", r.key(key)), "is %s, must be an array of tables", n.kind)
		return nil
	}
	var out []*reader
	for i, t := range n.list {
		if t.kind != kTable {
			r.mistake(key, fmt.Sprintf("begin each with [[%s]]", r.key(key)), "item %d is %s, must be a table", i+1, t.kind)
			continue
		}
		out = append(out, r.sub(fmt.Sprintf("%s[%d]", key, i+1), t))
	}
	return out
}

// done reports every key that nobody asked for.
func (r *reader) done() {
	for _, key := range r.table.order {
		n := r.table.table[key]
		if n.seen {
			continue
		}
		hint := "delete it"
		if near := nearest(key, r.known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		} else if len(r.known) > 0 {
			hint = "known here: " + strings.Join(slices.Sorted(maps.Keys(set(r.known))), ", ")
		}
		*r.out = append(*r.out, Problem{Line: n.line, Key: r.key(clip(key)), Level: Mistake, Text: "unknown key", Hint: hint})
	}
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}

// clip keeps an error line readable, whatever was written into the file.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// nearest is the known key within two changes of a mistyped one.
func nearest(key string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(clip(key), k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance counts the changes (insert, delete, replace) between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
