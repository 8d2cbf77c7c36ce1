package main

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

// dumpKind is what happened at one line of a dump.
type dumpKind string

const (
	dumpIn   dumpKind = "<"    // the device sent
	dumpOut  dumpKind = ">"    // the host sent
	dumpGone dumpKind = "gone" // the plug was pulled
)

// dumpLine is one line of a dump. At counts from any beginning.
type dumpLine struct {
	line int
	at   time.Duration
	kind dumpKind
	data []byte
}

const (
	maxDump     = 64 << 20 // bytes
	maxDumpLine = 64 << 10
	// dumpPiece is how much of a binary dump is taken as one read, and dumpPause the time
	// between two: a binary dump has no times.
	dumpPiece = 4096
	dumpPause = time.Millisecond
)

// readDump reads a dump: lines of an optional time, a direction and hexadecimal digits, or,
// where the first bytes are no such line, the bytes that a device sent. A line without a
// time comes a millisecond after the one before it.
func readDump(r io.Reader) ([]dumpLine, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDump+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxDump:
		return nil, fmt.Errorf("longer than %d MiB", maxDump>>20)
	}
	if !isDumpText(data) {
		return binaryDump(data), nil
	}
	return textDump(data)
}

// isDumpText reports whether the first line that is neither empty nor a comment is one of
// text. A device that sends such text is not known.
func isDumpText(data []byte) bool {
	for l := range bytes.Lines(data[:min(len(data), maxDumpLine)]) {
		text := strings.TrimSpace(string(l))
		if text == "" || text[0] == '#' {
			continue
		}
		_, err := parseDumpLine(text, 0)
		return err == nil
	}
	return false
}

func binaryDump(data []byte) (lines []dumpLine) {
	for at := time.Duration(0); len(data) > 0; at += dumpPause {
		n := min(len(data), dumpPiece)
		lines = append(lines, dumpLine{line: len(lines) + 1, at: at, kind: dumpIn, data: data[:n]})
		data = data[n:]
	}
	return lines
}

func textDump(data []byte) (lines []dumpLine, err error) {
	text := bufio.NewScanner(bytes.NewReader(data))
	text.Buffer(nil, maxDumpLine)
	n, last := 0, -dumpPause
	for text.Scan() {
		n++
		s := strings.TrimSpace(text.Text())
		if s == "" || s[0] == '#' {
			continue
		}
		l, err := parseDumpLine(s, last+dumpPause)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case l.at < last:
			return nil, fmt.Errorf("line %d: its time is before that of the line above it", n)
		}
		l.line, last = n, l.at
		lines = append(lines, l)
	}
	if errors.Is(text.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d: longer than %d bytes", n+1, maxDumpLine)
	}
	return lines, text.Err()
}

// parseDumpLine reads "[time] direction hex". The digits may be grouped by spaces.
func parseDumpLine(s string, otherwise time.Duration) (dumpLine, error) {
	l := dumpLine{at: otherwise}
	word, rest, _ := strings.Cut(s, " ")
	if at, ok := dumpTime(word); ok {
		l.at = at
		word, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
	}
	switch word {
	case "<", "in":
		l.kind = dumpIn
	case ">", "out":
		l.kind = dumpOut
	case "gone":
		l.kind = dumpGone
	default:
		return l, errors.New(`wants "TIME < HEX", "TIME > HEX" or "TIME gone", the time in seconds or left out`)
	}
	data, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
	if err != nil || (l.kind == dumpGone) != (len(data) == 0) {
		return l, errors.New("wants pairs of hexadecimal digits after the direction")
	}
	l.data = data
	return l, nil
}

// dumpTime reads seconds with decimals, or a date as RFC 3339 has it.
func dumpTime(word string) (time.Duration, bool) {
	if t, err := time.Parse(time.RFC3339Nano, word); err == nil {
		return time.Duration(t.UnixNano()), true
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
