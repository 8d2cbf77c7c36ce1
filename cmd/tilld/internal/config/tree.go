package config

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// node is one value of the file and the line its key stands on.
type node struct {
	kind   kind
	line   int
	text   string  // string and scalar kinds: the decoded string, or the raw token
	list   []*node // array, and array of tables
	table  map[string]*node
	order  []string
	seen   bool // some reader asked for it
	header bool // the table was opened by its own [header]
}

type kind string

const (
	kString kind = "a string"
	kInt    kind = "a whole number"
	kFloat  kind = "a number with decimals"
	kBool   kind = "true or false"
	kTime   kind = "a date"
	kArray  kind = "an array"
	kTable  kind = "a table"
)

func newTable(line int) *node { return &node{kind: kTable, line: line, table: map[string]*node{}} }

// maxSyntax bounds how many broken lines are reported: a file that is not TOML at all
// should not scroll the first one away.
const maxSyntax = 20

// parseTree reads the text into a tree. A line that is not TOML is reported and left out,
// and the rest is read all the same.
func parseTree(data []byte) (*node, Problems) {
	var problems Problems
	data = bytes.Clone(data)
	for {
		b := &builder{root: newTable(1)}
		b.parser.Reset(data)
		line, err := b.read()
		if err == nil || len(problems) == maxSyntax {
			problems = append(problems, b.problems...)
			return b.root, problems
		}
		problems = append(problems, Problem{Line: line, Level: Mistake, Text: "not TOML: " + err.Error(),
			Hint: `write key = "text", key = 1 or key = true, one a line`})
		if !blankLine(data, line) {
			problems = append(problems, b.problems...)
			return b.root, problems
		}
	}
}

// blankLine overwrites one line with spaces; false when it was blank already, so that the
// caller's loop ends.
func blankLine(data []byte, line int) bool {
	for n := 1; ; n++ {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			end = len(data)
		}
		if n == line {
			if len(bytes.TrimSpace(data[:end])) == 0 {
				return false
			}
			for i := range data[:end] {
				data[i] = ' '
			}
			return true
		}
		if end == len(data) {
			return false
		}
		data = data[end+1:]
	}
}

// builder turns the parser's expressions into a tree.
type builder struct {
	parser   unstable.Parser
	root     *node
	problems Problems
}

// read builds the tree up to the end or the first line that is not TOML.
func (b *builder) read() (line int, err error) {
	at := b.root
	for b.parser.NextExpression() {
		e := b.parser.Expression()
		keys, line := b.keys(e)
		switch e.Kind {
		case unstable.Table:
			at = b.open(b.root, keys, line, false)
		case unstable.ArrayTable:
			at = b.open(b.root, keys, line, true)
		case unstable.KeyValue:
			b.put(at, keys, line, e.Value())
		}
	}
	err = b.parser.Error()
	if err == nil {
		return 0, nil
	}
	line = 1
	var pe *unstable.ParserError
	if errors.As(err, &pe) {
		line = 1 + bytes.Count(b.parser.Data()[:b.offset(pe.Highlight)], []byte("\n"))
	}
	return line, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
}

// offset of a part of the text; its end when the part is empty and so has no place.
func (b *builder) offset(part []byte) int {
	if len(part) == 0 {
		return len(bytes.TrimRight(b.parser.Data(), "\n"))
	}
	return int(b.parser.Range(part).Offset)
}

func (b *builder) keys(e *unstable.Node) (keys []string, line int) {
	for it := e.Key(); it.Next(); {
		if line == 0 {
			line = b.parser.Shape(it.Node().Raw).Start.Line
		}
		keys = append(keys, string(it.Node().Data))
	}
	return keys, line
}

func (b *builder) twice(line, first int, keys []string) {
	b.problems = append(b.problems, Problem{Line: line, Key: strings.Join(keys, "."), Level: Mistake,
		Text: fmt.Sprintf("stands twice, first in line %d", first), Hint: "delete one of them"})
}

// open goes to the table that a header names, making what is missing on the way.
func (b *builder) open(at *node, keys []string, line int, array bool) *node {
	for i, k := range keys {
		last := i == len(keys)-1
		next, ok := at.table[k]
		switch {
		case !ok && last && array:
			next = &node{kind: kArray, line: line}
			at.add(k, next)
		case !ok:
			next = newTable(line)
			at.add(k, next)
		}
		if next.kind == kArray && (last && array || !last || len(next.list) > 0) {
			if last && array {
				if len(next.list) > 0 && next.list[0].kind != kTable {
					b.twice(line, next.line, keys[:i+1])
				}
				next.list = append(next.list, newTable(line))
			} else if last {
				b.twice(line, next.line, keys[:i+1])
			}
			if len(next.list) == 0 {
				next.list = append(next.list, newTable(line))
			}
			next = next.list[len(next.list)-1]
		}
		if next.kind != kTable {
			b.twice(line, next.line, keys[:i+1])
			return newTable(line) // its keys are read for their form and belong to nobody
		}
		if last && !array {
			if next.header {
				b.twice(line, next.line, keys[:i+1])
			}
			next.header = true
			next.line = line
		}
		at = next
	}
	return at
}

func (n *node) add(key string, v *node) {
	n.table[key] = v
	n.order = append(n.order, key)
}

func (b *builder) put(at *node, keys []string, line int, value *unstable.Node) {
	for i, k := range keys[:len(keys)-1] {
		next, ok := at.table[k]
		if !ok {
			next = newTable(line)
			at.add(k, next)
		}
		if next.kind != kTable {
			b.twice(line, next.line, keys[:i+1])
			return
		}
		at = next
	}
	k := keys[len(keys)-1]
	if old, ok := at.table[k]; ok {
		b.twice(line, old.line, keys)
		return
	}
	at.add(k, b.value(value, line))
}

func (b *builder) value(v *unstable.Node, line int) *node {
	n := &node{line: line, text: string(v.Data)}
	switch v.Kind {
	case unstable.String:
		n.kind = kString
	case unstable.Integer:
		n.kind = kInt
	case unstable.Float:
		n.kind = kFloat
	case unstable.Bool:
		n.kind = kBool
	case unstable.Array:
		n.kind = kArray
		for it := v.Children(); it.Next(); {
			n.list = append(n.list, b.value(it.Node(), line))
		}
	case unstable.InlineTable:
		*n = *newTable(line)
		for it := v.Children(); it.Next(); {
			keys, l := b.keys(it.Node())
			if l == 0 {
				l = line
			}
			b.put(n, keys, l, it.Node().Value())
		}
	default:
		n.kind = kTime
	}
	return n
}

// integer reads what TOML calls an integer: decimal, 0x, 0o, 0b, with underscores.
func integer(text string) (int64, error) {
	text = strings.ReplaceAll(text, "_", "")
	base := 10
	if len(text) > 2 && text[0] == '0' && strings.ContainsRune("xob", rune(text[1])) {
		base = 0
	}
	return strconv.ParseInt(text, base, 64)
}
