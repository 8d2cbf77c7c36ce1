package wallet

import "strconv"

// AppendHead appends the request line and header of an HTTP/1.1 request to host with a body
// of length bytes, up to and with the empty line. lines are whole header lines without line
// end; they must hold no line end themselves.
func AppendHead[T ~string | ~[]byte](dst []byte, method string, target T, host string, length int, lines ...string) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, host...)
	dst = append(dst, "\r\nUser-Agent: tilld\r\n"...)
	for _, line := range lines {
		dst = append(dst, line...)
		dst = append(dst, "\r\n"...)
	}
	if length > 0 || method == "POST" {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(length), 10)
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// AppendEscaped appends s escaped for a form or a query (application/x-www-form-urlencoded,
// a space as "+").
func AppendEscaped[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// AppendJSON appends s as a JSON string. Codes and numbers of ours are ASCII; other text is
// passed through as UTF-8.
func AppendJSON[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
