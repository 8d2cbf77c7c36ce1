// Package dump reads and writes what passed between a host and a device: one line an event,
//
//	0.000 < 5d5131313334353637383930 0d
//	0.412 > 04d00400ff28
//	1.000 gone
//
// a time in seconds or as RFC 3339 has it, or none; "<" (or "in") for what the device sent,
// ">" (or "out") for what was sent to it, "gone" for a pulled plug; hexadecimal digits, which
// spaces may group. Lines that begin with # are comments.
package dump

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Kind is what happened.
type Kind string

const (
	In   Kind = "<"    // the device sent
	Out  Kind = ">"    // the host sent
	Gone Kind = "gone" // the plug was pulled
)

// Line is one event.
type Line struct {
	Number int           // of the line in the file, from 1
	At     time.Duration // since any beginning; never before the line above
	Kind   Kind
	Data   []byte // empty for Gone alone
}

const (
	// Longest is the longest dump that is read, in bytes.
	Longest     = 64 << 20
	longestLine = 64 << 10
	// piece is how much of a binary dump is taken as one read, and pause the time between
	// two events that have none. Pieces hold whole records: HID reports of 64 bytes, input
	// events of 24 and 16.
	piece = 21 * 192
	pause = time.Millisecond
)

// mark is what some editors put before text in UTF-8.
const mark = "\uFEFF"

// Read reads a dump: lines, or, where the first of them is no such line, the bytes that a
// device sent. No device is known that sends such lines. A line without a time comes a
// millisecond after the one before it. Errors hold nothing of what was sent.
func Read(r io.Reader) ([]Line, error) {
	data, err := io.ReadAll(io.LimitReader(r, Longest+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > Longest:
		return nil, fmt.Errorf("longer than %d MiB", Longest>>20)
	}
	if !isText(bytes.TrimPrefix(data, []byte(mark))) {
		return binary(data), nil
	}
	return text(data)
}

// isText looks at the first line that is neither empty nor a comment.
func isText(data []byte) bool {
	comments := false
	for l := range bytes.Lines(data[:min(len(data), longestLine)]) {
		s := strings.TrimSpace(string(l))
		if s == "" || s[0] == '#' {
			comments = comments || s != ""
			continue
		}
		const none = -1
		l, err := parse(s, none)
		return err == nil || l.Kind != "" && l.At != none // a line with a mistake in it
	}
	return comments || len(data) == 0
}

func binary(data []byte) (lines []Line) {
	for at := time.Duration(0); len(data) > 0; at += pause {
		n := min(len(data), piece)
		lines = append(lines, Line{Number: len(lines) + 1, At: at, Kind: In, Data: data[:n]})
		data = data[n:]
	}
	return lines
}

// ReadText is Read for what must be lines.
func ReadText(r io.Reader) ([]Line, error) {
	data, err := io.ReadAll(io.LimitReader(r, Longest+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > Longest:
		return nil, fmt.Errorf("longer than %d MiB", Longest>>20)
	}
	return text(data)
}

func text(data []byte) (lines []Line, err error) {
	in := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte(mark))))
	in.Buffer(nil, longestLine)
	n, last := 0, -pause
	for in.Scan() {
		n++
		s := strings.TrimSpace(in.Text())
		if s == "" || s[0] == '#' {
			continue
		}
		l, err := parse(s, last+pause)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case l.At < last:
			return nil, fmt.Errorf("line %d: its time is before that of the line above it", n)
		}
		l.Number, last = n, l.At
		lines = append(lines, l)
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d: longer than %d bytes", n+1, longestLine)
	}
	return lines, in.Err()
}

// parse reads one line; otherwise is its time if it has none.
func parse(s string, otherwise time.Duration) (Line, error) {
	l := Line{At: otherwise}
	s = strings.ReplaceAll(s, "\t", " ")
	word, rest, _ := strings.Cut(s, " ")
	if at, ok := seconds(word); ok {
		l.At = at
		word, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
	}
	switch word {
	case "<", "in":
		l.Kind = In
	case ">", "out":
		l.Kind = Out
	case "gone":
		l.Kind = Gone
	default:
		return l, errors.New(`wants "TIME < HEX", "TIME > HEX" or "TIME gone", the time in seconds or left out`)
	}
	data, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
	if err != nil || (l.Kind == Gone) != (len(data) == 0) {
		return l, errors.New("wants pairs of hexadecimal digits after the direction, and none after gone")
	}
	l.Data = data
	return l, nil
}

// seconds reads a time: seconds with decimals, or a date.
func seconds(word string) (time.Duration, bool) {
	if t, err := time.Parse(time.RFC3339Nano, word); err == nil {
		ns := t.UnixNano()
		return time.Duration(ns), ns >= 0
	}
	whole, part, _ := strings.Cut(word, ".")
	s, err := strconv.ParseUint(whole, 10, 32)
	if err != nil || len(part) > 9 {
		return 0, false
	}
	ns := uint64(0)
	if part != "" {
		if ns, err = strconv.ParseUint((part + "00000000")[:9], 10, 32); err != nil {
			return 0, false
		}
	}
	return time.Duration(s)*time.Second + time.Duration(ns), true
}

// Write writes one line, its time in milliseconds.
func Write(w io.Writer, l Line) error {
	s := fmt.Sprintf("%d.%03d %s", l.At/time.Second, l.At%time.Second/time.Millisecond, l.Kind)
	if len(l.Data) > 0 {
		s += " " + hex.EncodeToString(l.Data)
	}
	if _, err := fmt.Fprintln(w, s); err != nil {
		return fmt.Errorf("write dump: %w", err)
	}
	return nil
}
