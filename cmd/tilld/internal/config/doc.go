// Package config reads the one configuration file of a till and says everything that is
// wrong with it at once: each mistake with its line and what to do about it.
//
// [Parse] is pure: it looks at the text alone. [CheckFiles] looks at the files the text
// names: keys, certificates, folders. Neither touches the network, and neither ever shows
// a secret, only where it is.
package config

import (
	"fmt"
	"slices"
	"strings"
)

// Level orders what is found.
type Level string

const (
	Mistake Level = "mistake" // the daemon does not start with it
	Warning Level = "warning" // it starts, but someone should look
	Note    Level = "note"    // worth knowing
)

// Problem is one finding.
type Problem struct {
	Line  int    `json:"line,omitempty"` // 1 is the first; 0 when it belongs to no line
	Key   string `json:"key,omitempty"`  // "contract[2].key_file"; empty for a syntax error
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
}

// String is one line for people, without the hint.
func (p Problem) String() string {
	s := fmt.Sprintf("%s: ", p.Level)
	if p.Key != "" {
		s += p.Key + ": "
	}
	return s + p.Text
}

// Problems is a list of findings.
type Problems []Problem

// Sort orders by line, then by key; findings without a line come last.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return b.Line - a.Line
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Key, b.Key)
	})
}

// Count is the number of findings of one level.
func (ps Problems) Count(l Level) int {
	n := 0
	for _, p := range ps {
		if p.Level == l {
			n++
		}
	}
	return n
}
