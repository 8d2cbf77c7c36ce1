package nexo

import (
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// Get is the member of an object with exactly this name; ok is false when there is none,
// when it is null, and when v is no object.
func (v Value) Get(name string) (Value, bool) {
	for _, m := range v.members {
		if m.Name == name {
			return m.Value, m.Value.Kind != Null
		}
	}
	return Value{}, false
}

// At follows names down; the zero Value (null) where the way ends.
func (v Value) At(names ...string) Value {
	for _, name := range names {
		v, _ = v.Get(name)
	}
	return v
}

// Text is a copy of a string's content; ok is false for every other kind.
func (v Value) Text() (s string, ok bool) {
	if v.Kind != String {
		return "", false
	}
	return string(v.text), true
}

// Bytes is a string's content itself, not a copy; nil for every other kind.
func (v Value) Bytes() []byte {
	if v.Kind != String {
		return nil
	}
	return v.text
}

// Spelling is a number as it was written; ok is false for every other kind.
func (v Value) Spelling() (s string, ok bool) {
	if v.Kind != Number {
		return "", false
	}
	return string(v.text), true
}

// IsTrue reports whether v is the literal true.
func (v Value) IsTrue() bool { return v.Kind == Bool && string(v.text) == "true" }

// Items are the elements of an array.
func (v Value) Items() []Value { return v.items }

// Members are the names and values of an object, in the order they were written.
func (v Value) Members() []Member { return v.members }

// Append writes v as JSON, in one canonical spelling: no white space, names sorted, numbers
// reduced. Two texts with the same content give the same bytes.
func (v Value) Append(b []byte) []byte {
	switch v.Kind {
	case Number:
		return append(b, plainNumber(string(v.text))...)
	case String:
		return appendString(b, string(v.text))
	case Array:
		b = append(b, '[')
		for i, item := range v.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.Append(b)
		}
		return append(b, ']')
	case Object:
		sorted := slices.SortedFunc(slices.Values(v.members), func(x, y Member) int { return strings.Compare(x.Name, y.Name) })
		b = append(b, '{')
		for i, m := range sorted {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, m.Name), ':')
			b = m.Value.Append(b)
		}
		return append(b, '}')
	case Bool:
		return append(b, v.text...)
	}
	return append(b, "null"...)
}

// Same reports whether two values have the same content.
func (v Value) Same(o Value) bool { return string(v.Append(nil)) == string(o.Append(nil)) }

// Hash is the SHA-256 of the canonical spelling, without the member that path names: a
// payment code must not be in a hash that is stored, it would be found by trying.
func (v Value) Hash(without ...string) []byte {
	sum := sha256.Sum256(v.prune(without).Append(nil))
	return sum[:]
}

func (v Value) prune(path []string) Value {
	if len(path) == 0 || v.Kind != Object {
		return v
	}
	members := make([]Member, 0, len(v.members))
	for _, m := range v.members {
		switch {
		case m.Name != path[0]:
			members = append(members, m)
		case len(path) > 1:
			members = append(members, Member{m.Name, m.Value.prune(path[1:])})
		}
	}
	v.members = members
	return v
}

func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("nexo: encode a string: " + err.Error()) // json.Marshal of a string has no error
	}
	return append(b, quoted...)
}

// reducible bounds what is given to big.Rat: larger numbers keep their spelling.
var reducible = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$`)

// plainNumber gives 1, 1.0 and 10e-1 one spelling, and keeps it a JSON number.
func plainNumber(s string) string {
	if !strings.ContainsAny(s, ".eE") && s != "-0" || !reducible.MatchString(s) {
		return s
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return s
	}
	// Every decimal of these lengths is exact in 40+99 places.
	out := r.FloatString(139)
	return strings.TrimSuffix(strings.TrimRight(out, "0"), ".")
}
