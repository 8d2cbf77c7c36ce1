package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tilld/tilld/internal/secret"
)

// maxLine bounds a line of JSON, in bytes: the longest payload of a QR code, every character
// of it escaped, several times over.
const maxLine = 256 << 10

// lineError is the answer to a line that cannot be read. It holds nothing of the line.
type lineError struct {
	Line  int    `json:"line"` // from 1
	Error string `json:"error"`
	Hint  string `json:"hint"`
}

// answerLines answers every line of in with one line of JSON on out, in order, at once when
// no further line is waiting. A line that answer refuses, or that is longer than maxLine, gets
// a lineError, and the next line is read all the same. Lines are wiped once answered. It
// returns how many lines were refused; the error is that of in or out.
func answerLines(in io.Reader, out io.Writer, answer func(line []byte) (any, error)) (refused int, err error) {
	r := bufio.NewReaderSize(in, 64<<10)
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	buf := make([]byte, 0, maxLine)
	defer func() { secret.Zero(buf[:cap(buf)]) }()
	for n := 1; ; n++ {
		line, tooLong, end := readLine(r, buf)
		if end != nil && !errors.Is(end, io.EOF) {
			w.Flush()
			return refused, end
		}
		if end != nil && len(line) == 0 && !tooLong {
			return refused, w.Flush()
		}
		var said any
		why := fmt.Errorf("longer than %d bytes", maxLine)
		if !tooLong {
			said, why = answer(line)
		}
		secret.Zero(line)
		if why != nil {
			refused++
			said = lineError{Line: n, Error: oneLine(why), Hint: hintOf(why, "one JSON object a line, as --help shows")}
		}
		if err := enc.Encode(said); err != nil {
			return refused, err
		}
		if r.Buffered() == 0 || end != nil {
			if err := w.Flush(); err != nil {
				return refused, err
			}
		}
	}
}

// readLine reads up to the next line end or the end of input, and what is longer than buf up
// to there without keeping it.
func readLine(r *bufio.Reader, buf []byte) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > cap(buf) {
			tooLong = true
		} else {
			line = append(buf[:len(line)], part...)
		}
		secret.Zero(part)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
			line = line[:len(line)-1]
		}
		return line, tooLong, err
	}
}

// unmarshalLine reads one line. Its error says nothing of the line: it may hold a code.
func unmarshalLine(line []byte, into any) error {
	if json.Unmarshal(line, into) != nil {
		return errors.New("not a JSON object of the form that is read here")
	}
	return nil
}

// hintOf is what an error advises, or otherwise.
func hintOf(err error, otherwise string) string {
	var h hinted
	if errors.As(err, &h) {
		return h.HintText()
	}
	return otherwise
}
