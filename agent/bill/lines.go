package bill

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Bounds of a bill. The largest merchants have some hundred thousand rows a day.
const (
	maxLine  = 64 << 10
	maxBytes = 1 << 30
)

// Lines reads a bill line by line: CR LF or LF, with or without a byte order mark.
type Lines struct {
	// N is the number of the line that Next returned last.
	N int
	// Cut is set when the line had no end: the file may end in the middle of it.
	Cut  bool
	r    *bufio.Reader
	read int64
	err  error
}

// NewLines reads from r.
func NewLines(r io.Reader) *Lines { return &Lines{r: bufio.NewReaderSize(r, maxLine)} }

// Next returns the next line without its end, valid until the next call; false at the end or
// after an error.
func (l *Lines) Next() ([]byte, bool) {
	if l.err != nil {
		return nil, false
	}
	line, err := l.r.ReadSlice('\n')
	l.read += int64(len(line))
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		l.err = Errorf(l.N+1, "the line has more than %d bytes", maxLine)
		return nil, false
	case err != nil && !errors.Is(err, io.EOF):
		l.err = err
		if len(line) > 0 {
			l.N++ // the line that the error cuts off
		}
		return nil, false
	case err != nil:
		l.err, l.Cut = io.EOF, true
		if len(line) == 0 {
			return nil, false
		}
	case l.read > maxBytes:
		l.err = Errorf(l.N+1, "the bill has more than %d bytes", maxBytes)
		return nil, false
	}
	l.N++
	if l.N == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	return bytes.TrimRight(line, "\r\n"), true
}

// Cells is the error of a line with another number of cells than the bill has columns.
func (l *Lines) Cells(have, want int) error {
	if l.Cut {
		return Truncated(l.N, "the end of this line")
	}
	return Errorf(l.N, "%d cells, and the bill has %d columns", have, want)
}

// Err is why Next returned false; nil at the end of the file. An error of the reader below
// names the line it came after.
func (l *Lines) Err() error {
	var known *Error
	switch {
	case l.err == nil, errors.Is(l.err, io.EOF):
		return nil
	case errors.As(l.err, &known) && known.Line != 0:
		return l.err
	case errors.As(l.err, &known):
		return &Error{Line: l.N, Text: known.Text, Hint: known.Hint}
	case errors.Is(l.err, io.ErrUnexpectedEOF):
		return Truncated(l.N, "the end of the compressed data")
	}
	return &Error{Line: l.N, Text: "read on: " + l.err.Error(), Hint: hintAgain}
}
