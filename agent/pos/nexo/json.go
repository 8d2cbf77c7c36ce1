package nexo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of a message. A request of a point of sale is a few kilobytes.
const (
	MaxSize  = 256 << 10
	maxDepth = 32
	maxNodes = 20_000
)

// Kind is the JSON type of a Value.
type Kind byte

const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is one JSON value that points into the buffer it was read from.
type Value struct {
	Kind    Kind
	text    []byte // a string's content; a number's or a literal's spelling
	items   []Value
	members []Member
}

// Member is one name and value of an object.
type Member struct {
	Name  string
	Value Value
}

// Parse reads one JSON text, stricter than encoding/json: no byte after it, valid UTF-8, no
// lone surrogates, at most 32 levels, and no name twice in an object, also not in another
// letter case (a reader that ignores case would take the last one).
//
// Parse takes b over: it decodes strings in place, and the values point into it. Wiping b
// wipes every string and number of them, which is why encoding/json is not used here.
func Parse(b []byte) (Value, error) {
	p := parser{b: b}
	if len(b) > MaxSize {
		return Value{}, fmt.Errorf("read JSON: %d bytes, at most %d are taken", len(b), MaxSize)
	}
	if !utf8.Valid(b) {
		return Value{}, errors.New("read JSON: not valid UTF-8")
	}
	v, err := p.value(0)
	if err == nil {
		p.space()
		if p.at < len(b) {
			err = errors.New("something follows the value")
		}
	}
	if err != nil {
		// Where, but never what: the text may hold a code.
		return Value{}, fmt.Errorf("read JSON, byte %d: %w", p.at, err)
	}
	return v, nil
}

type parser struct {
	b     []byte
	at    int
	nodes int
}

var (
	errEnd   = errors.New("it ends too early")
	errToken = errors.New("unexpected character")
)

func (p *parser) space() {
	for p.at < len(p.b) {
		switch p.b[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.at == len(p.b) {
		return 0
	}
	return p.b[p.at]
}

func (p *parser) value(depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, fmt.Errorf("more than %d levels", maxDepth)
	}
	if p.nodes++; p.nodes > maxNodes {
		return Value{}, fmt.Errorf("more than %d values", maxNodes)
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.str()
		return Value{Kind: String, text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't':
		return p.literal("true", Bool)
	case c == 'f':
		return p.literal("false", Bool)
	case c == 'n':
		return p.literal("null", Null)
	case p.at == len(p.b):
		return Value{}, errEnd
	}
	return Value{}, errToken
}

func (p *parser) literal(word string, k Kind) (Value, error) {
	if !bytes.HasPrefix(p.b[p.at:], []byte(word)) {
		return Value{}, errToken
	}
	text := p.b[p.at : p.at+len(word)]
	p.at += len(word)
	return Value{Kind: k, text: text}, nil
}

func (p *parser) digits() bool {
	from := p.at
	for p.at < len(p.b) && p.b[p.at] >= '0' && p.b[p.at] <= '9' {
		p.at++
	}
	return p.at > from
}

func (p *parser) number() (Value, error) {
	from := p.at
	if p.b[p.at] == '-' {
		p.at++
	}
	zero := p.at < len(p.b) && p.b[p.at] == '0'
	whole := p.at
	if !p.digits() || zero && p.at > whole+1 {
		return Value{}, errors.New("malformed number")
	}
	if p.at < len(p.b) && p.b[p.at] == '.' {
		p.at++
		if !p.digits() {
			return Value{}, errors.New("malformed number")
		}
	}
	if p.at < len(p.b) && (p.b[p.at] == 'e' || p.b[p.at] == 'E') {
		p.at++
		if p.at < len(p.b) && (p.b[p.at] == '+' || p.b[p.at] == '-') {
			p.at++
		}
		if !p.digits() {
			return Value{}, errors.New("malformed number")
		}
	}
	return Value{Kind: Number, text: p.b[from:p.at]}, nil
}

func (p *parser) array(depth int) (Value, error) {
	p.at++
	v := Value{Kind: Array}
	if p.peek() == ']' {
		p.at++
		return v, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.items = append(v.items, item)
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			return v, nil
		default:
			return Value{}, errors.New("expected a comma or the end of the list")
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	p.at++
	v := Value{Kind: Object}
	if p.peek() == '}' {
		p.at++
		return v, nil
	}
	seen := map[string]bool{}
	for {
		if p.peek() != '"' {
			return Value{}, errors.New("expected a name")
		}
		name, err := p.str()
		if err != nil {
			return Value{}, err
		}
		folded := fold(name)
		if seen[folded] {
			return Value{}, errors.New("a name occurs twice in one object")
		}
		seen[folded] = true
		if p.peek() != ':' {
			return Value{}, errors.New("expected a colon")
		}
		p.at++
		value, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.members = append(v.members, Member{string(name), value})
		switch p.peek() {
		case ',':
			p.at++
		case '}':
			p.at++
			return v, nil
		default:
			return Value{}, errors.New("expected a comma or the end of the object")
		}
	}
}

// fold maps all letter cases of a name to one.
func fold(name []byte) string {
	return string(bytes.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name))
}

// str reads a string and decodes its escapes in place: no escape is shorter than what it
// stands for.
func (p *parser) str() ([]byte, error) {
	p.at++
	from, to := p.at, p.at
	for p.at < len(p.b) {
		c := p.b[p.at]
		switch {
		case c == '"':
			p.at++
			return p.b[from:to:to], nil
		case c < 0x20:
			return nil, errors.New("a control character in a string")
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			to += utf8.EncodeRune(p.b[to:], r)
		default:
			p.b[to] = c
			p.at++
			to++
		}
	}
	return nil, errEnd
}

func (p *parser) escape() (rune, error) {
	if p.at+1 >= len(p.b) {
		return 0, errEnd
	}
	c := p.b[p.at+1]
	p.at += 2
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return p.unicode()
	}
	return 0, errors.New("unknown escape")
}

func (p *parser) unicode() (rune, error) {
	first, err := p.hex()
	if err != nil || !utf16.IsSurrogate(first) {
		return first, err
	}
	if p.at+1 < len(p.b) && p.b[p.at] == '\\' && p.b[p.at+1] == 'u' {
		p.at += 2
		second, err := p.hex()
		if err != nil {
			return 0, err
		}
		if r := utf16.DecodeRune(first, second); r != unicode.ReplacementChar {
			return r, nil
		}
	}
	return 0, errors.New("half of a surrogate pair")
}

func (p *parser) hex() (rune, error) {
	if p.at+4 > len(p.b) {
		return 0, errEnd
	}
	n, err := strconv.ParseUint(string(p.b[p.at:p.at+4]), 16, 16)
	if err != nil {
		return 0, errors.New("malformed escape")
	}
	p.at += 4
	return rune(n), nil
}
