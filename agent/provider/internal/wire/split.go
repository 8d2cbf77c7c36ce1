package wire

import (
	"bytes"
	"iter"
)

// members yields the names and values of a valid JSON object. A name with an escape in it is
// yielded as it stands, which no name of the protocol is.
func members(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for rest := inside(data); len(rest) > 0; {
			name, after := value(rest)
			after = bytes.TrimLeft(after, space)[1:] // the colon
			v, after := value(bytes.TrimLeft(after, space))
			if !yield(string(name[1:len(name)-1]), v) {
				return
			}
			rest = next(after)
		}
	}
}

// items yields the values of a valid JSON array.
func items(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := inside(data); len(rest) > 0; {
			v, after := value(rest)
			if !yield(v) {
				return
			}
			rest = next(after)
		}
	}
}

// inside is what the brackets of an object or array hold, trimmed.
func inside(data []byte) []byte { return bytes.Trim(data[1:len(data)-1], space) }

// next skips a comma.
func next(rest []byte) []byte {
	rest = bytes.TrimLeft(rest, space)
	if len(rest) == 0 {
		return nil
	}
	return bytes.TrimLeft(rest[1:], space)
}

// value cuts the first value off valid JSON.
func value(data []byte) (v, rest []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth == 0, depth == 0 && (c == ',' || c == ':'):
			return bytes.TrimRight(data[:i], space), data[i:]
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !quoted && ends(data[i]) {
			return data[:i+1], data[i+1:]
		}
	}
	return bytes.TrimRight(data, space), nil
}

// ends reports whether a text, object or array ends with c.
func ends(c byte) bool { return c == '"' || c == '}' || c == ']' }
